"""Chains: what becomes of a follower from the fates of its causes, circles, and whose schedule a follower has.

Lean module, pure. A *cause* is a job that another one, its *follower*, names in `after`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

SUCCESS, FAILURE, ALWAYS = CONDITIONS = ("success", "failure", "always")
#: What became of the cause's planned time: nothing yet, a run that has ended, no run at all.
PENDING, ENDED, NO_RUN = "pending", "ended", "no run"
#: What the follower is to do.
START, WAIT, SKIP = "start", "wait", "skip"

#: The reason of a follower's skip.
CAUSE_MISSING = "cause_missing"
_GOOD = ("succeeded", "warned")
_BAD = ("failed", "lost")


class CauseFate:
    """What became of one planned time of a cause."""

    __slots__ = ("job", "on", "outcome", "state", "words")

    def __init__(self, job: str, on: str, state: str, words: str, outcome: "str | None" = None) -> None:
        self.job = job
        #: how its run must end, one of CONDITIONS
        self.on = on
        #: PENDING, ENDED or NO_RUN
        self.state = state
        #: what follows the job's name: `runs since …`, `failed (run …)`, `was skipped: held`
        self.words = words
        #: of a run that has ended
        self.outcome = outcome

    @property
    def in_words(self) -> str:
        return f"{self.job} {self.words}"


def is_met(on: str, outcome: "str | None") -> bool:
    """Return whether a run that ended so is what `on` asks for."""
    if on == SUCCESS:
        return outcome in _GOOD
    if on == FAILURE:
        return outcome in _BAD
    return outcome in _GOOD or outcome in _BAD


def decide(causes: "Iterable[CauseFate]") -> "tuple[str, str]":
    """Return START, WAIT or SKIP, and which cause decides, in words.

    One cause that can no longer be what the follower wants is enough: the others are not waited for.
    """
    waits = ""
    for cause in causes:
        if cause.state == PENDING:
            waits = waits or f"for {cause.job}, which {cause.words}"
        elif cause.state == NO_RUN or not is_met(cause.on, cause.outcome):
            wanted = "" if cause.state == NO_RUN or cause.on == SUCCESS else f"; on: {cause.on}"
            return SKIP, f"{cause.in_words}{wanted}"
    return (WAIT, waits) if waits else (START, "")


def ended_in_words(outcome: object, *, at: object, run_id: object, reason: object) -> str:
    """Return `failed at … (run …, exit_code)`."""
    how = "was lost" if outcome == "lost" else str(outcome)
    why = f", {reason}" if reason and outcome in _BAD else ""
    return f"{how} at {at} (run {run_id}{why})"


def circle(slug: str, causes_of: "Callable[[str], Sequence[str]]") -> "list[str] | None":
    """Return a circle that the causes of `slug` lead to, as `[a, b, a]`: b runs after a, and a after b. None: none."""
    path = [slug]
    waiting = [list(causes_of(slug))]
    done: set[str] = set()
    while path:
        if not waiting[-1]:
            done.add(path.pop())
            waiting.pop()
            continue
        cause = waiting[-1].pop(0)
        if cause in path:
            return [cause, *reversed(path[path.index(cause) :])]
        if cause not in done:
            path.append(cause)
            waiting.append(list(causes_of(cause)))
    return None


def origins(
    slug: str, causes_of: "Callable[[str], Sequence[str]]", is_planned: "Callable[[str], bool]"
) -> "tuple[list[str], str | None]":
    """Return the jobs with a schedule of their own to which the causes of `slug` lead back, in their order.

    Besides, the first job found that has neither schedule nor causes: nothing can follow it. There must be no circle.
    """
    found: list[str] = []
    unplanned: str | None = None
    coming, known = list(causes_of(slug)), {slug}
    while coming:
        cause = coming.pop(0)
        if cause in known:
            continue
        known.add(cause)
        if is_planned(cause):
            found.append(cause)
        elif its_causes := causes_of(cause):
            coming += its_causes
        elif unplanned is None:
            unplanned = cause
    return found, unplanned


def differing(found: "Sequence[str]", plan_of: "Callable[[str], Hashable]") -> "tuple[str, str] | None":
    """Return two of these jobs that do not have the same plan (schedule and time zone); None: all have one."""
    for other in found[1:]:
        if plan_of(other) != plan_of(found[0]):
            return found[0], other
    return None


def delay(slug: str, causes: "Mapping[str, Sequence[str]]", usual: "Mapping[str, float]") -> float:
    """Return how many seconds after its planned time a follower usually begins: its causes run before it.

    `causes` are those of the jobs that have no schedule of their own, `usual` how long jobs usually run.
    """
    found: dict[str, float] = {}
    coming = [slug]
    while coming:
        job = coming[-1]
        unknown = [cause for cause in causes.get(job, ()) if cause not in found and cause not in coming]
        if unknown:
            coming += unknown
            continue
        found[job] = max((found.get(cause, 0.0) + usual.get(cause, 0.0) for cause in causes.get(job, ())), default=0.0)
        coming.pop()
    return found[slug]


def below(slug: str, followers_of: "Callable[[str], Sequence[str]]") -> "list[str]":
    """Return the jobs that come after `slug`, nearest first, through the chain."""
    found: list[str] = []
    coming = list(followers_of(slug))
    while coming:
        job = coming.pop(0)
        if job != slug and job not in found:
            found.append(job)
            coming += followers_of(job)
    return found

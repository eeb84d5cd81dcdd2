"""The planned times of which a decision of a lock says that they were missed or refused, for people. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from process_control.core.causes import Cause
from process_control.core.fleet.decide import NO_WORKER, TRIGGER_DEAD
from process_control.core.fleet.everywhere import host_of
from process_control.core.fleet.lock_state import Decision, Fate, LockState, PastRun, iso
from process_control.core.schedule.slots import MISSED

REFUSED = "refused"
#: Of what a host says about its refusal: its first line, and of that so many characters.
MAX_WORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedTimes:
    """Planned times of a job that came to nothing, for one reason."""

    job: str
    #: with `run_on: all` LOCK@HOST
    lock: str
    #: missed or refused
    cause: Cause
    #: UTC seconds, rising; of a range the first and the last
    slots: tuple[int, ...]
    count: int
    #: in words
    why: str
    #: the same in words that are true of all jobs that are `alike`
    why_of_all: str
    #: the same for the planned times of other jobs that have the same cause
    alike: str

    @property
    def key(self) -> str:
        """The same for the same planned times, whoever decides about them again."""
        host = host_of(self.lock)
        return f"{self.job}{'' if host is None else f'@{host}'}~{iso(self.slots[0])}"

    @property
    def sentence(self) -> str:
        if self.count == 1:
            return f"no run for the planned time {iso(self.slots[0])}: {self.why}"
        first, last = iso(self.slots[0]), iso(self.slots[-1])
        return f"no run for {self.count} planned times, {first} to {last}: {self.why}"


def missed_in(state: LockState, decision: Decision, ended: Sequence[PastRun]) -> list[MissedTimes]:
    """Return what a decision about a lock says of missed planned times, by job.

    A run that is over speaks for itself: it may be of a planned time that was missed before. Those that fell due
    together are one. A start that `run-job` refused is left out: its host has reported it.
    """
    of_runs = {(past.start.job, past.start.slot): past for past in ended if past.start.slot is not None}
    found = []
    for slug, fates in decision.fates.items():
        missed = [fate for fate in fates if fate.fate == MISSED]
        for fate in missed:
            past = of_runs.get((slug, fate.slot))
            if past is not None and past.ended.exit_code is None:
                found.append(_missed(state, slug, [fate], past))
        due = [fate for fate in missed if (slug, fate.slot) not in of_runs]
        found += [
            _missed(state, slug, [fate for fate in due if (fate.reason, fate.detail) == kind], None)
            for kind in dict.fromkeys((fate.reason, fate.detail) for fate in due)
        ]
    return found


def _missed(state: LockState, slug: str, fates: Sequence[Fate], past: PastRun | None) -> MissedTimes:
    first, host, queue = fates[0], host_of(state.lock), state.jobs[slug].spec.queue
    why, why_of_all = _why(first, queue, host, past)
    who = {REFUSED: first.host, NO_WORKER: queue}.get(first.reason or "", "")
    return MissedTimes(
        job=slug,
        lock=state.lock,
        cause=Cause.REFUSED if first.reason == REFUSED else Cause.MISSED,
        slots=tuple(sorted({slot for fate in fates for slot in _ends(fate)})),
        count=sum(fate.count for fate in fates),
        why=why,
        why_of_all=why_of_all,
        alike=" ".join(filter(None, ("fleet", first.reason, who, host))),
    )


def _ends(fate: Fate) -> Iterable[int]:
    return (fate.slot,) if fate.until is None else (fate.slot, fate.until)


def _why(fate: Fate, queue: str, host: str | None, past: PastRun | None) -> tuple[str, str]:
    """Return why, for this job and for all that are alike. `host`: the one that a lock is for."""
    if fate.reason == REFUSED:
        who = f"host {fate.host}" if fate.host else "its host"
        detail = _first_line(past.ended.detail if past is not None else fate.detail)
        return (f"{who} refused it: {detail}" if detail else f"{who} refused it"), f"refused by {who}"
    if fate.reason == NO_WORKER:
        return _no_worker(queue, is_of_run=past is not None), _no_worker(queue, is_of_run=True, what="a run")
    of_host = "" if host is None else f"for host {host} "
    if fate.reason == TRIGGER_DEAD:
        return f"{of_host}no control process decided about it in time", f"{of_host}no control process decided in time"
    why = fate.detail or fate.reason or "no reason known"
    return why, why


def _first_line(words: str | None) -> str:
    return (words or "").strip().partition("\n")[0].rstrip()[:MAX_WORDS]


def _no_worker(queue: str, *, is_of_run: bool, what: str = "it") -> str:
    """Return who did not take it, or the run before it."""
    kind, _, name = queue.partition("/")
    if kind == "host":
        return f"host {name} {f'did not take {what} in time' if is_of_run else 'had not taken the run before it'}"
    who = f"no host with the tag {name}" if kind == "tag" else "no host"
    return f"{who} {f'took {what} in time' if is_of_run else 'had taken the run before it'}"

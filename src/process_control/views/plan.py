"""What a change of the job directory changes: planned times, settings, how many jobs run at once, what to expect.

Both sides are read with the present configuration. How long runs take comes from the history; it decides nothing about
which planned times there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from process_control.config.job_directory import InvalidJob
from process_control.config.origins import origins
from process_control.config.plan_of_job import plan_of_job, schedule_of
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.herds import herds, is_movable
from process_control.core.schedule.overlaps import PlannedRuns, lock_overlaps, own_overlap
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.plan_change import Concurrency, Peak, SlotChange, slot_change, starts_of
from process_control.core.usual import UsualDuration
from process_control.errors import BadConfiguration, Fault
from process_control.views.expected import Expected, jobs_of, not_among, not_replaced, short_timeout
from process_control.views.replay import Replay
from process_control.views.show import in_words, plain_value

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
#: How long a run of a job without history is taken to be.
UNKNOWN_SECONDS = 60.0
MINUTE = 60
#: More than `lint` names: a changed job may be in a small one.
MAX_HERDS = 200
ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A key whose effective value is another one, in words; nothing where there is none."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """A job that is not the same on both sides."""

    job: str
    #: ADDED, REMOVED or CHANGED
    change: str
    keys: tuple[KeyChange, ...] = ()
    #: the schedules in words; empty without one
    schedule_before: str = ""
    schedule_after: str = ""
    #: whether `disabled` keeps it from starting by its schedule
    disabled_before: bool = False
    disabled_after: bool = False
    slots: SlotChange
    #: what is wrong with the file on each side: such a job starts nothing
    faults_before: tuple[Fault, ...] = ()
    faults_after: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is to be expected of all jobs of one side."""

    peak: Peak | None
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """The whole comparison."""

    #: UTC seconds: planned times later than `begin` and not later than `end`
    begin: int
    end: int
    jobs: tuple[JobChange, ...]
    #: how many jobs there are, on one side or both
    job_count: int
    #: removed jobs whose file, unchanged, is that of an added one: both names
    renamed: tuple[tuple[str, str], ...]
    before: Outlook
    after: Outlook
    #: jobs with planned times whose runs nobody has measured
    unknown: tuple[str, ...]
    #: what the changed rules make of past runs; None: nobody asked
    replays: Sequence[Replay] | None = None

    @property
    def new(self) -> list[Expected]:
        """What is to be expected after the change only; a herd that got more jobs too."""
        return not_among(self._of_changed_jobs(self.after.expected), self.before.expected)

    @property
    def gone(self) -> list[Expected]:
        """What was to be expected before the change only."""
        return not_replaced(self._of_changed_jobs(self.before.expected), self.after.expected)

    def _of_changed_jobs(self, expected: Iterable[Expected]) -> list[Expected]:
        changed = {change.job for change in self.jobs}
        return [each for each in expected if not changed.isdisjoint(jobs_of(each))]

    @property
    def fires_differently(self) -> bool:
        return any(change.slots.first is not None for change in self.jobs)


@dataclass(slots=True)
class _Side:
    """One side of the comparison."""

    jobs: dict[str, Job | InvalidJob]
    plans: dict[str, Plan]


def planned_change(
    settings: Settings,
    before: Sequence[Job | InvalidJob],
    after: Sequence[Job | InvalidJob],
    usual: Mapping[str, UsualDuration],
    *,
    begin: int,
    end: int,
) -> PlannedChange:
    """Return how `after` differs from `before` between two moments (UTC seconds)."""
    old, new = _side(before, settings), _side(after, settings)
    slugs = sorted({*old.jobs, *new.jobs})
    different = [slug for slug in slugs if not _is_same(old.jobs.get(slug), new.jobs.get(slug))]
    changes = tuple(_job_change(slug, old, new, settings, begin, end) for slug in different)
    runs_before, runs_after = _runs(old, usual, begin, end), _runs(new, usual, begin, end)
    common = Concurrency()
    for slug in runs_after.keys() - set(different):
        _add(common, runs_after[slug])
    return PlannedChange(
        begin=begin,
        end=end,
        jobs=changes,
        job_count=len(slugs),
        renamed=tuple(_renamed(old.jobs, new.jobs)),
        before=_outlook(old, runs_before, different, common, begin, end),
        after=_outlook(new, runs_after, different, common, begin, end),
        unknown=tuple(slug for slug, runs in sorted(runs_after.items()) if runs.slots and runs.usual is None),
    )


def _side(jobs: Iterable[Job | InvalidJob], settings: Settings) -> _Side:
    side = _Side({}, {})
    for job in jobs:
        side.jobs[job.slug] = job
        if isinstance(job, Job) and job.schedule:
            try:
                side.plans[job.slug] = plan_of_job(job, settings)
            except BadConfiguration as error:
                side.jobs[job.slug] = InvalidJob(job.slug, job.path, error)
    return side


def _is_same(before: Job | InvalidJob | None, after: Job | InvalidJob | None) -> bool:
    if isinstance(before, Job) and isinstance(after, Job):
        return before is after or before.version == after.version
    if isinstance(before, InvalidJob) and isinstance(after, InvalidJob):
        return before.error.faults == after.error.faults
    return False


def _renamed(old: Mapping[str, Job | InvalidJob], new: Mapping[str, Job | InvalidJob]) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of each job of which only the name has changed; none where there is a choice."""
    removed, added = _by_version(old, new), _by_version(new, old)
    for version, slugs in removed.items():
        others = added.get(version, [])
        if len(slugs) == len(others) == 1:
            yield slugs[0], others[0]


def _by_version(jobs: Mapping[str, Job | InvalidJob], others: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the names of the jobs that `others` do not have, by version."""
    found: dict[str, list[str]] = {}
    for slug, job in sorted(jobs.items()):
        if slug not in others and isinstance(job, Job):
            found.setdefault(job.version, []).append(slug)
    return found


def _runs(side: _Side, usual: Mapping[str, UsualDuration], begin: int, end: int) -> dict[str, PlannedRuns]:
    return {
        slug: PlannedRuns(slots=starts_of(side.plans.get(slug), begin, end), lock=job.lock, usual=usual.get(slug))
        for slug, job in side.jobs.items()
        if isinstance(job, Job)
    }


def _add(concurrency: Concurrency, runs: PlannedRuns) -> None:
    concurrency.add(runs.slots, UNKNOWN_SECONDS if runs.usual is None else runs.usual.median)


# --- one job ---------------------------------------------------------------------------------------------------------


def _job_change(slug: str, old: _Side, new: _Side, settings: Settings, begin: int, end: int) -> JobChange:
    before, after = old.jobs.get(slug), new.jobs.get(slug)
    change = ADDED if before is None else REMOVED if after is None else CHANGED
    return JobChange(
        job=slug,
        change=change,
        keys=key_changes(before, after, settings) if isinstance(before, Job) and isinstance(after, Job) else (),
        schedule_before=_schedule_in_words(before),
        schedule_after=_schedule_in_words(after),
        disabled_before=isinstance(before, Job) and before.disabled,
        disabled_after=isinstance(after, Job) and after.disabled,
        slots=slot_change(old.plans.get(slug), new.plans.get(slug), begin, end),
        faults_before=tuple(before.error.faults) if isinstance(before, InvalidJob) else (),
        faults_after=tuple(after.error.faults) if isinstance(after, InvalidJob) else (),
    )


def _schedule_in_words(job: Job | InvalidJob | None) -> str:
    if not isinstance(job, Job) or not job.schedule:
        return ""
    try:
        return schedule_of(job).in_words()
    except BadConfiguration:
        return ""


def key_changes(before: Job, after: Job, settings: Settings) -> tuple[KeyChange, ...]:
    """Return the keys whose effective values differ; of the environment the names, since its values may be secrets."""
    found = []
    for old, new in zip(origins(before, b"", settings), origins(after, b"", settings), strict=True):
        if old.key == ENVIRONMENT:
            found += _environment_changes(before.environment, after.environment)
        elif plain_value(old) != plain_value(new):
            found.append(KeyChange(key=new.key, before=in_words(old), after=in_words(new)))
    return tuple(found)


def _environment_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[KeyChange]:
    return [
        KeyChange(
            key=f"{ENVIRONMENT}.{name}",
            before="set" if name in before else "",
            after="" if name not in after else "changed" if name in before else "set",
        )
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


# --- all jobs of a side ----------------------------------------------------------------------------------------------


def _outlook(
    side: _Side, runs: Mapping[str, PlannedRuns], different: Sequence[str], common: Concurrency, begin: int, end: int
) -> Outlook:
    at_once = common.copy()
    for slug in different:
        if slug in runs:
            _add(at_once, runs[slug])
    jobs = {slug: job for slug, job in side.jobs.items() if isinstance(job, Job)}
    movable = {slug: each.slots for slug, each in runs.items() if is_movable(jobs[slug].schedule)}
    planned = sum(bool(each.slots) for each in runs.values())
    own = (own_overlap(slug, each) for slug, each in runs.items())
    timeouts = (short_timeout(job, runs[slug].usual) for slug, job in jobs.items())
    expected: list[Expected] = [each for each in own if each is not None]
    expected += lock_overlaps(runs)
    expected += herds(movable, job_count=planned, minutes=(end - begin) // MINUTE, limit=MAX_HERDS)
    expected += [each for each in timeouts if each is not None]
    return Outlook(peak=at_once.peak(), expected=tuple(expected))

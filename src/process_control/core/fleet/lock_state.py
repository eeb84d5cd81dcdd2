"""What the fleet knows of one lock and its jobs: the values that its workflow keeps, and that cross the wire as JSON.

Whatever is added needs a default: a workflow lives for years, and an older process may have written its state. Times
are UTC seconds by the clock of the server, but for those that a host reports as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from process_control.core.health import NO_POLICY, Policy, State

#: How many planned times of a job keep what became of them.
KEPT_FATES = 50
#: All jobs of a lock together: with more than 20 jobs each keeps fewer.
KEPT_FATES_OF_LOCK = 1000
#: The reason of a fate is cut there; the history of its host has all of it.
MAX_DETAIL = 120
#: How many runs of a lock keep their results.
KEPT_RUNS = 20
#: At most so many jobs have one lock: the state has to stay small.
MAX_JOBS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """A job after whose runs another one comes."""

    job: str
    #: how its run must end, see `core.chain`
    on: str
    #: for how many seconds it is waited for after the planned time
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What the fleet has to know of a job: no command, no secret."""

    job: str
    #: of its file, see `Job.version`: a host with another file refuses the run
    hash: str
    #: five fields each, `H` replaced by its number; empty: by hand only
    schedule: tuple[str, ...] = ()
    #: the IANA name of its zone
    time_zone: str = "UTC"
    disabled: bool = False
    #: days and ranges of days, as in `Plan.exclude`
    exclude: tuple[str, ...] = ()
    start_within: float = 600.0
    #: latest or all; None: none
    catch_up_which: str | None = None
    catch_up_within: float = 86400.0
    on_overlap: str = "skip"
    queue_timeout: float = 3600.0
    #: who may run it: any, host/NAME or tag/NAME; all: see `everywhere`
    queue: str = "any"
    on_host_loss: str = "fail"
    on_partition: str = "kill"
    #: for so long a host that cannot reach the server lets a run continue
    lease: float = 60.0
    #: the jobs that are to hear of the ends of its runs (their `after` names it), as LOCK/JOB
    followers: tuple[str, ...] = ()
    #: the jobs after whose runs it comes
    after: tuple[After, ...] = ()
    #: what failures lead to
    policy: Policy = NO_POLICY
    #: `expect: {success_every}` in seconds
    success_every: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A run that is to begin: for a planned time, or by hand."""

    run_id: str
    job: str
    #: when it was asked for, or fell due
    arrived: float
    #: the planned time; None by hand
    slot: int | None = None
    by: str | None = None
    note: str | None = None
    force: bool = False
    #: whether it makes up for a missed planned time
    is_caught_up: bool = False
    #: which try it is, after the loss of hosts
    attempt: int = 1
    #: whether it runs the slow start command
    slow: bool = False
    #: the step of the slow start: `2 of 3`, `probe`; None: there is none, or the lock of an older version has asked
    slow_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a planned time; of several in a row when `until` is set: of those from `slot` to `until`."""

    slot: int
    #: ran, skipped or missed, see `core.schedule.slots`
    fate: str
    #: of a skip or of a run why, of a missed one the cause
    reason: str | None = None
    detail: str | None = None
    run_id: str | None = None
    host: str | None = None
    outcome: str | None = None
    late_seconds: float | None = None
    until: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """That the job is held in the whole fleet."""

    since: float
    by: str
    note: str | None = None
    #: when it ends by itself; None: when somebody releases the job
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlots:
    """Up to when planned times were dealt with, and those that follow."""

    planned_to: int
    slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseEnd:
    """What became of a planned time of a job that others come after."""

    job: str
    slot: int
    fate: str
    outcome: str | None = None
    #: what follows the name of the job, for people
    words: str = ""


@dataclass(slots=True, kw_only=True)
class JobState:
    """A job as its workflow keeps it."""

    spec: JobSpec
    #: of the last `fleet apply` that changed it
    generation: int
    planned: PlannedSlots
    #: of its runs on all hosts, see `core.health`; None: it never ran
    health: dict[str, Any] | None = None
    #: rising by slot
    fates: tuple[Fate, ...] = ()
    #: planned times that wait for the runs of other jobs (`after`)
    waiting: tuple[int, ...] = ()
    #: what is known of those runs
    causes: tuple[CauseEnd, ...] = ()
    #: when the fleet got it, and when its last good run ended
    since: float = 0.0
    last_success: float | None = None

    def hold_at(self, now: float) -> Hold | None:
        """Return that it is held at a moment: by hand, or since its runs have failed."""
        return hold_in(self.health, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run went: what its host reports, or what the server knows of it."""

    #: ran, skipped or missed
    fate: str
    outcome: str | None = None
    reason: str | None = None
    detail: str | None = None
    exit_code: int | None = None
    host: str | None = None
    #: the run in the history of that host
    host_run_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    verdict: str | None = None
    slow_start: bool = False
    #: the last lines that it printed, see `fleet.output`: they are in the result of the run, not in the state of a lock
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that has ended, or came to nothing."""

    start: Start
    #: when it was started here, and when its end was known
    since: float
    until: float
    ended: Ended
    #: whether somebody, or a later start, had wanted its end
    is_stopped: bool = False


@dataclass(slots=True, kw_only=True)
class LockState:
    """All that is known of a lock: the argument of its workflow."""

    lock: str
    jobs: dict[str, JobState] = field(default_factory=dict)
    #: starts that wait for their turn, in the order of their arrival
    queue: tuple[Start, ...] = ()
    running: Start | None = None
    #: when that was started
    running_since: float = 0.0
    #: whether it has not begun on its host, but waits for a place; heard of with `on_overlap: replace` only
    is_waiting: bool = False
    #: the last ones, oldest first
    past: tuple[PastRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a lock does now."""

    #: the run to start
    start: Start | None = None
    #: what waits from now on
    queue: tuple[Start, ...] = ()
    #: starts by hand that come to nothing, with the reason
    refused: tuple[tuple[Start, str], ...] = ()
    #: by job
    fates: Mapping[str, tuple[Fate, ...]] = field(default_factory=dict)
    #: by job
    planned: Mapping[str, PlannedSlots] = field(default_factory=dict)
    #: when to decide again if nothing happens before; None: only then
    wake_at: float | None = None
    #: whether the run in flight has to make place for the first that waits
    stops_running: bool = False
    #: by job: the health that has changed
    health: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    #: by job: when its last good run ended
    successes: Mapping[str, float] = field(default_factory=dict)
    #: by job: the planned times that wait for other jobs, and what is known of these
    waiting: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    causes: Mapping[str, tuple[CauseEnd, ...]] = field(default_factory=dict)
    #: what followers in other locks are to hear: LOCK/JOB, and the end
    signals: tuple[tuple[str, CauseEnd], ...] = ()


def hold_in(health: Mapping[str, Any] | None, now: float) -> Hold | None:
    """Return the hold that a health has at a moment; None also when it was to end before."""
    if health is None or health.get("state") != State.HELD:
        return None
    until = _seconds(health.get("release_at"))
    if until is not None and until <= now:
        return None
    since = _seconds(health.get("since")) or 0.0
    return Hold(since=since, by=str(health.get("by") or "the fleet"), note=health.get("why"), until=until)


def hold_in_words(hold: Hold) -> str:
    """Return `held by ann@db1 until 2027-03-01T12:00:00.000Z: the disk is full`."""
    until = "" if hold.until is None else f" until {iso(hold.until)}"
    return f"held by {hold.by}{until}" + (f": {hold.note}" if hold.note else "")


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


def with_fates(known: tuple[Fate, ...], new: tuple[Fate, ...], jobs: int = 1) -> tuple[Fate, ...]:
    """Return the last fates of a job: of two for one planned time the new one. `jobs`: how many share the lock."""
    found = {fate.slot: fate for fate in (*known, *new)}
    return tuple(found[slot] for slot in sorted(found)[-min(KEPT_FATES, KEPT_FATES_OF_LOCK // jobs) :])


def fate_of(past: PastRun) -> Fate | None:
    """Return what became of the planned time of a run; None of a run by hand."""
    start, ended = past.start, past.ended
    if start.slot is None:
        return None
    return Fate(
        slot=start.slot,
        fate=ended.fate,
        reason=ended.reason,
        detail=None if ended.detail is None else ended.detail[:MAX_DETAIL],
        run_id=ended.host_run_id or start.run_id,
        host=ended.host,
        outcome=ended.outcome,
        late_seconds=round(past.since - start.slot, 3),
    )

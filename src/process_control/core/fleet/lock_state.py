"""What the fleet knows of one lock and its jobs: the values that its workflow keeps, and that cross the wire as JSON.

Whatever is added needs a default: a workflow lives for years, and an older process may have written its state. Times
are UTC seconds by the clock of the server, but for those that a host reports as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: How many planned times of a job keep what became of them.
KEPT_FATES = 50
#: How many runs of a lock keep their results.
KEPT_RUNS = 20
#: At most so many jobs have one lock: the state has to stay small.
MAX_JOBS = 100


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
    #: who may run it: any, host/NAME or tag/NAME
    queue: str = "any"
    on_host_loss: str = "fail"
    on_partition: str = "kill"
    #: for so long a host that cannot reach the server lets a run go on
    lease: float = 60.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlots:
    """Up to when planned times were dealt with, and those that follow."""

    planned_to: int
    slots: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class JobState:
    """A job as its workflow keeps it."""

    spec: JobSpec
    #: of the last `fleet apply` that changed it
    generation: int
    planned: PlannedSlots
    hold: Hold | None = None
    #: rising by slot
    fates: tuple[Fate, ...] = ()
    #: when the fleet first had it; 0: that is not known
    since: float = 0.0


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


def with_fates(known: tuple[Fate, ...], new: tuple[Fate, ...]) -> tuple[Fate, ...]:
    """Return the last fates of a job: of two for one planned time the new one."""
    found = {fate.slot: fate for fate in (*known, *new)}
    return tuple(found[slot] for slot in sorted(found)[-KEPT_FATES:])


def fate_of(past: PastRun) -> Fate | None:
    """Return what became of the planned time of a run; None of a run by hand."""
    start, ended = past.start, past.ended
    if start.slot is None:
        return None
    return Fate(
        slot=start.slot,
        fate=ended.fate,
        reason=ended.reason,
        detail=ended.detail,
        run_id=ended.host_run_id or start.run_id,
        host=ended.host,
        outcome=ended.outcome,
        late_seconds=round(past.since - start.slot, 3),
    )

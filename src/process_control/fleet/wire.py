"""What processes of the fleet say to each other besides the state of a lock: names, orders to hosts, answers."""

from dataclasses import dataclass, field

from process_control.core.fleet.lock_state import CauseEnd, JobSpec, LockState, PastRun, Start

#: The queue of workflow tasks. Changed order of commands: a new type of workflow on a new queue.
CONTROL_QUEUE = "process-control.lock.v1"
LOCK_TYPE = "Lock.v1"
#: What the id of the workflow of a lock begins with.
LOCK_ID = "job/"
#: Names of activities.
DECIDE, RUN, LOG, LOOK = "decide", "run", "log", "look"
#: The search attribute: what a lock does, for lists.
STATE_ATTRIBUTE = "ProcessControlState"
IDLE, RUNNING, HELD = "idle", "running", "held"
#: Errors of updates, by which the commands choose their exit code.
NOT_STARTED, NO_SUCH_JOB, OLDER = "not-started", "no-such-job", "older"


def workflow_id(lock: str) -> str:
    """Return the id of the workflow of a lock."""
    return f"{LOCK_ID}{lock}"


def activity_queue(queue: str) -> str:
    """Return the task queue of `any`, `host/NAME` or `tag/NAME`."""
    return f"process-control.run.{queue}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a lock asks the core."""

    state: LockState
    now: float
    #: the runs that have ended since the last question
    ended: tuple[PastRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run as its host is asked for it."""

    start: Start
    hash: str
    on_partition: str
    lease: float
    on_overlap: str = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a host says of a run in flight: whether it has not begun, but waits for a place."""

    run_id: str
    is_waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A job as `fleet apply` hands it over."""

    spec: JobSpec
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The type of workflow that takes a lock over, and its queue."""

    workflow_type: str
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks for something by hand, and why."""

    job: str
    by: str
    note: str | None = None
    #: of a hold: after how long it ends by itself
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the lock of a follower hears of a job that comes before it."""

    #: the follower
    job: str
    end: CauseEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How far a run is: queued, running, ended or unknown."""

    state: str
    past: PastRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAsked:
    """Which piece of a log a host is asked for: the last one, or the one before a byte of the log."""

    run_id: str
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """Lines of a log, see `fleet.output`."""

    output: str
    #: ISO 8601: when the run began
    began: str
    #: those before this byte are in the piece before; None: there are none
    older: int | None
    #: what a reader has to know, in sentences
    doubts: tuple[str, ...] = ()
    #: why the log cannot be shown
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What a host says of itself."""

    host: str
    version: str
    #: by its clock, less when the server had handed over the question
    clock_ahead_seconds: float
    #: of the job directory, when git has it
    commit: str | None = None
    #: whether files of the job directory are not as in that commit
    is_dirty: bool = False
    tags: tuple[str, ...] = ()
    #: by job of the fleet, of its file, see `Job.version`; None: the file is invalid
    hashes: dict[str, str | None] = field(default_factory=dict)
    #: how long the look took there
    looked_seconds: float | None = None

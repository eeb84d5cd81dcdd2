"""Why a planned time was missed: the cause, by the evidence that is kept. Pure; nothing is guessed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from process_control.core.schedule.slots import Slot
from process_control.core.schedule.version import INVALID

CAUSES = {
    "host_down": "the host was off, or asleep",
    "clock_stepped": "the clock was set past it",
    "refused": "the start was refused, or would have been: invalid file, unsafe file, no record",
    "runner_killed_before_start": "the start was killed before it was recorded",
    "not_in_crontab": "the generated crontab had no line for the job",
    "trigger_dead": "the host was up, and nothing was started though something was due",
    "no_worker": "no host of the fleet could take it",
    "unknown": "none of these is shown by what was recorded",
}
KILLED = "runner_killed_before_start"
#: What starts jobs on schedule besides cron.
OTHER_TRIGGERS = ("timer", "scheduler")


@dataclass(frozen=True, slots=True)
class Down:
    """A time in which the host did not run: from the last sign of life to the first one after it. UTC seconds."""

    since: float
    until: float
    #: off, asleep
    how: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the clock between two records: it showed `before`, and then `after`. UTC seconds."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class SchedulerTime:
    """A time in which the scheduler was in charge: from its start to its end, or to the next start. UTC seconds."""

    since: float
    until: float
    #: its last sign of life, when it died in it
    alive_until: float
    #: whether somebody stopped it at its end
    was_stopped: bool = False
    #: from when on it started nothing more, as somebody had asked for, and who
    drains_since: float = float("inf")
    drained_by: str = ""


@dataclass(slots=True, kw_only=True)
class Host:
    """What is known of the host. Each list is rising."""

    downs: Sequence[Down] = ()
    steps: Sequence[Step] = ()
    #: times without a look of `watch` though it was to look: (the last one before, the first one after)
    gaps: Sequence[tuple[float, float]] = ()
    #: when the scheduler was in charge: then no crontab was needed
    scheduler_times: Sequence[SchedulerTime] = ()
    #: when the first scheduled start of any job in a window (from, until) came
    first_start: Callable[[float, float], float | None] = field(default=lambda _, __: None)
    #: when the last one before a moment came
    last_start: Callable[[float], float | None] = field(default=lambda _: None)
    #: which other job was due in a window (from, until)
    was_due: Callable[[str, float, float], str | None] = field(default=lambda _, __, ___: None)


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which the generated crontab had no line for the job."""

    since: float
    until: float
    why: str
    #: the job's own time zone, when that is why: writing the crontab again does not help
    time_zone: str | None = None


def cause_of(slot: Slot, host: Host, absences: Sequence[Absence] = ()) -> tuple[str, str, float | None]:
    """Return the cause of a missed slot, the evidence in a sentence, and the moment (UTC seconds) that it speaks of."""
    if slot.record is not None:
        return (KILLED if slot.record.reason == KILLED else "refused"), slot.record.detail or "", None
    for down in host.downs:
        if down.since < slot.slot <= down.until:
            what = f"the host was {down.how}: it left no record from {_iso(down.since)} to {_iso(down.until)}"
            return "host_down", what, down.since
    for step in host.steps:
        if step.before < slot.slot <= step.after:
            what = f"the clock was set past it, between the records of {_iso(step.before)} and {_iso(step.after)}"
            return "clock_stepped", what, step.before
    if slot.version is not None and slot.version.state == INVALID:
        since = slot.version.since
        return "refused", f"the job's file was invalid since {_iso(since)}: {slot.version.detail or 'see lint'}", since
    of_scheduler = next((each for each in host.scheduler_times if each.since <= slot.slot < each.until), None)
    found = _after_a_stop(slot, host) if of_scheduler is None else _of_a_scheduler(slot, of_scheduler)
    if found is not None:
        return found
    for absence in absences if of_scheduler is None else ():
        if absence.since <= slot.slot < absence.until:
            return "not_in_crontab", absence.why, absence.since or None
    return _dead_or_unknown(slot, host)


def _of_a_scheduler(slot: Slot, its_time: SchedulerTime) -> tuple[str, str, float] | None:
    """Return that the scheduler, which was in charge, started nothing then; None when it did."""
    if its_time.drains_since <= slot.slot:
        by = f", by order of {its_time.drained_by}" if its_time.drained_by else ""
        what = f"the scheduler started nothing more: it drained from {_iso(its_time.drains_since)} on{by}"
        return "trigger_dead", what, its_time.drains_since
    if slot.slot > its_time.alive_until:
        died = its_time.alive_until
        return "trigger_dead", f"the scheduler died: it was last seen at {_iso(died)}", died
    return None


def _after_a_stop(slot: Slot, host: Host) -> tuple[str, str, float] | None:
    """Return that the scheduler had been stopped, and nothing else has started any job since; None otherwise."""
    before = [each for each in host.scheduler_times if each.until <= slot.slot]
    if not before or not before[-1].was_stopped:
        return None
    stopped = before[-1].until
    if host.first_start(stopped, _end_of_window(slot)) is not None:
        return None
    return "trigger_dead", f"the scheduler was stopped at {_iso(stopped)}, and nothing was started after that", stopped


def _end_of_window(slot: Slot) -> float:
    return slot.slot + (slot.plan.start_within if slot.plan is not None else 0.0)


def _dead_or_unknown(slot: Slot, host: Host) -> tuple[str, str, float | None]:
    end = _end_of_window(slot)
    came = host.first_start(slot.slot, end)
    if came is not None:
        return "unknown", f"others were started at that time, the first at {_iso(came)}, and this job was not", came
    gap = next((gap for gap in host.gaps if gap[0] <= slot.slot and gap[1] > end), None)
    last = host.last_start(slot.slot)
    if gap is not None:
        what = f"the host was up, but neither `watch` nor any job was started after {_iso(gap[0])}"
        return "trigger_dead", what, gap[0]
    other = host.was_due(slot.job, slot.slot, end)
    if other is not None:
        before = f"; the last start before was at {_iso(last)}" if last is not None else ""
        return "trigger_dead", f"the host was up, but no job was started, though {other} was due too{before}", last
    return "unknown", "no other job was due then, and no look of `watch` shows whether cron ran", None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

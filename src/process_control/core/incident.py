"""An incident is what people are notified of: one table of states and events. Pure.

Which message follows from it, and for whom, is decided in `core/notice.py`; how it is sent, by the channel.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from process_control.core.causes import OF_RUNS, OF_SLOTS, Cause
from process_control.core.part_of_incident import Part, host_of_lock
from process_control.core.recipient import Recipient

#: Keys that are remembered: an event may come more than once, and is counted once.
MAX_SEEN = 50
#: Changes between good and bad in ten runs from which on a job flaps, and below which it is calm again.
FLAPPING_FROM, CALM_BELOW = 4, 2
#: The reason of a refusal because of an invalid file.
INVALID_FILE = "invalid_file"
#: The reason of a refusal because it cannot be recorded: a disk is full or broken.
CANNOT_RECORD = "cannot_record"
OVER_WITH_A_START = (Cause.HOST_DOWN, Cause.TRIGGER_DEAD)


class State(StrEnum):
    """The states of an incident."""

    #: Below the threshold from which on people are notified.
    COUNTING = "counting"
    OPEN = "open"
    #: Somebody knows of it, or holds the job.
    ACKNOWLEDGED = "acknowledged"
    #: The job changes between good and bad so often that each change is no news.
    FLAPPING = "flapping"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether people are concerned with it now."""
        return self not in (State.COUNTING, State.CLOSED)


class Event(StrEnum):
    """What can happen to an incident."""

    TROUBLE = "trouble"
    #: A run of the job succeeded or was warned, whoever started it.
    WENT_WELL = "went_well"
    #: Planned times were run after all, or settled by hand.
    SETTLED = "settled"
    #: The job was disabled, deleted, or nobody is to be notified about it any more.
    GONE = "gone"
    #: A person knows of it: by `ack`, or by a hold or pause of the job.
    ACKNOWLEDGED = "acknowledged"
    #: The cause of a host-wide incident is gone.
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event, with what is known of it."""

    event: Event
    #: Unique: the id of the run or refusal, the planned time.
    key: str
    #: ISO 8601 UTC with milliseconds.
    at: str
    #: "" when it concerns the whole host.
    job: str = ""
    #: The lock of the fleet whose control process has seen it; "" for what happened on this host.
    lock: str = ""
    #: Since when it lasts, when that is not `at`.
    since: str = ""
    cause: Cause = Cause.FAILED
    #: What happened in one sentence.
    sentence: str = ""
    #: The word for it, `timeout`.
    reason: str = ""
    #: The line that decided, without numbers (see core/fingerprint.py); "" without one.
    fingerprint: str = ""
    run_id: str | None = None
    #: Host-wide causes that explain it: while one is open it joins that.
    explained_by: tuple[Cause, ...] = ()
    #: The planned times it is about, ISO 8601.
    slots: tuple[str, ...] = ()
    #: Of a host-wide trouble: what it did to each job, a number of planned times or starts.
    jobs: Mapping[str, int] = field(default_factory=dict)
    #: And those planned times, ISO 8601, rising: of many the first and the last.
    slots_of_jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The trouble in a row from which on somebody is notified.
    threshold: int = 1
    #: The changes between good and bad in the job's last ten runs.
    changes: int = 0
    #: Whether it is of a run that a trigger started.
    is_scheduled: bool = False
    by: str | None = None
    note: str | None = None

    @property
    def of_host(self) -> str:
        """The host that it is about, of a job of the fleet with `run_on: all`; else ""."""
        return host_of_lock(self.lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """What one recipient has been sent of an incident; what is queued counts as sent."""

    #: How many messages there were.
    number: int = 0
    #: When the first and the last one were made.
    opened_at: str | None = None
    last_at: str | None = None
    #: The key of the trouble that the last one was about.
    last_key: str = ""
    #: Whether it knows that the job flaps.
    flapping: bool = False
    closed: bool = False
    #: The id of the first message, which the others answer.
    thread: str | None = None
    #: As it was configured then: the end of an incident is sent even if the configuration has changed.
    recipient: Recipient | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident. Its file and `incidents --json` have the names of the fields."""

    id: str
    cause: Cause
    state: State = State.COUNTING
    #: When the first trouble was, when it was opened, when it was closed.
    since: str = ""
    opened_at: str | None = None
    closed_at: str | None = None
    #: Why it is closed, in words: `the job succeeded`, `the job is disabled`.
    closed_by: str | None = None
    #: Trouble of all its jobs.
    count: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    #: Of the last trouble.
    reason: str = ""
    fingerprint: str = ""
    sentence: str = ""
    last_at: str = ""
    last_key: str = ""
    run_id: str | None = None
    #: What was posted with the last trouble (see notify/event.py): a reminder shows it again.
    posted: Mapping[str, Any] = field(default_factory=dict)
    #: at, by, note; None: nobody has.
    acknowledged: Mapping[str, str | None] | None = None
    #: Whether its reason has changed since it was acknowledged.
    is_changed: bool = False
    #: By the recipient's key.
    notified: Mapping[str, Notified] = field(default_factory=dict)
    #: What each channel took: id, channel, event, at, answer. `incidents --json` has it under another name.
    taken: tuple[Mapping[str, str], ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def jobs(self) -> list[str]:
        return sorted(self.parts)

    @property
    def is_open(self) -> bool:
        return self.state.is_open

    @property
    def is_of_invalid_files(self) -> bool:
        """Whether starts were refused because files are invalid: one incident for all of them."""
        return self.reason == INVALID_FILE

    @property
    def is_over(self) -> bool:
        return self.state is State.CLOSED

    def is_changed_by(self, happening: Happening) -> bool:
        """Return whether what happened may be about it: of a job with `run_on: all` each host is another matter."""
        part = self.parts.get(happening.job)
        is_of_all = happening.event is Event.GONE and not happening.lock
        if part is None or is_of_all or happening.event is Event.ACKNOWLEDGED:
            return True
        return part.of_host == happening.of_host


def incident_id(happening: Happening, *, host: str) -> str:
    """Return `<slug>~<run id>`, `<slug>~<slot>.<host>` or `<cause>~<when>.<host>`: no two hosts make the same one.

    What the control of a fleet has seen of another host's planned times has the names of both.
    """
    host = _in_file_names(host)
    if happening.cause.is_host_wide:
        return f"{happening.cause}~{_minute(happening.at)}.{host}"
    if happening.run_id:
        return f"{happening.job}~{happening.run_id}"
    when = happening.slots[0] if happening.slots else happening.at
    of_host = f".{_in_file_names(happening.of_host)}" if happening.of_host else ""
    return f"{happening.job}~{_minute(when)}{of_host}.{host}"


def _in_file_names(host: str) -> str:
    """Return the name of a host for ids, which are names of files: the kernel takes any bytes for it."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", host) or "localhost"


def _minute(iso: str) -> str:
    """Return a moment as YYYYmmddTHHMMZ."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y%m%dT%H%MZ}"


def begin(happening: Happening, *, host: str) -> Incident:
    """Return the incident that a first trouble makes."""
    since = happening.since or happening.at
    empty = Incident(id=incident_id(happening, host=host), cause=happening.cause, since=since)
    return next_incident(empty, happening)


def next_incident(incident: Incident, happening: Happening) -> Incident:
    """Return the incident after what happened; an event that it has seen already changes nothing."""
    if happening.key in incident.seen:
        return incident
    seen = (*incident.seen, happening.key)[-MAX_SEEN:]
    return TABLE[incident.state][happening.event](replace(incident, seen=seen), happening)


# --- the steps -------------------------------------------------------------------------------------------------------

Step = Callable[[Incident, Happening], Incident]


def stay(incident: Incident, happening: Happening) -> Incident:  # noqa: ARG001  all steps have one signature
    return incident


def count_to_threshold(incident: Incident, happening: Happening) -> Incident:
    """Count trouble; open from the threshold on. What concerns the host or a planned time opens at once."""
    grown = _count(incident, happening)
    if grown.count < happening.threshold:
        return grown
    state = State.FLAPPING if happening.changes >= FLAPPING_FROM else State.OPEN
    return replace(grown, state=state, opened_at=happening.at)


def count_open(incident: Incident, happening: Happening) -> Incident:
    grown = _count(incident, happening)
    return replace(grown, state=State.FLAPPING) if happening.changes >= FLAPPING_FROM else grown


def count_acknowledged(incident: Incident, happening: Happening) -> Incident:
    """Count it; what is not what somebody acknowledged is news, and opens it again."""
    grown = _count(incident, happening)
    if (grown.reason, grown.fingerprint) == (incident.reason, incident.fingerprint):
        return grown
    return replace(grown, state=State.OPEN, is_changed=True)


def count_flapping(incident: Incident, happening: Happening) -> Incident:
    grown = _count(incident, happening)
    return replace(grown, state=State.OPEN) if happening.changes < CALM_BELOW else grown


def recover(incident: Incident, happening: Happening) -> Incident:
    """Count one job as well; the incident is over when all are, unless the job flaps."""
    well = _job_is_well(incident, happening)
    if incident.cause.is_host_wide:
        return _recover_host(well, happening)
    if happening.changes >= FLAPPING_FROM and incident.state is not State.COUNTING:
        return replace(well, state=State.FLAPPING)
    return _close_when_all_are_well(well, happening, "the job succeeded")


def _recover_host(incident: Incident, happening: Happening) -> Incident:
    """Close what a good run disproves: that nothing is started, or that the files of all its jobs are invalid.

    Not a full disk: some runs go well on it, and only `watch` knows that it has space again.
    """
    if incident.cause in OVER_WITH_A_START and happening.is_scheduled:
        return _closed(incident, happening, "scheduled runs start again")
    if incident.cause is Cause.FILE_INVALID and incident.parts:
        return _close_when_all_are_well(incident, happening, "its jobs run again")
    return incident


def calm_down(incident: Incident, happening: Happening) -> Incident:
    well = _job_is_well(incident, happening)
    if happening.changes >= CALM_BELOW:
        return well
    return _close_when_all_are_well(well, happening, "the job succeeded")


def settle(incident: Incident, happening: Happening) -> Incident:
    """Take planned times out; a job of which only those were missing is well when none is left."""
    part = incident.parts.get(happening.job)
    if part is None:
        return incident
    left = part.without_slots(happening.slots)
    is_over = part.is_over or (not left.waiting and (incident.cause in OF_SLOTS or incident.cause.is_host_wide))
    settled = _with_part(incident, happening.job, replace(left, is_over=is_over))
    if incident.cause.is_host_wide:
        return settled
    return _close_when_all_are_well(settled, happening, "its planned times are settled")


def go(incident: Incident, happening: Happening) -> Incident:
    """Count a job as well that is disabled, deleted, or about which nobody is notified any more."""
    well = _job_is_well(incident, happening)
    if incident.cause.is_host_wide:
        return well
    return _close_when_all_are_well(well, happening, happening.sentence or "the job is gone")


def acknowledge(incident: Incident, happening: Happening) -> Incident:
    """Acknowledge it; a hold of one of several jobs is known to those alone who are notified about that job."""
    part = incident.parts.get(happening.job)
    if part is not None:
        incident = _with_part(incident, happening.job, replace(part, is_known=True))
        if not all(each.is_known or each.is_over for each in incident.parts.values()):
            return incident
    known = {"at": happening.at, "by": happening.by, "note": happening.note}
    return replace(incident, state=State.ACKNOWLEDGED, acknowledged=known, is_changed=False)


def end(incident: Incident, happening: Happening) -> Incident:
    return _closed(incident, happening, happening.sentence or "its cause is gone")


def _count(incident: Incident, happening: Happening) -> Incident:
    parts = dict(incident.parts)
    counts = happening.jobs or ({happening.job: 1} if happening.job else {})
    for job, number in counts.items():
        part = parts.get(job, Part(since=happening.at))
        is_at_once = part.is_at_once or happening.cause not in OF_RUNS
        count = part.count + number
        cause = None if incident.cause.is_host_wide else happening.cause  # people are notified of the host alone
        is_known = part.is_known and (happening.reason, happening.fingerprint) == (
            incident.reason,
            incident.fingerprint,
        )
        part = replace(part, count=count, cause=cause, is_over=False, is_at_once=is_at_once, is_known=is_known)
        part = replace(part, lock=happening.lock or part.lock)
        parts[job] = part.with_slots(happening.slots_of_jobs.get(job, happening.slots), number=number)
    keeps = incident.cause.is_host_wide and incident.sentence  # what joins it is its effect
    is_more = not incident.cause.is_host_wide and incident.cause in OF_SLOTS
    return replace(
        incident,
        cause=happening.cause if is_more else incident.cause,
        parts=parts,
        count=incident.count + (sum(counts.values()) or 1),
        reason=happening.reason,
        fingerprint=happening.fingerprint,
        sentence=incident.sentence if keeps else happening.sentence or incident.sentence,
        last_at=happening.at,
        last_key=happening.key,
        run_id=happening.run_id or incident.run_id,
    )


def _job_is_well(incident: Incident, happening: Happening) -> Incident:
    part = incident.parts.get(happening.job)
    return incident if part is None else _with_part(incident, happening.job, replace(part, is_over=True))


def _with_part(incident: Incident, job: str, part: Part) -> Incident:
    return replace(incident, parts={**incident.parts, job: part})


def _close_when_all_are_well(incident: Incident, happening: Happening, why: str) -> Incident:
    return _closed(incident, happening, why) if all(part.is_over for part in incident.parts.values()) else incident


def _closed(incident: Incident, happening: Happening, why: str) -> Incident:
    return replace(incident, state=State.CLOSED, closed_at=happening.at, closed_by=why)


TABLE: dict[State, dict[Event, Step]] = {
    State.COUNTING: {
        Event.TROUBLE: count_to_threshold,
        Event.WENT_WELL: recover,
        Event.SETTLED: settle,
        Event.GONE: go,
        Event.ACKNOWLEDGED: stay,
        Event.OVER: end,
    },
    State.OPEN: {
        Event.TROUBLE: count_open,
        Event.WENT_WELL: recover,
        Event.SETTLED: settle,
        Event.GONE: go,
        Event.ACKNOWLEDGED: acknowledge,
        Event.OVER: end,
    },
    State.ACKNOWLEDGED: {
        Event.TROUBLE: count_acknowledged,
        Event.WENT_WELL: recover,
        Event.SETTLED: settle,
        Event.GONE: go,
        Event.ACKNOWLEDGED: acknowledge,
        Event.OVER: end,
    },
    State.FLAPPING: {
        Event.TROUBLE: count_flapping,
        Event.WENT_WELL: calm_down,
        Event.SETTLED: settle,
        Event.GONE: go,
        Event.ACKNOWLEDGED: acknowledge,
        Event.OVER: end,
    },
    State.CLOSED: {
        Event.TROUBLE: stay,
        Event.WENT_WELL: stay,
        Event.SETTLED: stay,
        Event.GONE: stay,
        Event.ACKNOWLEDGED: stay,
        Event.OVER: stay,
    },
}

"""A message as it would be sent about a job: of its last run with that end, else of one that is made up."""

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from process_control.config.plan_of_job import included, schedule_of
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.incident import Event, Happening, Incident, State, begin, next_incident
from process_control.core.job import Job
from process_control.core.notice import Notice, NoticeEvent
from process_control.core.recipient import RECOVERED
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.errors import NotPermitted, ProcessControlError
from process_control.history.index.past_run import Run
from process_control.notify.channel import Contents
from process_control.notify.contents import contents_of
from process_control.state.past_runs import open_index
from process_control.system.account import account_of
from process_control.system.clock import iso

#: What can be shown: the causes, and what may follow a failure.
KINDS = (*[str(cause) for cause in Cause], RECOVERED, "reminder", "changed", "flapping")
_FOLLOWING = {
    RECOVERED: NoticeEvent.CLOSED,
    "reminder": NoticeEvent.REMINDER,
    "changed": NoticeEvent.CHANGED,
    "flapping": NoticeEvent.FLAPPING,
}
_OUTCOMES = {Cause.FAILED: ("failed",), Cause.LOST: ("lost",)}
_DAY = timedelta(days=1)
_UNSAFE = "others may write to it (mode 0666)"
_SENTENCES = {
    Cause.MISSED: "cron did not start it",
    Cause.STALE: "no run has gone well for 26 h",
    Cause.SKIPPED: "its last 3 planned times were skipped: the run before has not ended",
    Cause.REFUSED: f"the job file: {_UNSAFE}\n  hint: chmod go-w FILE",
    Cause.HOST_DOWN: "the host was off for 8 h",
    Cause.TRIGGER_DEAD: "no job was started for 15 min, though some were due",
    Cause.WATCH_DEAD: "nothing has looked for missed jobs for 15 min",
    Cause.DISK_FULL: "/var has 12 MB left",
    Cause.MAIL_DEAD: "no mail was accepted for 15 min: localhost:25: Connection refused",
    Cause.FILE_INVALID: "unknown key 'timout'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A message, and whether it is about something that never happened."""

    kind: str
    contents: Contents
    is_made_up: bool


def preview_of(job: Job, kind: str, settings: Settings, *, now: datetime) -> Preview:
    """Return the message of that kind, one of KINDS, as `contents_of` makes it for every channel."""
    event = _FOLLOWING.get(kind, NoticeEvent.OPENED)
    cause = Cause(kind) if kind not in _FOLLOWING else Cause.FAILED
    outcomes = ("succeeded", "warned") if kind == RECOVERED else _OUTCOMES.get(cause, ())
    run = _last_run(job.slug, outcomes, settings) if outcomes else None
    posted = _posted(job, cause, settings, now) if run is None else _posted_of_run(run)
    if run is None and kind == RECOVERED:
        posted = {**posted, "end": {**_end(posted), "outcome": "succeeded", "reason": None, "detail": None}}
    posted["user"] = settings.user or account_of(os.geteuid()).name
    incident = _incident(job.slug, cause, event, posted)
    notice = Notice(
        id=f"{incident.id}.{event}.1",
        event=event,
        at=str(posted["at"]),
        incident=incident,
        jobs=(job.slug,),
        posted=posted,
        host=os.uname().nodename,
    )
    return Preview(kind=kind, contents=contents_of(notice, job, settings), is_made_up=run is None)


def _last_run(slug: str, outcomes: tuple[str, ...], settings: Settings) -> Run | None:
    try:
        with open_index(settings.state_directory) as index:
            return next(iter(index.runs(jobs=[slug], outcomes=outcomes, limit=1)), None)
    except (OSError, ProcessControlError):
        return None


def _posted_of_run(run: Run) -> dict[str, object]:
    at = run.ended_at or run.started_at
    return {"job": run.job, "at": at, "end": {**run.to_json(), "at": at}, "sentence": run.why}


def _posted(job: Job, cause: Cause, settings: Settings, now: datetime) -> dict[str, object]:
    """Return what would have been posted, made up: for the last planned time, where there is one."""
    slot = _last_slot(job, settings, now)
    began = slot or now - timedelta(seconds=5)
    posted: dict[str, object] = {"job": job.slug, "at": iso(now.timestamp()), "sentence": _SENTENCES.get(cause, "")}
    if cause in (Cause.MISSED, Cause.SKIPPED):
        posted["slots"] = [iso(began.timestamp())]
    if cause is Cause.REFUSED:
        posted |= {"trigger": "cron", "exit_code": NotPermitted.exit_code, "what_is_wrong": _UNSAFE}
    if cause.is_host_wide:
        posted |= {"job": "", "jobs": {job.slug: 2}}
    if cause not in (Cause.FAILED, Cause.LOST):
        return posted
    is_lost = cause is Cause.LOST
    end = {
        "event": "end",
        "job": job.slug,
        "run_id": run_id(began.timestamp(), b"\0" * RANDOM_BYTES),
        "at": iso(began.timestamp() + 4.2),
        "started_at": iso(began.timestamp()),
        "outcome": "lost" if is_lost else "failed",
        "reason": "runner_killed" if is_lost else "exit_code",
        "detail": "its runner was killed before it could record the end" if is_lost else "exited with 3",
        "duration_seconds": None if is_lost else 4.2,
        "trigger": "cron" if slot is not None else "manual",
        "scheduled_at": iso(slot.timestamp()) if slot is not None else None,
        "by": "somebody",
    }
    return {**posted, "end": end, "stderr": "" if is_lost else "this line is made up: cannot reach db7\n"}


def _end(posted: dict[str, object]) -> dict[str, object]:
    end = posted.get("end")
    return end if isinstance(end, dict) else {}


def _last_slot(job: Job, settings: Settings, now: datetime) -> datetime | None:
    """Return the last planned time of the last week; None without one."""
    if not job.schedule:
        return None
    try:
        slots = included(job, schedule_of(job), settings).after(now - 7 * _DAY)
    except ProcessControlError:
        return None
    last = None
    for slot in slots:
        if slot > now:
            break
        last = slot
    return last


def _incident(slug: str, cause: Cause, event: NoticeEvent, posted: dict[str, object]) -> Incident:
    """Return the incident after it: of what follows a failure with three more failures in the day before."""
    end, at = _end(posted), str(posted["at"])
    slots = posted.get("slots")
    jobs = posted.get("jobs")
    trouble = Happening(
        event=Event.TROUBLE,
        key="1",
        at=at,
        job="" if cause.is_host_wide else slug,
        cause=cause,
        sentence=str(posted.get("sentence") or ""),
        run_id=str(end["run_id"]) if end else None,
        slots=tuple(map(str, slots)) if isinstance(slots, list) else (),
        jobs=jobs if isinstance(jobs, dict) else {},
    )
    incident = begin(trouble, host=os.uname().nodename)
    if event is NoticeEvent.OPENED:
        return incident
    for number in range(2, 5):
        incident = next_incident(incident, replace(trouble, key=str(number)))
    since = iso((datetime.fromisoformat(at) - _DAY).timestamp())
    return _afterwards(replace(incident, since=since), event, at)


def _afterwards(incident: Incident, event: NoticeEvent, at: str) -> Incident:
    """Return the incident as it is when such a message is sent."""
    if event is NoticeEvent.CLOSED:
        return replace(incident, state=State.CLOSED, closed_at=at, closed_by="the job succeeded")
    if event is NoticeEvent.CHANGED:
        known = {"at": incident.since, "by": "ann", "note": "the disk is ordered"}
        return replace(incident, is_changed=True, acknowledged=known)
    return replace(incident, state=State.FLAPPING) if event is NoticeEvent.FLAPPING else incident

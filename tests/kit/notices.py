"""A message for a recipient, made by hand: what the channels get from the process that sends."""

from process_control.core.causes import Cause
from process_control.core.incident import Event, Happening, Incident, begin, next_incident
from process_control.core.notice import Notice, NoticeEvent
from process_control.notify.channel import Contents

HOST = "db1"
AT = "2026-11-28T20:00:00.000Z"
END = {
    "event": "end",
    "run_id": "01kfailedrun0001",
    "job": "backup",
    "outcome": "failed",
    "reason": "exit_code",
    "exit_code": 3,
    "started_at": "2026-11-28T19:59:00.000Z",
    "at": AT,
}
CONTENTS = Contents(
    subject="backup failed: exited with 3",
    text="backup failed\nwhole text",
    html="<p>x</p>",
    short="short: backup failed",
)


def incident(*, at: str = AT, run_id: str = "01kfailedrun0001") -> Incident:
    """Return an open incident of the job `backup`."""
    happening = Happening(
        event=Event.TROUBLE,
        key=run_id,
        at=at,
        job="backup",
        cause=Cause.FAILED,
        sentence="exited with 3",
        run_id=run_id,
    )
    return begin(happening, host=HOST)


def closed(opened: Incident, *, at: str) -> Incident:
    return next_incident(opened, Happening(event=Event.WENT_WELL, key="good", at=at, job="backup"))


def notice(event: NoticeEvent = NoticeEvent.OPENED, of: Incident | None = None) -> Notice:
    of = of or incident()
    return Notice(
        id=f"{of.id}.{event}.1", event=event, at=AT, incident=of, jobs=("backup",), posted={"end": END}, host=HOST
    )

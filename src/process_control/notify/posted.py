"""What an entry of the spool's events says, for the table of incidents. Entries of earlier versions are understood."""

from collections.abc import Mapping
from typing import Any

from process_control.core.causes import Cause
from process_control.core.facts import BY_HAND, LOST
from process_control.core.fingerprint import deciding_line, fingerprint
from process_control.core.incident import CANNOT_RECORD, INVALID_FILE, Event, Happening
from process_control.core.why import MAX_QUOTED, OUTPUT_REASONS, why_of_record
from process_control.errors import BadConfiguration, CannotRecord
from process_control.notify.message import one_line

Posted = Mapping[str, object]

_EVENTS = {
    "went_well": Event.WENT_WELL,
    "settled": Event.SETTLED,
    "acknowledged": Event.ACKNOWLEDGED,
    "gone": Event.GONE,
    "over": Event.OVER,
}
#: The host-wide cause that explains a refusal, by its exit code: an invalid file, a disk that takes nothing.
EXPLAINED_BY = {BadConfiguration.exit_code: Cause.FILE_INVALID, CannotRecord.exit_code: Cause.DISK_FULL}


def printable(posted: Posted) -> dict[str, object]:
    """Return what was posted without bytes that were no UTF-8, as of file names: no file of an incident takes them."""
    return {name: _printable(value) for name, value in posted.items()}


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {str(_printable(name)): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value


def happening_of(posted: Posted) -> Happening:
    """Return what was posted as an event of the table. Raises ValueError when it makes no sense."""
    what, end = str(posted.get("what")), _map(posted.get("end"))
    key, at = _text(posted.get("key")), _text(posted.get("at"))
    if not key or not at:
        raise ValueError("it has no key or no time")
    event = _EVENTS.get(what, Event.TROUBLE)
    return Happening(
        event=event,
        key=key if event is Event.TROUBLE else f"{key}.{event}",
        at=at,
        job=_text(posted.get("job")),
        lock=_text(posted.get("lock")),
        since=_text(posted.get("since")),
        cause=_cause(what, posted, end),
        sentence=_text(posted.get("sentence")).partition("\n")[0] or _why(posted, end),
        reason=_reason(what, posted, end),
        explained_by=_explained_by(what, posted),
        fingerprint=_text(posted.get("alike")) or _fingerprint(posted, end),
        run_id=_text(end.get("run_id")) or None,
        slots=tuple(map(str, _list(posted.get("slots")))),
        jobs={str(job): int(number) for job, number in _map(posted.get("jobs")).items()},
        slots_of_jobs={
            str(job): tuple(map(str, _list(slots))) for job, slots in _map(posted.get("slots_of_jobs")).items()
        },
        by=_text(posted.get("by")) or None,
        note=_text(posted.get("note")) or None,
        is_scheduled=bool(end) and end.get("trigger") not in BY_HAND,
    )


def _cause(what: str, posted: Posted, end: Mapping[str, Any]) -> Cause:
    if what == "over":
        return Cause(_text(posted.get("cause")))
    if what == "refused":
        if posted.get("unplanned"):
            return Cause.SKIPPED
        return Cause.REFUSED
    if what == "failed":
        return Cause.LOST if end.get("outcome") == LOST else Cause.FAILED
    if what in _EVENTS:
        return Cause.FAILED
    return Cause(what)


def _reason(what: str, posted: Posted, end: Mapping[str, Any]) -> str:
    if what == "refused" and posted.get("exit_code") == BadConfiguration.exit_code:
        return INVALID_FILE
    if what == "refused" and posted.get("exit_code") == CannotRecord.exit_code:
        return CANNOT_RECORD
    return _text(end.get("reason")) or what


def _explained_by(what: str, posted: Posted) -> tuple[Cause, ...]:
    code = posted.get("exit_code")
    if what == "refused" and isinstance(code, int) and code in EXPLAINED_BY:
        return (EXPLAINED_BY[code],)
    if _text(posted.get("lock")):  # nothing of this host explains what the fleet has missed
        return ()
    return (Cause.HOST_DOWN, Cause.TRIGGER_DEAD, Cause.DISK_FULL) if what in ("missed", "stale") else ()


def _why(posted: Posted, end: Mapping[str, Any]) -> str:
    """Return why a run failed, with its last line on stderr when no other line decided it."""
    if not end:
        return ""
    why, line = why_of_record(end), _last_line(posted)
    return f"{why} (stderr: {line[:MAX_QUOTED]})" if line and end.get("reason") not in OUTPUT_REASONS else why


def _last_line(posted: Posted) -> str:
    return one_line(deciding_line({}, _text(posted.get("stderr")))).strip()


def _fingerprint(posted: Posted, end: Mapping[str, Any]) -> str:
    return fingerprint(deciding_line(end, _text(posted.get("stderr"))))


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

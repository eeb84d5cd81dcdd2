"""The incident of a job as the first version kept it: read once, after an upgrade."""

from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.incident import Incident, Notified, State
from process_control.core.part_of_incident import Part
from process_control.system.json_text import decode
from process_control.system.plain_file import open_plain

_LARGEST = 1 << 20
#: The key under which its mails are known until the addresses are: see `Store.memory_of`.
MAILED = "mailto:"


def read_first_incident(state_directory: str, slug: str) -> Incident | None:
    """Return the incident; None when there is none, or its file makes no sense."""
    try:
        with open_plain(layout.first_incident(state_directory, slug)) as file:
            known = decode(file.read(_LARGEST).decode("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict):
        return None
    count, since, thread = known.get("failures_in_row"), known.get("since"), known.get("thread")
    if type(count) is not int or count < 1 or not isinstance(since, str):
        return None
    seen = known.get("seen")
    keys = tuple(map(str, seen)) if isinstance(seen, list) else ()
    was_mailed = isinstance(thread, str)
    mailed = Notified(number=1, opened_at=since, last_at=since, last_key=keys[-1] if keys else "", thread=str(thread))
    return Incident(
        id=f"{slug}~{str(thread).partition('.')[0]}" if was_mailed else f"{slug}~{keys[0] if keys else 'first'}",
        cause=Cause.REFUSED if known.get("refusal") else Cause.FAILED,
        state=State.OPEN if was_mailed else State.COUNTING,
        since=since,
        opened_at=since if was_mailed else None,
        count=count,
        parts={slug: Part(count=count, since=since)},
        last_at=since,
        notified={MAILED: mailed} if was_mailed else {},
        seen=keys,
    )

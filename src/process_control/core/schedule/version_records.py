"""The versions of a job, read from the records that whoever saw one has left. Pure: records in, versions out.

The records come in the order in which they were written. Two may have recorded the same version at once, and a record
that makes no sense counts as none. A version begins where its record says, but never before the one before was seen
last: a file that was put back with an old date plans nothing of the time in which another one was read.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from process_control.core.schedule.plan import Plan
from process_control.core.schedule.version import GONE, INVALID, VALID, Version

#: Gives the time that a record has under a key, as UTC seconds; None when it makes no sense.
Moment = Callable[[Mapping[str, Any], str], float | None]


def moment_in(record: Mapping[str, Any], key: str) -> float | None:
    """Return the time that stands under a key of a record, as UTC seconds."""
    value = record.get(key)
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def makes_sense(record: Mapping[str, Any]) -> bool:
    """Return whether a record describes a version, at a first look."""
    schedule = record.get("schedule")
    return (
        isinstance(record.get("hash"), str)
        and isinstance(record.get("state"), str)
        and isinstance(record.get("since"), str)
        and (schedule is None or isinstance(schedule, list))
    )


def version_of(record: Mapping[str, Any], moment: Moment = moment_in) -> Version | None:
    """Return the version that a record describes; None when it makes no sense."""
    since, state, hash_ = moment(record, "since"), record.get("state"), record.get("hash")
    if since is None or not isinstance(state, str) or state not in _STATES or not isinstance(hash_, str):
        return None
    try:
        plan = Plan.from_record(record) if state == VALID else None
    except (LookupError, ValueError, TypeError, OverflowError):
        return None
    detail, commit, author = (value if isinstance(value := record.get(key), str) else None for key in _TEXTS)
    dirty = record.get("dirty")
    return Version(
        since=since,
        state=state,
        hash=hash_,
        plan=plan,
        detail=detail,
        commit=commit,
        author=author,
        dirty=dirty if isinstance(dirty, bool) else None,
    )


def versions_of(records: Iterable[Mapping[str, Any]], moment: Moment = moment_in) -> list[Version]:
    """Return the versions that the records describe, rising by `since`, each until another one was seen."""
    found: list[Version] = []
    seen_last = float("-inf")
    of_job = [*records]
    for record in of_job:
        version = version_of(record, moment)
        if version is None:
            continue
        if len(of_job) == 1:  # nearly always
            return [version]
        at = moment(record, "at")
        if not found or found[-1].hash != version.hash:
            found.append(version._replace(since=max(version.since, seen_last)))
        seen_last = max(seen_last, found[-1].since, version.since if at is None else at)
    return found


_STATES = (VALID, INVALID, GONE)
_TEXTS = ("detail", "commit", "author")

"""Jobs whose planned times nothing was started for, as after an outage: their files were there all the time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kit.harness import Box

HOUR = timedelta(hours=1)


NOW = datetime.now(UTC).replace(second=0, microsecond=0)
"""The same in the whole session: a test must not cross a minute."""


def hours_ago(count: int) -> datetime:
    """Return the minute that was so many hours ago when the session began."""
    return NOW - count * HOUR


def as_iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def planned_at(*moments: datetime) -> str:
    """Return the keys of a job file with which a job is planned daily at these times."""
    lines = json.dumps([f"{moment.minute} {moment.hour} * * *" for moment in moments])
    return f"time_zone: UTC\nschedule: {lines}"


def there_since(box: Box, since: datetime) -> None:
    """Have the journal know of every job's file as it is from then on, as somebody would have recorded it."""
    (box.state_directory / "journal").mkdir(parents=True, exist_ok=True)  # as after any run
    box.process_control("slots", "--count")
    versions = [record for record in box.journal() if record["event"] == "version"]
    path = box.state_directory / "journal" / f"{since:%Y-%m-%d}.jsonl"
    lines = [json.dumps({**each, "at": as_iso(since), "since": as_iso(since)}) + "\n" for each in versions]
    path.write_text("".join(lines) + (path.read_text() if path.exists() else ""))
    box.give(path, box.service_user)


def fates(box: Box, *jobs: str, since: str = "1d") -> list[tuple[str, str, str | None]]:
    """Return (slot, fate, why) of the planned times that are over, oldest first."""
    return [
        (each["slot"], each["fate"], each["reason"] or each["outcome"] if each["fate"] != "missed" else each["cause"])
        for each in slots(box, *jobs, since=since)
    ]


def slots(box: Box, *jobs: str, since: str = "1d") -> list[dict[str, Any]]:
    result = box.process_control("slots", *jobs, "--since", since, "--json")
    if result.exit_code:
        raise AssertionError(f"slots: {result}")
    found = result.json()["slots"]
    if not isinstance(found, list):
        raise AssertionError(f"slots: {result}")
    return sorted(found, key=lambda each: (each["slot"], each["job"]))

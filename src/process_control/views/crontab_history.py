"""When the generated crontab had no line for a job, by the records of `cron-generate`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from process_control.core.schedule.causes import Absence
from process_control.core.schedule.version_records import moment_in

FOREVER = float("inf")


def absences(
    events: Iterable[Mapping[str, Any]], first_version: Mapping[str, float], *, has_starts: bool
) -> dict[str, list[Absence]]:
    """Return the times without a line in the crontab, by job. `events` are the crontab records, rising.

    `first_version`: the time of each job's first version (UTC seconds). `has_starts`: whether any scheduled start is
    recorded; without one, and without any crontab record, no crontab was ever generated.
    """
    by_job: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    first: float | None = None
    for event in events:
        if moment_in(event, "at") is None:
            continue
        first = _seconds(event) if first is None else first
        by_job[str(event.get("job"))].append(event)
    if first is None:
        never = Absence(0.0, FOREVER, "no crontab was generated yet")
        return {} if has_starts else {job: [never] for job in first_version}
    found: dict[str, list[Absence]] = {}
    for job, since in first_version.items():
        if job in by_job:
            found[job] = _of_job(by_job[job])
        elif since > first:
            found[job] = [Absence(0.0, FOREVER, "the crontab was not generated since the job's file was added")]
    return found


def _of_job(events: list[Mapping[str, Any]]) -> list[Absence]:
    found = []
    absent_since, why = (0.0, "") if events[0].get("change") == "added" else (None, "")
    for event in events:
        change, at = event.get("change"), _seconds(event)
        if change == "removed":
            absent_since, why = at, f"its line was removed from the generated crontab at {event.get('at')}"
        elif absent_since is not None and change == "added":
            found.append(Absence(absent_since, at, why or "its line came into the generated crontab later"))
            absent_since = None
    if absent_since is not None:
        found.append(Absence(absent_since, FOREVER, why))
    return found


def _seconds(event: Mapping[str, Any]) -> float:
    return moment_in(event, "at") or 0.0

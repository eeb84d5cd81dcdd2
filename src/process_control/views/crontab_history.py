"""When the generated crontab had no line for a job, by the records of `cron-generate`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from process_control.core.schedule.causes import Absence
from process_control.core.schedule.schedule import is_for_cron, not_for_cron
from process_control.core.schedule.version import VALID, Version
from process_control.core.schedule.version_records import moment_in

FOREVER = float("inf")


class CrontabHistory:
    """What the records of `cron-generate` say of the crontab, for one job after the other."""

    def __init__(self, events: Iterable[Mapping[str, Any]], *, has_starts: bool) -> None:
        """Group the crontab records, `events`, rising, by job.

        `has_starts`: whether any scheduled start is recorded; without one, and without any crontab record, no crontab
        was ever generated.
        """
        self._has_starts = has_starts
        self._is_for_cron = cache(is_for_cron)
        self._by_job: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._first: float | None = None
        for event in events:
            if moment_in(event, "at") is None:
                continue
            self._first = _seconds(event) if self._first is None else self._first
            self._by_job[str(event.get("job"))].append(event)

    def absences(self, job: str, first_version: Callable[[], float]) -> list[Absence]:
        """Return the times without a line for the job. `first_version`: when its first version began (UTC seconds)."""
        if self._first is None:
            return [] if self._has_starts else [Absence(0.0, FOREVER, "no crontab was generated yet")]
        if job in self._by_job:
            return _of_job(self._by_job[job])
        if first_version() > self._first:
            return [Absence(0.0, FOREVER, "the crontab was not generated since the job's file was added")]
        return []

    def left_out(self, versions: Sequence[Version]) -> list[Absence]:
        """Return the times in which a job had a time zone that cron does not know, where a crontab was generated."""
        if self._first is None and self._has_starts:
            return []  # something else starts the jobs
        found = []
        ends = [*(version.since for version in versions[1:]), FOREVER]
        for version, end in zip(versions, ends, strict=True):
            plan = version.plan if version.state == VALID else None
            zone = plan.time_zone if plan is not None and plan.schedule else None
            since = max(version.since, self._first or 0.0)
            if zone is not None and since < end and not self._is_for_cron(zone):
                found.append(Absence(since, end, not_for_cron(zone), time_zone=zone))
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

"""Counts of ended runs by job, for metrics: one question for all jobs."""

import sqlite3
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from process_control.core.facts import SKIPPED
from process_control.core.metrics import DURATIONS, LATENESSES
from process_control.core.tally import RunTally

DAYS = "SELECT DISTINCT substr(file, 1, 10) FROM folded ORDER BY 1"
#: The two newest days with a run.
NEWEST_DAYS = "SELECT max(day) FROM run UNION SELECT max(day) FROM run WHERE day < (SELECT max(day) FROM run)"


def _buckets(column: str, bounds: Collection[float]) -> str:
    """Return the SQL that counts values by bucket, each bucket alone, and adds them up."""
    edges = [*bounds, None]
    below = [None, *bounds]
    counts = [
        f"count(CASE WHEN {' AND '.join(_between(column, low, high))} THEN 1 END)"
        for low, high in zip(below, edges, strict=True)
    ]
    return ", ".join([*counts, f"total({column})"])


def _between(column: str, low: float | None, high: float | None) -> list[str]:
    return [f"{column} > {low}"] * (low is not None) + [f"{column} <= {high}"] * (high is not None)


TALLIES = f"""SELECT job, outcome, coalesce(reason, ''), count(*),
    max(CASE WHEN outcome IN ('succeeded', 'warned') THEN ended_at END),
    {_buckets("duration_seconds", DURATIONS)}, {_buckets("late_seconds", LATENESSES)}
    FROM run WHERE outcome IS NOT NULL{{days}} GROUP BY job, outcome, reason"""


def tallies(database: sqlite3.Connection, days: Collection[str] | None = None) -> dict[str, RunTally]:
    """Return the counts of the runs that have ended, of those whose last line is of these days; None: of all days."""
    condition = "" if days is None else f" AND day IN ({', '.join('?' * len(days))})"
    found: dict[str, RunTally] = {}
    first_late = 5 + len(DURATIONS) + 2
    for row in database.execute(TALLIES.format(days=condition), sorted(days or ())):
        job, outcome, reason, number, succeeded_at = row[:5]
        tally = found.setdefault(job, RunTally())
        tally.runs[outcome, reason] += number
        if outcome != SKIPPED:
            tally.durations.add(row[5 : first_late - 1], row[first_late - 1])
            tally.lateness.add(row[first_late:-1], row[-1])
        tally.last_success = max(tally.last_success, _seconds(succeeded_at))
    return found


def _seconds(text: str | None) -> float:
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    return 0.0


def days_of_journal(database: sqlite3.Connection) -> list[str]:
    """Return the days (YYYY-MM-DD) of the journal that are in the index, rising."""
    return [day for (day,) in database.execute(DAYS)]


def newest_days(database: sqlite3.Connection) -> set[str]:
    """Return the two newest days with a run."""
    return {day for (day,) in database.execute(NEWEST_DAYS) if day is not None}

"""How long the last runs of each job took, for what is expected of the next ones."""

import sqlite3
from collections.abc import Iterable

RECENT_RUNS = 50

#: A run that its timeout ended would have taken at least as long. Runs of the slow start command do not count.
TOOK = """SELECT duration_seconds, coalesce(json_array_length(attempts), 1) FROM run
          WHERE job = ? AND (outcome IN ('succeeded', 'warned') OR reason = 'timeout')
                AND duration_seconds IS NOT NULL AND NOT coalesce(slow_start, 0)
          ORDER BY started_at DESC, run_id DESC LIMIT ?"""


def last_durations(database: sqlite3.Connection, slugs: Iterable[str]) -> dict[str, list[tuple[float, int]]]:
    """Return (seconds, attempts) of the last runs of each job, newest first; jobs without runs are not there."""
    known = {slug for (slug,) in database.execute("SELECT slug FROM job")}
    found = {slug: database.execute(TOOK, (slug, RECENT_RUNS)).fetchall() for slug in slugs if slug in known}
    return {slug: runs for slug, runs in found.items() if runs}

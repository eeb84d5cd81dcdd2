"""A summary of each job's last runs for lists, stored beside the runs: so a list of thousands of jobs reads no runs.

Adding or removing a record of a job deletes its summary in the same transaction; it is made again when the folding is
done. A job with an unended run among the last ones has none: its state changes without a record.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from process_control.core.facts import FAILED, LOST, SKIPPED, SUCCEEDED, WARNED

RECENT_RUNS = 20
LETTERS = {SUCCEEDED: "s", WARNED: "w", FAILED: "f", LOST: "l", SKIPPED: "-"}
OUTCOMES = {letter: outcome for outcome, letter in LETTERS.items()}

MARKS = """SELECT run_id, outcome, duration_seconds FROM run WHERE job = ?
           ORDER BY started_at DESC, run_id DESC LIMIT ?"""
OLDER = """SELECT run_id FROM run WHERE job = ? AND outcome IS NOT NULL AND outcome <> 'skipped'
           ORDER BY started_at DESC, run_id DESC LIMIT 1"""
FORGOTTEN = "SELECT slug FROM job WHERE marks IS NULL"
FORGET = "INSERT OR REPLACE INTO job (slug) VALUES (?)"
FORGET_ALL = "UPDATE job SET marks = NULL"
KEEP = "UPDATE job SET marks = ?, median_seconds = ?, last_run = ? WHERE slug = ?"
KEPT = "SELECT slug, marks, median_seconds, last_run FROM job WHERE marks IS NOT NULL"

#: The run id, outcome (None: it is running) and duration of one run.
Mark = tuple[str, str | None, float | None]


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A summary of a job's last runs."""

    #: of the last RECENT_RUNS runs, oldest first; None: it is running
    outcomes: tuple[str | None, ...]
    #: the median duration of those that succeeded
    median_seconds: float | None
    #: the id of the last run that ended and was not skipped
    last_run: str | None


def summarize(recent: Sequence[Mark], *, older: str | None = None) -> JobSummary:
    """Return the summary of the last runs (newest first). `older`: the last run before them, if all are skips."""
    from process_control.core.usual import usual  # what only shows summaries has no use for it

    good = [took for _, outcome, took in recent if outcome in (SUCCEEDED, WARNED) and took is not None]
    ended = (run_id for run_id, outcome, _ in recent if outcome is not None and outcome != SKIPPED)
    return JobSummary(
        outcomes=tuple([outcome for _, outcome, _ in reversed(recent)]),
        median_seconds=usual(good),
        last_run=next(ended, older),
    )


def store_summaries(database: sqlite3.Connection) -> None:
    """Make the summary of every job that has none. Needs the SQL indexes of the runs."""
    rows = [_row(database, slug) for (slug,) in database.execute(FORGOTTEN).fetchall()]
    known = [row for row in rows if row is not None]
    if known:  # else nothing is written, and the seal holds
        with database:
            database.executemany(KEEP, known)


def _row(database: sqlite3.Connection, slug: str) -> tuple[str, float | None, str | None, str] | None:
    recent = database.execute(MARKS, (slug, RECENT_RUNS)).fetchall()
    summary = summarize(recent)
    if summary.last_run is None and len(recent) == RECENT_RUNS:
        summary = summarize(recent, older=next((run_id for (run_id,) in database.execute(OLDER, (slug,))), None))
    marks = "".join([LETTERS.get(outcome or "", "?") for outcome in summary.outcomes])
    if "?" in marks:  # a run without an end, or an outcome of a later version
        return None
    return marks, summary.median_seconds, summary.last_run, slug


def stored_summaries(database: sqlite3.Connection, slugs: Iterable[str]) -> dict[str, JobSummary]:
    """Return the stored summaries of these jobs."""
    wanted = set(slugs)
    words: dict[str, tuple[str | None, ...]] = {}  # thousands of jobs have few different marks
    found = {}
    for slug, marks, seconds, last_run in database.execute(KEPT):
        if slug in wanted:
            if marks not in words:
                words[marks] = tuple([OUTCOMES[letter] for letter in marks])
            found[slug] = JobSummary(words[marks], seconds, last_run)
    return found

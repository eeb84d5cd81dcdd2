"""What lists tell of each job at a glance, kept beside the runs: so that thousands of jobs need no look at each run.

Whoever folds a record of a job, or takes one away, forgets its glance in the same transaction; it is told anew when
the folding is done. With a run among the last that has no recorded end there is none: that changes by itself.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

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

Mark = tuple[str, str | None, float | None]
"""Run id, outcome (None: it is running) and duration of one run."""


@dataclass(frozen=True, slots=True)
class Glance:
    """The outcomes of a job's last runs (oldest first), the median of those that went well, and its last run.

    That is the last one that ended and was not skipped.
    """

    outcomes: tuple[str | None, ...]
    median_seconds: float | None
    last_run: str | None


def glance_at(recent: Sequence[Mark], *, older: str | None = None) -> Glance:
    """Return what the last runs (newest first) say. `older`: the last run, when all of them are skips."""
    good = [took for _, outcome, took in recent if outcome in (SUCCEEDED, WARNED) and took is not None]
    ended = (run_id for run_id, outcome, _ in recent if outcome is not None and outcome != SKIPPED)
    return Glance(
        outcomes=tuple([outcome for _, outcome, _ in reversed(recent)]),
        median_seconds=median(good) if good else None,
        last_run=next(ended, older),
    )


def keep_glances(database: sqlite3.Connection) -> None:
    """Tell anew the glance of every job that has none. Needs the indexes of the runs."""
    rows = [_row(database, slug) for (slug,) in database.execute(FORGOTTEN).fetchall()]
    known = [row for row in rows if row is not None]
    if known:  # else nothing is written, and the seal holds
        with database:
            database.executemany(KEEP, known)


def _row(database: sqlite3.Connection, slug: str) -> tuple[str, float | None, str | None, str] | None:
    recent = database.execute(MARKS, (slug, RECENT_RUNS)).fetchall()
    glance = glance_at(recent)
    if glance.last_run is None and len(recent) == RECENT_RUNS:
        glance = glance_at(recent, older=next((run_id for (run_id,) in database.execute(OLDER, (slug,))), None))
    marks = "".join([LETTERS.get(outcome or "", "?") for outcome in glance.outcomes])
    if "?" in marks:  # a run without an end, or an outcome that a later version knows
        return None
    return marks, glance.median_seconds, glance.last_run, slug


def kept_glances(database: sqlite3.Connection, slugs: Iterable[str]) -> dict[str, Glance]:
    """Return the glances that are kept, of these jobs; of the others there is none."""
    wanted = set(slugs)
    words: dict[str, tuple[str | None, ...]] = {}  # thousands of jobs have few different marks
    found = {}
    for slug, marks, seconds, last_run in database.execute(KEPT):
        if slug in wanted:
            if marks not in words:
                words[marks] = tuple([OUTCOMES[letter] for letter in marks])
            found[slug] = Glance(words[marks], seconds, last_run)
    return found

"""The index of the journal: finds past runs fast. It is updated by whoever reads it, never by a run.

It has nothing that the journal does not have, so it may be deleted at any time: see `database.py`. Rows, and how far
the journal is folded, change in one transaction. Each run is one row by its id, so folding a line twice is harmless.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from heapq import merge
from types import TracebackType
from typing import Any, Self

from process_control.core.job import is_slug
from process_control.core.tally import RunTally
from process_control.history.index import durations, summary, tallies
from process_control.history.index.database import SealedDatabase
from process_control.history.index.fold import Progress, places_in
from process_control.history.index.ledger import LedgerIndex
from process_control.history.index.past_run import Run, run_of_row, run_of_values
from process_control.history.index.rows import END, SELECTED, columns, fit_columns, is_sound, run_values
from process_control.history.index.run_facts import Row
from process_control.history.index.summary import JobSummary, Mark
from process_control.history.lost_run import lost_end
from process_control.system import proc

JOBS = "SELECT slug FROM job ORDER BY slug"
WITHOUT_END = f"SELECT {SELECTED} FROM run WHERE outcome IS NULL"
BY_ID = f"SELECT {SELECTED} FROM run WHERE run_id >= ? AND run_id < ? ORDER BY run_id LIMIT ?"
NEWEST = f"SELECT {SELECTED} FROM run {{where}} ORDER BY started_at DESC, run_id DESC LIMIT ?"
ReadBlock = Callable[[str, str], dict[str, object] | None]
RunnerIsAlive = Callable[[dict[str, object]], bool]
#: The columns of SELECTED.
FoundRow = tuple[Any, ...]
_outcome, _id, _age = columns("outcome"), columns("run_id"), columns("started_at", "run_id")


@dataclass(frozen=True, slots=True)
class Garbled:
    """How many lines of a journal file were ignored, since they are no records."""

    file: str
    lines: int


class Index:
    """The index, open and up to date. Use it with `with`.

    `Index.open` adds what is new. Every query is repeated on a new index if SQLite finds the old one malformed.
    """

    def __init__(self, state_directory: str, *, read_block: ReadBlock, runner_is_alive: RunnerIsAlive) -> None:
        self.state_directory = state_directory
        self._read_block = read_block
        self._runner_is_alive = runner_is_alive
        self._database = SealedDatabase(state_directory)
        #: questions about planned times
        self.ledger = LedgerIndex(self._database)

    @classmethod
    def open(
        cls,
        state_directory: str,
        *,
        read_block: ReadBlock,
        runner_is_alive: RunnerIsAlive,
        progress: Progress | None = None,
    ) -> "Index":
        """Return the index with everything that is in the journal; see `state.past_runs.open_index`.

        `read_block(state_directory, slug)` returns the block of a job, for runs without a recorded end. `progress` is
        called while new lines are folded, with the bytes that are done and the bytes to do.
        """
        index = cls(state_directory, read_block=read_block, runner_is_alive=runner_is_alive)
        index._database.open(progress=progress)
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # --- questions -------------------------------------------------------------------------------------------------

    def runs(
        self,
        *,
        jobs: Sequence[str] | None = None,
        since: str | None = None,
        outcomes: Sequence[str] | None = None,
        limit: int | None = None,
        before: tuple[str, str] | None = None,
    ) -> list[Run]:
        """Return runs, newest first. `jobs` are slugs or globs, `since` is an ISO 8601 time.

        `outcomes` are those of `core.facts.OUTCOMES`, and `running`. `before`: only what follows the run with this
        (started_at, run_id) in the list.
        """
        return self._database.answered(lambda: self._runs(jobs, since, outcomes, limit, before))

    def latest(self, slugs: Iterable[str], *, count: int) -> dict[str, list[Mark]]:
        """Return (run id, outcome, duration) of the last `count` runs of each job, newest first."""
        wanted = list(slugs)
        return self._database.answered(
            lambda: {slug: self._database.rows(summary.MARKS, (slug, count)) for slug in wanted}
        )

    def summaries(self, slugs: Iterable[str]) -> dict[str, JobSummary]:
        """Return the summaries of these jobs; a job with a current run has none."""
        wanted = list(slugs)
        return self._database.answered(lambda: summary.stored_summaries(self._database.connection(), wanted))

    def durations(self, slugs: Iterable[str]) -> dict[str, list[tuple[float, int]]]:
        """Return (seconds, attempts) of the last runs of these jobs that show how long one takes, newest first."""
        wanted = list(slugs)
        return self._database.answered(lambda: durations.last_durations(self._database.connection(), wanted))

    def runs_by_id(self, run_ids: Sequence[str]) -> dict[str, Run]:
        return self._database.answered(lambda: self._runs_by_id(run_ids))

    def find(self, prefix: str, *, limit: int = 10) -> list[Run]:
        """Return the runs whose id begins with `prefix`, at most `limit`."""
        return self._database.answered(lambda: self._find(prefix, limit))

    def open_runs(self) -> list[Run]:
        """Return the runs without a recorded end: they are running, or lost."""
        return self._database.answered(lambda: self._ended_or_not(self._database.rows(WITHOUT_END)))

    def jobs(self) -> list[str]:
        """Return the slugs of all jobs with runs, sorted."""
        return self._database.answered(lambda: [slug for (slug,) in self._database.rows(JOBS)])

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the slugs that match one of the slugs or globs, sorted."""
        wanted = list(patterns)
        return [slug for slug in self.jobs() if any(fnmatchcase(slug, pattern) for pattern in wanted)]

    def tallies(self, days: Collection[str] | None = None) -> dict[str, RunTally]:
        """Return by job the counts of ended runs whose last line is of these days (YYYY-MM-DD); None: of all days."""
        return self._database.answered(lambda: tallies.tallies(self._database.connection(), days))

    def days(self) -> list[str]:
        """Return the days of the journal, rising."""
        return self._database.answered(lambda: tallies.days_of_journal(self._database.connection()))

    def newest_days(self) -> set[str]:
        """Return the two newest days on which a run ended or began."""
        return self._database.answered(lambda: tallies.newest_days(self._database.connection()))

    def garbled(self) -> list[Garbled]:
        """Return the journal files with lines that are no records, and how many."""
        places = self._database.answered(lambda: places_in(self._database.connection()))
        newest = sorted({place.day for place in places})[-2:]  # their end may still be being written
        counts = [(place.file, place.garbled + (place.has_torn_end and place.day not in newest)) for place in places]
        return [Garbled(file, lines) for file, lines in counts if lines]

    def edited_files(self) -> list[str]:
        """Return the journal files that were written to since they were read, and did not grow: as an editor does."""
        return self._database.answered(self._database.edited_files) if self._database.has_journal() else []

    def _runs(
        self,
        jobs: Sequence[str] | None,
        since: str | None,
        outcomes: Sequence[str] | None,
        limit: int | None,
        before: tuple[str, str] | None,
    ) -> list[Run]:
        conditions: list[str] = []
        values: list[str] = []
        if before is not None:
            conditions.append("(started_at, run_id) < (?, ?)")
            values.extend(before)
        if since is not None:
            conditions.append("started_at >= ?")
            values.append(since)
        if outcomes is not None:
            # a run without a recorded end may be lost or running: decided below
            conditions.append(f"(outcome IS NULL OR outcome IN ({', '.join('?' * len(outcomes))}))")
            values.extend(outcomes)
        count = -1 if limit is None else limit
        if outcomes is not None and limit is not None:
            count += len(self._database.rows(WITHOUT_END))
        if jobs is None:
            rows = list(self._newest(conditions, values, count))
        else:
            slugs = self._jobs_named(jobs)
            each = [self._newest([*conditions, "job = ?"], [*values, slug], count) for slug in slugs]
            rows = list(merge(*each, key=_age, reverse=True))
            rows = rows if count < 0 else rows[:count]
        runs = self._ended_or_not(rows)
        if outcomes is not None:
            runs = [run for run in runs if (run.outcome or "running") in outcomes]
        return runs if limit is None else runs[:limit]

    def _jobs_named(self, words: Sequence[str]) -> list[str]:
        """Return the jobs that slugs and globs stand for, by name; only a glob needs a look at all of them."""
        found = {word for word in words if is_slug(word)}
        globs = [word for word in words if word not in found]
        if globs:
            known = [slug for (slug,) in self._database.rows(JOBS)]
            found.update(slug for slug in known if any(fnmatchcase(slug, glob) for glob in globs))
        return sorted(found)

    def _newest(self, conditions: list[str], values: list[str], count: int) -> Iterator[FoundRow]:
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return iter(self._database.rows(NEWEST.format(where=where), (*values, count)))

    def _runs_by_id(self, run_ids: Sequence[str]) -> dict[str, Run]:
        rows: list[FoundRow] = []
        for first in range(0, len(run_ids), 500):
            part = run_ids[first : first + 500]
            marks = ", ".join("?" * len(part))
            rows += self._database.rows(f"SELECT {SELECTED} FROM run WHERE run_id IN ({marks})", part)
        return {run.run_id: run for run in self._ended_or_not(rows)}

    def _find(self, prefix: str, limit: int) -> list[Run]:
        rows = self._database.rows(BY_ID, (prefix, prefix + "~", limit))
        return self._ended_or_not(rows)

    # --- runs without a recorded end -------------------------------------------------------------------------------

    def _ended_or_not(self, rows: list[FoundRow]) -> list[Run]:
        """Return the runs of rows. One without an end is running, or has its end in the block only, or is lost.

        A run that seems lost may have ended since the journal was folded: then the journal is read again. Each runner
        is looked for once: one that ends after that was running.
        """
        lost = {_id(row) for row in rows if _outcome(row) is None and not self._is_running(Row._make(row))}
        if lost:
            self._database.fold()
            rows = [self._reread(Row._make(row)) if _id(row) in lost else row for row in rows]
        return [
            self._run(Row._make(row)) if _outcome(row) is None and _id(row) in lost else run_of_row(row) for row in rows
        ]

    def _reread(self, row: Row) -> FoundRow:
        found = self._database.rows(BY_ID, (row.run_id, row.run_id + "~", 1))
        return found[0] if found else row

    def _run(self, row: Row) -> Run:
        """Return a run without a recorded end, and without a runner."""
        block = self._read_block(self.state_directory, row.job)
        end = block.get("end") if block and block.get("run_id") == row.run_id else None
        if isinstance(end, dict) and is_sound(END, end):
            values = run_values(end)
            if fit_columns(values):
                return run_of_values(values)
        lost = lost_end({"boot_id": row.boot_id}, now="", boot_id=proc.boot_id())
        of_end = {name: lost[name] for name in ("outcome", "reason", "detail")}
        return run_of_values({**row._asdict(), **of_end, "pid": None})

    def _is_running(self, row: Row) -> bool:
        """Return whether the runner of a row without an end is alive."""
        if row.pid is None:
            return False
        return self._runner_is_alive({name: getattr(row, name) for name in ("pid", "pid_start", "boot_id", "pid_ns")})

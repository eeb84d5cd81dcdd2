"""Lines of the journal, compared with what the index has of them: which were changed, and which are missing.

The database is read as it was left, nothing is folded: that would take a changed journal for the true one.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from process_control.core import layout
from process_control.history.index.database import SCHEMA_VERSION, quoted
from process_control.history.index.fast_lines import Garbled, Lines
from process_control.history.index.folding import key_of
from process_control.history.index.rows import FAULT, JOB, RUN_ID, SKIP, SQL, START, filled_columns

#: Columns that an end never changes.
_SETTLED = ("job", "started_at")
#: Columns that a later record of the same run may change.
_ADDED_LATER = ("health_fault", "record_fault")
_OFFSET = "SELECT max(offset) FROM folded WHERE file IN (?, ?)"
_RUNS = "SELECT run_id, job, started_at, outcome FROM run WHERE day = ? ORDER BY started_at, run_id"
_EVENTS = "SELECT key, job, at, event FROM event WHERE day = ? ORDER BY at, key"


@dataclass(slots=True)
class Differences:
    """Where the journal and the index are not the same."""

    #: Numbers of lines, from 1, each with what is wrong, without anything that a job printed.
    lines: list[tuple[int, str]] = field(default_factory=list)
    #: What the index has, and no line of the day.
    missing: list[str] = field(default_factory=list)


def differences(
    state_directory: str, day: str, blocks: Iterable[bytes], *, first_byte: int, last_byte: int
) -> Differences | None:
    """Return the differences in the lines of a day that begin from `first_byte` to before `last_byte`.

    What is missing is looked for in the whole day. None when there is no index that can be read.
    """
    path = f"file:{quoted(layout.index(state_directory))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(path, uri=True)) as database:
            [version] = database.execute("PRAGMA user_version").fetchone()
            if version != SCHEMA_VERSION:
                return None
            return _Comparison(database, day).compare(blocks, first_byte, last_byte)
    except sqlite3.DatabaseError:
        return None


class _Comparison:
    """The comparison of one day."""

    def __init__(self, database: sqlite3.Connection, day: str) -> None:
        self._database = database
        self._day = day
        self._lines = Lines()
        self._runs: set[str] = set()
        self._keys: set[int] = set()

    def compare(self, blocks: Iterable[bytes], first_byte: int, last_byte: int) -> Differences:
        found = Differences()
        [read_to] = self._database.execute(_OFFSET, [f"{self._day}{suffix}" for suffix in layout.DAYS]).fetchone()
        for number, (offset, line) in enumerate(_numbered(blocks), start=1):
            wrong = self._wrong_with(line) if line.strip(b" \0\r") else None
            if wrong is not None and first_byte <= offset < last_byte and offset < (read_to or 0):
                found.lines.append((number, wrong))
        found.missing += self._missing()
        return found

    def _wrong_with(self, line: bytes) -> str | None:
        try:
            read = self._lines.read(line.strip(b" \0\r"))
        except Garbled:
            return "is no record"
        if read is None:
            return None  # the index keeps none of this kind
        event, row = read
        if event in SQL:
            self._runs.add(row[RUN_ID])
            return self._wrong_with_run(event, row)
        key = key_of(line)
        self._keys.add(key)
        is_known = self._database.execute("SELECT 1 FROM event WHERE key = ?", (key,)).fetchone()
        job = f" of {row[2]}" if row[2] else ""
        return None if is_known else f"{event}{job}: the index has no such line"

    def _wrong_with_run(self, event: str, row: tuple[Any, ...]) -> str | None:
        columns = filled_columns(event)
        names = ", ".join(name for name, _ in columns)
        kept = self._database.execute(f"SELECT outcome, {names} FROM run WHERE run_id = ?", (row[RUN_ID],)).fetchone()
        what = f"{event} of {row[JOB]}, run {row[RUN_ID]}"
        if kept is None:
            return f"{what}: the index has no such run"
        settled = _SETTLED if _is_overwritten(event, kept[0]) else None
        other = [
            name
            for (name, number), value in zip(columns, kept[1:], strict=True)
            if value != row[number - 1] and name not in _ADDED_LATER and (settled is None or name in settled)
        ]
        return f"{what}: the index has another {', '.join(other)}" if other else None

    def _missing(self) -> Iterator[str]:
        for run_id, job, started_at, outcome in self._database.execute(_RUNS, (self._day,)):
            if run_id not in self._runs:
                yield f"run {run_id} of {job}, {started_at}, {outcome or 'without an end'}"
        for key, job, at, event in self._database.execute(_EVENTS, (self._day,)):
            if key not in self._keys:
                yield f"{event}{f' of {job}' if job else ''}, {at}"


def _is_overwritten(event: str, outcome: str | None) -> bool:
    """Return whether a run with this outcome has the values of its end, in place of those of an earlier record."""
    return event == FAULT or (event == START and outcome is not None) or (event == SKIP and outcome != "skipped")


def _numbered(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines, each with the byte at which it begins."""
    rest, offset = b"", 0
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
    yield offset, rest

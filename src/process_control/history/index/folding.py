"""Folds the lines of one file of the journal into the index, one transaction for each block."""

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

from process_control.core.digest import blake2b
from process_control.history.index import summary
from process_control.history.index.clocks import ClockTrack
from process_control.history.index.rows import END, FAULT, JOB, RUN_ID, SKIP, SQL, START, with_day

MAX_LINE = 1 << 20

#: What SQLite raises for a text in place of a number, a list, a number of 80 digits, half a surrogate pair.
ODD_VALUES = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file of the journal is in the index."""

    file: str
    inode: int
    #: of the file when it was folded to its end; 0: that was not reached
    size: int
    #: up to where it is folded, of the uncompressed lines
    offset: int
    #: how many lines were no records
    garbled: int
    #: of the file when it was folded to its end: one that has changed since without growing was edited
    mtime_ns: int = 0

    @property
    def day(self) -> str:
        return self.file.partition(".")[0]

    @property
    def is_compressed(self) -> bool:
        return self.file.endswith(".gz")

    @property
    def has_torn_end(self) -> bool:
        return not self.is_compressed and self.offset < self.size


PLACE_COLUMNS = ", ".join(column.name for column in fields(Place))
KEEP_EVENT = "INSERT OR IGNORE INTO event (key, day, at, event, job, slot, record) VALUES (?, ?, ?, ?, ?, ?, ?)"
KEEP_PLACE = f"INSERT OR REPLACE INTO folded ({PLACE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"


def keep_place(database: sqlite3.Connection, place: Place) -> None:
    database.execute(KEEP_PLACE, astuple(place))


class Folding:
    """The folding of one journal file."""

    def __init__(self, database: sqlite3.Connection, place: Place, *, size: int, mtime_ns: int) -> None:
        from process_control.history.index.fast_lines import Garbled, Lines

        self._lines = Lines()
        self._garbage = Garbled
        self._database = database
        self._place = place
        self._day = place.day
        self._size = size
        self._mtime_ns = mtime_ns
        self._offset = place.offset
        self._garbled = place.garbled
        self._read: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._faults: list[tuple[Any, ...]] = []
        self._others: list[tuple[Any, ...]] = []
        self._clocks = ClockTrack(database)

    def fold_all(self, blocks: Iterator[bytes | None]) -> None:
        """Fold the lines of all blocks, one transaction for each. None is a block that could not be read."""
        rest = b""
        for block in blocks:
            if block is None:
                self._garbled += 1
                continue
            *lines, rest = (rest + block).split(b"\n")
            with self._database:
                for line in lines:
                    self._read_line(line)
                self._write()
                self._offset += sum(map(len, lines)) + len(lines)
                if len(rest) > MAX_LINE:
                    self._pass_over(rest)
                    rest = b""
                self._keep_place(size=0)
        with self._database:
            self._fold_end(rest)
            self._keep_place(size=self._size, mtime_ns=self._mtime_ns)

    def _fold_end(self, rest: bytes) -> None:
        """Fold what follows the last newline. Records begin with a newline, so the last one has none at its end.

        A torn record is not counted yet: it may still be being written, unless the file is compressed.
        """
        if not rest.strip(b" \0\r") or self._read_record(rest):
            self._write()
            self._offset += len(rest)
        elif self._place.is_compressed:
            self._pass_over(rest)

    def _pass_over(self, garbage: bytes) -> None:
        self._offset += len(garbage)
        self._garbled += 1

    def _keep_place(self, *, size: int, mtime_ns: int = 0) -> None:
        place = replace(self._place, size=size, offset=self._offset, garbled=self._garbled, mtime_ns=mtime_ns)
        if place != self._place:
            keep_place(self._database, place)

    def _read_line(self, line: bytes) -> None:
        if line.strip(b" \0\r") and not self._read_record(line):
            self._garbled += 1

    def _read_record(self, line: bytes) -> bool:
        """Keep one record for the next write. Return False if it is garbled. Unknown events are fine."""
        try:
            found = self._lines.read(line.strip(b" \0\r"))  # a power cut may leave zeros after a complete record
        except self._garbage:
            return False
        self._clocks.see(*self._lines.clocks)
        if found is not None:
            event, row = found
            if event not in SQL:
                self._others.append((key_of(line), self._day, *row))
            elif event == FAULT:  # it comes after the end, and adds to it
                self._faults.append(row)
            elif event == END or row[RUN_ID] not in self._read:
                self._read[row[RUN_ID]] = found
        return True

    def _write(self) -> None:
        """Write the records that were read: for each run its end if there is one, else its first record."""
        read, self._read = self._read, {}
        faults, self._faults = self._faults, []
        rows: dict[str, list[tuple[Any, ...]]] = {START: [], END: [], SKIP: [], FAULT: faults}
        for event, row in read.values():
            rows[event].append(with_day(event, row, self._day))
        for event, many in rows.items():
            try:
                self._database.executemany(SQL[event], many)
            except ODD_VALUES:
                self._write_one_by_one(event, many)
        self._database.executemany(KEEP_EVENT, self._others)
        self._others.clear()
        self._clocks.keep()
        self._database.executemany(summary.FORGET, {(row[JOB],) for _, row in read.values()})

    def _write_one_by_one(self, event: str, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            try:
                self._database.execute(SQL[event], row)
            except ODD_VALUES:
                self._garbled += 1


def key_of(line: bytes) -> int:
    """Return a number for a line, so that one that is read twice is kept once."""
    return int.from_bytes(blake2b(line, digest_size=8).digest(), "big", signed=True)

"""Reads what is appended to the journal from now on."""

import os

from process_control.core import layout
from process_control.history.journal_reader import Record, record_of_line
from process_control.system.plain_file import open_plain

PLAIN = layout.DAYS[0]
READ_BYTES = 4 << 20


class JournalTail:
    """The journal from the moment on at which this is made."""

    def __init__(self, state_directory: str) -> None:
        self._state_directory = state_directory
        self._read = dict(self._sizes())

    def records(self) -> list[Record]:
        """Return the records that were appended since the last call. A day that cannot be read has none."""
        found: list[Record] = []
        sizes = self._sizes()
        for name, size in sizes:
            begin = self._read.get(name, 0)
            if size > begin:
                records, self._read[name] = self._records(name, begin)
                found += records
        self._read = {name: self._read.get(name, 0) for name, _ in sizes}
        return found

    def _sizes(self) -> list[tuple[str, int]]:
        """Return the days that are not compressed, oldest first, with their sizes."""
        directory = layout.journal(self._state_directory)
        try:
            with os.scandir(directory) as entries:
                return sorted((entry.name, entry.stat().st_size) for entry in entries if entry.name.endswith(PLAIN))
        except OSError:
            return []

    def _records(self, name: str, begin: int) -> tuple[list[Record], int]:
        """Return the records from `begin` on, and how far they go: a last line that is no record may not be whole."""
        try:
            with open_plain(layout.journal_file(self._state_directory, name)) as file:
                text = os.pread(file.fileno(), READ_BYTES, begin)
        except OSError:
            return [], begin
        *lines, last = text.split(b"\n")
        records = [record for line in lines if (record := record_of_line(line)) is not None]
        record = record_of_line(last)
        if record is not None:
            return [*records, record], begin + len(text)
        return records, begin + len(text) - len(last)

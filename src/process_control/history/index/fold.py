"""Folds the journal into the index, file by file: new lines are added, and days that are gone are removed."""

import os
import sqlite3
from collections.abc import Callable, Iterator

from process_control.core import layout
from process_control.history.compressed_day import decompressed
from process_control.history.index import summary
from process_control.history.index.folding import PLACE_COLUMNS, Folding, Place, keep_place
from process_control.system.plain_file import open_plain

BLOCK_BYTES = 8 << 20

FORGET_PLACE = "DELETE FROM folded WHERE file = ?"
FORGET_DAY = "DELETE FROM run WHERE day = ?"
FORGET_EVENTS = "DELETE FROM event WHERE day = ?"
FORGET_BOOTS = "DELETE FROM boot WHERE last_at < ?"
FORGET_STEPS = "DELETE FROM clock_step WHERE max(before, after) < ?"
FORGET_JOBS = "DELETE FROM job WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.job = job.slug)"
PLACES = f"SELECT {PLACE_COLUMNS} FROM folded"

Progress = Callable[[int, int], None]


def fold_journal(database: sqlite3.Connection, journal: str, *, progress: "Progress | None" = None) -> None:
    """Add what is new in the directory `journal`, and remove days that are gone.

    `progress` is called with the bytes that are done and the bytes to do. Raises OSError, sqlite3.Error.
    """
    places = {place.file: place for place in places_in(database)}
    files = _journal_files(journal)
    if any(_is_other_file(places[name], status, journal) for name, status in files.items() if name in places):
        places = {}
        _empty(database)
    _forget_days(database, places, files)
    done, everything = 0, sum(_bytes_left(places.get(name), status) for name, status in files.items())
    for name, status in files.items():
        place = places.get(name) or _compressed_since(name, status, places, journal)
        if place is None or place.size != status.st_size:
            _fold_file(database, os.path.join(journal, name), place or Place(name, status.st_ino, 0, 0, 0), status)
            done += _bytes_left(place, status)
            if progress is not None:
                progress(done, everything)
        elif name not in places:
            with database:
                keep_place(database, place)


def places_in(database: sqlite3.Connection) -> list[Place]:
    """Return how far each file of the journal is in the index."""
    return [Place(*row) for row in database.execute(PLACES)]


def edited_files(database: sqlite3.Connection, journal: str) -> list[str]:
    """Return the files that were written to after they were folded to their end, and did not grow. Raises OSError."""
    files, found = _journal_files(journal), []
    for place in places_in(database):
        status = files.get(place.file)
        if status is not None and place.size == status.st_size and place.mtime_ns != status.st_mtime_ns:
            found.append(place.file)
    return found


def _forget_days(database: sqlite3.Connection, places: dict[str, Place], files: dict[str, os.stat_result]) -> None:
    """Remove what is no longer in the journal: expired days, and files that were compressed."""
    gone = [place for name, place in places.items() if name not in files]
    if not gone:
        return
    days = {name.partition(".")[0] for name in files}
    with database:
        for place in gone:
            database.execute(FORGET_PLACE, (place.file,))
        vanished = {place.day for place in gone} - days
        for day in vanished:
            database.execute(FORGET_DAY, (day,))
            database.execute(FORGET_EVENTS, (day,))
        if vanished:
            database.execute(FORGET_JOBS)
            database.execute(summary.FORGET_ALL)
            oldest = min(days, default="~")
            database.execute(FORGET_BOOTS, (oldest,))
            database.execute(FORGET_STEPS, (oldest,))


def _fold_file(database: sqlite3.Connection, path: str, place: Place, status: os.stat_result) -> None:
    if place.is_compressed:
        place = Place(place.file, status.st_ino, 0, 0, 0)
        blocks = decompressed(path)
    else:
        blocks = _blocks(path, place.offset)
    Folding(database, place, size=status.st_size, mtime_ns=status.st_mtime_ns).fold_all(blocks)


def _empty(database: sqlite3.Connection) -> None:
    with database:
        for table in ("run", "job", "event", "boot", "clock_step", "folded"):
            database.execute(f"DELETE FROM {table}")


def _journal_files(directory: str) -> dict[str, os.stat_result]:
    """Return the journal's files by day; a compressed file before the later lines of its day."""
    found = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(layout.DAYS) and entry.is_file(follow_symlinks=False):
                found[entry.name] = entry.stat(follow_symlinks=False)
    return {
        name: found[name] for name in sorted(found, key=lambda name: (name.partition(".")[0], not name.endswith(".gz")))
    }


def _is_other_file(place: Place, status: os.stat_result, directory: str) -> bool:
    """Return whether the file is not the one that was folded: it was replaced, or was shorter in between.

    A power cut may take a record that was read before it was on the disk.
    """
    if place.file.endswith(".gz"):
        return False  # is read anew when its size differs
    if place.inode != status.st_ino or place.offset > status.st_size:
        return True
    if not place.offset or place.size == status.st_size:
        return False
    with open_plain(os.path.join(directory, place.file)) as file:
        around = os.pread(file.fileno(), 2, place.offset - 1)
    return len(around) == 2 and b"\n" not in around


def _compressed_since(name: str, status: os.stat_result, places: dict[str, Place], directory: str) -> Place | None:
    """Return the place of a compressed file that was folded to its end before it was compressed."""
    if not name.endswith(".gz"):
        return None
    before = places.get(name.removesuffix(".gz"))
    if before is None or os.path.exists(os.path.join(directory, before.file)):
        return None
    with open_plain(os.path.join(directory, name)) as file:
        file.seek(-min(4, status.st_size), os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
    if length != before.offset:
        return None
    return Place(name, status.st_ino, status.st_size, before.offset, before.garbled, status.st_mtime_ns)


def _bytes_left(place: Place | None, status: os.stat_result) -> int:
    """Return about how many bytes of a file are to be folded; 0 for an unchanged one."""
    if place is None or place.is_compressed:
        return 0 if place is not None and place.size == status.st_size else status.st_size
    return max(0, status.st_size - place.offset)


def _blocks(path: str, offset: int) -> Iterator[bytes | None]:
    with open_plain(path) as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            yield block

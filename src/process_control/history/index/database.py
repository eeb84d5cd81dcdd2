"""The database of the index: it is opened, sealed, and rebuilt when it is not as we left it.

The seal file has inode, size and times of the database as we left it. If they differ, if the version differs, or if
SQLite finds the database malformed, it is rebuilt silently. WAL is not used: with its second and third file a deleted
database is dangerous. A process that may not write here, or finds the disk full, uses a copy in memory.

Writers take turns by a lock file that only the owner can open. Readers take no lock: they copy the database, and check
seal and database again. Whoever can open a file can lock it, so every wait for a lock is short.
"""

import fcntl
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from process_control.core import layout
from process_control.history.index import summary
from process_control.history.index.fold import Progress, edited_files, fold_journal
from process_control.history.index.rows import run_table

#: Changes with the columns of runs. Change the 12 when other tables change, or the meaning of a column.
SCHEMA_VERSION = zlib.crc32(run_table().encode("ascii") + b"12") >> 1
#: How long SQLite waits for its own lock, which any reader may hold.
BUSY_SECONDS = 0.5
WRITER_LOCK_SECONDS = 5.0
WRITER_BUSY_SECONDS = 1.0
_POLL_SECONDS = 0.02
T = TypeVar("T")

DISK_TROUBLES = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


class SealedDatabase:
    """The index of the journal of one state directory."""

    def __init__(self, state_directory: str) -> None:
        self._journal = layout.journal(state_directory)
        self._path = layout.index(state_directory)
        self._database: sqlite3.Connection | None = None
        self._in_memory = False
        self._progress: Progress | None = None

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def answered(self, question: Callable[[], T]) -> T:
        """Return `question()`; from a new index if SQLite finds the old one malformed."""
        try:
            return question()
        except sqlite3.DatabaseError as error:
            if self._in_memory:
                raise
            if _is_disk_error(error):
                self._open_in_memory()
            else:
                self._build_again()
        return question()

    def connection(self) -> sqlite3.Connection:
        """Return the connection, which is opened if necessary. It may be another one after the next call."""
        if self._database is None:
            self.open()
        if self._database is None:
            raise sqlite3.ProgrammingError("the index is closed")
        return self._database

    def edited_files(self) -> list[str]:
        """Return the files of the journal that were edited since they were read. Raises OSError."""
        return edited_files(self.connection(), self._journal)

    def rows(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Raises sqlite3.DatabaseError, see `answered`."""
        return self.connection().execute(question, values).fetchall()

    def open(self, *, progress: Progress | None = None) -> None:
        """Open the database and add what is new in the journal. `progress`: see `fold_journal`."""
        self._progress = progress
        try:
            self._open()
        finally:
            self._progress = None

    def _open(self) -> None:
        if not self.has_journal():
            self._open_empty()
            return
        try:
            with self._sealed():
                self._fold()
        except OSError:
            self._open_in_memory()
        except sqlite3.DatabaseError as error:
            if _is_disk_error(error):
                self._open_in_memory()
            else:
                self._build_again()

    def update(self) -> bool:
        """Bring the file up to date for those who read it later, and close it; return whether that was possible.

        Unlike `open` it builds nothing in memory, and repairs nothing: the next reader does.
        """
        try:
            if self.has_journal():
                with self._sealed():
                    self._fold()
        except (OSError, sqlite3.DatabaseError):
            return False
        finally:
            self.close()
        return True

    def has_journal(self) -> bool:
        """Return whether there is a journal. Raises PermissionError rather than report an empty history."""
        try:
            os.stat(self._journal)
        except FileNotFoundError:
            return False
        return True

    def fold(self) -> None:
        """Add what was recorded since the index was opened."""
        if self._database is None or not self.has_journal():
            return
        if self._in_memory:
            self._fold()
            return
        self.close()
        self.open()

    def _build_again(self) -> None:
        self.close()
        try:
            with self._sealed(anew=True):
                self._fold()
        except (sqlite3.DatabaseError, OSError):
            self._open_in_memory()

    def _open_empty(self) -> sqlite3.Connection:
        self.close()
        self._in_memory = True
        self._database = _connect(":memory:")
        _make_tables(self._database)
        return self._database

    def _open_in_memory(self) -> None:
        """Copy the file into memory if it can be read, and add the rest of the journal; nothing is written."""
        try:
            self._copy_into(self._open_empty())
        except (OSError, sqlite3.DatabaseError):
            self._open_empty()
        self._fold()
        if _version(self.connection()) != SCHEMA_VERSION:
            _finish(self.connection())

    def _copy_into(self, database: sqlite3.Connection) -> None:
        """Copy the sealed file. Raises OSError when it is not sealed, or has changed meanwhile."""
        before = self._sealed_state()
        # Without SQLite's locks too: we may have no right to make the files that they need.
        with closing(_connect(f"file:{quoted(self._path)}?mode=ro&immutable=1")) as kept:
            if _version(kept) == SCHEMA_VERSION:
                kept.backup(database)
        if self._sealed_state() != before:
            raise BlockingIOError

    def _sealed_state(self) -> bytes:
        """Return what identifies this state of the file, after a short wait for a writer. Raises OSError.

        That is the seal and SQLite's change counter (bytes 24 to 27 of the file), since times of files are coarse.
        """
        until = time.monotonic() + WRITER_BUSY_SECONDS
        while True:
            is_written_now = os.path.exists(self._path + "-journal")
            seal = Path(self._path + ".seal").read_bytes()
            if seal == self._seal_text() and not is_written_now:
                with open(self._path, "rb") as file:
                    return seal + file.read(100)[24:28]
            if not is_written_now or time.monotonic() > until:
                raise BlockingIOError
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _sealed(self, *, anew: bool = False) -> Iterator[None]:
        """Open the database as the only writer, and seal it afterwards. It is emptied unless it is as we left it."""
        seal = os.open(self._path + ".seal", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        alone = -1
        try:
            alone = _writer_lock(self._path + ".lock")
            is_ours = not anew and os.pread(seal, 256, 0) == self._seal_text()
            if is_ours and self._connect_file() == SCHEMA_VERSION:
                try:
                    yield
                finally:
                    if self._database is not None and self._database.total_changes:  # else it was not us
                        self._seal(seal)
            else:
                os.ftruncate(seal, 0)
                try:
                    self._start_anew()
                    yield
                    _finish(self.connection())
                except BaseException:
                    self._remove()  # half an index is of no use
                    raise
                self._seal(seal)
        finally:
            if alone >= 0:
                os.close(alone)
            os.close(seal)

    def _start_anew(self) -> None:
        """Make an empty database, without safety against crashes: until it is sealed nobody uses it."""
        self._remove()
        self._connect_file()
        database = self.connection()
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        _make_tables(database)

    def _remove(self) -> None:
        self.close()
        for path in (self._path, self._path + "-journal", self._path + "-wal", self._path + "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _seal(self, seal: int) -> None:
        text = self._seal_text()
        if os.pread(seal, 256, 0) != text:
            os.pwrite(seal, text, 0)
            os.ftruncate(seal, len(text))

    def _seal_text(self) -> bytes:
        try:
            status = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return b"none\n"
        facts = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return (" ".join(map(str, facts)) + "\n").encode("ascii")

    def _connect_file(self) -> int:
        """Connect to the database, which is made if it is missing; return its version."""
        self.close()
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640))
        self._database = _connect(f"file:{quoted(self._path)}?mode=rw")
        self._in_memory = False
        return _version(self._database)

    def _fold(self) -> None:
        database = self.connection()
        fold_journal(database, self._journal, progress=self._progress)
        if _version(database) == SCHEMA_VERSION:  # else there are no indexes yet: see _finish
            summary.store_summaries(database)


def _writer_lock(path: str) -> int:
    """Return a descriptor that holds the writers' lock. Raises OSError after WRITER_LOCK_SECONDS."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + WRITER_LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise
        time.sleep(_POLL_SECONDS)


def _is_disk_error(error: sqlite3.DatabaseError) -> bool:
    """Return whether the disk, a permission or a reader caused the error, so that the index itself may be sound."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in DISK_TROUBLES


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, uri=path.startswith("file:"))
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute("PRAGMA cache_size = -65536")
    return database


def quoted(path: str) -> str:
    return "".join(f"%{ord(char):02x}" if char in "%?#" else char for char in path)


def _version(database: sqlite3.Connection) -> int:
    [version] = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def _sql(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def _make_tables(database: sqlite3.Connection) -> None:
    database.execute(run_table())
    database.executescript(_sql("schema.sql"))


def _finish(database: sqlite3.Connection) -> None:
    """Add the SQL indexes to a database that was loaded, set its version, which marks it complete, and sync it."""
    database.executescript(_sql("indexes.sql"))
    summary.store_summaries(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA synchronous = NORMAL")
    [[_, _, path]] = database.execute("PRAGMA database_list").fetchall()
    if path:
        with open(path, "rb") as file:
            os.fsync(file.fileno())

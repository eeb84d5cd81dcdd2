"""The database of the index: opened, sealed, built again when it is not as we left it.

A seal beside it (inode, size and times of the database as we left it) tells whether anybody else touched it; then, or
when its version is another one, or SQLite finds it malformed, it is built again, silently. Not WAL: its second and
third file make a deleted database dangerous. Who may not write here, or finds the disk full, gets a copy in memory.

Writers are one at a time by a lock of their own, which only the owner can open. Readers take no lock: they copy the
file and look at seal and file again. Whoever can open a file can hold it, so nobody waits for long on any.
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
from process_control.history.index.fold import Told, fold_journal
from process_control.history.index.rows import run_table

SCHEMA_VERSION = zlib.crc32(run_table().encode("ascii") + b"10") >> 1
"""Another one whenever a column comes or goes. Change the 10 when other tables do, or what a column means."""
BUSY_SECONDS = 0.5
"""How long SQLite waits for its own lock: it is no secret of the owner's, a reader may hold it."""
ALONE_SECONDS = 5.0
AT_WORK_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.02
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
    """The journal of one state directory, folded into SQLite."""

    def __init__(self, state_directory: str) -> None:
        self._journal = layout.journal(state_directory)
        self._path = layout.index(state_directory)
        self._database: sqlite3.Connection | None = None
        self._in_memory = False
        self._told: Told | None = None

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def answered(self, question: Callable[[], T]) -> T:
        """Return the answer; from a new index when SQLite finds the old one malformed."""
        try:
            return question()
        except sqlite3.DatabaseError as error:
            if self._in_memory:
                raise
            if _is_of_the_disk(error):
                self._open_in_memory()
            else:
                self._build_again()
        return question()

    def connection(self) -> sqlite3.Connection:
        """Return the connection, opened when it is not. It may be another one after the next call."""
        if self._database is None:
            self.open()
        if self._database is None:
            raise sqlite3.ProgrammingError("the index is closed")
        return self._database

    def rows(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return what SQL answers. Raises sqlite3.DatabaseError, see `answered`."""
        return self.connection().execute(question, values).fetchall()

    def open(self, *, told: Told | None = None) -> None:
        """Open the database, with all that is in the journal by now. `told`: see `fold_journal`."""
        self._told = told
        try:
            self._open()
        finally:
            self._told = None

    def _open(self) -> None:
        if not self._has_journal():
            self._open_empty()
            return
        try:
            with self._sealed():
                self._fold()
        except OSError:
            self._open_in_memory()
        except sqlite3.DatabaseError as error:
            if _is_of_the_disk(error):
                self._open_in_memory()
            else:
                self._build_again()

    def _has_journal(self) -> bool:
        """Whether anything ever ran here. Raises PermissionError rather than tell an empty history."""
        try:
            os.stat(self._journal)
        except FileNotFoundError:
            return False
        return True

    def fold(self) -> None:
        """Fold what came since the index was opened."""
        if self._database is None or not self._has_journal():
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
        """Take what the file holds, when it can be read, and fold the rest without writing anything."""
        try:
            self._copy_into(self._open_empty())
        except (OSError, sqlite3.DatabaseError):
            self._open_empty()
        self._fold()
        if _version(self.connection()) != SCHEMA_VERSION:
            _finish(self.connection())

    def _copy_into(self, database: sqlite3.Connection) -> None:
        """Copy the file as it was sealed. Raises OSError when it is not sealed, or changed meanwhile."""
        before = self._as_sealed()
        # Without SQLite's locks too: we may have no right to make the files that they need.
        with closing(_connect(f"file:{_quoted(self._path)}?mode=ro&immutable=1")) as kept:
            if _version(kept) == SCHEMA_VERSION:
                kept.backup(database)
        if self._as_sealed() != before:
            raise BlockingIOError

    def _as_sealed(self) -> bytes:
        """Return what tells this state of the file from any other, waiting a little for who writes it. Raises OSError.

        The seal, and the count of changes from the head of the file: times of files are coarse.
        """
        until = time.monotonic() + AT_WORK_SECONDS
        while True:
            is_written_now = os.path.exists(self._path + "-journal")
            seal = Path(self._path + ".seal").read_bytes()
            if seal == self._seal_text() and not is_written_now:
                with open(self._path, "rb") as file:
                    return seal + file.read(100)[24:28]
            if not is_written_now or time.monotonic() > until:
                raise BlockingIOError
            time.sleep(_LOOK_AGAIN_SECONDS)

    @contextmanager
    def _sealed(self, *, anew: bool = False) -> Iterator[None]:
        """Open the database for writing, alone; an empty one unless it is as we left it. Seal it afterwards."""
        seal = os.open(self._path + ".seal", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        alone = -1
        try:
            alone = _alone(self._path + ".lock")
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
                    self._remove()  # half an index would only take room
                    raise
                self._seal(seal)
        finally:
            if alone >= 0:
                os.close(alone)
            os.close(seal)

    def _start_anew(self) -> None:
        """Make an empty database that is built as fast as can be: until it is sealed nobody trusts it."""
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
        """Connect to the database, made when it is not there; return its version."""
        self.close()
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640))
        self._database = _connect(f"file:{_quoted(self._path)}?mode=rw")
        self._in_memory = False
        return _version(self._database)

    def _fold(self) -> None:
        database = self.connection()
        fold_journal(database, self._journal, told=self._told)
        if _version(database) == SCHEMA_VERSION:  # else there are no indexes yet: see _finish
            summary.keep_glances(database)


def _alone(path: str) -> int:
    """Return a descriptor that holds the lock of writers. Raises OSError when it is not had within some seconds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + ALONE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise
        time.sleep(_LOOK_AGAIN_SECONDS)


def _is_of_the_disk(error: sqlite3.DatabaseError) -> bool:
    """Whether the disk (or a right, or another reader) is in the way, so that the index may well be sound."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in DISK_TROUBLES


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, uri=path.startswith("file:"))
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute("PRAGMA cache_size = -65536")
    return database


def _quoted(path: str) -> str:
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
    """Make the indexes of a database that was loaded, have it on the disk, and say that it is complete."""
    database.executescript(_sql("indexes.sql"))
    summary.keep_glances(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA synchronous = NORMAL")
    [[_, _, path]] = database.execute("PRAGMA database_list").fetchall()
    if path:
        with open(path, "rb") as file:
            os.fsync(file.fileno())

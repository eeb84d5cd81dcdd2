"""The index of the journal: what ran, found fast. Folded from the journal by whoever looks, never by a run.

It holds nothing that the journal does not, so it may be deleted at any time. A seal beside it (inode, size and times
of the database as we left it) tells whether anybody else touched it; then, or when its version is another one, or
SQLite finds it malformed, it is built again, silently. Rows and the place up to which the journal is folded change in
one transaction; each run is one row by its id, so folding a line twice changes nothing. Not WAL: its second and third
file make a deleted database dangerous. Who may not write here, or finds the disk full, gets a copy in memory.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from process_control.history import glance, record
from process_control.history.folding import Folding, Place, keep_place
from process_control.history.glance import Glance, Mark
from process_control.history.lost import lost_end
from process_control.history.packed_day import decompressed
from process_control.history.run_rows import END, fit_their_columns, is_sound, run_values
from process_control.system import proc
from process_control.system.plain_file import open_plain

SCHEMA_VERSION = 6
BLOCK_BYTES = 8 << 20
BUSY_SECONDS = 30.0

FORGET_PLACE = "DELETE FROM folded WHERE file = ?"
FORGET_DAY = "DELETE FROM run WHERE day = ?"
FORGET_JOBS = "DELETE FROM job WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.job = job.slug)"
PLACES = "SELECT file, inode, size, offset, garbled FROM folded"
JOBS = "SELECT slug FROM job ORDER BY slug"
COLUMNS = """run_id, job, at, outcome, duration_seconds, ended_at, trigger, scheduled_at, reason, detail, exit_code,
             signal, attempts, stdout_bytes, stderr_bytes, log_dropped_bytes, cpu_seconds, memory_bytes, log,
             slow_start, by, host, version, verdict, decided_by, pid, pid_start, boot_id, pid_ns, read_bytes,
             written_bytes, cpu_of, memory_of"""
_COLUMN_NAMES = COLUMNS.replace(",", " ").split()
WITHOUT_END = f"SELECT {COLUMNS} FROM run WHERE outcome IS NULL"
BY_ID = f"SELECT {COLUMNS} FROM run WHERE run_id >= ? AND run_id < ? ORDER BY run_id LIMIT ?"
NEWEST = f"SELECT {COLUMNS} FROM run {{where}} ORDER BY at DESC, run_id DESC LIMIT ?"
T = TypeVar("T")
Told = Callable[[int, int], None]


@dataclass(slots=True, kw_only=True)  # not frozen: lists make thousands, and that takes four times as long
class Run:
    """One run as the history tells it. `outcome` None: it goes on. Times are ISO 8601 UTC texts.

    `cpu_of` and `memory_of` say of what these two are: see `core.run.Facts`; None in records older than these words.
    """

    run_id: str
    job: str
    trigger: str | None
    scheduled_at: str | None
    started_at: str
    ended_at: str | None
    outcome: str | None
    reason: str | None
    exit_code: int | None
    signal: str | None
    duration_seconds: float | None
    detail: str | None
    attempts: list[dict[str, Any]]
    stdout_bytes: int | None
    stderr_bytes: int | None
    log_dropped_bytes: int | None
    cpu_seconds: float | None
    cpu_of: str | None
    memory_bytes: int | None
    memory_of: str | None
    read_bytes: int | None
    written_bytes: int | None
    log: str | None
    slow_start: bool
    by: str | None
    host: str | None
    version: str | None
    verdict: str | None
    decided_by: dict[str, Any] | None
    pid: int | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the run with the keys of every `--json` answer."""
        return {column.name: getattr(self, column.name) for column in fields(self)}


@dataclass(frozen=True, slots=True)
class Garbled:
    """Lines of a journal file that were passed over."""

    file: str
    lines: int


class Index:
    """The index, open and up to date. Use it with `with`.

    `Index.open` folds what is new. Every question is answered once more from a new index when SQLite finds the old
    one malformed.
    """

    def __init__(self, state_directory: str) -> None:
        self.state_directory = state_directory
        self._journal = os.path.join(state_directory, "journal")
        self._path = os.path.join(state_directory, "history.sqlite")
        self._database: sqlite3.Connection | None = None
        self._in_memory = False
        self._told: Told | None = None

    @classmethod
    def open(cls, state_directory: str, *, told: "Told | None" = None) -> "Index":
        """Return the index with all that is in the journal by now.

        `told` is called while that is folded, with the bytes that are done and those that there are to do.
        """
        index = cls(state_directory)
        index._told = told
        index._open()
        index._told = None
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    # --- questions -------------------------------------------------------------------------------------------------

    def runs(
        self,
        *,
        jobs: Sequence[str] | None = None,
        since: str | None = None,
        outcomes: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """Return runs, newest first. `jobs` are slugs or globs, `since` an ISO time, `outcomes` words of page 1.

        A run that goes on has the outcome `running` for this question.
        """
        return self._answered(lambda: self._runs(jobs, since, outcomes, limit))

    def latest(self, slugs: Iterable[str], *, count: int) -> dict[str, list[Mark]]:
        """Return (run id, outcome, duration) of the last `count` runs of each job, newest first."""
        wanted = list(slugs)
        return self._answered(
            lambda: {slug: self._read().execute(glance.MARKS, (slug, count)).fetchall() for slug in wanted}
        )

    def glances(self, slugs: Iterable[str]) -> dict[str, Glance]:
        """Return what is kept of these jobs' last runs; nothing of one with a run that goes on."""
        wanted = list(slugs)
        return self._answered(lambda: glance.kept_glances(self._read(), wanted))

    def runs_by_id(self, run_ids: Sequence[str]) -> dict[str, Run]:
        return self._answered(lambda: self._runs_by_id(run_ids))

    def find(self, prefix: str, *, most: int = 10) -> list[Run]:
        """Return the runs whose id begins with `prefix`, at most so many."""
        return self._answered(lambda: self._find(prefix, most))

    def open_runs(self) -> list[Run]:
        """Return the runs without a recorded end: they go on, or are lost."""
        return self._answered(lambda: self._ended_or_not(self._read().execute(WITHOUT_END).fetchall()))

    def jobs(self) -> list[str]:
        """Return the slugs of all jobs that the history knows, in order."""
        return self._answered(lambda: [slug for (slug,) in self._read().execute(JOBS)])

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the known slugs that match one of the slugs or globs, in order."""
        wanted = list(patterns)
        return [slug for slug in self.jobs() if any(fnmatchcase(slug, pattern) for pattern in wanted)]

    def garbled(self) -> list[Garbled]:
        """Return the journal files with lines that could not be read, and how many."""
        places = self._answered(lambda: [Place(*row) for row in self._read().execute(PLACES)])
        newest = sorted({place.day for place in places})[-2:]  # a torn end may still be in the writing there
        counts = [(place.file, place.garbled + (place.has_torn_end and place.day not in newest)) for place in places]
        return [Garbled(file, lines) for file, lines in counts if lines]

    def _runs(
        self, jobs: Sequence[str] | None, since: str | None, outcomes: Sequence[str] | None, limit: int | None
    ) -> list[Run]:
        conditions, values = [], []
        if since is not None:
            conditions.append("at >= ?")
            values.append(since)
        if outcomes is not None:
            # whoever has no recorded end may be lost or running: looked at below
            conditions.append(f"(outcome IS NULL OR outcome IN ({', '.join('?' * len(outcomes))}))")
            values.extend(outcomes)
        count = -1 if limit is None else limit
        if outcomes is not None and limit is not None:
            count += len(self._read().execute(WITHOUT_END).fetchall())
        if jobs is None:
            rows = list(self._newest(conditions, values, count))
        else:
            slugs = [slug for (slug,) in self._read().execute(JOBS) if any(fnmatchcase(slug, job) for job in jobs)]
            each = [self._newest([*conditions, "job = ?"], [*values, slug], count) for slug in slugs]
            rows = list(merge(*each, key=lambda row: (row[2], row[0]), reverse=True))
            rows = rows if count < 0 else rows[:count]
        runs = self._ended_or_not(rows)
        if outcomes is not None:
            runs = [run for run in runs if (run.outcome or "running") in outcomes]
        return runs if limit is None else runs[:limit]

    def _newest(self, conditions: list[str], values: list[str], count: int) -> Iterator[tuple[Any, ...]]:
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return iter(self._read().execute(NEWEST.format(where=where), (*values, count)).fetchall())

    def _runs_by_id(self, run_ids: Sequence[str]) -> dict[str, Run]:
        rows: list[tuple[Any, ...]] = []
        for first in range(0, len(run_ids), 500):
            part = run_ids[first : first + 500]
            marks = ", ".join("?" * len(part))
            rows += self._read().execute(f"SELECT {COLUMNS} FROM run WHERE run_id IN ({marks})", part).fetchall()
        return {run.run_id: run for run in self._ended_or_not(rows)}

    def _find(self, prefix: str, most: int) -> list[Run]:
        rows = self._read().execute(BY_ID, (prefix, prefix + "~", most)).fetchall()
        return self._ended_or_not(rows)

    # --- runs without a recorded end -------------------------------------------------------------------------------

    def _ended_or_not(self, rows: list[tuple[Any, ...]]) -> list[Run]:
        """Make runs of rows; what has no end goes on, or ended in the block only, or is lost.

        A run that seems lost may have ended since the journal was folded: look once more before saying so.
        """
        if any(row[3] is None and not _goes_on(row) for row in rows):
            self._fold()
            rows = [self._once_more(row) if row[3] is None else row for row in rows]
        return [self._run(row) for row in rows]

    def _once_more(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        found = self._read().execute(BY_ID, (row[0], row[0] + "~", 1)).fetchone()
        return found or row

    def _run(self, row: tuple[Any, ...]) -> Run:
        if row[3] is not None or _goes_on(row):
            return _run_from(row)
        block = record.read_block(self.state_directory, row[1])
        end = block.get("end") if block and block.get("run_id") == row[0] else None
        if isinstance(end, dict) and is_sound(END, end):
            values = run_values(end)
            if fit_their_columns(values):
                return _run_from(tuple([values.get(name) for name in _COLUMN_NAMES]))
        end = lost_end({"boot_id": row[27]}, now="", boot_id=proc.boot_id())
        return _run_from(
            (*row[:3], end["outcome"], *row[4:8], end["reason"], end["detail"], *row[10:25], *NO_RUNNER, *NOTHING_USED)
        )

    # --- opening and folding ---------------------------------------------------------------------------------------

    def _answered(self, question: Callable[[], T]) -> T:
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

    def _read(self) -> sqlite3.Connection:
        if self._database is None:
            self._open()
        if self._database is None:
            raise sqlite3.ProgrammingError("the index is closed")
        return self._database

    def _open(self) -> None:
        if not self._has_journal():
            self._open_empty()
            return
        try:
            with self._sealed():
                self._fold_into()
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

    def _fold(self) -> None:
        """Fold what came since the index was opened."""
        if self._database is None or not self._has_journal():
            return
        if self._in_memory:
            self._fold_into()
            return
        self.close()
        self._open()

    def _build_again(self) -> None:
        self.close()
        try:
            with self._sealed(anew=True):
                self._fold_into()
        except (sqlite3.DatabaseError, OSError):
            self._open_in_memory()

    def _open_empty(self) -> sqlite3.Connection:
        self.close()
        self._in_memory = True
        self._database = _connect(":memory:")
        self._database.executescript(_sql("schema.sql"))
        return self._database

    def _open_in_memory(self) -> None:
        """Take what the file holds, when it can be read, and fold the rest without writing anything."""
        try:
            self._copy_into(self._open_empty())
        except (OSError, sqlite3.DatabaseError):
            self._open_empty()
        self._fold_into()
        if _version(self._read()) != SCHEMA_VERSION:
            _finish(self._read())

    def _copy_into(self, database: sqlite3.Connection) -> None:
        seal = os.open(self._path + ".seal", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(seal, fcntl.LOCK_SH)
            if os.read(seal, 256) != self._seal_text():
                return
            with closing(_connect(f"file:{_quoted(self._path)}?mode=ro")) as kept:
                if _version(kept) == SCHEMA_VERSION:
                    kept.backup(database)
        finally:
            os.close(seal)

    @contextmanager
    def _sealed(self, *, anew: bool = False) -> Iterator[None]:
        """Open the database for writing, alone; an empty one unless it is as we left it. Seal it afterwards."""
        seal = os.open(self._path + ".seal", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(seal, fcntl.LOCK_EX)
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
                    _finish(self._read())
                except BaseException:
                    self._remove()  # half an index would only take room
                    raise
                self._seal(seal)
        finally:
            os.close(seal)

    def _start_anew(self) -> None:
        """Make an empty database that is built as fast as can be: until it is sealed nobody trusts it."""
        self._remove()
        self._connect_file()
        database = self._read()
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_sql("schema.sql"))

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

    def _fold_into(self) -> None:
        database = self._read()
        places = {place.file: place for place in (Place(*row) for row in database.execute(PLACES))}
        files = _journal_files(self._journal)
        if any(_is_another(places[name], status) for name, status in files.items() if name in places):
            places = {}
            _empty(database)
        self._forget_days(database, places, files)
        done, everything = 0, sum(_bytes_left(places.get(name), status) for name, status in files.items())
        for name, status in files.items():
            place = places.get(name) or _compressed_since(name, status, places, self._journal)
            if place is None or place.size != status.st_size:
                self._fold_file(database, place or Place(name, status.st_ino, 0, 0, 0), status)
                done += _bytes_left(place, status)
                if self._told is not None:
                    self._told(done, everything)
            elif name not in places:
                with database:
                    keep_place(database, place)
        if _version(database) == SCHEMA_VERSION:  # else there are no indexes yet: see _finish
            glance.keep_glances(database)

    def _forget_days(
        self, database: sqlite3.Connection, places: dict[str, Place], files: dict[str, os.stat_result]
    ) -> None:
        """Take out what is no longer in the journal: days past their time, files that were compressed."""
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
            if vanished:
                database.execute(FORGET_JOBS)
                database.execute(glance.FORGET_ALL)

    def _fold_file(self, database: sqlite3.Connection, place: Place, status: os.stat_result) -> None:
        path = os.path.join(self._journal, place.file)
        if place.is_compressed:
            place = Place(place.file, status.st_ino, 0, 0, 0)
            Folding(database, place, size=status.st_size).fold_all(decompressed(path))
        else:
            Folding(database, place, size=status.st_size).fold_all(_blocks(path, place.offset))


NO_RUNNER = (None, None, None, None)
NOTHING_USED = (None, None, None, None)


def _goes_on(row: tuple[Any, ...]) -> bool:
    """Whether the run of a row without an end still has its runner."""
    pid, pid_start, boot_id, pid_ns = row[25:29]
    if pid is None:
        return False
    return record.runner_is_alive({"pid": pid, "pid_start": pid_start, "boot_id": boot_id, "pid_ns": pid_ns})


def _attempts(text: str | None) -> list[dict[str, Any]]:
    return [each for each in json.loads(text) if isinstance(each, dict)] if text else []


def _run_from(row: tuple[Any, ...]) -> Run:
    return Run(
        run_id=row[0], job=row[1], started_at=row[2], outcome=row[3], duration_seconds=row[4], ended_at=row[5],
        trigger=row[6], scheduled_at=row[7], reason=row[8], detail=row[9], exit_code=row[10], signal=row[11],
        attempts=_attempts(row[12]), stdout_bytes=row[13], stderr_bytes=row[14],
        log_dropped_bytes=row[15], cpu_seconds=row[16], memory_bytes=row[17], log=row[18], slow_start=bool(row[19]),
        by=row[20], host=row[21], version=row[22], verdict=row[23],
        decided_by=json.loads(row[24]) if row[24] else None, pid=row[25], read_bytes=row[29], written_bytes=row[30],
        cpu_of=row[31], memory_of=row[32],
    )  # fmt: skip


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


def _finish(database: sqlite3.Connection) -> None:
    """Make the indexes of a database that was loaded, have it on the disk, and say that it is complete."""
    database.executescript(_sql("indexes.sql"))
    glance.keep_glances(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA synchronous = NORMAL")
    [[_, _, path]] = database.execute("PRAGMA database_list").fetchall()
    if path:
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def _empty(database: sqlite3.Connection) -> None:
    with database:
        for table in ("run", "job", "folded"):
            database.execute(f"DELETE FROM {table}")


def _journal_files(directory: str) -> dict[str, os.stat_result]:
    """Return the journal's files in the order of their days, a compressed one before what came later for that day."""
    found = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith((".jsonl", ".jsonl.gz")) and entry.is_file(follow_symlinks=False):
                found[entry.name] = entry.stat(follow_symlinks=False)
    return {
        name: found[name] for name in sorted(found, key=lambda name: (name.partition(".")[0], not name.endswith(".gz")))
    }


def _is_another(place: Place, status: os.stat_result) -> bool:
    """Whether the file is not the one that was folded: replaced, or shorter than what is known of it."""
    if place.file.endswith(".gz"):
        return False  # is read anew when its size differs
    return place.inode != status.st_ino or place.offset > status.st_size


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
    return Place(name, status.st_ino, status.st_size, before.offset, before.garbled)


def _bytes_left(place: Place | None, status: os.stat_result) -> int:
    """Return how much of a file is to be folded, about: of one that has not changed nothing, however it was read."""
    if place is None or place.is_compressed:
        return 0 if place is not None and place.size == status.st_size else status.st_size
    return max(0, status.st_size - place.offset)


def _blocks(path: str, offset: int) -> Iterator[bytes | None]:
    with open_plain(path) as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            yield block


def run_of_block(block: dict[str, Any]) -> Run:
    """Return the run that goes on by its block: for one whose start could not be written to the journal."""
    known: dict[str, Any] = {column.name: block.get(column.name) for column in fields(Run)}
    known |= {"started_at": str(known["started_at"]), "slow_start": bool(known["slow_start"])}
    return Run(**known | {"outcome": None, "attempts": known["attempts"] or []})

"""A job's own record: the block (last slot, runner, final status) and the health.

Lean room. The block has its place on the disk before it is needed, so an end can be noted when the disk is full, and
a deleted lock file doubles nothing. Slot and health change under the job's short lock, never under the run's; it is a
file that only the service user can open, so that nobody who may read the block can hold a start up.
"""

import fcntl
import posix

from process_control.core.gate import STATES
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.json_text import decode, encode
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.ports import HealthChange, HealthTold

BLOCK_BYTES = 4096
_SLOT_BYTES = 64
_RUN_AT = 512
_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
_READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_A_DAY = 86400
_SIXTY_DAYS = 60 * 86400

Block = dict[str, object]

_KINDS = {
    "run_id": str,
    "job": str,
    "lock": str,
    "trigger": str,
    "scheduled_at": str,
    "started_at": str,
    "log": str,
    "by": str,
    "host": str,
    "version": str,
    "boot_id": str,
    "pid_ns": str,
    "pid": int,
    "pid_start": int,
    "guard_pid": int,
    "end": dict,
}
"""What the values of a block are, where it has them; one with another kind of value was not written by us."""


class Identity:
    """What tells one process from every other, on this host and since this boot. Made before rights are dropped."""

    __slots__ = ("boot_id", "host", "pid_namespace")

    def __init__(self) -> None:
        self.boot_id = proc.boot_id()
        self.pid_namespace = proc.pid_namespace()
        self.host = posix.uname().nodename


def job_directory(state_directory: str, slug: str) -> str:
    return f"{state_directory}/jobs/{slug}"


def incident_mark(state_directory: str, slug: str) -> str:
    """Return the path of the file that is there while people were told, or are to be told, that the job fails."""
    return f"{state_directory}/jobs/{slug}/incident"


def runner_is_alive(block: Block) -> bool:
    """Whether the runner that the block names still lives, as far as a reader can tell: pid, start time, boot.

    A runner in another pid namespace (a container that shares the state) cannot be seen from here; while the boot
    lasts it is taken to live. Whoever holds the job's lock knows better: see `runner_lives_here`.
    """
    if block.get("boot_id") != proc.boot_id():
        return False
    namespace = proc.pid_namespace()
    if namespace and block.get("pid_ns") and block.get("pid_ns") != namespace:
        return True
    return _is_that_process(block)


def runner_lives_here(block: Block, identity: Identity) -> bool:
    """Whether the block's runner is a living process that we can see: same boot, same pid namespace, same start."""
    return (
        block.get("boot_id") == identity.boot_id
        and (not block.get("pid_ns") or block.get("pid_ns") == identity.pid_namespace)
        and _is_that_process(block)
    )


def _is_that_process(block: Block) -> bool:
    pid, started = block.get("pid"), block.get("pid_start")
    return isinstance(pid, int) and proc.is_alive(pid, started if isinstance(started, int) else None)


def read_block(state_directory: str, slug: str) -> Block | None:
    """Return the run that the job's block tells of, or None when there is none or it cannot be read."""
    return run_in(proc.read_small(f"{job_directory(state_directory, slug)}/block", BLOCK_BYTES))


def jobs_sharing(state_directory: str, lock: str) -> list[str]:
    """Return the slugs of the jobs that have run under this lock though it is not named as they are."""
    try:
        return sorted(posix.listdir(f"{state_directory}/locks/{lock}"))
    except OSError:
        return []


class JobRecord:
    """The adapter of the Store port for one job: its block, its health, and the journal."""

    __slots__ = ("_before", "_block", "_directory", "_health_read", "_short_lock", "is_new", "slug", "state_directory")

    def __init__(self, state_directory: str, slug: str) -> None:
        self.state_directory = state_directory
        self.slug = slug
        self._directory = job_directory(state_directory, slug)
        self._block = -1
        self._short_lock = -1
        self._before = b""
        self._health_read: list[int] | None = None
        self.is_new = False

    def open(self) -> None:
        """Open the block, making it with its place on the disk; `is_new` tells so. Raises CannotRecord (74)."""
        path = f"{self._directory}/block"
        try:
            try:
                self._block = posix.open(path, _FLAGS, 0o640)
            except FileNotFoundError:
                _make_directories(self._directory)
                self._block = posix.open(path, _FLAGS, 0o640)
            self._short_lock = posix.open(f"{self._directory}/short.lock", _FLAGS, 0o600)
            if posix.fstat(self._block).st_size < BLOCK_BYTES:
                self.is_new = True
                _fill(self._block)
        except OSError as error:
            self.close()
            raise CannotRecord(f"the job's block cannot be written: {error.strerror}", where=path) from error

    @property
    def is_open(self) -> bool:
        return self._block >= 0

    def previous_run(self) -> Block | None:
        """Return the run that the block tells of; None for a job never seen, or when the block could not be opened."""
        if self._block < 0:
            return None
        return run_in(posix.pread(self._block, BLOCK_BYTES, 0))

    def claim_slot(self, slot: int, *, boot_id: str) -> bool:
        """Make `slot` (UTC seconds) ours and return True; False when it already had its run or its skip.

        The block tells; when it is damaged, after a reboot, which may have lost what it said, and when the clock went
        back, so does the journal.
        """
        if self._block < 0:
            return True
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            content = posix.pread(self._block, BLOCK_BYTES, 0)
            run, last = run_in(content), slot_in(content)
            if last == slot:
                return False
            is_damaged = last is None and not content[:_SLOT_BYTES].isspace()  # blanks: there never was one
            # A later one: the clock went back, and this one may have had its run before.
            is_earlier = last is not None and last > slot
            in_doubt = is_damaged or is_earlier or run is None or run.get("boot_id") != boot_id
            if in_doubt and journal.last_slot(self.state_directory, job=self.slug, slot=iso(slot), since=slot):
                return False
            self._write_slot(slot)
            return True
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def give_slot_back(self, slot: int) -> None:
        """Undo a claim whose run could not be recorded, so that a second try is not refused."""
        if self._block < 0:
            return
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            if slot_in(posix.pread(self._block, _SLOT_BYTES, 0)) == slot:
                posix.pwrite(self._block, b" " * _SLOT_BYTES, 0)
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def _write_slot(self, slot: int) -> None:
        posix.pwrite(self._block, f"slot {slot} {slot}\n".encode("ascii").ljust(_SLOT_BYTES), 0)

    def write_run(self, run: Block) -> None:
        """Note the run in the block, over what it said before. Raises CannotRecord (74)."""
        room = BLOCK_BYTES - _RUN_AT
        text = encode(run).encode("ascii")
        if len(text) > room:
            text = encode(_shortened(run)).encode("ascii")
        try:
            posix.pwrite(self._block, text[:room].ljust(room), _RUN_AT)
        except OSError as error:
            raise CannotRecord(f"the job's block cannot be written: {error.strerror}", where=self._directory) from error

    def write_start(self, run: Block) -> None:
        """Note a run that is about to start; see `take_start_back`. Raises CannotRecord (74)."""
        if self._block >= 0:
            self._before = posix.pread(self._block, BLOCK_BYTES - _RUN_AT, _RUN_AT)
        self.write_run(run)

    def take_start_back(self) -> None:
        """Let the block say again what it said before `write_start`: that run did not start, so it cannot be lost."""
        try:
            posix.pwrite(self._block, self._before, _RUN_AT)
        except OSError:  # then the next start calls it lost: too much said, never too little
            pass

    def append(self, record: "dict[str, object]") -> None:
        """Append one event to the journal, durably. Raises CannotRecord (74)."""
        journal.append(self.state_directory, record)

    def record_end(
        self,
        block: Block,
        end: "dict[str, object]",
        *,
        left: "list[list[int | None]]",
        post: "Callable[[str | None], None] | None" = None,
    ) -> str | None:
        """Write the end: to the journal, then to the block. Return None, or why the journal does not have it yet.

        `left` names the processes that could not be ended, by pid and start time. `post` is called in between, with
        that fault: a block that has an end tells that people are being told of it, whatever is killed when.
        """
        fault = None
        try:
            self.append(end)
        except CannotRecord as error:
            fault = str(error)
        if post is not None:
            post(fault)
        try:
            self.write_run({**block, "end": end, "journaled": fault is None, "left": left})
        except CannotRecord as error:
            fault = fault or str(error)
        return fault

    def end_in_journal(self, run_id: str) -> "dict[str, object] | None":
        """Return the end that the block does not know of (killed between the two writes), or None."""
        import time

        since = time.time() - _SIXTY_DAYS
        return journal.find_event(self.state_directory, event="end", run_id=run_id, since=since)

    def is_first_today(self, word: str) -> bool:
        """Whether this was not asked with that word for a day: for what is told once a day."""
        stamp = f"{self._directory}/{word}.stamp"
        import time

        try:
            if 0 <= time.time() - posix.stat(stamp).st_mtime < _A_DAY:
                return False
        except OSError:
            pass
        try:
            posix.close(posix.open(stamp, _FLAGS, 0o640))
            posix.utime(stamp)
        except OSError:  # told once more than it need be
            pass
        return True

    def share_lock(self, lock: str) -> None:
        """Leave word that this job runs under a lock that other jobs may name. Raises CannotRecord (74)."""
        directory = f"{self.state_directory}/locks/{lock}"
        try:
            _make_directories(directory)
            posix.close(posix.open(f"{directory}/{self.slug}", _FLAGS, 0o600))
        except OSError as error:
            raise CannotRecord(f"the shared lock cannot be noted: {error.strerror}", where=directory) from error

    def read_health(self) -> "dict[str, object] | None":
        """Return the health; None when there is no file. Raises ValueError when it cannot be understood."""
        self._health_read = self._health_stamp()
        value = self._read_small_record("health.json")
        if value is not None and value.get("state") not in STATES:
            raise ValueError("not a health record")
        return value

    def health_is_as_read(self) -> bool:
        """Whether nobody has changed the health since it was read here."""
        return self._health_stamp() == self._health_read

    def _health_stamp(self) -> "list[int] | None":
        try:
            stat = posix.stat(f"{self._directory}/health.json")
        except OSError:
            return None
        return [stat.st_ino, stat.st_mtime_ns, stat.st_size]

    def change_health(
        self, change: "HealthChange", *, told: "HealthTold | None" = None, restore: "HealthChange | None" = None
    ) -> "list[dict[str, object]]":
        """Replace the health by what `change(old)` returns, under the short lock; None leaves it.

        The journal gets what `told(old, new)` says of it, before, and it is returned: who is killed in between leaves a
        change that was announced, never one that nobody knows of. `restore(None)` is the old health when it cannot be
        understood; without it that raises ValueError. Raises CannotRecord (74); what can be written is written first.
        """
        path = f"{self._directory}/health.json"
        self._lock_block("health")
        try:
            old = self._old_health(restore)
            new = change(old)
            if new is None:
                return []
            records = told(old, new) if told is not None else []
            fault = self._tell(records)
            _replace(path, new)
            if fault is not None:
                raise fault
            return records
        except OSError as error:
            raise CannotRecord(f"the job's health cannot be written: {error.strerror}", where=path) from error
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def _old_health(self, restore: "HealthChange | None") -> "dict[str, object] | None":
        try:
            return self.read_health()
        except ValueError:
            if restore is None:
                raise
            return restore(None)

    def _tell(self, records: "list[dict[str, object]]") -> CannotRecord | None:
        """Append the records. Return what hinders it: a hold counts more than its line in the journal."""
        try:
            if records:
                journal.append_all(self.state_directory, records)
        except CannotRecord as error:
            return error
        return None

    def _lock_block(self, what: str) -> None:
        if self._block < 0:
            raise CannotRecord(f"the job has no block, so its {what} cannot be written", where=self._directory)
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)

    def _read_small_record(self, name: str) -> "dict[str, object] | None":
        """Return a record beside the block; None when there is no file. Raises ValueError when it makes no sense."""
        try:
            descriptor = posix.open(f"{self._directory}/{name}", _READ)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(error.strerror) from error
        try:
            value = decode(posix.read(descriptor, 1 << 16).decode("utf-8", "replace"))
        finally:
            posix.close(descriptor)
        if not isinstance(value, dict):
            raise ValueError("not a record")
        return value

    def close(self) -> None:
        for descriptor in (self._block, self._short_lock):
            if descriptor >= 0:
                posix.close(descriptor)
        self._block = self._short_lock = -1


def _replace(path: str, value: "dict[str, object]") -> None:
    """Write a small record in the place of the one that is there, durably. Raises OSError, and leaves nothing then."""
    descriptor = posix.open(path + ".new", _FLAGS | posix.O_TRUNC, 0o640)
    try:
        data = encode(value).encode("ascii") + b"\n"
        if posix.write(descriptor, data) < len(data):
            raise _no_space()
        posix.fdatasync(descriptor)
    except OSError:
        posix.unlink(path + ".new")
        raise
    finally:
        posix.close(descriptor)
    posix.rename(path + ".new", path)


def _fill(block: int) -> None:
    """Give the block its place on the disk. Raises OSError when only a part of it fits."""
    if posix.pwrite(block, b" " * BLOCK_BYTES, 0) < BLOCK_BYTES:
        raise _no_space()


def _no_space() -> OSError:
    import errno

    return OSError(errno.ENOSPC, posix.strerror(errno.ENOSPC))


def slot_in(content: bytes) -> int | None:
    """Return the last slot (UTC seconds) that a block tells of: it had its run or its skip. None when it is damaged.

    It is written twice, so that a damaged digit is no other slot; earlier versions wrote it once.
    """
    word, *numbers = content[:_SLOT_BYTES].split() or [b""]
    if word != b"slot" or not 1 <= len(numbers) <= 2 or numbers[0] != numbers[-1] or not numbers[0].isdigit():
        return None
    return int(numbers[0])


def run_in(content: bytes) -> Block | None:
    """Return the run that a block tells of; None when there is none or it cannot be read."""
    text = content[_RUN_AT:BLOCK_BYTES].strip(b" \0\n")
    if not text:
        return None
    try:
        run = decode(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    return run if isinstance(run, dict) and _is_sound(run) else None


def _is_sound(run: Block) -> bool:
    if run.get("run_id") is None or run.get("job") is None:
        return False
    return all(run.get(name) is None or isinstance(run[name], kind) for name, kind in _KINDS.items())


def _shortened(run: Block) -> Block:
    """Return the run without what may be long: the attempts, the deciding line, all but the detail's beginning."""
    end = run.get("end")
    short = {name: value for name, value in run.items() if name != "attempts"}
    if not isinstance(end, dict):
        return short
    detail = str(end.get("detail") or "")[:300] or None
    return {**short, "end": {**end, "attempts": [], "decided_by": None, "regex_faults": [], "detail": detail}}


def _make_directories(path: str) -> None:
    """Make `path` and what is missing above it. Whether a group may look in is said by the state directory's mode."""
    try:
        posix.mkdir(path, 0o750)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_directories(path.rpartition("/")[0])
        _make_directories(path)

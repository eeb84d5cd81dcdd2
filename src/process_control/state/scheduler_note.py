"""The note of the scheduler: which process it is, or was last, since when, and that it has ended in good order.

Lean module. Only the scheduler writes it, while it holds its lock; readers compare the process and never take the lock.
"""

import posix

from process_control.core import layout
from process_control.state.block import runner_is_alive
from process_control.system import atomic_file, proc
from process_control.system.clock import iso
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.block import Identity

_MAX_BYTES = 4096


class SchedulerNote:
    """The process that the note names."""

    __slots__ = ("boot_id", "drains_since", "ended_at", "host", "pid", "pid_ns", "pid_start", "seen_at", "started_at")

    def __init__(
        self,
        *,
        pid: int,
        pid_start: "int | None",
        boot_id: str,
        pid_ns: str,
        host: str,
        started_at: str,
        ended_at: "str | None",
        seen_at: str = "",
        drains_since: "str | None" = None,
    ) -> None:
        self.pid = pid
        #: when the process began, in clock ticks since the boot
        self.pid_start = pid_start
        self.boot_id = boot_id
        self.pid_ns = pid_ns
        self.host = host
        #: ISO 8601
        self.started_at = started_at
        #: None: it is running, or died without an end
        self.ended_at = ended_at
        #: when it was last seen alive: each look of `watch` that it takes touches the file
        self.seen_at = seen_at or started_at
        #: None: it starts jobs
        self.drains_since = drains_since


def write_note(state_directory: str, *, identity: "Identity", now: float) -> None:
    """Note that this process is the scheduler since `now` (UTC seconds), durably. Raises OSError.

    `identity` was made before rights were dropped.
    """
    pid = posix.getpid()
    note = SchedulerNote(
        pid=pid,
        pid_start=proc.start_time(pid),
        boot_id=identity.boot_id,
        pid_ns=identity.pid_namespace,
        host=identity.host,
        started_at=iso(now),
        ended_at=None,
    )
    _write(state_directory, note)


def note_end(state_directory: str, now: float) -> None:
    """Note that the scheduler ends in good order (`now`: UTC seconds). Without a note nothing is done. Raises OSError.

    Only the process of the note calls it, with the scheduler's lock held.
    """
    note = read_note(state_directory)
    if note is not None:
        note.ended_at = iso(now)
        _write(state_directory, note)


def note_drain(state_directory: str, now: float) -> None:
    """Note that the scheduler starts nothing more from `now` on (UTC seconds). As `note_end`."""
    note = read_note(state_directory)
    if note is not None:
        note.drains_since = iso(now)
        _write(state_directory, note)


def read_note(state_directory: str) -> "SchedulerNote | None":
    """Return the note; None when there is none, or when it makes no sense."""
    try:
        value = decode(proc.read_small(layout.scheduler_note(state_directory), _MAX_BYTES).decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    pid, pid_start = value.get("pid"), value.get("pid_start")
    boot_id, started_at, ended_at = value.get("boot_id"), value.get("started_at"), value.get("ended_at")
    drains_since = value.get("drains_since")
    if type(pid) is not int or pid <= 0 or not isinstance(boot_id, str) or not isinstance(started_at, str):
        return None
    return SchedulerNote(
        pid=pid,
        pid_start=pid_start if type(pid_start) is int else None,
        boot_id=boot_id,
        pid_ns=str(value.get("pid_ns") or ""),
        host=str(value.get("host") or ""),
        started_at=started_at,
        ended_at=ended_at if isinstance(ended_at, str) else None,
        seen_at=max(started_at, _touched_at(state_directory)),
        drains_since=drains_since if isinstance(drains_since, str) else None,
    )


def keep_seen(state_directory: str, now: float) -> None:
    """Note that the scheduler is alive at `now` (UTC seconds), when this process is it, or a child of it."""
    note = read_note(state_directory)
    if note is None or note.ended_at is not None or note.pid not in (posix.getpid(), posix.getppid()):
        return
    try:
        posix.utime(layout.scheduler_note(state_directory), (now, now))
    except OSError:
        pass


def _touched_at(state_directory: str) -> str:
    try:
        return iso(posix.stat(layout.scheduler_note(state_directory)).st_mtime)
    except OSError:
        return ""


def lives(note: SchedulerNote, identity: "Identity | None" = None) -> bool:
    """Return whether the process of the note is alive: by pid, start time and boot, as for a runner.

    One in another pid namespace (a container that shares the state) is not visible here, and counts as alive until the
    next boot, unless it has noted its end. Without an `identity` the present boot and pid namespace are read.
    """
    if note.ended_at is not None:
        return False
    process: dict[str, object] = {"pid": note.pid, "pid_start": note.pid_start}
    process |= {"boot_id": note.boot_id, "pid_ns": note.pid_ns}
    return runner_is_alive(process, identity)


def _write(state_directory: str, note: SchedulerNote) -> None:
    text = encode({name: getattr(note, name) for name in sorted(SchedulerNote.__slots__) if name != "seen_at"})
    atomic_file.write(layout.scheduler_note(state_directory), f"{text}\n".encode("ascii"))

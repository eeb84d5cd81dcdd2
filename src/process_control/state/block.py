"""Read the block of a job, and check whether the runner that it names is alive.

Lean module. `job_state.py` writes the block; the job's health is another file, see there.
"""

import posix

from process_control.core import layout
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration
from process_control.system import proc
from process_control.system.json_text import decode, encode

BLOCK_BYTES = 4096
SLOT_BYTES = 64
RUN_AT = 512
#: Bytes kept free at the start of a run, so that any end fits.
END_BYTES = 1200

Block = dict[str, object]

_MARK_FLAGS = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC

#: The types of the fields that a block may have; a block with other types was not written by this program.
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


class Identity:
    """Identifies a process among all others on this host since this boot. Make it before rights are dropped."""

    __slots__ = ("boot_id", "host", "pid_namespace")

    def __init__(self) -> None:
        self.boot_id = proc.boot_id()
        self.pid_namespace = proc.pid_namespace()
        self.host = posix.uname().nodename


def require_own_proc() -> None:
    """Raise BadConfiguration (78) where /proc is of another pid namespace: no process of a job could be found there."""
    if not proc.is_own():
        raise BadConfiguration(
            "/proc is not that of this pid namespace, so processes of jobs cannot be found or ended",
            where="/proc",
            hint="with unshare --pid add --mount-proc; or mount it: mount -t proc proc /proc",
        )


def runner_is_alive(block: Block, identity: "Identity | None" = None) -> bool:
    """Return whether the runner that the block names is alive, by pid, start time and boot.

    A runner in another pid namespace (a container that shares the state) is not visible here, and counts as alive until
    the next boot. With the job's lock held use `runner_lives_here`. Without an `identity` boot and pid namespace are
    read now.
    """
    if block.get("boot_id") != (proc.boot_id() if identity is None else identity.boot_id):
        return False
    namespace = proc.pid_namespace() if identity is None else identity.pid_namespace
    if namespace and block.get("pid_ns") and block.get("pid_ns") != namespace:
        return True
    return _is_that_process(block)


def runner_lives_here(block: Block, identity: Identity) -> bool:
    """Return whether the block's runner is alive and visible here: same boot, pid namespace and start time."""
    return (
        block.get("boot_id") == identity.boot_id
        and (not block.get("pid_ns") or block.get("pid_ns") == identity.pid_namespace)
        and _is_that_process(block)
    )


def _is_that_process(block: Block) -> bool:
    pid, started = block.get("pid"), block.get("pid_start")
    return isinstance(pid, int) and proc.is_alive(pid, started if isinstance(started, int) else None)


def read_block(state_directory: str, slug: str) -> Block | None:
    """Return the run in the job's block; None when there is none or it cannot be read."""
    return run_in(proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES))


def read_slot(state_directory: str, slug: str) -> int | None:
    """Return the last slot (UTC seconds) in the job's block; None when there is none."""
    return slot_in(proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES))


def block_named(state_directory: str, word: str) -> Block | None:
    """Return the block of the job that a process names in its environment. `word` may be any text."""
    return read_block(state_directory, word) if is_slug(word) else None


def is_unsettled(block: Block) -> bool:
    """Return whether the run is unfinished: no end, processes left, or not in the journal."""
    return block.get("end") is None or bool(block.get("left")) or not block.get("journaled")


def read_mark(path: str) -> "dict[str, object] | None":
    """Return a small record beside a block; None when there is none or it is invalid."""
    try:
        value = decode(proc.read_small(path, 4096).decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_mark(path: str, value: "dict[str, object]") -> None:
    """Write a small record, without a sync: losing it only repeats or omits a message."""
    try:
        descriptor = posix.open(path, _MARK_FLAGS, 0o640)
    except OSError:
        return
    try:
        posix.write(descriptor, encode(value).encode("ascii"))
    except OSError:
        pass
    finally:
        posix.close(descriptor)


def jobs_sharing(state_directory: str, lock: str) -> list[str]:
    """Return the slugs of the jobs that have run under this shared lock. Raises OSError."""
    try:
        return sorted(posix.listdir(layout.shared_lock(state_directory, lock)))
    except FileNotFoundError:
        return []


def slot_in(content: bytes) -> int | None:
    """Return the last slot (UTC seconds) in a block, which had its run or its skip. None when the line is damaged."""
    slots = slots_in(content)
    return None if slots is None else slots[0]


def slots_in(content: bytes) -> "tuple[int, int | None] | None":
    """Return the last slot, and the next later one that is known to have had its run or its skip.

    The second exists only after the clock went back. None when the line is damaged: each slot is written twice, so that
    a damaged digit is detected; earlier versions wrote one slot once.
    """
    word, *numbers = content[:SLOT_BYTES].split() or [b""]
    if word != b"slot" or not all(map(bytes.isdigit, numbers)):
        return None
    if len(numbers) == 4 and numbers[0] == numbers[1] and numbers[2] == numbers[3]:
        return int(numbers[0]), int(numbers[2])
    if len(numbers) in (1, 2) and numbers[0] == numbers[-1]:
        return int(numbers[0]), None
    return None


def slot_line(slot: int, known: int | None) -> bytes:
    """Return the line of SLOT_BYTES for the block that `slots_in` reads."""
    after = "" if known is None else f" {known} {known}"
    return f"slot {slot} {slot}{after}\n".encode("ascii").ljust(SLOT_BYTES)


def run_in(content: bytes) -> Block | None:
    """Return the run in a block; None when there is none or it cannot be read."""
    text = content[RUN_AT:BLOCK_BYTES].strip(b" \0\n")
    if not text:
        return None
    try:
        run = decode(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(run, dict) or not _is_sound(run):
        return None
    end = run.get("end")
    if end and "run_id" not in end:  # shortened, see shortened_block
        from process_control.core.records import fields_of_run_and_end

        run["end"] = {**{name: run[name] for name in fields_of_run_and_end() if name in run}, **end}
    return run


def _is_sound(run: Block) -> bool:
    if run.get("run_id") is None or run.get("job") is None:
        return False
    return all(run.get(name) is None or isinstance(run[name], kind) for name, kind in _KINDS.items())

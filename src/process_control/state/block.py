"""The block of a job: where it lies, what it tells, and whether the runner that it names still lives.

Lean module. The block is written by `job_state.py`; its health is another file, see there.
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
END_BYTES = 1200
"""What is kept free at the start of a run, so that its end fits whatever it says."""

Block = dict[str, object]

_MARK_FLAGS = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC

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


def require_own_proc() -> None:
    """Raise BadConfiguration (78) where /proc is not that of our pid namespace: we could end nothing of a job's tree,
    and would find no survivor."""
    if not proc.is_own():
        raise BadConfiguration(
            "/proc is not that of this pid namespace, so processes of jobs cannot be found or ended",
            where="/proc",
            hint="with unshare --pid add --mount-proc; or mount it: mount -t proc proc /proc",
        )


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
    return run_in(proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES))


def read_slot(state_directory: str, slug: str) -> int | None:
    """Return the last slot (UTC seconds) that the job's block tells of; None when there is none."""
    return slot_in(proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES))


def block_named(state_directory: str, word: str) -> Block | None:
    """Return the block of the job that a process names in its environment, which may be any word."""
    return read_block(state_directory, word) if is_slug(word) else None


def is_unsettled(block: Block) -> bool:
    """Whether the run was left open: without an end, with processes, or unknown to the journal."""
    return block.get("end") is None or bool(block.get("left")) or not block.get("journaled")


def read_mark(path: str) -> "dict[str, object] | None":
    """Return a small note beside a block; None when there is none, or none that can be understood."""
    try:
        value = decode(proc.read_small(path, 4096).decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_mark(path: str, value: "dict[str, object]") -> None:
    """Leave a small note. Without it something is said once more, or once less: it is not worth a sync."""
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
    """Return the slugs of the jobs that have run under this lock though it is not named as they are. Raises OSError."""
    try:
        return sorted(posix.listdir(layout.shared_lock(state_directory, lock)))
    except FileNotFoundError:
        return []


def slot_in(content: bytes) -> int | None:
    """Return the last slot (UTC seconds) that a block tells of: it had its run or its skip. None when it is damaged."""
    slots = slots_in(content)
    return None if slots is None else slots[0]


def slots_in(content: bytes) -> "tuple[int, int | None] | None":
    """Return the last slot, and the next one that is known to have had its run or its skip.

    There is such a next one only after the clock went back. None when the line is damaged: each is written twice, so
    that a damaged digit is no other slot; earlier versions wrote one slot once.
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
    """Return what the block says for `slots_in`, of SLOT_BYTES."""
    after = "" if known is None else f" {known} {known}"
    return f"slot {slot} {slot}{after}\n".encode("ascii").ljust(SLOT_BYTES)


def run_in(content: bytes) -> Block | None:
    """Return the run that a block tells of; None when there is none or it cannot be read."""
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
    if end and "run_id" not in end:  # it was too long: see block_room
        from process_control.core.records import fields_of_run_and_end

        run["end"] = {**{name: run[name] for name in fields_of_run_and_end() if name in run}, **end}
    return run


def _is_sound(run: Block) -> bool:
    if run.get("run_id") is None or run.get("job") is None:
        return False
    return all(run.get(name) is None or isinstance(run[name], kind) for name, kind in _KINDS.items())

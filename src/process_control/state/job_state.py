"""The record of a job: the block (last slot, runner, final status) and the health.

Lean module. The block is allocated on the disk in advance, so that an end can be written when the disk is full. It
prevents double runs even when the lock file is deleted. Slot and health change under the job's short lock, never under
the run's. The short lock is a file that only the service user can open, so that readers of the block cannot block a
start.
"""

import fcntl
import posix

from process_control.core import layout
from process_control.core.gate import STATES
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.state.block import (
    BLOCK_BYTES,
    END_BYTES,
    RUN_AT,
    SLOT_BYTES,
    Block,
    run_in,
    slot_in,
    slot_line,
    slots_in,
)
from process_control.state.claim import (
    ASIDE,
    ASIDE_AT,
    CLAIM_BYTES,
    DONE,
    FREE,
    OPEN,
    Claim,
    boot_in_short,
    claim_in,
    is_started,
)
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.state.open_claims import OpenClaims

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
_READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC


class JobRecord:
    """The record of one job: its block, its health, and the journal."""

    __slots__ = (
        "_before",
        "_block",
        "_directory",
        "_health_read",
        "_short_lock",
        "_slot_before",
        "forgotten_slots",
        "is_new",
        "slug",
        "state_directory",
    )

    def __init__(self, state_directory: str, slug: str) -> None:
        self.state_directory = state_directory
        self.slug = slug
        self._directory = layout.job(state_directory, slug)
        self._block = -1
        self._short_lock = -1
        self._before = b""
        self._slot_before = b""
        self.forgotten_slots: list[int] = []
        self._health_read: list[int] | None = None
        self.is_new = False

    def open(self) -> None:
        """Open the block, or create and allocate it, and set `is_new` then. Raises CannotRecord (74)."""
        self._open(b"", None)

    def open_since_boot(self, boot_id: str, recover: "Callable[[str, str], None]") -> None:
        """Do as `open` does, but repair a block from before this boot first. Raises CannotRecord (74).

        `recover` is `after_boot.recover`: after a power cut the journal may have more than blocks and healths.
        """
        self._open(boot_id.encode("ascii", "replace"), lambda: recover(self.state_directory, boot_id))

    def _open(self, boot: bytes, recover: "Callable[[], None] | None") -> None:
        path = layout.block(self.state_directory, self.slug)
        try:
            try:
                self._block = posix.open(path, _FLAGS, 0o640)
            except FileNotFoundError:
                from process_control.system.atomic_file import make_directory

                make_directory(self._directory, 0o750)
                self._block = posix.open(path, _FLAGS, 0o640)
            self._short_lock = posix.open(layout.short_lock(self.state_directory, self.slug), _FLAGS, 0o600)
            content = posix.pread(self._block, BLOCK_BYTES, 0)
            if recover is not None and boot not in content:
                recover()
                content = posix.pread(self._block, BLOCK_BYTES, 0)
            if len(content) < BLOCK_BYTES:
                self._fill()
        except OSError as error:
            self.close()
            raise CannotRecord(f"the job's block cannot be written: {error.strerror}", where=path) from error

    def _fill(self) -> None:
        """Allocate a new block on the disk, unless another process has just done so. Raises OSError."""
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            self.is_new = posix.fstat(self._block).st_size < BLOCK_BYTES
            if self.is_new and posix.pwrite(self._block, b" " * BLOCK_BYTES, 0) < BLOCK_BYTES:
                raise _no_space()
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    @property
    def is_open(self) -> bool:
        return self._block >= 0

    @property
    def health_path(self) -> str:
        return layout.health(self.state_directory, self.slug)

    def previous_run(self) -> Block | None:
        """Return the run in the block; None for a job without a run, or when the block could not be opened."""
        if self._block < 0:
            return None
        return run_in(posix.pread(self._block, BLOCK_BYTES, 0))

    def claim_slot(self, slot: int, *, pid_start: int, boot_id: str) -> bool:
        """Claim `slot` (UTC seconds) and return True; False when it already had its run or its skip.

        `pid_start` is when this process started, see `proc.start_time`. Sets `forgotten_slots`: earlier claims whose
        processes were killed before anything was recorded, for which the caller records refusals. The journal is read
        as well when the block is damaged or has no run, and when the clock is behind slots that had their runs. One
        that ran before its true time, because the clock was ahead, may be claimed once more.
        """
        if self._block < 0:
            return True
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            content = posix.pread(self._block, BLOCK_BYTES, 0)
            run, slots = run_in(content), slots_in(content)
            last, known = slots or (None, None)
            others, is_free = self._open_claims(content, run, slot, boot_id=boot_id)
            if others is not None and others.living(slot) is not None:
                return False
            if last == slot and not is_free:
                if not self._ran_early(content, slot, boot_id):
                    return False
                is_free = True
            is_damaged = slots is None and not content[:SLOT_BYTES].isspace()  # blank: no slot was written yet
            is_behind = (last is not None and last > slot) or (known is not None and known <= slot)
            if is_damaged or is_behind or run is None:
                known = self._next_in_journal(slot, is_recent=not is_damaged and not is_behind)
                # the journal has what kept it from running
                if known == slot and not (is_free and last == slot) and not self._ran_early(None, slot, boot_id):
                    return False
            mine = Claim(slot, posix.getpid(), pid_start, boot_in_short(boot_id)).line()
            if others is not None:
                self.forgotten_slots = [claim.slot for claim in others.forgotten]
                mine += others.keep()
            self.put_slot_and_claim(content, slot_line(slot, known) + mine)
            return True
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def _open_claims(
        self, content: bytes, run: Block | None, slot: int, *, boot_id: str
    ) -> "tuple[OpenClaims | None, bool]":
        """Return the claims without a record, if there are any, and whether `slot` is free again."""
        last = claim_in(content[SLOT_BYTES:ASIDE_AT])
        is_free = last is not None and last.state == FREE
        if not content.startswith(ASIDE, ASIDE_AT) and (last is None or last.state != OPEN or is_started(last, run)):
            return None, is_free
        from process_control.state.open_claims import OpenClaims

        others = OpenClaims(self.state_directory, self.slug, content, boot_id=boot_id)
        others.sort()
        return others, is_free or any(claim.slot == slot for claim in others.forgotten)

    def _ran_early(self, content: bytes | None, slot: int, boot_id: str) -> bool:
        """Return whether `slot` ran only before its true time, because the clock was ahead.

        `content` is a block whose last slot it is: unless its claim was early, the journal is not read.
        """
        from process_control.state.early_run import had_only_an_early_run, is_early

        if content is not None and not is_early(claim_in(content[SLOT_BYTES:ASIDE_AT]), slot, boot_id=boot_id):
            return False
        return had_only_an_early_run(self.state_directory, self.slug, slot, boot_id=boot_id)

    def end_claim(self) -> None:
        """Mark this process's claim as done: its start, skip or refusal was recorded."""
        if self._block < 0:
            return
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            claim = claim_in(posix.pread(self._block, CLAIM_BYTES, SLOT_BYTES))
            if claim is not None and claim.state == OPEN and claim.pid == posix.getpid():
                claim.state = DONE
                posix.pwrite(self._block, claim.line(), SLOT_BYTES)
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def _end_claim_of_the_last_run(self) -> None:
        """Mark the claim as done if it belongs to the block's run, which an unplanned run is about to replace."""
        if self._block < 0:
            return
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            content = posix.pread(self._block, BLOCK_BYTES, 0)
            claim = claim_in(content[SLOT_BYTES:ASIDE_AT])
            if claim is not None and claim.state == OPEN and is_started(claim, run_in(content)):
                claim.state = DONE
                posix.pwrite(self._block, claim.line(), SLOT_BYTES)
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def put_slot_and_claim(self, content: bytes, lines: bytes) -> None:
        """Replace slot and claim in the block. Call it with the short lock held. Raises OSError."""
        self._slot_before = content[:ASIDE_AT]
        posix.pwrite(self._block, lines, 0)

    def put_claims(self, data: bytes, at: int) -> None:
        """Write a claim or the mark for others into the block. Call it with the short lock held. Raises OSError."""
        posix.pwrite(self._block, data, at)

    @property
    def slot_before(self) -> int | None:
        """The last slot (UTC seconds) that was claimed before the one of `claim_slot`; None when there is none."""
        return slot_in(self._slot_before)

    def _next_in_journal(self, slot: int, *, is_recent: bool) -> int | None:
        from process_control.history.journal_reader import newest_slot, next_slot

        look = newest_slot if is_recent else next_slot
        return look(self.state_directory, job=self.slug, since=slot)

    def give_slot_back(self, slot: int) -> None:
        """Undo a claim whose run could not be recorded, so that another start is not refused."""
        if self._block < 0:
            return
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)
        try:
            content = posix.pread(self._block, BLOCK_BYTES, 0)
            if slot_in(content) == slot:
                posix.pwrite(self._block, self._slot_before, 0)  # with its claim
            elif content.startswith(ASIDE, ASIDE_AT):
                from process_control.state.open_claims import OpenClaims

                claims = OpenClaims(self.state_directory, self.slug, content, boot_id="")
                claims.drop(posix.getpid())
                self.put_claims(claims.keep(), ASIDE_AT)
        finally:
            fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def write_run(self, run: Block) -> None:
        """Write the run to the block, and replace the previous one. Raises CannotRecord (74)."""
        space = BLOCK_BYTES - RUN_AT
        text = encode(run).encode("ascii")
        if len(text) > (space if run.get("end") else space - END_BYTES):
            from process_control.state.shortened_block import fitted

            text = fitted(run, space)
        try:
            posix.pwrite(self._block, text.ljust(space), RUN_AT)
        except OSError as error:
            raise CannotRecord(f"the job's block cannot be written: {error.strerror}", where=self._directory) from error

    def write_start(self, run: Block) -> None:
        """Write a run that is about to start; see `take_start_back`. Raises CannotRecord (74)."""
        if not self._slot_before:  # its claim, if any, is not in the block
            self._end_claim_of_the_last_run()
        if self._block >= 0:
            self._before = posix.pread(self._block, BLOCK_BYTES - RUN_AT, RUN_AT)
        self.write_run(run)

    def take_start_back(self) -> None:
        """Restore the block from before `write_start`: that run did not start, so it must not become lost."""
        try:
            posix.pwrite(self._block, self._before, RUN_AT)
        except OSError:  # the next start records it as lost: a false alarm is better than none
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

        `left` names the processes that could not be ended, by pid and start time. `post(fault)` is called in between to
        queue mails, so that an end in the block means that its mails are queued, even after a kill.
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
            if fault is not None:  # only the block has it
                posix.fdatasync(self._block)
        except (CannotRecord, OSError) as error:
            fault = fault or str(error)
        return fault

    def content(self) -> bytes:
        """Return the content of the block, slot and run. Raises OSError."""
        return posix.pread(self._block, BLOCK_BYTES, 0)

    def put_durably(self, run: "Block | None", slot: "bytes | None") -> None:
        """Write run or slot line into the block, or both, and sync. Raises CannotRecord (74)."""
        if slot is not None:
            posix.pwrite(self._block, slot, 0)
        if run is not None:
            self.write_run(run)
        posix.fdatasync(self._block)

    def read_health(self) -> "dict[str, object] | None":
        """Return the health; None when there is no file. Raises ValueError when it is unreadable."""
        self._health_read = self._health_stamp()
        value = self._read_small_record(self.health_path)
        if value is not None and value.get("state") not in STATES:
            raise ValueError("not a health record")
        return value

    def health_is_as_read(self) -> bool:
        """Return whether the health is unchanged since it was read here."""
        return self._health_stamp() == self._health_read

    def _health_stamp(self) -> "list[int] | None":
        try:
            stat = posix.stat(self.health_path)
        except OSError:
            return None
        return [stat.st_ino, stat.st_mtime_ns, stat.st_size]

    def take_short_lock(self, what: str) -> None:
        """Wait for the job's short lock, which protects slot and health. Raises CannotRecord (74)."""
        if self._block < 0:
            raise CannotRecord(f"the job has no block, so its {what} cannot be written", where=self._directory)
        fcntl.flock(self._short_lock, fcntl.LOCK_EX)

    def release_short_lock(self) -> None:
        fcntl.flock(self._short_lock, fcntl.LOCK_UN)

    def _read_small_record(self, path: str) -> "dict[str, object] | None":
        """Return a record beside the block; None when there is no file. Raises ValueError when it is invalid."""
        try:
            descriptor = posix.open(path, _READ)
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


def _no_space() -> OSError:
    import errno

    return OSError(errno.ENOSPC, posix.strerror(errno.ENOSPC))

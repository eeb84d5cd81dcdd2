"""The claim of the planned time in a block: which process has it, until a start, skip or refusal is recorded.

Lean module. The claim follows the line of the slot and is written with it. A claim whose start is in the block needs no
second write. `done` means that a skip was recorded; `free` that a refusal was, so that the slot may be claimed again.
"""

from process_control.core import layout
from process_control.state.block import BLOCK_BYTES, SLOT_BYTES, run_in, slot_in
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.block import Block

CLAIM_BYTES = 64
ASIDE_AT = 128
#: After the claim: the file `claims` beside the block has more of them, see `open_claims`.
ASIDE = b"others\n"
OPEN, DONE, FREE = b"open", b"done", b"free"


class Claim:
    """A claim: the slot (UTC seconds), the process by pid, start time and boot, and its state."""

    __slots__ = ("boot", "pid", "pid_start", "slot", "state")

    def __init__(self, slot: int, pid: int, pid_start: int, boot: bytes, state: bytes = OPEN) -> None:
        self.slot = slot
        self.pid = pid
        self.pid_start = pid_start
        self.boot = boot
        self.state = state

    def line(self) -> bytes:
        """Return the line of CLAIM_BYTES for the block."""
        text = b"claim %d %d %d %s %s\n" % (self.slot, self.pid, self.pid_start, self.boot, self.state)
        return text.ljust(CLAIM_BYTES)


def boot_in_short(boot_id: str) -> bytes:
    """Return the beginning of a boot id, which is enough to distinguish boots."""
    return boot_id[:8].encode("ascii", "replace") or b"-"


def claim_in(line: bytes) -> Claim | None:
    """Return the claim in this part of a block; None when there is none or it cannot be read."""
    words = line.split()
    if len(words) != 6 or words[0] != b"claim" or words[5] not in (OPEN, DONE, FREE):
        return None
    if not all(map(bytes.isdigit, words[1:4])):
        return None
    return Claim(int(words[1]), int(words[2]), int(words[3]), words[4], words[5])


def is_started(claim: Claim, run: "Block | None") -> bool:
    """Return whether the block's run is the one of the claim."""
    return run is not None and run.get("scheduled_at") == iso(claim.slot)


def settled_slot(state_directory: str, slug: str) -> int | None:
    """Return the last slot (UTC seconds) in the job's block if it had its run or its skip; else None.

    It had none yet, or never will, while a start that has claimed it waits, or was killed.
    """
    content = proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES)
    slot, claim = slot_in(content), claim_in(content[SLOT_BYTES:ASIDE_AT])
    if claim is not None and claim.slot == slot and claim.state != DONE and not is_started(claim, run_in(content)):
        return None
    return slot

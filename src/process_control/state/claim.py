"""Who has claimed the planned time that a block tells of, until a start, a skip or a refusal of it is recorded.

Lean module. The line lies behind that of the slot, and is written with it. A claim whose start is in the block needs no
second write; one whose skip was recorded says `done`; `free` says that a refusal was recorded instead, and that the
slot may be claimed again.
"""

from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.block import Block

CLAIM_BYTES = 64
ASIDE_AT = 128
ASIDE = b"others\n"
"""Says, behind the claim, that the file `claims` beside the block has more of them, see `open_claims`."""
OPEN, DONE, FREE = b"open", b"done", b"free"


class Claim:
    """A claim: the slot (UTC seconds), the process by pid, start time and boot, and what became of it."""

    __slots__ = ("boot", "pid", "pid_start", "slot", "state")

    def __init__(self, slot: int, pid: int, pid_start: int, boot: bytes, state: bytes = OPEN) -> None:
        self.slot = slot
        self.pid = pid
        self.pid_start = pid_start
        self.boot = boot
        self.state = state

    def line(self) -> bytes:
        """Return what the block says of it, of CLAIM_BYTES."""
        text = b"claim %d %d %d %s %s\n" % (self.slot, self.pid, self.pid_start, self.boot, self.state)
        return text.ljust(CLAIM_BYTES)


def boot_in_short(boot_id: str) -> bytes:
    """Return the beginning of a boot id: enough to tell one boot from the next."""
    return boot_id[:8].encode("ascii", "replace") or b"-"


def claim_in(line: bytes) -> Claim | None:
    """Return the claim that this part of a block tells of; None when there is none, or it cannot be read."""
    words = line.split()
    if len(words) != 6 or words[0] != b"claim" or words[5] not in (OPEN, DONE, FREE):
        return None
    if not all(map(bytes.isdigit, words[1:4])):
        return None
    return Claim(int(words[1]), int(words[2]), int(words[3]), words[4], words[5])


def is_started(claim: Claim, run: "Block | None") -> bool:
    """Whether the block's run is what became of the claim."""
    return run is not None and run.get("scheduled_at") == iso(claim.slot)

"""Free the claim of a start whose process was killed, so that its planned time may be claimed again.

Loaded only then.
"""

from process_control.state.block import SLOT_BYTES
from process_control.state.claim import ASIDE, ASIDE_AT, FREE, claim_in
from process_control.state.open_claims import OpenClaims

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.job_state import JobRecord


def forget_claim_of(store: "JobRecord", pid: int, *, boot_id: str) -> "tuple[bool, int | None]":
    """Return whether this dead process had claimed a slot, and the slot (UTC seconds) if nothing was recorded for it.

    In that case the claim is ended and the slot may be claimed again. Raises CannotRecord (74), OSError.
    """
    store.take_short_lock("claim")
    try:
        content = store.content()
        in_block = claim_in(content[SLOT_BYTES:ASIDE_AT])
        is_in_block = in_block is not None and in_block.pid == pid
        claims = OpenClaims(store.state_directory, store.slug, content, boot_id=boot_id)
        mine = claims.of_process(pid)
        if mine is None:
            return is_in_block, None
        slot = mine.slot if claims.is_forgotten(mine) else None
        if content.startswith(ASIDE, ASIDE_AT):
            claims.drop(pid)
            store.put_claims(claims.keep(), ASIDE_AT)
        if is_in_block and slot is not None:
            mine.state = FREE
            store.put_claims(mine.line(), SLOT_BYTES)
        return True, slot
    finally:
        store.release_short_lock()

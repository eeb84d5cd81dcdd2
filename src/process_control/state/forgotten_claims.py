"""Find planned times whose starts were killed with guard and runner, and so not recorded, by the jobs' blocks."""

import os
from collections.abc import Iterable

from process_control.core import layout
from process_control.state.after_boot import recover
from process_control.state.block import BLOCK_BYTES, SLOT_BYTES, run_in
from process_control.state.claim import ASIDE, ASIDE_AT, DONE, FREE, OPEN, claim_in, is_started
from process_control.state.job_state import JobRecord
from process_control.state.open_claims import OpenClaims
from process_control.system import proc

CLOCK_MARGIN_SECONDS = 2.0


def jobs_written_since(state_directory: str, moment: float) -> list[str]:
    """Return the jobs whose blocks were written since `moment` (UTC seconds)."""
    found = []
    for slug in _names(layout.jobs(state_directory)):
        try:
            written_at = os.stat(layout.block(state_directory, slug)).st_mtime
        except OSError:
            continue
        if written_at >= moment - CLOCK_MARGIN_SECONDS:
            found.append(slug)
    return found


def with_open_claims(state_directory: str, slugs: Iterable[str]) -> list[str]:
    """Return the jobs that have a claim without a start in its block."""
    return [slug for slug in slugs if _has_open_claim(state_directory, slug)]


def take_back_forgotten(state_directory: str, slug: str, *, boot_id: str) -> list[int]:
    """Free the claims whose starts were killed before anything was recorded; return their slots (UTC seconds).

    They may be claimed again. Raises CannotRecord (74), OSError.
    """
    store = JobRecord(state_directory, slug)
    store.open_since_boot(boot_id, recover)
    try:
        store.take_short_lock("claim")
        try:
            return _take_back(store, boot_id)
        finally:
            store.release_short_lock()
    finally:
        store.close()


def _take_back(store: JobRecord, boot_id: str) -> list[int]:
    content = store.content()
    claims = OpenClaims(store.state_directory, store.slug, content, boot_id=boot_id)
    claims.sort()
    forgotten = sorted({claim.slot for claim in claims.forgotten})
    in_block = claim_in(content[SLOT_BYTES:ASIDE_AT])
    if in_block is not None and in_block.state == OPEN:
        if claims.living(in_block.slot) is not None:
            claims.drop(in_block.pid)  # it stays in the block
        elif not is_started(in_block, run_in(content)):
            in_block.state = FREE if in_block.slot in forgotten else DONE
            store.put_claims(in_block.line(), SLOT_BYTES)
    if content.startswith(ASIDE, ASIDE_AT):
        store.put_claims(claims.keep(), ASIDE_AT)
    return forgotten


def _has_open_claim(state_directory: str, slug: str) -> bool:
    content = proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES)
    claim = claim_in(content[SLOT_BYTES:ASIDE_AT])
    is_open = claim is not None and claim.state == OPEN and not is_started(claim, run_in(content))
    return is_open or content.startswith(ASIDE, ASIDE_AT)


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []

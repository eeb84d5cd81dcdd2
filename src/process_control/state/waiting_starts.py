"""The scheduled starts of a job that have no run yet: their condition runs, they are delayed, or wait for a place."""

from process_control.core import layout
from process_control.state.block import BLOCK_BYTES, Block, Identity
from process_control.state.open_claims import OpenClaims
from process_control.state.places import waiting_start
from process_control.system import proc
from process_control.system.lock_waiters import waiting_pids


def starts_before_the_lock(state_directory: str, run_directory: str, slug: str, identity: Identity) -> list[Block]:
    """Return the starts whose processes live and do not wait for the job's lock, each as a block has a runner."""
    content = proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES)
    claims = OpenClaims(state_directory, slug, content, boot_id=identity.boot_id).of_the_living()
    if not claims:
        return []
    in_queue = waiting_pids()
    for_a_place = waiting_start(run_directory, slug, identity)
    if for_a_place is not None:
        in_queue -= {for_a_place.get("pid")}
    return [
        {
            "job": slug,
            "pid": claim.pid,
            "pid_start": claim.pid_start,
            "guard_pid": proc.parent_of(claim.pid),
            "boot_id": identity.boot_id,
            "pid_ns": identity.pid_namespace,
        }
        for claim in claims
        if claim.pid not in in_queue
    ]

"""The other jobs under a lock: their files, their records, and the runner that has the lock.

Lean module, loaded only when two starts meet, or when a run was left open.
"""

import posix

from process_control.config.job_directory import load_job
from process_control.errors import ProcessControlError
from process_control.execution import stop
from process_control.state.block import Identity, block_named
from process_control.state.job_state import JobRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.state.block import Block


def job_named(slug: str, settings: "Settings", *, known: "Job") -> "Job | None":
    """Return the job `known`, or another one by its file; None when that cannot be read."""
    if slug == known.slug:
        return known
    try:
        return load_job(slug, settings)
    except ProcessControlError:
        return None


def store_of(slug: str, *, known: JobRecord) -> JobRecord:
    """Return the record `known`, or the open one of another job under the same lock. Raises CannotRecord (74)."""
    if slug == known.slug:
        return known
    store = JobRecord(known.state_directory, slug)
    store.open()
    return store


def ask_to_stop(block: "Block", identity: Identity, state_directory: str) -> float:
    """Ask the block's run to stop; return in how many seconds it ought to have ended."""
    stop.ask_runner_to_stop(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    return stop.seconds_to_end(block, lambda word: block_named(state_directory, word))


def kill_runner_of(block: "Block", identity: Identity) -> None:
    """KILL the runner of a run that did not stop in its time: its guard then ends the tree."""
    handle = stop.open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    if handle is not None:
        stop.kill_runner(handle)
        posix.close(handle)

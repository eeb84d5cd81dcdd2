"""Access other jobs that share a lock: their files, their records, and the runner that holds the lock.

Lean module, loaded only when the lock is held, or when a run is unfinished.
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
    """Return the job with this slug, `known` or read from its file; None when that cannot be read."""
    if slug == known.slug:
        return known
    try:
        return load_job(slug, settings)
    except ProcessControlError:
        return None


def store_of(slug: str, *, known: JobRecord) -> JobRecord:
    """Return the record of the job with this slug, `known` or opened. Raises CannotRecord (74)."""
    if slug == known.slug:
        return known
    store = JobRecord(known.state_directory, slug)
    store.open()
    return store


def ask_to_stop(block: "Block", identity: Identity, state_directory: str) -> float:
    """Send a stop request to the block's run; return within how many seconds it should end."""
    stop.ask_runner_to_stop(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    return stop.seconds_to_end(block, lambda word: block_named(state_directory, word))


def kill_runner_of(block: "Block", identity: Identity) -> None:
    """Send KILL to the runner of a run that did not stop in time; its guard then ends the tree."""
    handle = stop.open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    if handle is not None:
        stop.kill_runner(handle)
        posix.close(handle)

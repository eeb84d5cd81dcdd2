"""Take the lock of a job, and find the blocks of the jobs that share it.

Lean module.
"""

import posix

from process_control.system import lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.state.block import Block
    from process_control.state.job_state import JobRecord


class JobLock:
    """The lock that the job's file names: its own, or one that it shares."""

    __slots__ = ("_run_directory", "_slug", "_store", "descriptor", "name", "places")

    def __init__(self, job: "Job", settings: "Settings", store: "JobRecord") -> None:
        self._run_directory = settings.run_directory
        self._slug = job.slug
        self._store = store
        self.name = job.lock
        #: Open while we hold the lock; None otherwise. The commands inherit it.
        self.descriptor: int | None = None
        #: The locks of the places that this run has, in its pool and on the host. The commands inherit them too.
        self.places: list[int] = []

    def take(self, *, wait: bool = False) -> bool:
        """Try to take the lock; return whether we hold it. With `wait`, wait until a signal comes."""
        if self.name != self._slug:
            from process_control.state.shared_locks import share_lock

            share_lock(self._store.state_directory, self.name, self._slug)
        self.descriptor = lock.take(self._run_directory, self.name, wait=wait)
        return self.descriptor is not None

    def release(self) -> None:
        """Let the lock go, and the places."""
        if self.descriptor is not None:
            posix.close(self.descriptor)
            self.descriptor = None
        self.give_places_back()

    def give_places_back(self) -> None:
        while self.places:
            posix.close(self.places.pop())

    def blocks(self) -> "list[Block]":
        """Return the blocks of this job and of all that have run under the same lock."""
        from process_control.state.block import jobs_sharing, read_block

        directory, name = self._store.state_directory, self.name
        own = self._store.previous_run()
        others = [slug for slug in jobs_sharing(directory, name) if slug != self._slug]
        if name != self._slug:
            others.append(name)
        blocks = [read_block(directory, slug) for slug in others]
        sharing = [block for block in blocks if block is not None and block.get("lock") == name]
        # The job's own run counts whichever lock it holds: the key `lock` may have changed since it began.
        return sharing if own is None else [own, *sharing]

"""The control group of a run's attempt, where one may be made.

Lean module.
"""

from process_control.execution import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job


class RunGroup:
    """The group of the attempt that runs; each attempt has one of its own."""

    __slots__ = ("_controllers", "_group", "_is_wanted")

    def __init__(self, job: "Job") -> None:
        self._is_wanted = job.leftovers != "keep"  # a service left behind must not be in it
        holds = job.memory_limit_bytes is not None or job.processes_limit is not None
        self._controllers = ("memory", "pids") if holds else ()
        self._group: cgroup.Group | None = None

    def make(self, run_id: str) -> str | None:
        """Make the group of an attempt and return its path; None where that is not possible."""
        if not self._is_wanted:
            return None
        if self._group is not None:  # that of the attempt before
            self._group.close()
        self._group = cgroup.make_for_run(run_id, controllers=self._controllers)
        return None if self._group is None else self._group.path


def remove(path: str) -> None:
    """Remove the group that a record names, if it is one of ours."""
    if cgroup.is_ours(path):
        cgroup.remove(path)

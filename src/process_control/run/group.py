"""Make and remove the control group of an attempt, where the host allows one.

Lean module.
"""

from process_control.execution import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job


class RunGroup:
    """The group of the current attempt; each attempt gets a new one."""

    __slots__ = ("_controllers", "_group", "_is_wanted")

    def __init__(self, job: "Job") -> None:
        self._is_wanted = job.leftovers != "keep"  # a service left behind must not be in it
        holds = job.memory_limit_bytes is not None or job.processes_limit is not None
        self._controllers = ("memory", "pids") if holds else ()
        self._group: cgroup.Group | None = None

    def make(self, run_id: str) -> str | None:
        """Make the group of an attempt and return its path; None where the host allows none."""
        if not self._is_wanted:
            return None
        if self._group is not None:  # of the previous attempt
            self._group.close()
        self._group = cgroup.make_for_run(run_id, controllers=self._controllers)
        return None if self._group is None else self._group.path


def remove(path: str) -> None:
    """Remove the group at `path`, from a record, if it is the group of a run."""
    if cgroup.is_ours(path):
        cgroup.remove(path)

"""Apply resource limits and priorities to each process of a run, and memory and process limits to its control group.

Lean module. `Limits.missing` reports before the start which limits cannot be applied.
"""

import errno
import posix

from process_control.execution import cgroup
from process_control.system import linux

#: RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE of <sys/resource.h>.
CPU, FILE_SIZE, OPEN_FILES = 0, 1, 7
#: From XCPU, at the soft limit, to KILL, at the hard one.
CPU_GRACE_SECONDS = 5
#: Class << 13 | level, see ioprio_set(2).
_IO_CLASSES = {"realtime": 1 << 13 | 4, "best-effort": 2 << 13 | 4, "idle": 3 << 13}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job


class Limits:
    """The limits of one job. None is no limit; sizes are bytes."""

    __slots__ = (
        "cpu_seconds",
        "file_size",
        "io_class",
        "is_held_by_group",
        "memory",
        "nice",
        "open_files",
        "processes",
    )

    def __init__(self, job: "Job") -> None:
        self.is_held_by_group = False
        self.memory = job.memory_limit_bytes
        self.processes = job.processes_limit
        self.cpu_seconds = job.cpu_seconds_limit
        self.open_files = job.open_files_limit
        self.file_size = job.file_size_limit_bytes
        self.nice = job.nice
        self.io_class = job.io_class

    def asked_for(self) -> dict[str, object]:
        """Return the limits that the job sets, by key."""
        asked = {name: getattr(self, name) for name in self.__slots__ if name != "is_held_by_group"}
        return {name: value for name, value in asked.items() if value is not None}

    def needs_a_group(self) -> bool:
        return self.memory is not None or self.processes is not None

    # --- before the start ------------------------------------------------------------------------------------------

    def missing(self, group: str | None) -> dict[str, str]:
        """Set the limits of `group`; return those that cannot be applied: key and reason."""
        missing: dict[str, str] = {}
        for key, file, value in (("memory", "memory.max", self.memory), ("processes", "pids.max", self.processes)):
            if value is None:
                continue
            if group is not None and cgroup.set_limit(group, file, value):
                self.is_held_by_group = True
            else:
                missing[key] = "this host has no writable cgroup v2"
        if self.memory is not None and group is not None and "memory" not in missing:
            cgroup.set_limit(group, "memory.swap.max", 0)
            cgroup.set_limit(group, "memory.oom.group", 1)
        for key, number, value in self._of_each_process():
            hardest = linux.hard_limit(number)
            if hardest is not None and value > hardest and posix.geteuid() != 0:
                missing[key] = f"the hard limit is {hardest}"
        is_root = posix.geteuid() == 0
        if self.nice is not None and self.nice < posix.getpriority(posix.PRIO_PROCESS, 0) and not is_root:
            missing["nice"] = "only root may raise a priority"
        if self.io_class == "realtime" and not is_root:
            missing["io_class"] = "only root may take this class"
        return missing

    def _of_each_process(self) -> list[tuple[str, int, int]]:
        each = [
            ("cpu_seconds", CPU, self.cpu_seconds),
            ("file_size", FILE_SIZE, self.file_size),
            ("open_files", OPEN_FILES, self.open_files),
        ]
        return [(key, number, value) for key, number, value in each if value is not None]

    # --- in the process that becomes the job -------------------------------------------------------------------------

    def take_on(self, *, is_in_group: bool) -> None:
        """Apply the limits of this process, which its children inherit; skip what `missing` has reported.

        Raises PermissionError when a group limit is recorded as in force but this process is not in the group.
        """
        if self.is_held_by_group and not is_in_group:
            raise PermissionError(errno.EPERM, posix.strerror(errno.EPERM))
        for _, number, value in self._of_each_process():
            linux.set_limit(number, value, value + (CPU_GRACE_SECONDS if number == CPU else 0))
        if self.nice is not None:
            try:
                posix.setpriority(posix.PRIO_PROCESS, 0, self.nice)
            except OSError:
                pass
        if self.io_class is not None:
            linux.set_io_priority(_IO_CLASSES[self.io_class])

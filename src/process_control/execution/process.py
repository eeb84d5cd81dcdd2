"""Start one process of a job.

Lean module. It forks and executes by itself: neither `subprocess` nor `posix_spawn` does all of this.
"""

import _signal
import fcntl
import posix

from process_control.errors import NOT_EXECUTABLE, RUNNER_KILLED
from process_control.execution import cgroup
from process_control.system import linux, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.execution.limits import Limits

#: The descriptor by which a job inherits its lock; those of its places follow.
_LOCK_DESCRIPTOR = 3
#: ENOENT, ENOEXEC of errno, which is not imported here.
_ENOENT, _ENOEXEC = 2, 8
_REPORT_BYTES = 8192
#: How much of a script is read for its #! line.
_BEGINNING_BYTES = 200


class Surroundings:
    """The settings with which every command of a run is started.

    `all_in_cgroup`: no command has been started outside of `cgroup`. `needs_directory`: do not start without
    `directory`; otherwise start in / then. `locks`: the descriptors of the lock and of the places, to be inherited.
    """

    __slots__ = (
        "all_in_cgroup",
        "cgroup",
        "directory",
        "environment",
        "limits",
        "locks",
        "needs_directory",
        "no_new_privileges",
        "search_path",
        "stderr",
        "stdout",
        "umask",
    )

    def __init__(
        self,
        *,
        environment: dict[str, str],
        directory: str,
        umask: int,
        search_path: list[str],
        locks: list[int],
        no_new_privileges: bool,
        cgroup: str | None,
        limits: "Limits | None" = None,
        needs_directory: bool = True,
    ) -> None:
        self.environment = {_bytes(name): _bytes(value) for name, value in environment.items()}
        self.directory = directory
        self.needs_directory = needs_directory
        self.umask = umask
        self.search_path = search_path
        self.locks = locks
        self.no_new_privileges = no_new_privileges
        self.cgroup = cgroup
        self.all_in_cgroup = cgroup is not None
        self.limits = limits
        #: The write ends of the supervisor's pipes.
        self.stdout = self.stderr = -1

    def close_streams(self) -> None:
        """Close our copies of the command's stdout and stderr."""
        for descriptor in (self.stdout, self.stderr):
            if descriptor >= 0:
                posix.close(descriptor)
        self.stdout = self.stderr = -1


class Starting:
    """A command between fork and exec. `report` becomes readable when it was executed, or could not be.

    Always wait for `report` with a timeout: directory and program may be on a disk that does not answer.
    """

    __slots__ = ("_is_in_group", "_surroundings", "pid", "report")

    def __init__(self, pid: int, report: int, surroundings: Surroundings, *, is_in_group: bool) -> None:
        self.pid = pid
        self.report = report
        self._surroundings = surroundings
        self._is_in_group = is_in_group

    def finish(self) -> bytes:
        """Return b"" when the command was executed, else a report for `not_executed`. `report` must be readable."""
        try:
            report = posix.read(self.report, _REPORT_BYTES)
        finally:
            posix.close(self.report)
        if report:
            posix.waitpid(self.pid, 0)  # it exits right after its report
            return report
        group = self._surroundings.cgroup
        if group is not None and not self._is_in_group and not cgroup.holds(group, self.pid):
            self._surroundings.all_in_cgroup = False
        return b""

    def give_up(self) -> None:
        """Stop waiting: the process is one of the job like any other, and ends with its tree."""
        posix.close(self.report)


def start(argv: list[str], surroundings: Surroundings) -> Starting:
    """Begin to start the command in a new session. Raises OSError when the host has no process or descriptor left."""
    runner = posix.getpid()
    report_read, report_write = posix.pipe2(posix.O_CLOEXEC)
    try:
        pid, is_in_group = cgroup.fork_into(surroundings.cgroup)
    except OSError:
        posix.close(report_read)
        posix.close(report_write)
        raise
    if pid == 0:
        surroundings.all_in_cgroup = is_in_group
        _become(argv, surroundings, report_write, runner)
    posix.close(report_write)
    return Starting(pid, report_read, surroundings, is_in_group=is_in_group)


def find_executable(name: str, search_path: list[str]) -> tuple[str, str | None]:
    """Return the path that execvp(3) would execute, or "" and the first file of that name that is not executable.

    Relative directories of `search_path` are relative to our working directory.
    """
    if "/" in name:
        return name, None
    denied = None
    for directory in search_path:
        path = f"{directory or '.'}/{name}"
        try:
            status = posix.stat(path)
        except OSError:
            continue
        if (status.st_mode & 0o170000) != 0o100000:
            continue
        if posix.access(path, posix.X_OK):
            return path, None
        denied = denied or path
    return "", denied


def _become(argv: list[str], surroundings: Surroundings, report: int, runner: int) -> None:
    """Set up the child with the state in which every job starts, and execute the command. Never returns.

    An error is written to `report` as a letter for the stage, the errno, and a path where one helps.
    """
    stage, path = b"s", ""
    try:
        above = _LOCK_DESCRIPTOR + max(1, len(surroundings.locks))  # no higher: the limit of descriptors may be low
        report = fcntl.fcntl(report, fcntl.F_DUPFD_CLOEXEC, above)
        locks = [fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, above) for lock in surroundings.locks]
        posix.setsid()
        _signal.set_wakeup_fd(-1)
        signals.restore_defaults()
        linux.restore_internal_signals()
        null = posix.open("/dev/null", posix.O_RDONLY)
        posix.dup2(null, 0)
        posix.dup2(surroundings.stdout, 1)
        posix.dup2(surroundings.stderr, 2)
        first_to_close = _LOCK_DESCRIPTOR
        for lock in locks:
            posix.dup2(lock, first_to_close)
            first_to_close += 1
        posix.closerange(first_to_close, report)
        posix.closerange(report + 1, 1 << 20)
        posix.umask(surroundings.umask)
        if surroundings.limits is not None:
            stage = b"g"
            surroundings.limits.take_on(is_in_group=surroundings.all_in_cgroup)
        stage = b"s"
        if surroundings.no_new_privileges:
            linux.set_no_new_privileges()
        linux.set_parent_death_signal(_signal.SIGKILL)
        if posix.getppid() != runner:
            posix._exit(RUNNER_KILLED)
        stage = b"d"
        try:
            posix.chdir(surroundings.directory)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            if surroundings.needs_directory:
                raise
            posix.chdir("/")
        stage = b"p"
        path, denied = find_executable(argv[0], surroundings.search_path)
        if not path:
            posix.write(report, b"p0 " + _bytes(denied or ""))
            posix._exit(NOT_EXECUTABLE)
        stage = b"x"
        posix.execve(path, [_bytes(word) for word in argv], surroundings.environment)
    except OSError as error:
        number = error.errno or 0
        beginning = b""
        if stage == b"x" and number in (_ENOENT, _ENOEXEC):
            beginning = _beginning_of(path)
            if number == _ENOENT and beginning:
                stage = b"i"
        posix.write(report, stage + b"%d " % number + beginning)
    except BaseException:  # noqa: BLE001  a forked copy of the runner must never continue
        posix.write(report, b"s0 ")
    posix._exit(NOT_EXECUTABLE)


def _beginning_of(path: str) -> bytes:
    """Return the first bytes of a program; b"" when it does not exist, a zero byte when it cannot be read."""
    try:
        program = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
        return posix.read(program, _BEGINNING_BYTES) or b"\0"
    except OSError as error:
        return b"" if error.errno == _ENOENT else b"\0"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

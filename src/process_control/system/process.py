"""One process of a job: how it is started. How a tree of them is ended is in `tree.py`.

Lean room: fork and exec by hand, since neither `subprocess` nor `posix_spawn` does all of this.
"""

import _signal
import fcntl
import posix

from process_control.system import cgroup, linux, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.system.limits import Limits

_LOCK_DESCRIPTOR = 3


class NotExecuted(Exception):
    """The command could not be executed: `code` 126 or 127 (as shells have it), and why in words."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class Surroundings:
    """What every command of a run is started with. `all_in_cgroup`: no command was started outside of that group."""

    __slots__ = (
        "all_in_cgroup",
        "cgroup",
        "directory",
        "environment",
        "limits",
        "lock",
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
        lock: int | None,
        no_new_privileges: bool,
        cgroup: str | None,
        limits: "Limits | None" = None,
    ) -> None:
        self.environment = {_bytes(name): _bytes(value) for name, value in environment.items()}
        self.directory = directory
        self.umask = umask
        self.search_path = search_path
        self.lock = lock
        self.no_new_privileges = no_new_privileges
        self.cgroup = cgroup
        self.all_in_cgroup = cgroup is not None
        self.limits = limits
        self.stdout = self.stderr = -1  # the supervisor's pipes


def start(argv: list[str], surroundings: Surroundings) -> int:
    """Start the command in a session of its own and return its pid. Raises NotExecuted."""
    path = find_executable(argv[0], surroundings.search_path)
    report_read, report_write = posix.pipe2(posix.O_CLOEXEC)
    runner = posix.getpid()
    try:
        pid, is_in_group = cgroup.fork_into(surroundings.cgroup)
    except OSError as error:
        posix.close(report_read)
        posix.close(report_write)
        raise NotExecuted(126, f"no new process could be made: {error.strerror}") from error
    if pid == 0:
        surroundings.all_in_cgroup = is_in_group
        _become(path, argv, surroundings, report_write, runner)
    posix.close(report_write)
    report = posix.read(report_read, 64)
    posix.close(report_read)
    if report:
        posix.waitpid(pid, 0)
        raise _not_executed(argv[0], surroundings, report)
    if surroundings.cgroup is not None and not is_in_group and not cgroup.holds(surroundings.cgroup, pid):
        surroundings.all_in_cgroup = False
    return pid


def start_detached(argv: list[str], *, stdin: int | None = None) -> None:
    """Start a program that nobody waits for and that is no part of our tree. Never raises.

    It has nothing of ours but the environment, without what names a run or a configuration, and what it may read from
    the descriptor `stdin`.
    """
    try:
        was_subreaper = linux.is_child_subreaper()
        # The process in between ends at once. Were we the subreaper then, what it started would come to us, and count
        # as left behind by the job.
        linux.set_child_subreaper(on=False)
        try:
            between = posix.fork()
            if between == 0:
                _start_and_end(argv, stdin)
            posix.waitpid(between, 0)
        finally:
            linux.set_child_subreaper(on=was_subreaper)
    except OSError:
        pass


def _start_and_end(argv: list[str], stdin: int | None) -> None:
    """In the process in between: leave the program behind, and end. Never returns."""
    try:
        posix.setsid()
        posix.chdir("/")
        if posix.fork():
            posix._exit(0)
        null = posix.open("/dev/null", posix.O_RDWR)
        posix.dup2(null if stdin is None else stdin, 0)
        for descriptor in (1, 2):
            posix.dup2(null, descriptor)
        _signal.set_wakeup_fd(-1)
        signals.restore_defaults()
        # systemd asks what a service's main process leaves to end: such work is short, and is finished.
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        posix.closerange(3, 1 << 20)
        ours = b"PROCESS_CONTROL_"
        environment = {name: value for name, value in posix.environ.items() if not name.startswith(ours)}
        posix.execve(argv[0], argv, environment)
    finally:
        posix._exit(127)


def find_executable(name: str, search_path: list[str]) -> str:
    """Return the path to execute, as execvp(3) finds it. Raises NotExecuted 127 (not found) or 126."""
    if "/" in name:
        return name
    denied = None
    for directory in search_path:
        path = f"{directory or '.'}/{name}"
        try:
            status = posix.stat(path)
        except OSError:
            continue
        if (status.st_mode & 0o170000) == 0o100000 and posix.access(path, posix.X_OK):
            return path
        denied = denied or path
    if denied:
        raise NotExecuted(126, f"{denied}: not executable (chmod +x {denied})")
    raise NotExecuted(127, f"{name}: command not found in PATH={':'.join(search_path)}")


def program_stamps(names: list[str], search_path: list[str], directory: str) -> list[str]:
    """Return `path inode size nanoseconds` of each program, each once, in the order of the names.

    What stands in no file keeps its name alone. Relative paths are looked at from `directory`.
    """
    stamps: dict[str, str] = {}
    for name in names:
        try:
            path = find_executable(name, search_path)
            status = posix.stat(path if path.startswith("/") else f"{directory}/{path}")
        except (NotExecuted, OSError):
            stamps.setdefault(name, name)
            continue
        stamps[path] = f"{path} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return list(stamps.values())


def _become(path: str, argv: list[str], surroundings: Surroundings, report: int, runner: int) -> None:
    """In the child: take on the state in which every job starts, and execute. Never returns."""
    stage = b"s"
    try:
        above = _LOCK_DESCRIPTOR + 1  # and no higher: the caller may have left us few descriptors
        report = fcntl.fcntl(report, fcntl.F_DUPFD_CLOEXEC, above)
        lock = -1 if surroundings.lock is None else fcntl.fcntl(surroundings.lock, fcntl.F_DUPFD_CLOEXEC, above)
        posix.setsid()
        _signal.set_wakeup_fd(-1)
        signals.restore_defaults()
        linux.restore_internal_signals()
        null = posix.open("/dev/null", posix.O_RDONLY)
        posix.dup2(null, 0)
        posix.dup2(surroundings.stdout, 1)
        posix.dup2(surroundings.stderr, 2)
        first_to_close = _LOCK_DESCRIPTOR
        if lock >= 0:
            posix.dup2(lock, _LOCK_DESCRIPTOR)
            first_to_close += 1
        posix.closerange(first_to_close, report)
        posix.closerange(report + 1, 1 << 20)
        posix.umask(surroundings.umask)
        if surroundings.limits is not None:
            stage = b"g"
            surroundings.limits.take_on(is_in_group=surroundings.all_in_cgroup)
        stage = b"d"
        posix.chdir(surroundings.directory)
        stage = b"s"
        if surroundings.no_new_privileges:
            linux.set_no_new_privileges()
        linux.set_parent_death_signal(_signal.SIGKILL)
        if posix.getppid() != runner:
            posix._exit(137)
        stage = b"x"
        posix.execve(path, [_bytes(word) for word in argv], surroundings.environment)
    except OSError as error:
        posix.write(report, stage + b"%d" % (error.errno or 0))
    except BaseException:  # noqa: BLE001  a forked copy of us must never go on, whatever happened
        posix.write(report, b"s0")
    posix._exit(126)


def _not_executed(name: str, surroundings: Surroundings, report: bytes) -> NotExecuted:
    import errno

    stage, number = report[:1], int(report[1:] or b"0")
    places = {b"d": f"working directory {surroundings.directory}", b"x": name, b"g": "what holds it to its limits"}
    where = places.get(stage, "the process")
    if stage == b"x" and number == errno.ENOEXEC:
        return NotExecuted(126, f"{name}: neither a program nor a script with a #! line")
    if stage == b"x" and number == errno.ENOENT:
        exists = _exists(name, surroundings.directory)
        words = "the interpreter that its #! line names is not there" if exists else "no such file"
        return NotExecuted(126 if exists else 127, f"{name}: {words}")
    code = 127 if stage == b"x" and number == errno.ENOTDIR else 126
    return NotExecuted(code, f"{where}: {posix.strerror(number) if number else 'could not be set up'}")


def _exists(name: str, directory: str) -> bool:
    try:
        posix.stat(name if name.startswith("/") else f"{directory}/{name}")
    except OSError:
        return False
    return True


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

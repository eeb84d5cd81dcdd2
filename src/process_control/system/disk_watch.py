"""Runs a command in a child; the parent uses no disk, so it can always report a disk that hangs, and end.

Lean module. Not every wait for a disk can be killed, so the process that the terminal waits for uses none. Other
children check the paths, with a deadline, and only while the command has made no progress for some seconds: a command
that is only slow is not disturbed.
"""

import _signal
import posix
import time

from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: How long the command must make no progress until its paths are checked.
STILL_SECONDS = 3.0
END_SECONDS = 20.0
ANSWER_SECONDS = 2.0
CHECK_AGAIN_SECONDS = 10.0
TICK_SECONDS = 0.5
_KILLED_SECONDS = 0.5
_SIGNALS = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
_MOUNTS = "/proc/self/mountinfo"
_MOUNTS_BYTES = 4 << 20
_TYPE_OF_FILE, _DIRECTORY, _PLAIN = 0o170000, 0o040000, 0o100000


class Paths:
    """The paths that the child is about to use, in memory that the parent can read. Without a parent: unused."""

    __slots__ = ("_current", "_memory", "_paths")

    def __init__(self, memory: int | None = None) -> None:
        self._memory = memory
        self._paths: list[str] = []
        self._current: list[str] = []

    def add(self, paths: list[str]) -> None:
        self._paths += paths
        self._write()

    def use_now(self, paths: list[str]) -> None:
        """Replace the paths that are used right now."""
        self._current = paths
        self._write()

    def forget(self) -> None:
        """Remove all paths: from now on no disk is used."""
        self._paths, self._current = [], []
        self._write()

    def _write(self) -> None:
        if self._memory is not None:
            data = "\0".join([*self._current, *self._paths]).encode("utf-8", "surrogateescape")
            try:
                posix.ftruncate(self._memory, 0)
                posix.pwrite(self._memory, data, 0)
            except OSError:  # no memory left: then a disk that hangs is not reported
                pass


def fork_watched(first_paths: list[str], *, note: "Callable[[str], None]", end: "Callable[[str, float], int]") -> Paths:
    """Continue in a child. The parent watches it, ends as it does, and never returns.

    `note` is called once with a path whose disk hangs; `end` with the path and the seconds before the child is killed,
    and the parent exits with its result. If fork fails, the command runs here and is not watched.
    """
    try:
        memory = posix.memfd_create("paths", posix.MFD_CLOEXEC)
    except OSError:
        return Paths()
    heard = {number for number in _SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN}
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, {*heard, _signal.SIGCHLD})
    parent = posix.getpid()
    try:
        child = posix.fork()
    except OSError:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        return Paths()
    if child:
        _Parent(child, memory, heard, note, end).end_with_the_child()
    _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    _end_with(parent)
    paths = Paths(memory)
    paths.add(first_paths)
    return paths


def _end_with(parent: int) -> None:
    from process_control.system import linux

    linux.set_parent_death_signal(_signal.SIGKILL)
    if posix.getppid() != parent:
        posix._exit(1)


class _Parent:
    """The parent of a command. `heard` are the signals that are passed on to it; they are blocked here."""

    __slots__ = (
        "_child",
        "_end",
        "_hangs_since",
        "_heard",
        "_last_heard",
        "_memory",
        "_note",
    )

    def __init__(
        self,
        child: int,
        memory: int,
        heard: "set[int]",
        note: "Callable[[str], None]",
        end: "Callable[[str, float], int]",
    ) -> None:
        self._child = child
        self._memory = memory
        self._heard = heard
        self._note = note
        self._end = end
        self._hangs_since: float | None = None
        self._last_heard = 0

    def end_with_the_child(self) -> None:
        """Wait for the child, watch it, and end as it does. Never returns."""
        try:
            while True:
                try:
                    self._watch()
                except Exception:  # noqa: BLE001  no descriptor left, half a package: the child does its work
                    self._hear(CHECK_AGAIN_SECONDS)
        finally:
            posix._exit(1)

    def _watch(self) -> None:
        place, look_next, untaken = b"", 0.0, 0
        deadly = sum([1 << (number - 1) for number in (*self._heard, _signal.SIGKILL)])
        while True:
            self._hear(TICK_SECONDS)
            status = proc.read_small(f"/proc/{self._child}/status", 1 << 14)
            before, untaken = untaken, _not_taken(status) & deadly
            if untaken & before:
                self._kill()
                posix._exit(128 + (self._last_heard or (untaken & before).bit_length()))
            now, was, place = time.monotonic(), place, _where_it_waits(status)
            if place != was:
                self._hangs_since, look_next = None, now + STILL_SECONDS
            elif now >= look_next:
                look_next = now + self._check(now)

    def _hear(self, seconds: float) -> None:
        """Wait and pass signals on to the child; end when the child has ended."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            heard = _signal.sigtimedwait({*self._heard, _signal.SIGCHLD}, left)
            if heard is None:
                return
            if heard.si_signo == _signal.SIGCHLD:
                self._end_as_the_child()
                continue
            self._last_heard = heard.si_signo
            if heard.si_code <= 0:  # somebody's kill(2); what a terminal sends has reached the child too
                posix.kill(self._child, heard.si_signo)

    def _end_as_the_child(self) -> None:
        """End as the child did, if it has ended."""
        pid, status = posix.waitpid(self._child, posix.WNOHANG)
        if not pid:
            return
        if posix.WIFEXITED(status):
            posix._exit(posix.WEXITSTATUS(status))
        number = posix.WTERMSIG(status)
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
        posix.kill(posix.getpid(), number)

    def _check(self, now: float) -> float:
        """Check the paths and report one that hangs; return the seconds until the next check."""
        path = first_that_hangs(self._paths_now())
        if path is None:
            self._hangs_since = None
            return CHECK_AGAIN_SECONDS
        if self._hangs_since is None:
            self._hangs_since = now - STILL_SECONDS
            self._note(path)
        elif now - self._hangs_since >= END_SECONDS - ANSWER_SECONDS:
            code = self._end(path, END_SECONDS)
            self._kill()
            posix._exit(code)
        return TICK_SECONDS

    def _kill(self) -> None:
        """Kill the child. It is not waited for if KILL does not end it at once."""
        posix.kill(self._child, _signal.SIGKILL)
        until = time.monotonic() + _KILLED_SECONDS
        while not posix.waitpid(self._child, posix.WNOHANG)[0] and (left := until - time.monotonic()) > 0:
            _signal.sigtimedwait({_signal.SIGCHLD}, left)

    def _paths_now(self) -> list[str]:
        """Return the paths that the child has named."""
        data = posix.pread(self._memory, posix.fstat(self._memory).st_size, 0)
        return [path.decode("utf-8", "surrogateescape") for path in data.split(b"\0") if path]


def _where_it_waits(status: bytes) -> bytes:
    """Return the counts of context switches, which stay the same while a process does nothing."""
    return b"\n".join([line for line in status.splitlines() if b"ctxt_switches" in line])


def _not_taken(status: bytes) -> int:
    """Return the pending signals of a process, as a bit mask; see proc(5)."""
    words = [line.split()[1] for line in status.splitlines() if line.startswith((b"SigPnd:", b"ShdPnd:"))]
    return int(words[0], 16) | int(words[1], 16) if len(words) == 2 else 0


def first_that_hangs(paths: list[str]) -> str | None:
    """Return the first of the paths whose disk does not answer in time, None when all do."""
    return next((path for path in paths if not _answers(path)), None)


def _answers(path: str) -> bool:
    from process_control.system.ask import NoAnswer, ask

    def question() -> None:
        nowhere = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
        for descriptor in range(3):  # a child that KILL does not end must not keep a pipe of the caller open
            posix.dup2(nowhere, descriptor)
        read_from(path)

    try:
        ask(question, seconds=ANSWER_SECONDS)
    except NoAnswer:
        return False
    except OSError:  # no process to be had, just now
        return True
    return True


def read_from(path: str) -> None:
    """Read from a path: what the kernel has cached of it does not show that its disk answers."""
    try:
        kind = posix.stat(path).st_mode & _TYPE_OF_FILE
        if kind == _DIRECTORY:
            posix.listdir(path)
        elif kind == _PLAIN:
            descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
            posix.read(descriptor, 1)
    except OSError:  # an answer too
        pass


def mount_of(path: str) -> str:
    """Return the mount of `path` without touching it: `nfs4 nas:/jobs on /srv`; empty if it is unknown."""
    found, longest = "", -1
    for line in proc.read_small(_MOUNTS, _MOUNTS_BYTES).splitlines():
        left, _, right = line.partition(b" - ")
        place, of_disk = left.split(b" ")[4:5], right.split(b" ")
        if not place or len(of_disk) < 2:
            continue
        where = _unescaped(place[0])
        if len(where) >= longest and f"{path}/".startswith(f"{where.rstrip('/')}/"):
            found, longest = f"{_unescaped(of_disk[0])} {_unescaped(of_disk[1])} on {where}", len(where)
    return found


def _unescaped(word: bytes) -> str:
    """Return a word of mountinfo with its escapes (\\040 is a blank) decoded."""
    for code in (b"040", b"011", b"012", b"134"):
        word = word.replace(b"\\" + code, bytes([int(code, 8)]))
    return word.decode("utf-8", "surrogateescape")

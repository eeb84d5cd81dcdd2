"""The launcher: starts runs by order of the scheduler. It forks a process for each, which becomes guard and runner.

Lean module: everything that a run needs is imported once, so that a start costs two forks. An order names a job and a
planned time, or what `process-control run` takes: configuration and job file are read by the run, as root or as the
caller, by the same functions as for `run-job`. So whoever could write orders could only start jobs of this
configuration, as their user. The launcher may die at any time: each run has its own guard.

An order and its answers are one packet of JSON each, on one end of a socket pair that only the scheduler and we have:
`{"start": 7, "job": "backup", "due": 1795910400, "queued": 0.0}`; answers: `{"launcher": PID, "at": MONOTONIC}` once,
`{"started": 7, "pid": PID}`, `{"failed": 7, "why": "..."}` and `{"ended": 7, "code": 0}`. An order by hand has `"by"`,
and its end `"words"`: what run-job printed to stderr, which is why it refused.
"""

import _signal
import gc
import posix
import select
import time

from process_control.cli.run_job.main import run_and_exit
from process_control.cli.run_job.options import Options
from process_control.core.facts import one_line
from process_control.errors import OwnFault
from process_control.system import linux, signals
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

MAX_PACKET = 1 << 16
#: How many runs end before an answer is written: the scheduler reads them in bulk.
_READ_AT_ONCE = 64
#: Of so many runs by hand what they print is kept; each needs a descriptor.
MAX_KEPT_WORDS = 256
MAX_WORDS_BYTES = 4096
#: What runs need besides what this module imports. The end of a run imports less then, whatever becomes of the package.
_PRELOADED = (
    "process_control.actions.rights",
    "process_control.config.cache.planned_slots",
    "process_control.config.job_directory",
    "process_control.config.settings",
    "process_control.execution.guard_channel",
    "process_control.execution.guard_watch",
    "process_control.execution.supervisor",
    "process_control.run.caller",
    "process_control.run.report_on_stderr",
    "process_control.run.run_job",
    "process_control.run.world",
    "process_control.state.block",
    "process_control.state.job_state",
    "process_control.system.lock",
)
#: Of systemd, for the scheduler: a job that answers there would speak for it.
_OF_THE_SERVICE = (b"NOTIFY_SOCKET", b"WATCHDOG_PID", b"WATCHDOG_USEC", b"LISTEN_PID", b"LISTEN_FDS")


def serve(orders: int, config: str | None) -> "NoReturn":
    """Take orders from the socket `orders` until a signal ends this process. `config`: as in `run-job --config`."""
    linux.set_process_name(b"launcher")
    linux.set_parent_death_signal(_signal.SIGKILL)
    _preload()
    for name in _OF_THE_SERVICE:
        posix.environ.pop(name, None)
    Launcher(orders, config).run()


def _preload() -> None:
    """Import what runs need, and keep the pages of all that out of the way of the garbage collector."""
    from process_control.run.imports_of_the_end import import_what_the_end_needs

    for name in _PRELOADED:
        __import__(name)
    for _ in import_what_the_end_needs(None):
        pass
    gc.collect()
    gc.freeze()
    gc.disable()


class Launcher:
    """The loop, and which run is which process."""

    def __init__(self, orders: int, config: str | None) -> None:
        self._orders = orders
        self._config = config
        #: number of the order, by the pid of the guard
        self._runs: dict[int, int] = {}
        #: the file that takes what a run by hand prints, by the pid of the guard
        self._words: dict[int, int] = {}
        #: answers that the socket did not take yet
        self._unsent: list[bytes] = []
        self._woken, self._wake = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)

    def run(self) -> "NoReturn":
        """Start what is ordered, and report what has ended."""
        _signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        signals.unblock()
        posix.set_blocking(self._orders, False)
        self._answer({"launcher": posix.getpid(), "at": time.monotonic()})
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        while True:
            wanted = select.POLLIN | (select.POLLOUT if self._unsent else 0)
            poll.register(self._orders, wanted)
            for descriptor, events in poll.poll():
                if descriptor == self._woken:
                    _empty(self._woken)
                    self._report_ends()
                elif events & select.POLLOUT:
                    self._send()
            self._start_what_is_ordered()

    def _start_what_is_ordered(self) -> None:
        for order in self._received():
            words = self._place_for_words() if "by" in order else None
            try:
                pid = posix.fork()
            except OSError as error:
                self._answer({"failed": order["start"], "why": error.strerror or str(error)})
                if words is not None:
                    posix.close(words)
                continue
            if pid == 0:
                self._become_the_guard(order, words)
            self._runs[pid] = order["start"]  # type: ignore[assignment]
            if words is not None:
                self._words[pid] = words
            self._answer({"started": order["start"], "pid": pid})

    def _received(self) -> "Iterator[dict[str, object]]":
        """Yield orders; what is no order is left out."""
        for _ in range(_READ_AT_ONCE):
            try:
                packet = posix.read(self._orders, MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:  # closed with answers unread
                packet = b""
            if not packet:  # both ends of the scheduler's side are closed: nobody is left who could order anything
                posix._exit(0)
            try:
                order = decode(packet.decode())
            except ValueError:
                continue
            if isinstance(order, dict) and isinstance(order.get("start"), int) and isinstance(order.get("job"), str):
                yield order

    def _place_for_words(self) -> int | None:
        """Return a file without a name; None when there are too many."""
        try:
            return posix.memfd_create("words", posix.MFD_CLOEXEC) if len(self._words) < MAX_KEPT_WORDS else None
        except OSError:
            return None

    def _become_the_guard(self, order: dict[str, object], words: int | None) -> "NoReturn":
        """Do as `run-job` does, in the child; its stderr is `words`. Never returns."""
        try:
            _signal.set_wakeup_fd(-1)
            signals.restore_defaults()
            posix.setsid()
            for descriptor in (self._orders, self._woken, self._wake, *self._words.values()):
                posix.close(descriptor)
            if words is not None:
                posix.dup2(words, 2)
                posix.close(words)
            options = _options_of(order, self._config)
        except BaseException:  # noqa: BLE001  nothing of the launcher may go on in a child
            posix._exit(OwnFault.exit_code)
        run_and_exit(options)

    def _report_ends(self) -> None:
        while self._runs:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number, words = self._runs.pop(pid, None), self._words.pop(pid, None)
            if number is not None:
                more = {} if words is None else {"words": _read_and_close(words)}
                self._answer({"ended": number, "code": _exit_code(status), **more})

    def _answer(self, answer: dict[str, object]) -> None:
        self._unsent.append(encode(answer).encode("ascii"))
        self._send()

    def _send(self) -> None:
        while self._unsent:
            try:
                posix.write(self._orders, self._unsent[0])
            except OSError:  # its buffer is full: poll says when it is not
                return
            del self._unsent[0]


def _options_of(order: dict[str, object], config: str | None) -> Options:
    """Return the options of `run-job` for an order. What it does not name has its default."""
    options = Options()
    options.config = config
    options.job = str(order["job"])
    due, queued, by, note, slot = (order.get(name) for name in ("due", "queued", "by", "note", "slot"))
    options.by = by if isinstance(by, str) else None
    options.by_web = order.get("web") is True
    options.slow_start, options.force = order.get("slow_start") is True, order.get("force") is True
    options.note = one_line(note) if isinstance(note, str) else None
    options.slot = str(slot) if type(slot) is int else None
    if isinstance(due, int):
        options.scheduled, options.due = "scheduler", due
        options.queued_seconds = float(queued) if isinstance(queued, int | float) else 0.0
    return options


def _exit_code(status: int) -> int:
    """Return the exit code as a shell has it: 128 and the number of a signal."""
    return posix.WEXITSTATUS(status) if posix.WIFEXITED(status) else 128 + posix.WTERMSIG(status)


def _read_and_close(words: int) -> str:
    """Return the first of what a run has printed."""
    try:
        return posix.pread(words, MAX_WORDS_BYTES, 0).decode("utf-8", "replace").strip()
    finally:
        posix.close(words)


def _empty(descriptor: int) -> None:
    try:
        while len(posix.read(descriptor, 512)) == 512:
            pass
    except BlockingIOError:
        pass

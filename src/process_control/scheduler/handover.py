"""What runs leave to the scheduler: it hears of it, and has the finisher do it. Nothing here waits for anything."""

import fcntl
import os
import select
import socket
import struct
import termios
import time
from contextlib import suppress

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job_environment import own_environment
from process_control.execution.detached import start_detached
from process_control.notify import spool
from process_control.notify.handover import TOUCH_SECONDS, socket_of
from process_control.scheduler.finisher import INDEX, KEPT_SECONDS, SEND
from process_control.system.inotify import DirectoryWatch
from process_control.system.interpreter import python

_MAIN = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.scheduler.finisher import main; main()"
_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
#: So long a finisher may leave a word unread; then another one is started.
MAX_UNREAD_SECONDS = 30.0
#: Until one that ended too soon is started again; doubled each time.
FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.5, 60.0
#: With this delay, after four deaths, nobody relies on it until one lives for some seconds.
FAILING_SECONDS = 4.0
#: The index waits until the journal did not grow, and no start was ordered, for a second; and at most so long.
QUIET_SECONDS, MAX_INDEX_SECONDS = 1.0, 5.0


class FinisherProcess:
    """The scheduler's end of the pipe to the finisher, which is started with the first word."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pipe: int | None = None
        #: words that no finisher has yet
        self._words = b""
        # By the monotonic clock: when the last one was started and got a word, and when another may be started.
        self._began = self._last_word = self._may_begin = 0.0
        self._delay = 0.0

    def descriptors(self) -> dict[int, int]:
        """Return what is to be polled: its death is seen without being asked for."""
        return {} if self._pipe is None else {self._pipe: 0}

    def say(self, word: bytes) -> None:
        """Have it do something: send, or bring the index up to date."""
        now = time.monotonic()
        if self._pipe is not None and self._count_unread() and now - self._last_word > MAX_UNREAD_SECONDS:
            self._words += SEND + INDEX
            self.close()  # it ends when it can
        if word not in self._words:
            self._words += word
        self.hand_on(now)

    def hand_on(self, now: float) -> None:
        """Write the words that wait, to a new finisher if there is none."""
        if not self._words:
            return
        if self._pipe is None:
            if now < self._may_begin:
                return
            self._start(now)
        if self._pipe is not None:
            with suppress(BlockingIOError, BrokenPipeError):  # full: it has words enough; broken: poll shows its death
                os.write(self._pipe, self._words)
            self._words, self._last_word = b"", now

    def has_died(self, descriptor: int) -> bool:
        """Return whether the descriptor is ours: then the finisher has ended. Unless it was idle, start another."""
        if descriptor != self._pipe:
            return False
        now = time.monotonic()
        if now - self._began > MAX_DELAY_SECONDS:
            self._delay = 0.0
        if self._count_unread() or now - self._last_word < KEPT_SECONDS:
            self._words = SEND + INDEX
            self._delay = min(max(2 * self._delay, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)
        self._may_begin = now + self._delay
        self.close()
        return True

    def fails(self, now: float) -> bool:
        """Return whether one after the other has died, as with half a package. `now`: monotonic."""
        lives = self._pipe is not None and now - self._began > FAILING_SECONDS
        return self._delay >= FAILING_SECONDS and not lives

    def close(self) -> None:
        """Let it do what it was asked for, and end."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _start(self, now: float) -> None:
        try:
            reading, writing = os.pipe2(os.O_CLOEXEC)
        except OSError:  # no descriptor is left: at the next word
            return
        os.set_blocking(writing, False)
        command = [*python(), "-I", "-c", _MAIN, _PACKAGE_FOLDER]
        command += ["--config", self._settings.path] if self._settings.path else []
        start_detached(command, own_environment(dict(os.environb)), stdin=reading)
        os.close(reading)
        self._pipe, self._began = writing, now

    def _count_unread(self) -> int:
        """Return how many bytes of the pipe were not read, see ioctl_tty(2)."""
        if self._pipe is None:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(self._pipe, termios.FIONREAD, bytes(4)))[0])


class Handover:
    """The socket on which runs say that something is in the spool, and the look for what is new in the journal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._finisher = FinisherProcess(settings)
        self._socket: socket.socket | None = None
        self._path = socket_of(settings)
        self._journal = DirectoryWatch()
        #: by the monotonic clock: since when the journal has something new
        self._grown_at: float | None = time.monotonic()
        self._touched = 0.0

    def open(self) -> None:
        """Listen, and see to what was left before. Without a socket each run starts a process of its own, as always."""
        with suppress(OSError):
            self._listen()
        self._watch_the_journal()
        self._send_what_waits()

    def close(self) -> None:
        """Take nothing more, and see that what was taken is sent: all of it is in the spool."""
        if self._socket is not None:
            self._socket.close()
            with suppress(OSError):
                os.unlink(self._path)
            self._socket = None
        self._send_what_waits()
        self._finisher.close()
        self._journal.close()

    def descriptors(self) -> dict[int, int]:
        """Return what is to be polled, and for what."""
        ours = {} if self._socket is None else {self._socket.fileno(): select.POLLIN}
        return ours | self._finisher.descriptors()

    def handle(self, descriptor: int) -> bool:
        """Return whether the descriptor is one of ours; hear what it says."""
        if self._socket is not None and descriptor == self._socket.fileno():
            with suppress(BlockingIOError):
                while self._socket.recv(16):
                    pass
            self._finisher.say(SEND)
            return True
        return self._finisher.has_died(descriptor)

    def do_each_second(self, *, ordered: float) -> None:
        """Show that the loop is alive, and have the index brought up to date. `ordered`: when the last start was."""
        now = time.monotonic()
        if now - self._touched >= TOUCH_SECONDS:
            self._touched = now
            if not self._finisher.fails(now):  # else runs soon send by themselves
                with suppress(OSError):
                    os.utime(self._path)
            self._watch_the_journal()
        has_grown = self._journal.can_see and self._journal.has_changed()
        if has_grown:
            self.note_that_the_journal_grows()
        if self._grown_at is not None:
            is_quiet = not has_grown and now - max(self._grown_at, ordered) >= QUIET_SECONDS
            if is_quiet or now - self._grown_at >= MAX_INDEX_SECONDS:
                self._grown_at = None
                self._finisher.say(INDEX)
        self._finisher.hand_on(now)

    def note_that_the_journal_grows(self) -> None:
        if self._grown_at is None:
            self._grown_at = time.monotonic()

    def _send_what_waits(self) -> None:
        state = self._settings.state_directory
        if spool.names(state, spool.EVENTS) or spool.is_due(state, time.time()):
            self._finisher.say(SEND)

    def _watch_the_journal(self) -> None:
        """Have the kernel show what is written there; on a network disk it cannot, and only our runs show it."""
        if not self._journal.can_see:
            self._journal.watch(layout.journal(self._settings.state_directory))

    def _listen(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        was = os.umask(0o077)
        try:
            listening.bind(self._path)
        except OSError:
            listening.close()
            raise
        finally:
            os.umask(was)
        self._socket, self._touched = listening, time.monotonic()

"""The finisher: does what is left to do after runs. It sends what the spool holds, and keeps the index up to date.

A process of its own, started by the scheduler when there is something to do, and kept for a while: what it has imported
serves the next time. Each task is done by a child, so that one that waits for a mail server, or for a disk, keeps the
others from nothing. Its stdin is a pipe from the scheduler: a word for each task, and the end of the scheduler.
"""

import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import process_control.history.index.fast_lines  # noqa: F401  each child that folds needs it
from process_control.config.settings import load_settings
from process_control.errors import FINE, CannotRecord, OwnFault
from process_control.history.index.database import SealedDatabase
from process_control.system import linux

#: The words: something is in the spool; the journal has grown.
SEND, INDEX = b"s", b"i"
#: It ends when it got no word for so long. A job that fails each minute keeps it alive.
KEPT_SECONDS = 90.0
#: Between the starts of two children for the same task.
PAUSE_SECONDS = 1.0
#: After a task that could not be done the pause is doubled, up to this.
MAX_PAUSE_SECONDS = 60.0
#: Starts of jobs come first.
INDEX_NICENESS = 10
_MAX_WORDS = 1 << 16


#: The exit code of a child that could not do all now: it is tried again. So ends one whose disk hangs.
NOT_NOW = CannotRecord.exit_code


class Task:
    """What one word asks for. `do` is called in a child, and returns whether all is done."""

    def __init__(self, do: Callable[[], bool], *, at_once: int) -> None:
        self._do = do
        self._at_once = at_once
        self._is_wanted = False
        self._may_begin = 0.0
        self._pause = PAUSE_SECONDS
        #: pids, by descriptors that become readable at the end of each
        self.children: dict[int, int] = {}

    def want(self) -> None:
        self._is_wanted = True

    def seconds_left(self, now: float) -> float | None:
        """Return in how many seconds a child is to begin; None: when one is asked for, or has ended."""
        if not self._is_wanted or len(self.children) >= self._at_once:
            return None
        return max(0.0, self._may_begin - now)

    def begin(self, now: float) -> None:
        """Start a child. While the host has no process left, it is tried again."""
        self._may_begin = now + self._pause
        try:
            pid = os.fork()
        except OSError:
            return
        if pid == 0:
            try:
                code = FINE if self._do() else NOT_NOW
            except BaseException:  # noqa: BLE001  whatever it is: the next try is made by another process
                code = OwnFault.exit_code
            os._exit(code)
        self._is_wanted = False
        self.children[os.pidfd_open(pid)] = pid

    def end(self, descriptor: int, now: float) -> bool:
        """Reap a child, and try again later when it could not do all; return whether it ended as it should."""
        pid = self.children.pop(descriptor)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        is_done = code == FINE
        self._pause = PAUSE_SECONDS if is_done else min(2 * self._pause, MAX_PAUSE_SECONDS)
        if is_done and not self.children:
            self._may_begin = now
        elif not is_done:
            self._is_wanted = True
            self._may_begin = now + self._pause
        return code in (FINE, NOT_NOW)


class Finisher:
    """The process. `config`: as in `run-job --config`; `words`: the pipe."""

    def __init__(self, config: str | None, words: int) -> None:
        self._config = config
        self._words = words
        os.set_blocking(words, False)
        self._sends = 0
        # A sender that waits for one receiver must not delay the others: a few may be at work.
        self._send = Task(self._send_all, at_once=8)
        self._index = Task(self._bring_the_index_up_to_date, at_once=1)
        self._is_alone = False

    def run(self) -> None:
        """Do what is asked for until nothing was for a while, or the scheduler has ended."""
        last_word = time.monotonic()
        while not self._is_alone:
            for task in (self._send, self._index):
                if task.seconds_left(time.monotonic()) == 0.0:
                    task.begin(time.monotonic())
            now = time.monotonic()
            waits = [wait for task in (self._send, self._index) if (wait := task.seconds_left(now)) is not None]
            at_work = {**self._send.children, **self._index.children}
            if not at_work and now - last_word >= KEPT_SECONDS:
                return
            if not at_work:
                waits.append(last_word + KEPT_SECONDS - now)
            for descriptor in _readable([self._words, *at_work], min(waits, default=None)):
                if descriptor == self._words:
                    last_word = time.monotonic()
                    self._take_words()
                else:
                    task = self._send if descriptor in self._send.children else self._index
                    if not task.end(descriptor, time.monotonic()):
                        return  # after an upgrade, perhaps: the scheduler starts a new process
        # What runs have left to the scheduler, and it has not handed on: its children outlive us.
        self._send.begin(time.monotonic())

    def _take_words(self) -> None:
        with suppress(BlockingIOError):
            words = os.read(self._words, _MAX_WORDS)
            self._is_alone = not words
            if SEND in words:
                self._send.want()
                self._sends += 1
                if self._sends > 1:  # a lone failure costs no more than without us
                    self._import_what_sending_needs()
            if INDEX in words:
                self._index.want()

    def _import_what_sending_needs(self) -> None:
        from process_control.notify.deliver import import_what_is_needed

        with suppress(Exception):  # the children do without it, or try again
            import_what_is_needed(load_settings(self._config, dict(os.environb)))

    def _send_all(self) -> bool:
        from process_control.notify.deliver import deliver_all, settings_of_a_watched_child
        from process_control.notify.spool import EVENTS, names

        os.close(self._words)
        settings = settings_of_a_watched_child(self._config)
        deliver_all(settings)
        return not names(settings.state_directory, EVENTS)

    def _bring_the_index_up_to_date(self) -> bool:
        os.close(self._words)
        os.nice(INDEX_NICENESS)
        settings = load_settings(self._config, dict(os.environb))
        return SealedDatabase(settings.state_directory).update()


def _readable(descriptors: list[int], seconds: float | None) -> list[int]:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000 + 1)]


def main() -> None:
    """Serve the scheduler that has started this process."""
    os.umask(0o022)
    linux.set_process_name(b"finisher")
    words = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Finisher(sys.argv[sys.argv.index("--config") + 1] if "--config" in sys.argv else None, words).run()

"""Runs the commands that ask hosts, at most 32 side by side, and reads what comes: never too much, never too long.

A host may be dead, slow, or hostile: whatever it sends is read to a limit, and what it means is judged elsewhere.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, cast

from process_control.errors import ProcessControlError

SIDE_BY_SIDE = 32
MIB = 1 << 20
#: Of the answer of one host, and of all hosts together.
MAX_ANSWER_BYTES = 16 * MIB
MAX_BYTES = 128 * MIB
#: Of what it prints besides: what is wrong stands at its end, or near its beginning.
MAX_TALK_BYTES = 16 * 1024
_PIECE = 1 << 16
#: Of what an ended command left in a pipe, which is at most 1 MiB long.
_MAX_PIECES = MIB // _PIECE + 1


class End(Enum):
    """How the command of one host ended."""

    ENDED = "ended"
    TOO_SLOW = "too slow"
    TOO_LARGE = "too large"
    #: with all others together
    TOO_MUCH = "too much"
    NOT_STARTED = "not started"


@dataclass(slots=True, kw_only=True)
class Came:
    """What came back from one host. `status`: the exit code of ssh."""

    end: End = End.ENDED
    status: int | None = None
    output: bytearray = field(default_factory=bytearray)
    talk: bytearray = field(default_factory=bytearray)


class _Running:
    """One command that is running: its pipes, and a descriptor that can be read when it has ended."""

    def __init__(self, command: Sequence[str], came: Came, *, ends_at: float) -> None:
        self.came = came
        self.ends_at = ends_at
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        )
        self.output, self.talk = (cast(IO[bytes], pipe).fileno() for pipe in (self.process.stdout, self.process.stderr))
        try:
            self.ended = os.pidfd_open(self.process.pid)
        except OSError:  # no descriptor left
            self.process.kill()
            self.process.communicate()
            raise
        for pipe in (self.output, self.talk):
            os.set_blocking(pipe, False)

    def read(self, pipe: int) -> int | None:
        """Read a piece of what is there now and return how long it is: 0 at the end, None when nothing is there."""
        try:
            piece = os.read(pipe, _PIECE)
        except BlockingIOError:
            return None
        if pipe == self.output:
            self.came.output += piece
        else:
            self.came.talk = (self.came.talk + piece)[-MAX_TALK_BYTES:]
        return len(piece)

    def read_the_rest(self) -> None:
        """Read what the ended command left in its pipes; a connection that it keeps may hold them open."""
        for pipe in (self.output, self.talk):
            for _ in range(_MAX_PIECES):
                if not self.read(pipe):
                    break

    def close(self) -> None:
        """End the command and all that it started, unless it has ended by itself."""
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.came.status = self.process.wait()
        os.close(self.ended)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def ask_all(commands: Sequence[Sequence[str]], *, seconds: float) -> list[Came]:
    """Run all commands and return what came, in their order. `seconds`: how long each may take.

    Raises ProcessControlError (1) when there is no such program.
    """
    return _Asking(commands, seconds).all()


class _Asking:
    def __init__(self, commands: Sequence[Sequence[str]], seconds: float) -> None:
        self._waiting = list(reversed(list(zip(commands, [Came() for _ in commands], strict=True))))
        self._came = [came for _, came in reversed(self._waiting)]
        self._seconds = seconds
        self._running: list[_Running] = []
        self._selector = selectors.DefaultSelector()

    def all(self) -> list[Came]:
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < SIDE_BY_SIDE:
                    self._start(*self._waiting.pop())
                self._wait()
        finally:
            for each in list(self._running):
                self._end(each, each.came.end)
            self._selector.close()
        return self._came

    def _start(self, command: Sequence[str], came: Came) -> None:
        try:
            running = _Running(command, came, ends_at=time.monotonic() + self._seconds)
        except FileNotFoundError as error:
            hint = "apt-get install openssh-client"
            raise ProcessControlError(f"{command[0]} is not installed here", hint=hint) from error
        except OSError as error:
            came.end = End.NOT_STARTED
            came.talk += (error.strerror or str(error)).encode()
            return
        for descriptor in (running.output, running.talk, running.ended):
            self._selector.register(descriptor, selectors.EVENT_READ, running)
        self._running.append(running)

    def _wait(self) -> None:
        """Read what comes until the next of them is over."""
        if not self._running:
            return
        until = min(each.ends_at for each in self._running)
        over: dict[_Running, End] = {}
        for key, _ in self._selector.select(max(until - time.monotonic(), 0)):
            running: _Running = key.data
            if key.fd == running.ended:
                over.setdefault(running, End.ENDED)
            elif running.read(key.fd) == 0:
                self._selector.unregister(key.fd)
            if len(running.came.output) > MAX_ANSWER_BYTES:
                over[running] = End.TOO_LARGE
        now = time.monotonic()
        for running in self._running:
            if now >= running.ends_at:
                over.setdefault(running, End.TOO_SLOW)
        for running, end in over.items():
            self._end(running, end)

    def _end(self, running: _Running, end: End) -> None:
        self._running.remove(running)
        if end is End.ENDED:
            running.read_the_rest()
        for descriptor in (running.output, running.talk, running.ended):
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        running.close()
        came = running.came
        came.end = End.TOO_LARGE if end is End.ENDED and len(came.output) > MAX_ANSWER_BYTES else end
        if came.end is End.ENDED and sum(len(each.output) for each in self._came) > MAX_BYTES:
            came.end = End.TOO_MUCH
        if came.end in (End.TOO_LARGE, End.TOO_MUCH):
            came.output = came.output[:_PIECE]  # enough to see who answered

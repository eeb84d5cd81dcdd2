"""A command under test: while it runs (`Live`), and everything that its caller saw of it (`Result`)."""

import json
import os
import subprocess
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kit.events import PATIENCE_SECONDS, Deadline, TookTooLong, readable
from kit.warm_commands import Warm


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a caller sees of a command. On a terminal all of it is in `stdout`, newlines as `\\n`."""

    stdout: str
    stderr: str
    exit_code: int

    def __str__(self) -> str:
        return f"exit code {self.exit_code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}---"

    def json(self) -> Any:
        return json.loads(self.stdout)


class Live:
    """A command that runs right now. Leaving its `with`, or closing the box, ends it."""

    def __init__(self, process: "subprocess.Popen[bytes] | Warm", terminal: int | None) -> None:
        self.process = process
        self.pid = process.pid
        self.terminal = terminal
        self._buffers: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self._sources: dict[int, str] = {}
        if terminal is not None:
            self._sources[terminal] = "stdout"
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if pipe is not None:
                self._sources[pipe.fileno()] = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def wait(self, *, seconds: float = PATIENCE_SECONDS) -> Result:
        """Read everything until the end; return it."""
        limit = Deadline(seconds)
        while self._sources:
            self._read_some(limit, "the end of its output")
        if self.process.returncode is None:  # else `signal` has found it ended
            handle = os.pidfd_open(self.pid)
            try:
                if not readable([handle], limit.left()):
                    raise TookTooLong(f"still running after {seconds:g} s: {self._so_far()}")
            finally:
                os.close(handle)
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()  # a storm has thousands of them
        return Result(self._text("stdout"), self._text("stderr"), self.process.returncode)

    def wait_for_line(self, text: str, *, stream: str = "stdout", seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until `text` was written to `stream`."""
        limit = Deadline(seconds)
        while text not in self._text(stream):
            if not self._sources:
                raise TookTooLong(f"ended without '{text}': {self._so_far()}")
            self._read_some(limit, f"'{text}' on {stream}")

    def read_what_is_there(self) -> None:
        """Read what was written so far: of a command that is never waited for, its pipes must not become full."""
        while self._sources and readable(self._sources, 0):
            self._read_some(Deadline(0), "what is there")

    def seen(self, stream: str = "stdout") -> str:
        """Return what was read so far."""
        return self._text(stream)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def type(self, keys: bytes) -> None:
        """Press keys on the terminal: b"\\x03" is Control-C."""
        if self.terminal is None:
            raise ValueError("not on a terminal")
        os.write(self.terminal, keys)

    def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            if pipe is not None:
                pipe.close()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
        self._sources.clear()

    def _read_some(self, limit: Deadline, what: str) -> None:
        ready = readable(self._sources, limit.left())
        if not ready:
            raise TookTooLong(f"waited in vain for {what}: {self._so_far()}")
        for descriptor in ready:
            try:
                chunk = os.read(descriptor, 1 << 20)
            except OSError:  # EIO: the last process of the terminal has closed it
                chunk = b""
            if chunk:
                self._buffers[self._sources[descriptor]] += chunk
            else:
                del self._sources[descriptor]

    def _text(self, stream: str) -> str:
        text = self._buffers[stream].decode(errors="surrogateescape")
        return text.replace("\r\n", "\n") if self.terminal is not None else text

    def _so_far(self) -> str:
        return f"{self.process.args!r}\n--- stdout\n{self._text('stdout')}\n--- stderr\n{self._text('stderr')}"

"""Long output on a terminal goes through a pager: $PAGER, else less; what fits the screen is printed as it is.

Off by PAGER= (empty), by --no-pager, where TERM is dumb, and in every pipe.
"""

import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TextIO

from process_control.cli.session import Session

DEFAULT = "less"
ENVIRONMENT = {"LESS": "FRX", "LESSHISTFILE": "-"}
#: Options of verbs whose output is not for a pager: bytes as they are, and what comes while one looks.
NOT_FOR_A_PAGER = ("as_raw", "follow", "watch")


def paged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the pager."""

    @wraps(function)
    def with_pager(session: Session, *arguments: Any, **options: Any) -> Any:
        words = [] if any(options.get(name) for name in NOT_FOR_A_PAGER) else _pager(session)
        if not words:
            return function(session, *arguments, **options)
        with _pages(words, session):
            return function(session, *arguments, **options)

    return with_pager


def _pager(session: Session) -> list[str]:
    """Return the command of the pager; nothing where none is wanted, or none is there."""
    if session.no_pager or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return []
    try:
        words = shlex.split(os.environ.get("PAGER", DEFAULT))
    except ValueError:
        return []
    return words if words and shutil.which(words[0]) else []


@contextmanager
def _pages(words: list[str], session: Session) -> Iterator[None]:
    """Collect what is printed until it is longer than the screen; then the pager has it, and all that follows."""
    stdout, stderr = sys.stdout, sys.stderr
    pages = Pages(stdout, words, lines=shutil.get_terminal_size().lines - 1)
    sys.stdout = pages
    if stderr.isatty():
        sys.stderr = pages  # in the same place, in the order of writing
        pages.live = stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        session.paths.forget()  # whoever reads in the pager waits for no disk
        pages.end()


class Pages(io.TextIOBase):
    """A stream that looks like a terminal. `live` is the terminal itself, for what is shown at once, as a progress."""

    def __init__(self, terminal: TextIO, words: list[str], *, lines: int) -> None:
        super().__init__()
        self.live = terminal
        self._terminal = terminal
        self._words = words
        self._lines_left = lines
        self._held: list[str] = []
        self._pager: subprocess.Popen[bytes] | None = None
        self._has_left = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        return self._terminal.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._pager is not None:
            self._send(text)
            return len(text)
        self._held.append(text)
        self._lines_left -= text.count("\n")
        if self._lines_left < 0:
            self._start()
        return len(text)

    def end(self) -> None:
        """Show what is held; wait until the reader has left the pager. Control-C is the pager's."""
        if self._pager is None:
            self._terminal.write("".join(self._held))
            self._terminal.flush()
            return
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if self._pager.stdin is not None:
                try:
                    self._pager.stdin.close()
                except BrokenPipeError:
                    pass
            self._pager.wait()
        finally:
            signal.signal(signal.SIGINT, before)

    def _start(self) -> None:
        environment = {**ENVIRONMENT, **os.environ}
        if "SUDO_UID" in os.environ:
            environment["LESSSECURE"] = "1"  # who may look by sudo must not get a shell of this account
        self._terminal.flush()
        try:
            self._pager = subprocess.Popen(self._words, stdin=subprocess.PIPE, env=environment)
        except OSError:
            self._lines_left = sys.maxsize
            return
        self._send("".join(self._held))
        self._held.clear()

    def _send(self, text: str) -> None:
        if self._has_left or self._pager is None or self._pager.stdin is None:
            return
        try:
            self._pager.stdin.write(text.encode(self.encoding, "backslashreplace"))
            self._pager.stdin.flush()
        except BrokenPipeError:
            self._has_left = True

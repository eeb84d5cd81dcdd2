"""A screen that is drawn again in place, until somebody presses q: on the terminal's other page, as `top` does."""

import io
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\r\n\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
QUIT = b"qQ"
_WAKING = (signal.SIGWINCH, signal.SIGCONT)


class Frame(io.StringIO):
    """What is printed for one frame; looks like the terminal that it is for."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        return self._terminal.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()


def show_until_quit(draw: Callable[[], None], *, seconds: float, last_line: str) -> None:
    """Call `draw`, which prints, every so many seconds, and at once when the terminal has another size; end on q.

    Raises KeyboardInterrupt for Control-C. The terminal is left as it was, whatever happens.
    """
    terminal = sys.stdout
    with _keys() as keys, _signals() as waking, _other_page(terminal):
        while True:
            _show(terminal, _drawn(draw, terminal), last_line)
            ready, _, _ = select.select([waking, *([keys] if keys is not None else [])], [], [], seconds)
            if waking in ready and signal.SIGCONT in os.read(waking, 64):
                terminal.write(ENTER)
            if keys in ready and keys is not None:
                typed = os.read(keys, 64)
                if not typed or any(key in QUIT for key in typed):
                    return


def _drawn(draw: Callable[[], None], terminal: TextIO) -> list[str]:
    frame = Frame(terminal)
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = frame
    try:
        draw()
    finally:
        sys.stdout, sys.stderr = stdout, stderr
    return frame.getvalue().rstrip("\n").split("\n")


def _show(terminal: TextIO, lines: list[str], last_line: str) -> None:
    """Write a frame over the one before, in one piece, so that nothing flickers."""
    size = shutil.get_terminal_size()
    shown = lines[: size.lines - 1]
    shown += [""] * (size.lines - 1 - len(shown))
    text = "".join([f"{REST_OF_LINE}{line}\r\n" for line in shown])  # behind a full line it would take a character
    terminal.write(f"{HOME}{text}{REST_OF_SCREEN}{last_line[: size.columns - 1]}")
    terminal.flush()


@contextmanager
def _other_page(terminal: TextIO) -> Iterator[None]:
    terminal.write(ENTER)
    try:
        yield
    finally:
        terminal.write(LEAVE)
        terminal.flush()


@contextmanager
def _keys() -> Iterator[int | None]:
    """Let keys come one by one and unseen; None where stdin is no terminal."""
    try:
        keys = sys.stdin.fileno()
        before = termios.tcgetattr(keys)
    except (AttributeError, OSError, ValueError, termios.error):
        yield None
        return
    tty.setcbreak(keys)
    try:
        yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextmanager
def _signals() -> Iterator[int]:
    """Give a descriptor that can be read when the terminal has changed; TERM and HUP end as Control-C does."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = {number: signal.signal(number, _do_nothing) for number in _WAKING}
    before |= {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _do_nothing(_number: int, _frame: object) -> None:
    pass


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)

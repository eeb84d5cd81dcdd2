"""Ask the scheduler that runs, by its socket."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import NotPermitted, NotStarted

TIMEOUT_SECONDS = 10.0


def ask(settings: Settings, question: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer; None when no scheduler runs. Raises NotPermitted (77), NotStarted (75)."""
    with _lines(settings, question, TIMEOUT_SECONDS) as lines:
        return None if lines is None else _read(lines)


def wait_for_drain(settings: Settings, say: Callable[[str], None]) -> bool:
    """Have the scheduler start nothing more, and wait for its runs; return False when no scheduler runs."""
    with _lines(settings, {"verb": "drain"}, None) as lines:
        if lines is None:
            return False
        answer = _read(lines)
        while not answer["drained"]:
            say(f"waiting for {answer['running']} {'run' if answer['running'] == 1 else 'runs'} to end")
            answer = _read(lines)
        return True


@contextmanager
def connected(settings: Settings, seconds: float | None = TIMEOUT_SECONDS) -> Iterator[socket.socket | None]:
    """Yield a connection to the scheduler; None when nobody listens. Raises NotPermitted (77), NotStarted (75)."""
    path = layout.scheduler_socket(settings.run_directory)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except PermissionError as error:
            raise NotPermitted("not permitted to ask the scheduler", where=path) from error
        except (BlockingIOError, TimeoutError) as error:  # so many wait for an answer already
            raise NotStarted(f"the scheduler does not answer within {TIMEOUT_SECONDS:g} s", where=path) from error
        except OSError:  # no socket, or nobody listens any more
            yield None
            return
        yield connection


@contextmanager
def _lines(settings: Settings, question: dict[str, Any], seconds: float | None) -> Iterator[BinaryIO | None]:
    """Send the question and yield what is answered, line by line; None when nobody listens."""
    with connected(settings, seconds) as connection:
        if connection is None:
            yield None
            return
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as lines:
            yield lines


def _read(lines: BinaryIO) -> dict[str, Any]:
    try:
        line = lines.readline()
    except TimeoutError as error:
        raise NotStarted(f"the scheduler does not answer within {TIMEOUT_SECONDS:g} s") from error
    if not line:
        raise NotStarted("the scheduler has ended")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise NotStarted(str(answer["error"]["what"]))
    return answer

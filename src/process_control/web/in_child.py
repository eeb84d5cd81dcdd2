"""Does in a process of its own what could keep all others waiting: a regex may take for ever, and nothing else runs."""

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from process_control.errors import NotStarted, ProcessControlError, UsageError

MAX_CHILDREN = 4
MAX_ANSWER_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 16
_places = threading.BoundedSemaphore(MAX_CHILDREN)


def ask_in_child(question: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Return `question()`, asked in a child that has so many seconds; the answer has to be plain JSON values.

    Raises UsageError (2) when the question does, or when it takes too long; NotStarted (75) when too many are asked.
    """
    if not _places.acquire(timeout=seconds):
        raise NotStarted(f"{what}: too many at the same time", hint="try again in a moment")
    try:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _answer(question, writing)
        os.close(writing)
        try:
            answer = _read(reading, time.monotonic() + seconds)
        finally:
            os.close(reading)
            os.kill(child, signal.SIGKILL)  # it has closed its pipe, or has had its time
            os.waitpid(child, 0)
    finally:
        _places.release()
    if answer is None:
        raise UsageError(f"{what}: takes too long", hint="a simpler regex")
    found = json.loads(answer)
    if "error" in found:
        raise UsageError(str(found["error"]), hint=str(found["hint"]))
    return found["is"]


def _answer(question: Callable[[], Any], writing: int) -> None:
    """Write the answer and end, in the child. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        try:
            answer = {"is": question()}
        except ProcessControlError as error:
            answer = {"error": error.faults[0].what, "hint": error.faults[0].hint}
        with open(writing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode("ascii"))
        os._exit(0)
    finally:
        os._exit(1)


def _read(reading: int, until: float) -> bytes | None:
    """Return all that comes; None when it is not complete in time."""
    poll, found = select.poll(), bytearray()
    poll.register(reading, select.POLLIN)
    while (left := until - time.monotonic()) > 0 and len(found) < MAX_ANSWER_BYTES:
        if poll.poll(left * 1000):
            data = os.read(reading, _BLOCK_BYTES)
            if not data:
                return bytes(found) or None
            found += data
    return None

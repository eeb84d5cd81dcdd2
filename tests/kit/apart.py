"""Calls in a child process, for libraries that leave threads and descriptors in the process that uses them."""

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

from kit.events import TookTooLong

T = TypeVar("T")
_FORK = multiprocessing.get_context("fork")


def apart(question: Callable[[], T], *, seconds: float = 120) -> T:
    """Call it in a child; return what it returns, which must be picklable. Raises AssertionError for what it raises.

    Raises TookTooLong for a child that has not answered after `seconds`.
    """
    receiver, sender = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_answer, args=(question, sender))
    child.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise TookTooLong(f"no answer of a child within {seconds:g} s")
        is_answered, answer = receiver.recv()
    finally:
        child.kill()  # it has answered: whatever threads the library leaves may not keep it
        child.join()
        child.close()
        receiver.close()
    if not is_answered:
        raise AssertionError(answer)
    found: T = answer
    return found


def _answer(question: Callable[[], T], sender: Connection) -> None:
    try:
        answer: tuple[bool, object] = True, question()
    except BaseException:  # noqa: BLE001  the parent raises it
        answer = False, traceback.format_exc()
    sender.send(answer)

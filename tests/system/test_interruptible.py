"""The wait for the lock, ended by its time or by a signal: whenever that comes, nothing of it is left behind."""

import os
import random
import signal
from collections.abc import Callable

import pytest

from process_control.system import signals
from process_control.system.signals import Inbox, WaitEnded

ROUNDS = 8_000


def in_a_process(does: Callable[[Inbox], bool]) -> bool:
    """Return what a process of its own finds, which has no signal handlers but an inbox's."""
    child = os.fork()
    if child == 0:
        try:
            inbox = Inbox()
            signals.block()
            inbox.open()
            signals.unblock()
            os._exit(0 if does(inbox) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGTERM], ids=["its time", "a signal"])
def test_what_ends_a_wait_at_its_very_end_ends_nothing_else(number: int) -> None:
    """It comes at each moment around the end: in the wait, as that is left, or never; and once more after it."""

    def rounds(inbox: Inbox) -> bool:
        chance, moments = random.Random(7), {"in the wait": 0, "as it is left": 0}
        for _ in range(ROUNDS):
            inbox.stopped_by, is_over = None, False
            try:
                with inbox.interruptible(chance.uniform(1e-6, 4e-5)):
                    if number == signal.SIGTERM:
                        os.kill(os.getpid(), number)
                    is_over = True
            except WaitEnded:
                moments["as it is left" if is_over else "in the wait"] += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            inbox._wait_is_over(signal.SIGALRM, None)  # one that comes late
            if inbox._raises or (number == signal.SIGALRM and inbox.stopping):
                return False
        return sum(moments.values()) > ROUNDS / 100

    assert in_a_process(rounds)


def test_a_signal_that_was_held_back_until_the_wait_ends_it_at_once() -> None:
    def waits(inbox: Inbox) -> bool:
        os.kill(os.getpid(), signal.SIGXCPU)  # a short run has no handler for it yet
        try:
            with inbox.interruptible(30):
                return False
        except WaitEnded:
            return inbox.stopping

    assert in_a_process(waits)

"""The parent of scheduler and launcher ends when it is asked to, whatever it is about to do."""

import os
import signal

import pytest

from kit.events import until
from kit.harness import Box, Storm, wait_gone
from kit.processes import children, name_of
from kit.schedulers import scheduler


@pytest.mark.fault("TERM to the parent while it starts the scheduler again", small=2, full=50, wanted="it ends")
def test_a_parent_that_starts_the_scheduler_again_ends_when_asked_to(box: Box, storm: Storm) -> None:
    for number in storm.rounds():
        with scheduler(box) as live:
            for _ in range(1 + number % 3):  # each makes the next start later
                pid = live.pid
                os.kill(pid, signal.SIGKILL)
                wait_gone(pid)
            live.parent.signal(signal.SIGTERM)

            assert live.parent.wait(seconds=30).exit_code == 0
    assert box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun


def test_the_scheduler_dies_with_its_parent(box: Box) -> None:
    with scheduler(box) as live:
        found = children(live.parent.pid)
        assert sorted(map(name_of, found)) == ["launcher", "scheduler"]
        os.kill(live.parent.pid, signal.SIGKILL)
        live.parent.wait()
        for pid in found:
            wait_gone(pid)
        until(lambda: not box.processes(), "all to be gone")
    assert box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun

"""Whoever started the runs may die: they belong to nobody but themselves, end as they would have, and are recorded."""

import os
import select
import signal
from collections import Counter

import pytest

from kit.events import wait_gone
from kit.harness import Box, Deadline, Storm
from kit.runs import ONE_SLOT, ends, handles, outcomes, script
from kit.schedulers import scheduler


@pytest.mark.fault(
    "Launcher and scheduler killed with 100 live runs", small=10, full=100, wanted="all end and are recorded"
)
def test_all_runs_of_a_launcher_that_was_killed_end_and_are_recorded(box: Box, storm: Storm) -> None:
    """Every other one fails: it has more to say, to nobody. Parent, scheduler and launcher are killed at once."""
    started, release = box.fifo("started"), box.fifo("release")
    for number in range(storm.size):
        exit_code = 3 * (number % 2)
        text = f"echo started > {started}; read line < {release}; echo {number}; exit {exit_code}"
        box.job(f"job-{number}", f"command: {script(box, f'job-{number}.sh', text)}\n{ONE_SLOT}")

    with scheduler(box) as live:
        for _ in storm.rounds():
            started.read_line()
        guards = [box.block(f"job-{number}")["guard_pid"] for number in range(storm.size)]
        with handles(guards) as waiting:
            killed = [live.pid, live.launcher_pid, live.parent.pid]
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            live.parent.wait()
            for pid in killed:
                wait_gone(pid)
            alive = len(guards) - len(select.select(list(waiting), [], [], 0)[0])
            for _ in guards:
                release.write_line("")  # one byte for each: they read it byte by byte, side by side
            limit = Deadline()
            while waiting and not limit.passed():
                for handle in select.select(list(waiting), [], [], limit.left())[0]:
                    os.close(handle)
                    del waiting[handle]

    assert box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun
    found = Counter(outcomes(box))
    assert (len(set(guards)), alive) == (storm.size, storm.size)
    assert found == {("succeeded", None): storm.size // 2, ("failed", "exit_code"): storm.size // 2}
    assert [box.log_bytes(f"job-{number}") for number in range(storm.size)] == [
        b"%d\n" % number for number in range(storm.size)
    ]
    assert all(box.block(end["job"])["end"]["outcome"] == end["outcome"] for end in ends(box))
    storm.found(f"{alive} lived on, {found.total()} ended as they should and are recorded")

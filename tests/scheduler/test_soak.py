"""A scheduler that is killed again and again for long does not grow: memory, descriptors, zombies, files."""

import os
import re
import time
from pathlib import Path

import pytest

from kit.events import readable, until
from kit.harness import Box, Storm
from kit.processes import children, name_of, state_letter
from kit.runs import ends, starts
from kit.schedulers import Scheduler, scheduler

KILL_EACH_SECONDS = 5.0
JOBS = 5
#: MiB by which a process may grow; the first rounds are for what it imports and remembers.
MAX_GROWTH = 4.0


def measured(pid: int) -> dict[str, float]:
    """Return memory in MiB, descriptors and zombies of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise AssertionError(f"{pid} has ended")
    return {
        "memory": int(found[1]) / 1024,
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "zombies": sum(state_letter(child) == "Z" for child in children(pid)),
    }


def one_round(live: Scheduler, number: int) -> None:
    """Start a run of each job, and kill the launcher and the scheduler in turns, in the midst of it."""
    live.ask("run", jobs=[f"job-{n}" for n in range(JOBS)])
    victim = live.launcher_pid if number % 2 else live.pid
    os.kill(victim, 9)
    until(lambda: state_letter(victim) == "", "the killed one to be gone")
    if number % 2 == 0:
        live.wait_for_notice("READY=1")


@pytest.mark.fault(
    "A kill each five seconds for twenty minutes", small=4, full=240, wanted="no growth of memory, descriptors, zombies"
)
def test_a_scheduler_that_is_killed_for_long_does_not_grow(box: Box, storm: Storm) -> None:
    for number in range(JOBS):
        box.job(f"job-{number}", "command: /bin/true")
    with scheduler(box) as live:
        first: dict[str, float] = {}
        for number in storm.rounds():
            began = time.monotonic()
            one_round(live, number)
            until(lambda: len(starts(box)) == len(ends(box)), "all runs to end")
            if number == min(10, storm.size // 2):
                first = measured(live.parent.pid)
            readable([], KILL_EACH_SECONDS - (time.monotonic() - began))
        last = measured(live.parent.pid)
        launchers = [pid for pid in children(live.parent.pid) if name_of(pid) == "launcher"]
        others = [measured(pid) for pid in (live.pid, live.launcher_pid)]

    assert box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun
    assert last["memory"] - first["memory"] < MAX_GROWTH
    assert (last["descriptors"], last["zombies"]) == (first["descriptors"], 0)
    assert len(launchers) == 1
    assert [each["zombies"] for each in others] == [0, 0]
    grown = last["memory"] - first["memory"]
    storm.found(f"{grown:.1f} MiB, 0 descriptors, 0 zombies more; {len(ends(box))} runs ended")

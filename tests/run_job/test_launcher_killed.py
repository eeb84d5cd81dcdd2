"""Whoever started the runs may die: they belong to nobody but themselves, end as they would have, and are recorded."""

import os
import select
import signal
from collections import Counter

import pytest

from kit.harness import Box, Deadline, Storm, children, wait_gone
from kit.runs import ends, handles, outcomes, script

LAUNCHER = """
import signal, subprocess, sys
count, command = int(sys.argv[1]), sys.argv[2:]
# As cron does: it reads what the runs say, and whoever writes to it after its death gets SIGPIPE.
runs = [
    subprocess.Popen([*command, f"job-{number}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for number in range(count)
]
signal.pause()
"""


@pytest.mark.fault("Launcher killed with 100 live runs", small=10, full=100, wanted="all end and are recorded")
def test_all_runs_of_a_launcher_that_was_killed_end_and_are_recorded(box: Box, storm: Storm) -> None:
    """Every other one fails: it has more to say, to nobody."""
    started, release = box.fifo("started"), box.fifo("release")
    for number in range(storm.size):
        exit_code = 3 * (number % 2)
        text = f"echo started > {started}; read line < {release}; echo {number}; exit {exit_code}"
        box.job(f"job-{number}", f"command: {script(box, f'job-{number}.sh', text)}")
    launcher = box.root / "launcher.py"
    launcher.write_text(LAUNCHER)
    run_job = [box.product.interpreter, "-I", "-S", str(box.product.stub)]

    with box.start_command([box.product.interpreter, "-I", str(launcher), str(storm.size), *run_job]) as live:
        for _ in storm.rounds():
            started.read_line()
        guards = children(live.pid)
        with handles(guards) as waiting:
            live.signal(signal.SIGKILL)
            wait_gone(live.pid)
            alive = len(guards) - len(select.select(list(waiting), [], [], 0)[0])
            for _ in guards:
                release.write_line("")  # one byte for each: they read it byte by byte, side by side
            limit = Deadline()
            while waiting and not limit.passed():
                for handle in select.select(list(waiting), [], [], limit.left())[0]:
                    os.close(handle)
                    del waiting[handle]

    told = Counter(outcomes(box))
    assert (len(guards), alive) == (storm.size, storm.size)
    assert told == {("succeeded", None): storm.size // 2, ("failed", "exit_code"): storm.size // 2}
    assert [box.log_bytes(f"job-{number}") for number in range(storm.size)] == [
        b"%d\n" % number for number in range(storm.size)
    ]
    assert all(box.block(end["job"])["end"]["outcome"] == end["outcome"] for end in ends(box))
    storm.found(f"{alive} lived on, {told.total()} ended as they should and are recorded")

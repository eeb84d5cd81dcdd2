"""Where no control group can be made: most holds all the same, and is tried both ways; here is what does not hold.

docs/how-to/control-groups.md says so.
"""

import os
import signal

import pytest

from kit.harness import Box, lives, until
from kit.runs import kill_both, outcomes, script

pytestmark = pytest.mark.without_group


def test_with_both_killed_what_hid_from_all_else_is_not_found_and_the_job_starts_beside_it(box: Box) -> None:
    pid = box.fifo("pid")
    hides = f"""
        ( ( exec env -i setsid /bin/sh -c 'cd /; echo $$ > {pid}; exec sleep 1000 0<&- 1>&- 2>&- 3<&-' ) & ) &
        wait; exec sleep 1000
    """
    box.job("hides", f"command: {script(box, 'hides.sh', hides)}")
    with box.start("hides") as live:
        hidden = int(pid.read_line())
        until(lambda: os.readlink(f"/proc/{hidden}/exe").endswith("sleep"), "it to be hidden")
        kill_both(box, "hides")
        live.wait()
    box.wait_until_all_ended()  # all but what is hidden
    box.job("hides", "command: 'true'")

    result = box.run("hides")

    was_alive = lives(hidden)
    os.kill(hidden, signal.SIGKILL)
    assert was_alive
    assert result.exit_code == 0
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]
    until(lambda: not lives(hidden), "it to end")

"""`stop` as a page or a scheduler calls it: it returns when the tree is gone, and says what became of each run."""

import fcntl
import os

import pytest

from kit.harness import Box, lives, until
from kit.runs import frozen, job_with_a_tree, killers, outcomes, records, script, the_end, waiting_for_a_lock
from process_control.actions.rights import Actor
from process_control.actions.stop import stop
from process_control.core import layout
from process_control.errors import JobNotFound
from process_control.state.block import Identity


def test_a_stop_returns_when_the_whole_tree_is_gone(box: Box, actor: Actor) -> None:
    pids_of_tree = job_with_a_tree(box)
    box.job("idle", "command: /bin/true")
    with box.start("tree") as live:
        pids = pids_of_tree()
        tree, idle = stop(actor.settings, ["tree", "idle"], Identity(), by=actor.by, note="enough")
        left = [pid for pid in pids if lives(pid)]
        live.wait()

    end = the_end(box)
    assert (tree.is_stopped, tree.run_id, tree.words) == (True, end["run_id"], f"stopped run {end['run_id']}")
    assert (idle.is_stopped, idle.run_id, idle.words) == (False, None, "nothing is running")
    assert left == []
    assert [(each["by"], each["detail"]) for each in records(box, "stop")] == [("ada", "enough")]


def test_a_run_that_ends_by_itself_while_it_is_asked_to_stop_is_not_called_stopped(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", "command: 'true'")
    box.run("job")  # its health is there
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}; exit 3'")
    with box.start("job") as live:
        started.read_line()
        short_lock = os.open(layout.short_lock(str(box.state_directory), "job"), os.O_RDWR)
        fcntl.flock(short_lock, fcntl.LOCK_EX)  # the run needs it when its command has ended
        go_on.write_line()
        until(lambda: waiting_for_a_lock(live.pid), "its command to have ended")
        with box.start_command([str(box.product.process_control), "stop", "job"]) as stopping:
            until(lambda: records(box, "stop"), "it to be asked to stop")
            os.close(short_lock)
            result = stopping.wait()
        live.wait()

    assert "ended by itself just now" in result.stdout, result
    assert outcomes(box)[1] == ("failed", "exit_code")


def test_a_stop_of_a_job_that_is_not_there_is_an_error(actor: Actor) -> None:
    with pytest.raises(JobNotFound):
        stop(actor.settings, ["nowhere"], Identity(), by=actor.by)


def test_who_waits_for_a_stop_hears_that_a_runner_has_to_be_killed(box: Box, actor: Actor) -> None:
    started, heard = box.fifo("started"), []
    box.job("job", f"command: {script(box, 'job.sh', f'echo > {started}; exec sleep 1000')}\nkill_grace: 0.1s")
    with box.start("job", via="stub") as live:
        started.read_line()
        guard, runner = killers(box, "job")
        with frozen(runner, guard):
            [stopped] = stop(actor.settings, ["job"], Identity(), by=actor.by, progress=heard.append)
        live.wait()

    assert stopped.is_stopped
    assert stopped.words.endswith(", which is lost: its runner had to be killed")
    [sentence] = heard
    assert sentence.startswith(f"job: its runner, pid {runner}, has not ended within 5.1 s and is killed now: ")

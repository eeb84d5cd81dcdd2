"""kill -9 of runner, guard or both, at any moment: nothing is left, nothing lost, and the next start says `lost`."""

import os
import select
import signal
from contextlib import suppress

import pytest

from kit.harness import Box, command_line, lives, until
from kit.runs import (
    ONE_SLOT,
    ends,
    handles,
    job_with_a_tree,
    kill_both,
    killers,
    outcomes,
    records,
    script,
    starts,
    the_end,
    waiting_for_a_lock,
)

pytestmark = pytest.mark.each_way


def test_when_the_runner_is_killed_its_tree_is_gone_before_the_guard_ends_with_137(box: Box) -> None:
    pids_of_tree = job_with_a_tree(box)
    with box.start("tree") as live:
        pids = pids_of_tree()
        guard, runner = killers(box, "tree")
        with handles(pids) as tree:
            os.kill(runner, signal.SIGKILL)
            result = live.wait()
            gone = select.select(list(tree), [], [], 0)[0]

    assert guard == live.pid
    assert len(gone) == len(pids)
    assert result.exit_code == 137
    assert box.processes() == []


def test_when_the_guard_is_killed_the_runner_ends_the_tree_and_records_the_run_as_lost(box: Box) -> None:
    pids_of_tree = job_with_a_tree(box)
    with box.start("tree") as live:
        pids = pids_of_tree()
        guard, runner = killers(box, "tree")
        with handles([*pids, runner]) as waiting:
            of_runner = next(handle for handle, pid in waiting.items() if pid == runner)
            os.kill(guard, signal.SIGKILL)
            assert select.select([of_runner], [], [], 60)[0]
            gone = select.select(list(waiting), [], [], 0)[0]
        assert live.wait().exit_code == -signal.SIGKILL

    assert len(gone) == len(pids) + 1
    assert outcomes(box) == [("lost", "runner_killed")]
    assert box.run("--status", "tree").stdout.startswith("tree\tlost\t")


def test_the_run_whose_runner_was_killed_is_lost_exactly_once_and_the_next_start_works(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo started > {started}; [ -e {box.root}/done ] || sleep 1000")
    box.job("job", f"command: {job}\n{ONE_SLOT}")
    with box.start("job") as live:
        started.read_line()
        os.kill(killers(box, "job")[1], signal.SIGKILL)
        assert live.wait().exit_code == 137
    (box.root / "done").touch()

    results = [box.run("job") for _ in range(3)]

    assert [(result.stdout, result.stderr, result.exit_code) for result in results] == [("", "", 0)] * 3
    assert outcomes(box) == [("lost", "runner_killed")] + [("succeeded", None)] * 3
    assert ends(box)[0]["run_id"] == starts(box)[0]["run_id"]


def test_the_lost_run_counts_for_the_health_of_a_scheduled_job(box: Box) -> None:
    pids_of_tree = job_with_a_tree(box)
    with box.start("--scheduled", "tree") as live:
        pids_of_tree()
        os.kill(killers(box, "tree")[1], signal.SIGKILL)
        live.wait()
    box.job("tree", "command: 'true'")

    box.run("tree")

    assert [end["outcome"] for end in ends(box)] == ["lost", "succeeded"]
    assert box.health("tree")["failures_in_row"] == 1 or box.health("tree")["state"] == "healthy"


def test_with_both_killed_the_main_command_dies_and_a_survivor_is_named_and_ended(box: Box) -> None:
    """The kernel kills the main command with its runner; what it had started lives on and keeps the lock."""
    started = box.fifo("started")
    job = script(box, "job.sh", f"sleep 1000 & echo $$ $! > {started}; wait")
    box.job("job", f"command: {job}")
    with box.start("job") as live:
        main, survivor = (int(word) for word in started.read_line().split())
        until(lambda: command_line(survivor) == "sleep 1000", "the survivor to be executed")
        kill_both(box, "job")
        live.wait()
    until(lambda: not lives(main), "the main command to be killed")
    run_id = box.block("job")["run_id"]

    refused = box.run("job")
    killed = box.run_job("--kill-job", "job")
    box.job("job", "command: echo fine")
    works = box.run("job")

    assert refused.exit_code == 75
    assert f"pid {survivor} (sleep 1000)" in refused.stderr, refused
    assert "hint: end them: run-job --kill-job job" in refused.stderr
    assert (killed.exit_code, killed.stderr) == (0, f"job: ended 1 process(es) that run {run_id} had left behind\n")
    until(lambda: not lives(survivor), "what was killed to be gone", seconds=10)
    assert works.exit_code == 0
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]
    assert [stop["run_id"] for stop in records(box, "stop")] == [run_id]


def test_a_survivor_that_closed_every_descriptor_is_found_named_and_not_doubled(box: Box) -> None:
    started = box.fifo("started")
    closing = script(
        box,
        "survivor.sh",
        f"""
        cd /; echo $$ > {started}
        exec 0<&- 1>&- 2>&- 3>&- 4>&- 5>&-
        while :; do :; read x < {box.root}/never; done
        """,
    )
    box.fifo("never")
    job = script(box, "job.sh", f"setsid {closing} & wait")
    box.job("job", f"command: {job}\n{ONE_SLOT}")
    with box.start("job") as live:
        survivor = int(started.read_line())
        until(
            lambda: sorted(os.listdir(f"/proc/{survivor}/fd")) in ([], ["10"], ["255"]) or _closed(survivor),
            "it to close all",
        )
        kill_both(box, "job")
        live.wait()
    until(lambda: box.run_processes("job") == [survivor], "the main command to be killed")

    by_hand, scheduled = box.run("job"), box.run("--scheduled", "job")
    listed = box.run("--status", "job")
    killed = box.run_job("--kill-job", "job")
    box.job("job", "command: echo fine")
    works = box.run("job")

    assert by_hand.exit_code == scheduled.exit_code == 75
    assert f"left processes running: pid {survivor} (" in by_hand.stderr
    assert "hint: end them: run-job --kill-job job" in by_hand.stderr
    assert listed.exit_code == 0
    assert killed.exit_code == 0
    until(lambda: not lives(survivor), "what was killed to be gone", seconds=10)
    assert works.exit_code == 0
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]


def _closed(pid: int) -> bool:
    with suppress(OSError):
        return not any(".lock" in os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))
    return False


def test_a_killed_run_in_a_queue_leaves_nothing(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}")
    box.job("job", f"command: {job}")
    with box.start("job") as first:
        started.read_line()
        with box.start("--wait", "job") as waiting:
            (runner,) = until(lambda: waiting_for_a_lock(waiting.pid), "the second to wait")
            os.kill(runner, signal.SIGKILL)
            assert waiting.wait().exit_code == 137
        release.write_line()
        assert first.wait().exit_code == 0

    assert outcomes(box) == [("succeeded", None)]
    assert the_end(box)["run_id"] == starts(box)[0]["run_id"]

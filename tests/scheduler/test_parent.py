"""The parent of scheduler and launcher: no signal is missed, whatever it does at that moment."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from kit import mount_namespaces
from kit.events import until
from kit.harness import Box, Live, Storm, wait_gone
from kit.processes import children, name_of
from kit.runs import ONE_SLOT, ends, outcomes, records, script
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
    finish_the_notes(box)


def test_the_scheduler_dies_with_its_parent(box: Box) -> None:
    with scheduler(box) as live:
        found = children(live.parent.pid)
        assert sorted(map(name_of, found)) == ["launcher", "scheduler"]
        os.kill(live.parent.pid, signal.SIGKILL)
        live.parent.wait()
        for pid in found:
            wait_gone(pid)
        until(lambda: not box.processes(), "all to be gone")
    finish_the_notes(box)


def finish_the_notes(box: Box) -> None:
    """Let the next ones write the notes that a killed scheduler, and a killed look, had begun."""
    with scheduler(box):
        pass
    assert box.process_control("watch").exit_code == 0


def _has_children(parent: Live, count: int) -> bool:
    return len(children(parent.pid)) >= count


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_its_first_moments_ends_it(box: Box, number: int) -> None:
    for count in (1, 2, 1, 2):
        with box.start_command([str(box.product.process_control), "scheduler"]) as parent:
            until(partial(_has_children, parent, count), f"{count} children")
            parent.signal(number)

            parent.wait(seconds=20)


def test_a_reload_before_the_scheduler_is_ready_does_not_end_it(box: Box) -> None:
    with box.start_command([str(box.product.process_control), "scheduler"]) as parent:
        until(lambda: len(children(parent.pid)) == 2, "two children")
        for _ in range(3):
            parent.signal(signal.SIGHUP)
        parent.wait_for_line("started:", stream="stderr")
        parent.signal(signal.SIGTERM)

        result = parent.wait()

    assert "ended by signal" not in result.stderr


def test_it_says_which_of_the_two_died_and_how(box: Box) -> None:
    with scheduler(box) as live:
        os.kill(live.launcher_pid, signal.SIGKILL)
        live.parent.wait_for_line("the launcher was ended by signal 9: it is started again", stream="stderr")


def test_a_drain_outlives_a_scheduler_that_dies_and_ends_with_the_parent(box: Box) -> None:
    box.job("good", f"command: /bin/true\n{ONE_SLOT}")
    assert box.run("good", "--scheduled").exit_code == 0

    with scheduler(box) as live:
        assert live.ask("drain")["drained"]
        pid = live.pid
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        live.wait_for_notice("READY=1")
        box.job("new", f"command: /bin/true\n{ONE_SLOT}")
        assert live.ask("reload")["jobs"] == 2
        status = live.ask("status")["scheduler"]
        assert live.ask("run", jobs=["new"])["error"]["exit_code"] == 75
        shown = box.command([str(box.product.process_control), "status"], tty=True).stdout
    assert status["draining"]
    assert "starts nothing more: it drains since" in shown
    assert [record["change"] for record in records(box, "scheduler")] == [
        "started",
        "draining",
        "started",
        "draining",
        "ended",
    ]
    assert not ends(box, "new")

    with scheduler(box):
        until(lambda: ends(box, "new"), "a run")


@contextmanager
def process_1(box: Box) -> Iterator[tuple[Live, int]]:
    """Run the scheduler as process 1 of a container; yield it, and the pid of process 1 out here."""
    mount_namespaces.needed()
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"]
    with box.start_command([*command, str(box.product.process_control), "scheduler"]) as live:
        live.wait_for_line("started:", stream="stderr")
        yield live, children(live.pid)[0]


@pytest.mark.needs_root
def test_as_process_1_a_stop_ends_the_runs_and_their_ends_are_recorded(box: Box) -> None:
    started = box.fifo("started")
    box.job("long", f"command: {script(box, 'long.sh', f'echo > {started}; sleep 1000')}\n{ONE_SLOT}")

    with process_1(box) as (live, init):
        started.read_line()
        os.kill(init, signal.SIGTERM)

        assert live.wait().exit_code == 0

    assert outcomes(box) == [("failed", "stopped")]

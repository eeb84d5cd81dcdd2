"""A disk that does not answer, under whatever a job or the configuration names: limits, stops and kills hold."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanging_disk import hanging_disk
from harness import Box, children, lives, until
from process_control.execution import guard, guard_watch
from runs import ONE_SLOT, outcomes, records, the_end

pytestmark = pytest.mark.needs_root


@pytest.fixture
def disk(box: Box) -> Iterator[Path]:
    with hanging_disk(box.root / "disk") as path:
        yield path


JOBS = {
    "working directory": "command: 'true'\nworking_directory: {disk}/data",
    "program": "command: {disk}/bin/tool",
    "directory of PATH": "command: tool\nenvironment: {{PATH: '{disk}/bin:/bin'}}",
    "second command of a list": "command: ['true', '{disk}/bin/tool']",
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_limit_ends_a_command_that_its_disk_keeps_from_starting(box: Box, disk: Path, job: str) -> None:
    box.job("job", f"{job.format(disk=disk)}\ntimeout: 0.3s\nkill_grace: 0.1s")

    result = box.run("job", seconds=20)

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert "before it was executed: its program or its working directory does not answer" in the_end(box)["detail"]
    assert box.processes() == []


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_signal_ends_a_command_that_its_disk_keeps_from_starting(box: Box, disk: Path, job: str) -> None:
    box.job("job", f"{job.format(disk=disk)}\ntimeout: 0\nkill_grace: 0.1s")

    with box.start("job") as live:
        until(lambda: a_process_waits_below(live.pid), "it to wait for the disk")
        live.signal(signal.SIGTERM)
        result = live.wait(seconds=20)

    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped")]


def test_kill_job_ends_a_command_that_its_disk_keeps_from_starting(box: Box, disk: Path) -> None:
    box.job("job", f"command: {disk}/bin/tool\ntimeout: 0\nkill_grace: 0.1s")

    with box.start("job") as live:
        until(lambda: a_process_waits_below(live.pid), "it to wait for the disk")
        killed = box.run_job("--kill-job", "job", seconds=20)
        result = live.wait()

    assert (killed.exit_code, result.exit_code) == (0, 143)


def a_process_waits_below(pid: int) -> bool:
    """Whether a process below `pid` waits for the disk, in the kernel."""
    return any("fuse" in _where_it_waits(below) or a_process_waits_below(below) for below in children(pid))


def _where_it_waits(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("key", ["job_directory", "output_directory"])
def test_a_signal_ends_a_start_whose_directories_do_not_answer_and_the_guard_records_it(
    box: Box, disk: Path, key: str
) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    box.configure(**{key: str(disk / "below")})

    with box.start("--scheduled", "job") as live:
        until(lambda: a_process_waits_below(live.pid), "the runner to wait for the disk")
        live.signal(signal.SIGTERM)
        result = live.wait(seconds=40)

    assert result.exit_code == 137
    assert [refusal["reason"] for refusal in records(box, "refusal")] == ["runner_killed_before_start"]


def test_a_guard_kills_a_runner_that_does_not_come_as_far_as_its_command() -> None:
    """The guard's own code, in a process of its own, with a start that may take a tenth of a second."""
    outer = os.fork()
    if outer == 0:
        guard_watch.RUNNER_SECONDS = 0.1
        runner, _, channel = guard.fork_runner()
        if not runner:
            signal.pause()
            os._exit(0)
        code, was_killed = guard.watch(runner, channel, start_seconds=0.1)
        os._exit(7 if (code, was_killed) == (137, True) and not lives(runner) else 1)

    _, status = os.waitpid(outer, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_check_is_critical_while_the_disk_of_the_state_does_not_answer(box: Box, disk: Path) -> None:
    box.configure(state_directory=str(disk / "state"))

    result = box.process_control("check", "--timeout", "1s", seconds=30)

    assert result.exit_code == 2
    assert result.stdout.startswith("PROCESS-CONTROL CRITICAL - no answer within 1 s: the disk of the configuration or")

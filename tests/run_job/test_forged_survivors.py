"""Ids of runs are no secret: who puts one into the environment of a process of his own keeps no job from starting."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.harness import STRANGER, Box, environment_of, until
from kit.runs import ends, kill_both, script
from process_control.execution import stop
from process_control.system import proc

FORGED = "1m8forgedforged0"


def lost_run(box: Box) -> str:
    """Leave a run without an end and without any process, and return its id."""
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo up > {started}; exec sleep 1000")
    box.job("job", f"command: {job}")
    with box.start("job") as live:
        started.read_line()
        kill_both(box, "job")
        live.wait()
    until(lambda: not box.run_processes("job"), "the command to end, which the kernel kills with its runner")
    box.job("job", "command: 'true'")
    return str(box.block("job")["run_id"])


@pytest.mark.needs_root
@pytest.mark.parametrize("becomes_root", [False, True], ids=["a program of his", "a set-uid program of root's"])
def test_a_stranger_who_forges_a_run_id_does_not_keep_roots_job_from_starting(box: Box, becomes_root: bool) -> None:
    run_id = lost_run(box)
    program = box.root / "program"
    shutil.copy("/usr/bin/sleep", program)
    program.chmod(0o4755 if becomes_root else 0o755)
    forged = ["env", f"PROCESS_CONTROL_RUN_ID={run_id}", str(program), "1000"]

    with box.start_command(forged, user=STRANGER) as live:
        until(lambda: run_id.encode() in environment_of(live.pid), "the program")
        result = box.run("job")
        live.signal(signal.SIGKILL)

    assert (result.stderr, result.exit_code) == ("", 0)
    assert [end["outcome"] for end in ends(box)] == ["lost", "succeeded"]


@contextmanager
def process_of_a_run() -> Iterator[int]:
    """A process of our own account that carries the id FORGED."""
    with subprocess.Popen(["sleep", "1000"], env={"PROCESS_CONTROL_RUN_ID": FORGED}) as process:
        try:
            until(lambda: FORGED.encode() in environment_of(process.pid), "it to be executed")
            yield process.pid
        finally:
            process.kill()


def test_a_survivor_is_of_this_boot_and_no_older_than_its_run() -> None:
    with process_of_a_run() as pid:
        since = proc.start_time(pid) or 0
        block = {"run_id": FORGED, "boot_id": proc.boot_id(), "pid_start": since}

        assert stop.survivors(block) == [pid]
        assert stop.survivors({**block, "pid_start": None}) == [pid]
        assert stop.survivors({**block, "pid_start": since + 1}) == []
        assert stop.survivors({**block, "boot_id": "another"}) == []


@pytest.mark.needs_root
def test_a_process_of_another_user_is_named_with_that_user() -> None:
    with subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", "--", "sleep", "1000"]) as process:
        try:
            until(lambda: proc.real_uid(process.pid) == b"65534", "it to change its user")
            until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "it to execute the command")
            assert proc.describe(process.pid, None) == f"pid {process.pid} of {STRANGER} (sleep)"
            assert proc.describe(os.getpid(), None).startswith(f"pid {os.getpid()} (")
        finally:
            process.kill()

"""As process 1 of a container: signals are handed on, orphans of others are only reaped, the exit code is the run's."""

import os
import signal
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.harness import Box, Live, children, lives, until
from kit.runs import outcomes, script, the_end

pytestmark = pytest.mark.needs_root


def start_as_process_1(box: Box, *arguments: str) -> tuple[Live, int]:
    """Start `run-job` as process 1 of a pid namespace of its own; return it, and process 1's pid out here."""
    mount_namespaces.needed()
    live = box.start_command(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--", str(box.product.run_job), *arguments]
    )
    until(lambda: live.process.poll() is not None or children(live.pid), "process 1 to be there")
    return live, (children(live.pid) or [0])[0]


def test_the_exit_code_is_the_runs(box: Box) -> None:
    box.job("job", "command: sh -c 'exit 3'")

    live, _ = start_as_process_1(box, "job")

    assert live.wait().exit_code == 3
    assert outcomes(box) == [("failed", "exit_code")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_to_process_1_stops_the_run(box: Box, number: int, code: int) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo > {started}; setsid sleep 1000 & sleep 1000")
    box.job("job", f"command: {job}")
    live, init = start_as_process_1(box, "job")
    started.read_line()

    os.kill(init, number)

    assert live.wait().exit_code == code
    assert outcomes(box) == [("failed", "stopped")]


def test_orphans_of_others_are_left_alone_and_reaped(box: Box) -> None:
    """Somebody enters the container and leaves a process behind: it lands at 1, and is no leftover of the run."""
    started, release, orphan_pid = box.fifo("started"), box.fifo("release"), box.fifo("orphan")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}; sleep 1000 & exit 0")
    box.job("job", f"command: {job}\nkill_grace: 0.2")
    orphan = script(
        box, "orphan.sh", f"trap 'touch {box.root}/hit' TERM; echo $$ > {orphan_pid}; while :; do sleep 0.1; done"
    )
    live, init = start_as_process_1(box, "job")
    started.read_line()
    enter = ["nsenter", "--target", str(init), "--pid", "--mount", "--"]
    box.command([*enter, "sh", "-c", f"setsid {orphan} < /dev/null > /dev/null 2>&1 & setsid true & exit 0"])
    orphan_pid.read_line()
    until(lambda: len(children(init)) == 2, "the orphan to be at process 1, the other one to be reaped")
    (outer_orphan,) = [pid for pid in children(init) if "orphan.sh" in Path(f"/proc/{pid}/cmdline").read_text()]
    alive = lives(outer_orphan)
    release.write_line()
    result = live.wait()

    assert alive
    assert result.exit_code == 0
    assert outcomes(box) == [("warned", "leftovers")]
    assert "sleep 1000" in the_end(box)["detail"]
    assert "orphan.sh" not in the_end(box)["detail"]
    assert not (box.root / "hit").exists()
    until(lambda: not lives(outer_orphan), "the kernel to end what was left in the container")


def test_a_killed_runner_is_137_in_a_container_too(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo > {started}; exec sleep 1000")
    box.job("job", f"command: {job}")
    live, init = start_as_process_1(box, "job")
    started.read_line()
    (guard,) = children(init)
    (runner,) = children(guard)

    os.kill(runner, signal.SIGKILL)

    assert live.wait().exit_code == 137
    box.job("job", "command: 'true'")
    assert box.run("job").exit_code == 0
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]


def test_a_run_in_another_pid_namespace_is_not_doubled_and_not_signalled_from_here(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}")
    live, _ = start_as_process_1(box, "job")
    started.read_line()

    refused, killed, status = box.run("job"), box.run_job("--kill-job", "job"), box.run("--status", "job")
    release.write_line()

    assert live.wait().exit_code == 0
    assert refused.exit_code == 75
    assert killed.exit_code == 1
    assert "it runs in another pid namespace (a container): stop it there" in killed.stderr
    assert status.stdout.startswith("job\trunning\t")
    assert outcomes(box) == [("succeeded", None)]

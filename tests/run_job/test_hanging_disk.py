"""A disk that does not answer, under whatever a job or the configuration names: limits, stops and kills hold."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.hanging_disk import hanging_disk
from kit.harness import Box, children, lives, until
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import ONE_SLOT, outcomes, records, script, the_end
from process_control.execution import guard, guard_watch

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
    seconds = 2 if "true', '" in job else 1  # the first command of a list has to have ended by then
    box.job("job", f"{job.format(disk=disk)}\ntimeout: {seconds}s\nkill_grace: 0.1s")

    result = box.run("job")

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
        result = live.wait()

    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped")]


def test_kill_job_ends_a_command_that_its_disk_keeps_from_starting(box: Box, disk: Path) -> None:
    box.job("job", f"command: {disk}/bin/tool\ntimeout: 0\nkill_grace: 0.1s")

    with box.start("job") as live:
        until(lambda: a_process_waits_below(live.pid), "it to wait for the disk")
        killed = box.run_job("--kill-job", "job")
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
    (refusal,) = records(box, "refusal")
    assert refusal["reason"] == "runner_killed_before_start"
    assert re.search(
        r"the start( for its planned time \S+)? hung before it was recorded, and its guard ended it after \d+ s: "
        r"it did not follow signal TERM; it (waits in the kernel \(state D, in|state S, in) \w*fuse|request_wait",
        refusal["detail"],
    )
    assert "; does the disk of " in refusal["detail"]
    assert "dmesg" not in refusal["detail"]
    assert "job: lost: its guard ended it after" in result.stderr


def test_a_guard_kills_a_runner_that_does_not_come_as_far_as_its_command() -> None:
    """The guard's own code, in a process of its own, with a start that may take a tenth of a second."""
    outer = os.fork()
    if outer == 0:
        guard_watch.RUNNER_SECONDS = 60.0
        runner, _, channel = guard.fork_runner()
        if not runner:
            signal.pause()
            os._exit(0)
        code, killed = guard.watch(runner, channel, start_seconds=0.1)
        is_named = re.match(r"its guard ended it after \d+ s: it had not come as far as", killed or "") is not None
        os._exit(7 if code == 137 and is_named and not lives(runner) else 1)

    _, status = os.waitpid(outer, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_a_start_that_hangs_says_that_its_guard_ended_it_and_what_may_not_answer(box: Box, disk: Path) -> None:
    """As `run-job`, with a second instead of two minutes."""
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    box.configure(output_directory=str(disk / "below"))
    python = f"import sys; sys.path.insert(0, '{box.product.stub.parents[2]}'); "
    python += "from process_control.execution import guard; guard.watch.__kwdefaults__['start_seconds'] = 1.0; "
    python += "from process_control.cli.run_job.main import main; main(['--scheduled', 'job'])"

    result = box.command([*box.product.stub_words[:-1], "-c", python])

    (refusal,) = records(box, "refusal")
    assert result.exit_code == 137
    assert re.search(
        r"the start hung before it was recorded, and its guard ended it after \d+ s: it had not come as far as its "
        r"command; it \w.*; does the disk of its configuration, job file, state and logs answer\?",
        refusal["detail"],
    )


def test_check_is_critical_while_the_disk_of_the_state_does_not_answer(box: Box, disk: Path) -> None:
    box.configure(state_directory=str(disk / "state"))

    result = box.process_control("check", "--timeout", "1s")

    assert result.exit_code == 2
    assert result.stdout.startswith("PROCESS-CONTROL CRITICAL - no answer within 1 s: the disk of the configuration or")


def test_a_syslog_whose_disk_does_not_answer_holds_up_no_run(box: Box, disk: Path) -> None:
    box.configure(syslog={"address": str(disk / "log")})
    box.job("job", "command: sh -c 'exit 3'")

    began = time.monotonic()
    result = box.run("job")

    assert result.exit_code == 3
    assert time.monotonic() - began < 5  # once a second, not for each line
    assert outcomes(box) == [("failed", "exit_code")]
    assert box.processes() == []


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_mail_waits_in_the_spool_while_the_disk_of_its_password_does_not_answer(
    box: Box, disk: Path, tmp_path: Path, key: str
) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    files = {"password_file": str(password), key: str(disk / "file")}
    with mail_server() as server:
        mail_to(box, server, login="us", tls="starttls", **files)
        box.job("job", "command: 'false'")

        began = time.monotonic()
        result = box.run("job")
        took = time.monotonic() - began
        until(lambda: records(box, "mail"), "the mail to be tried")

        (tried,) = records(box, "mail")
        assert (result.exit_code, tried["result"]) == (1, "waits")
        assert tried["detail"] == f"{disk}/file: no answer within 5 s: its disk may hang"
        assert took < 4
        wait_until_told(box)
        assert len(list((box.state_directory / "spool" / "mail").iterdir())) == 1


@pytest.mark.long
def test_who_tells_the_news_ends_when_the_disk_of_the_jobs_does_not_answer(box: Box) -> None:
    disk = box.root / "disk"
    (disk / "jobs").mkdir(parents=True)
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo up > {started}; read line < {release}; exit 1")
    (disk / "jobs" / "job.yaml").write_text(f"name: A job\ncommand: {job}\n")
    with mail_server() as server:
        mail_to(box, server)
        box.configure(job_directory=str(disk / "jobs"))

        with box.start("job") as live:
            started.read_line()
            with hanging_disk(disk):
                release.write_line()
                result = live.wait()
                until(lambda: not box.processes(), "nobody to wait for the disk", seconds=45)
                news = list((box.state_directory / "spool" / "news").iterdir())

    assert (result.exit_code, len(news), server.mails) == (1, 1, [])

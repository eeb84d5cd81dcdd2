"""Every row of the manual's table of exit codes."""

import os
import signal
from pathlib import Path

import pytest

from kit.harness import Box
from kit.runs import ANOTHER_SLOT, ends, outcomes, script, starts, the_end

pytestmark = pytest.mark.fault("exit and signal table", small=1, full=1, wanted="each as written")

SIGNALS = sorted(
    signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
)
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}


@pytest.mark.parametrize(
    "code",
    [1, 2, 3, 5, 42, 64, 66, 74, 75, 77, 78, 99, 100, 123, 124, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255],
)
def test_the_commands_own_exit_code_is_ours(box: Box, code: int) -> None:
    box.job("code", f"command: sh -c 'exit {code}'")

    result = box.run("code", via="stub" if code == 255 else None)

    assert result.exit_code == code
    assert outcomes(box) == [("failed", "exit_code")]
    assert the_end(box)["exit_code"] == code
    assert the_end(box)["signal"] is None
    assert result.stderr.startswith(f"code: failed: exited with {code}")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: f"signal {int(number)}")
def test_a_command_ended_by_a_signal_is_128_and_its_number(box: Box, number: int) -> None:
    box.job("signal", f"command: sh -c 'kill -{int(number)} $$; exit 0'")

    result = box.run("signal", via="stub" if number == signal.SIGTERM else None)

    if number in HARMLESS:
        assert result.exit_code == 0
        return
    assert result.exit_code == 128 + number, result
    assert outcomes(box) == [("failed", "signal")]
    assert the_end(box)["exit_code"] is None
    name = signal.Signals(number).name.removeprefix("SIG") if number < 32 else the_end(box)["signal"]
    assert the_end(box)["signal"] == name


def test_sigkill_of_the_command_is_137_and_not_lost(box: Box) -> None:
    box.job("signal", "command: sh -c 'kill -9 $$'")

    assert box.run("signal").exit_code == 137
    assert outcomes(box) == [("failed", "signal")]
    assert the_end(box)["signal"] == "KILL"


def test_success_is_0_and_silent(box: Box) -> None:
    box.job("fine", "command: 'true'")

    result = box.run("fine")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)


def test_output_on_stderr_is_1_although_the_command_exited_0(box: Box) -> None:
    box.job("noisy", "command: sh -c 'echo oops >&2'")

    result = box.run("noisy")

    assert result.exit_code == 1
    assert outcomes(box) == [("failed", "stderr")]


@pytest.mark.parametrize(("policy", "outcome"), [("warn", ("warned", "stderr")), ("ignore", ("succeeded", None))])
def test_stderr_may_be_a_warning_or_nothing(box: Box, policy: str, outcome: tuple[str, str | None]) -> None:
    box.job("noisy", f"command: sh -c 'echo oops >&2'\nstderr: {policy}")

    result = box.run("noisy")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert outcomes(box) == [outcome]
    assert box.log_bytes("noisy") == b"oops\n"


def test_a_command_that_is_not_there_is_127_and_the_path_is_told(box: Box) -> None:
    box.job("absent", "command: no-such-command --flag")

    result = box.run("absent")

    assert result.exit_code == 127
    assert (
        "absent: failed: no-such-command: command not found in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
        in result.stderr
    )
    assert outcomes(box) == [("failed", "not_started")]


def test_an_absolute_command_that_is_not_there_is_127(box: Box) -> None:
    box.job("absent", "command: /nonexistent/command")

    result = box.run("absent")

    assert result.exit_code == 127
    assert "absent: failed: /nonexistent/command: no such file (run " in result.stderr


def _directory(path: Path) -> None:
    path.mkdir()


def _not_executable(path: Path) -> None:
    path.write_text("#!/bin/sh\n")


def _no_interpreter(path: Path) -> None:
    path.write_text("#!/nonexistent/sh\n")
    path.chmod(0o755)


def _no_program(path: Path) -> None:
    path.write_text("echo no first line\n")
    path.chmod(0o755)


def _empty(path: Path) -> None:
    path.touch(0o755)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_directory, "Permission denied"),
        (_not_executable, "Permission denied"),
        (_no_interpreter, "the interpreter in its #! line does not exist: /nonexistent/sh"),
        (_no_program, "not a program, and a script without a #! line"),
        (_empty, "not a program, and a script without a #! line"),
    ],
    ids=["directory", "not executable", "no interpreter", "no program", "empty"],
)
def test_what_cannot_be_executed_is_126(box: Box, make: object, words: str) -> None:
    path = box.root / "program"
    make(path)  # type: ignore[operator]
    box.job("broken", f"command: {path}")

    result = box.run("broken")

    assert result.exit_code == 126
    assert f"broken: failed: {path}: {words} (run " in result.stderr
    assert outcomes(box) == [("failed", "not_started")]


def test_a_list_stops_at_the_first_failure_and_tells_which(box: Box) -> None:
    box.job("list", "command: [echo one, sh -c 'exit 3', echo three]")

    result = box.run("list")

    assert result.exit_code == 3
    assert "list: failed: command 2 exited with 3 (run " in result.stderr
    assert box.log_bytes("list") == b"one\n"


def test_a_list_stops_at_stderr_unless_it_is_only_a_warning(box: Box) -> None:
    box.job("strict", "command: [sh -c 'echo oops >&2', echo two]")
    box.job("lenient", "command: [sh -c 'echo oops >&2', echo two]\nstderr: warn")

    strict, lenient = box.run("strict"), box.run("lenient")

    assert (strict.exit_code, lenient.exit_code) == (1, 0)
    assert box.log_bytes("strict") == b"oops\n"
    assert box.log_bytes("lenient") == b"oops\ntwo\n"


def test_a_missing_command_in_the_middle_of_a_list_stops_it(box: Box) -> None:
    box.job("list", "command: [echo one, no-such-command, echo three]")

    assert box.run("list").exit_code == 127
    assert box.log_bytes("list") == b"one\n"


def test_a_timeout_is_124(box: Box) -> None:
    box.job("slow", "command: sleep 1000\ntimeout: 0.2")

    result = box.run("slow")

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)],
    ids=["TERM", "INT", "HUP", "QUIT"],
)
def test_a_signal_to_run_job_stops_the_run_and_is_told_in_the_exit_code(box: Box, number: int, code: int) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo started > {started}; exec sleep 1000")
    box.job("slow", f"command: {job}")

    with box.start("slow") as live:
        started.read_line()
        live.signal(number)
        result = live.wait()

    assert result.exit_code == code
    assert outcomes(box) == [("failed", "stopped")]
    name = signal.Signals(number).name.removeprefix("SIG")
    assert result.stderr.startswith(f"slow: failed: stopped: run-job received signal {name} (run ")


def test_kill_job_makes_run_job_exit_143(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo started > {started}; exec sleep 1000")
    box.job("slow", f"command: {job}")

    with box.start("slow") as live:
        started.read_line()
        box.run_job("--kill-job", "slow")
        result = live.wait()

    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped")]


@pytest.mark.parametrize("name", ["absent", "../etc/passwd", "a/b", ".hidden", "a.yaml", "x" * 65, "", "ä", "-"])
def test_no_such_job_is_66_and_a_malformed_name_too(box: Box, name: str) -> None:
    box.job("present", "command: 'true'")

    result = box.run_job("--job", name)

    assert result.exit_code == 66, result
    assert "Traceback" not in result.stderr
    assert starts(box) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--no-such-flag"],
        ["present", "another"],
        ["--timeout"],
        ["--timeout", "soon", "present"],
        ["--wait=soon", "present"],
        ["--scheduled=moon", "present"],
        ["--scheduled", "--force", "present"],
        ["--kill-job"],
        ["--list-jobs", "--status"],
        ["--force=yes", "present"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_with_one_line_and_a_mend(box: Box, arguments: list[str]) -> None:
    box.job("present", "command: 'true'")

    with box.start(*arguments) as live:
        result = live.wait()

    assert result.exit_code == 2, result
    assert len(result.stderr.splitlines()) == 2
    assert "\n  hint: " in result.stderr
    assert starts(box) == []


def test_a_bad_job_file_is_78_and_leaves_the_others_alone(box: Box) -> None:
    box.job("bad", "command: 'true'\ntimeuot: 3")
    box.job("good", "command: 'true'")

    bad, good = box.run("bad"), box.run("good")

    assert (bad.exit_code, good.exit_code) == (78, 0)
    assert bad.stderr.startswith("bad.yaml:3:1: unknown key 'timeuot'\n  hint: did you mean 'timeout'?") or (
        "unknown key 'timeuot'" in bad.stderr
    )


def test_a_configuration_that_is_named_but_missing_is_78(box: Box) -> None:
    result = box.run_job("--config", str(box.root / "nowhere.yaml"), "hello")

    assert result.exit_code == 78
    assert "nowhere.yaml" in result.stderr


def test_an_unsafe_job_file_is_77(box: Box) -> None:
    box.job("unsafe", "command: 'true'", mode=0o666)

    result = box.run("unsafe")

    assert result.exit_code == 77
    assert "chmod" in result.stderr


def test_already_running_is_75(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}")
    box.job("slow", f"command: {job}")

    with box.start("slow") as live:
        started.read_line()
        second = box.run("slow")
        release.write_line()
        live.wait()

    assert second.exit_code == 75


@pytest.mark.parametrize("missing", ["journal", "log"])
def test_what_cannot_be_recorded_is_74_and_nothing_runs(box: Box, missing: str) -> None:
    box.job("hello", f"command: touch {box.root}/ran")
    box.run("hello")
    (box.root / "ran").unlink()
    if missing == "journal":
        for path in (box.state_directory / "journal").iterdir():
            path.unlink()
            path.mkdir()
    else:
        for path in (box.output_directory / "hello").iterdir():
            path.unlink()
        (box.output_directory / "hello").rmdir()
        (box.output_directory / "hello").write_text("")

    result = box.run("hello")

    assert result.exit_code == 74, result
    assert not (box.root / "ran").exists()
    assert "Traceback" not in result.stderr


def test_a_quiet_skip_of_a_scheduled_trigger_is_0(box: Box) -> None:
    box.job("off", f"command: 'true'\ndisabled: true\n{ANOTHER_SLOT}")

    result = box.run("--scheduled", "off")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert ends(box) == []


def test_a_scheduled_start_of_a_job_without_a_schedule_is_78(box: Box) -> None:
    box.job("hello", "command: 'true'")

    result = box.run("--scheduled", "hello")

    assert result.exit_code == 78
    assert result.stderr == (
        f"{box.job_directory}/hello.yaml: job 'hello' has no schedule, so "
        "--scheduled has no planned time (slot) to run\n"
        "  hint: add the key schedule, or leave --scheduled out\n"
    )
    assert os.listdir(box.job_directory) == ["hello.yaml"]


def test_an_environment_that_is_too_large_is_named_as_that_without_its_value(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("HUGE=" + "secret-value" * 20_000 + "\n")
    secrets.chmod(0o600)
    box.job("job", f"command: /bin/true\nenvironment_file: {secrets}")

    result = box.run("job")

    assert result.exit_code == 126
    assert "/bin/true: its environment and arguments are too large (240," in result.stderr
    assert "most of it is the variable HUGE, 240,006 bytes (limits: one 131,072" in result.stderr
    assert "secret-value" not in result.stderr

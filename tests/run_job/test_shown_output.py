"""Shown output: each stream on its own descriptor when any of the three is a terminal; it never holds a run up."""

import os
import re
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.harness import SERVICE_USER, Box, Live, until
from kit.other_seconds import waiting_for_readers
from kit.runs import outcomes, script, the_end

BOTH = "command: sh -c 'echo out; echo err >&2'\nstderr: ignore"
FAILS = "command: sh -c 'echo out; echo err >&2; exit 3'"
PLAIN = {"NO_COLOR": "1"}


def start_in_a_shell(box: Box, line: str, *words: str, run_job: Sequence[str] = (), **how: object) -> Live:
    """Start a line of a shell in which "$@" is `run-job job WORDS`, on a terminal."""
    command = ["sh", "-c", line, "sh", *(run_job or [str(box.product.run_job)]), "job", *words]
    return box.start_command(command, env=PLAIN, **{"tty": True, **how})  # type: ignore[arg-type]


def in_a_shell(box: Box, line: str, *words: str, **how: object) -> list[str]:
    """Return what the terminal showed of it, without the times and ids of our own lines."""
    with start_in_a_shell(box, line, *words, **how) as live:
        lines = live.wait().stdout.splitlines()
    return [re.sub(r" in [\d.]+ s$", "", line) for line in lines if not line.startswith(("  run ", "  log "))]


def headline(box: Box, words: str) -> str:
    end = the_end(box)
    return f"job: {words} (run {end['run_id']}, log {end['log']})\n"


def both_files(box: Box) -> tuple[str, str]:
    return (box.root / "out").read_text(), (box.root / "err").read_text()


# --- where it goes ---------------------------------------------------------------------------------------------------


def test_stdout_in_a_pipe_and_the_rest_on_the_terminal(box: Box) -> None:
    box.job("job", BOTH)

    shown = in_a_shell(box, f'"$@" | cat > {box.root}/out')

    assert (box.root / "out").read_text() == "out\n"
    assert shown == ["err", "✓ job succeeded"]


def test_stderr_thrown_away_and_stdout_on_the_terminal(box: Box) -> None:
    box.job("job", FAILS)

    assert in_a_shell(box, '"$@" 2> /dev/null') == ["out", "✗ job failed: exited with 3"]


def test_stderr_in_a_file_gets_the_report_too_without_what_it_has_already(box: Box) -> None:
    box.job("job", FAILS)

    shown = in_a_shell(box, f'"$@" 2> {box.root}/err')

    assert shown == ["out", "✗ job failed: exited with 3"]
    assert (box.root / "err").read_text() == "err\n" + headline(box, "failed: exited with 3")


def test_with_a_terminal_as_input_alone_both_streams_are_shown_where_they_belong(box: Box) -> None:
    box.job("job", FAILS)

    shown = in_a_shell(box, f'"$@" > {box.root}/out 2> {box.root}/err')

    assert shown == []
    assert both_files(box) == ("out\n", "err\n" + headline(box, "failed: exited with 3"))


def test_both_streams_in_one_pipe_keep_their_order(box: Box) -> None:
    seen = box.fifo("seen")
    job = script(box, "job.sh", f"for n in 1 2; do echo out; read x < {seen}; echo err >&2; read x < {seen}; done")
    box.job("job", f"command: {job}\nstderr: ignore")
    shown = box.root / "out"

    with start_in_a_shell(box, f'"$@" 2>&1 | cat > {shown}') as live:
        for size in (4, 8, 12, 16):
            until(lambda size=size: shown.exists() and shown.stat().st_size >= size, "the next line in the file")
            seen.write_line()
        live.wait()

    assert shown.read_text() == "out\nerr\n" * 2


def test_a_file_is_written_where_the_shell_left_off_and_goes_on_after_it(box: Box) -> None:
    box.job("job", "command: echo out")

    in_a_shell(box, f'{{ echo before; "$@"; echo after; }} > {box.root}/out')

    assert (box.root / "out").read_text() == "before\nout\nafter\n"


def test_only_a_terminal_has_its_controls_escaped(box: Box) -> None:
    job = script(box, "job.sh", r"printf '\033[31mred\377\r\n'")
    box.job("job", f"command: {job}")

    in_a_shell(box, f'"$@" | cat > {box.root}/out')

    assert (box.root / "out").read_bytes() == b"\x1b[31mred\xff\r\n"


def test_without_a_terminal_nothing_is_shown_unless_it_is_asked_for(box: Box) -> None:
    box.job("job", FAILS)

    without, asked = box.run("job"), box.run("job", "--show")

    assert without.stdout == ""
    assert without.stderr.endswith("\nerr\n")
    assert asked.stdout == "out\n"
    assert asked.stderr.startswith("err\njob: failed: exited with 3 (run ")
    assert asked.stderr.count("err\n") == 1


def test_a_success_that_is_shown_without_a_terminal_has_nothing_of_ours(box: Box) -> None:
    box.job("job", BOTH)

    result = box.run("job", "--show")

    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 0)


def test_quiet_shows_nothing_but_the_report_on_a_terminal_too(box: Box) -> None:
    box.job("job", FAILS)

    assert box.run("job", "--quiet", tty=True).stdout == headline(box, "failed: exited with 3") + "err\n"


@pytest.mark.parametrize("other", ["--quiet", "--scheduled"])
def test_show_does_not_go_with(box: Box, other: str) -> None:
    result = box.run("job", "--show", other)

    assert result.exit_code == 2
    assert result.stderr == f"--show and {other} do not go together\n  hint: run-job --help\n"


def test_a_sub_job_is_shown_once(box: Box) -> None:
    box.job("inner", "command: echo inner")
    box.job("job", "command: [run-job --show inner, run-job inner]")

    assert in_a_shell(box, '"$@"') == ["inner", "✓ job succeeded"]


@pytest.mark.parametrize(("flag", "shown"), [("--show", "out\n"), ("--quiet", "")])
def test_process_control_run_takes_the_same_flags_where_it_follows(box: Box, flag: str, shown: str) -> None:
    box.job("job", "command: echo out")

    followed = box.process_control("run", "job", "--follow", flag)
    alone = box.process_control("run", "job", flag)

    assert (followed.stdout, followed.exit_code) == (shown, 0)
    assert alone.exit_code == 2
    assert f"{flag} goes with --follow" in alone.stderr


def test_secrets_are_masked_in_a_pipe_too_and_a_line_without_end_loses_nothing(box: Box) -> None:
    secret = "correct-horse-battery"
    (box.root / "secrets").write_text(f"PASSWORD={secret}\n")
    (box.root / "secrets").chmod(0o600)
    job = script(box, "job.sh", "seq -s , 1 40000; printf '%s' \"$PASSWORD\"; seq -s , 1 40000")
    box.job("job", f"command: {job}\nenvironment_file: {box.root}/secrets")

    shown = box.command([*waiting_for_readers(box), "job", "--show"]).stdout

    numbers = ",".join(str(number) for number in range(1, 40001))
    assert shown == f"{numbers}\n***{numbers}\n"


# --- where we may not open the terminal, and what we must not change -------------------------------------------------


def as_another_account(box: Box) -> tuple[list[str], dict[str, str]]:
    """Return what becomes the service user on root's terminal, as `su` and `sudo` do, and its environment."""
    return box._becoming(SERVICE_USER), box.environment_for(SERVICE_USER, PLAIN)


@pytest.mark.needs_root
def test_on_a_terminal_of_another_account_all_is_shown(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False, user=SERVICE_USER)
    box.job("job", FAILS)
    become, environment = as_another_account(box)

    result = box.command([*become, str(box.product.run_job), "job"], user="root", env=environment, tty=True)

    lines = result.stdout.splitlines()
    assert lines[:2] == ["out", "err"]
    assert lines[2].startswith("✗ job failed: exited with 3 in ")
    assert (lines[3][:6], lines[4][:6]) == ("  run ", "  log ")
    assert len(lines) == 5


@pytest.mark.needs_root
def test_on_a_terminal_that_has_no_name_here_all_is_shown(box: Box) -> None:
    mount_namespaces.needed()
    box.job("job", BOTH)
    line = 'exec unshare --mount sh -c \'mount -t devpts -o newinstance devpts /dev/pts && exec "$@"\' sh "$@"'

    assert in_a_shell(box, line) == ["out", "err", "✓ job succeeded"]


@pytest.mark.needs_root  # it looks into a process of ours, as only root may
@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_the_flags_of_the_callers_descriptors_stay_as_they_are(box: Box, kind: str) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo out; echo > {started}; read line < {release}")
    box.job("job", f"command: {job}")

    with box.start("job", *([] if kind == "terminal" else ["--show"]), tty=kind == "terminal") as live:
        started.read_line()
        live.wait_for_line("out")
        flags = [flags_of(live.pid, number) for number in (0, 1, 2)]
        release.write_line()
        live.wait()

    assert [number & os.O_NONBLOCK for number in flags] == [0, 0, 0]


def flags_of(pid: int, descriptor: int) -> int:
    lines = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines()
    return next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))


# --- readers that do not read ----------------------------------------------------------------------------------------

NOT_SHOWN = "bytes not shown here, the log has them ...]\n"


def run_is_over(box: Box) -> bool:
    return bool(outcomes(box)) if box.state_directory.exists() else False


def test_a_pipe_that_nobody_reads_holds_no_run_up_and_what_was_left_out_is_told(box: Box) -> None:
    box.job("job", "command: seq 1 400000")

    with box.start_command([*waiting_for_readers(box, at_the_end=True), "job", "--show"]) as unread:
        until(lambda: run_is_over(box), "the run to be recorded")
        shown = unread.wait().stdout

    (told,) = [line for line in shown.splitlines(keepends=True) if line.endswith(NOT_SHOWN)]
    assert outcomes(box) == [("succeeded", None)]
    assert shown.startswith("1\n2\n")
    assert len(shown) - len(told) + int(told.split()[1]) == len(box.log_bytes("job"))


def test_a_reader_as_fast_as_tee_misses_nothing(box: Box) -> None:
    box.job("job", "command: seq 1 400000")

    in_a_shell(box, f'"$@" | cat > {box.root}/out', run_job=waiting_for_readers(box))

    assert (box.root / "out").read_bytes() == box.log_bytes("job")


def test_a_reader_who_goes_away_ends_no_run(box: Box) -> None:
    box.job("job", "command: seq 1 400000")

    in_a_shell(box, '"$@" | head -n 1 > /dev/null')

    assert outcomes(box) == [("succeeded", None)]
    assert len(box.log_bytes("job")) > 400_000


def test_what_waits_is_shown_when_the_reader_comes_back_though_the_job_says_nothing_more(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"seq 1 40000; echo last; echo > {started}; read line < {release}")
    box.job("job", f"command: {job}")

    with box.start("job", "--show") as live:
        started.read_line()  # all is printed, more than a pipe holds, and nobody has read
        live.wait_for_line("\nlast\n")
        release.write_line()
        assert live.wait().exit_code == 0


def test_limits_hold_while_the_terminal_is_stopped(box: Box) -> None:
    box.job("job", "command: 'yes'\ntimeout: 1\nkill_grace: 1")

    with box.start("job", tty=True) as live:
        stop_output(live)
        until(lambda: run_is_over(box), "the run to be recorded")
        result = live.wait()

    assert result.exit_code == 124


@pytest.mark.needs_root
def test_limits_hold_on_a_stopped_terminal_of_another_account_and_nothing_is_left(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False, user=SERVICE_USER)
    box.job("job", "command: 'yes'\ntimeout: 1\nkill_grace: 1")
    become, environment = as_another_account(box)
    command = [*become, str(box.product.run_job), "job"]

    with box.start_command(command, user="root", env=environment, tty=True) as live:
        stop_output(live)
        code = live.process.wait(30)
        until(lambda: not box.processes(), "the process that wrote to the terminal to end")

    assert code == 124


def stop_output(live: Live) -> None:
    if live.terminal is None:
        raise AssertionError
    termios.tcflow(live.terminal, termios.TCOOFF)


@pytest.mark.needs_root
def test_a_runner_that_is_killed_leaves_no_process_at_a_stopped_terminal(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False, user=SERVICE_USER)
    started = box.fifo("started")
    job = script(box, "job.sh", f"seq 1 100000; echo > {started}; exec sleep 1000")
    box.job("job", f"command: {job}")
    become, environment = as_another_account(box)

    command = [*become, str(box.product.run_job), "job"]
    with box.start_command(command, user="root", env=environment, tty=True) as live:
        stop_output(live)
        started.read_line()
        os.kill(box.block("job")["pid"], 9)
        assert live.process.wait(30) == 137
        until(lambda: not box.processes(), "everything to end")

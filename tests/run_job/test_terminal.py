"""On a terminal a person sees the job's output as it comes, stderr in red, and a last line that sums up."""

import os
import re
import signal
import termios

import pytest

from kit.harness import Box, Live, lives, wait_gone
from kit.other_seconds import waiting_for_readers
from kit.runs import outcomes, script, the_end

RED, GREEN, YELLOW, DIM, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def last_lines(box: Box, *, colour: str, mark: str, words: str) -> list[str]:
    end = the_end(box)
    run, log = f"{DIM}  run {end['run_id']}{PLAIN}", f"{DIM}  log {end['log']}{PLAIN}"  # too long for one line
    return [f"{colour}{mark} job {words}{PLAIN} in ", run, log]


def test_output_is_live_stderr_is_red_and_the_last_line_sums_up(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(
        box,
        "job.sh",
        f"echo on stdout; sleep 0.05; echo on stderr >&2; echo > {started}; read line < {release}; exit 3",
    )
    box.job("job", f"command: {job}")

    with box.start("job", tty=True) as live:
        started.read_line()
        live.wait_for_line("on stdout\n")
        live.wait_for_line(f"{RED}on stderr\n{PLAIN}")
        release.write_line()
        result = live.wait()

    lines = result.stdout.splitlines()
    wanted = last_lines(box, colour=RED, mark="✗", words="failed: exited with 3")
    assert result.exit_code == 3
    assert lines[-3].removeprefix(PLAIN).startswith(wanted[0])
    assert lines[-2:] == wanted[1:]


def test_a_success_is_green(box: Box) -> None:
    box.job("job", "command: echo hello")

    result = box.run("job", tty=True)

    lines = result.stdout.splitlines()
    assert lines[0] == "hello"
    assert re.fullmatch(re.escape(f"{GREEN}✓ job succeeded{PLAIN}") + r" in [\d.]+ s", lines[1])
    assert len(lines) == 4


def test_a_warned_run_is_yellow_and_tells_why_and_what_to_write(box: Box) -> None:
    box.job("job", "command: sh -c 'echo oops >&2'\nstderr: warn")

    result = box.run("job", tty=True)

    assert result.exit_code == 0
    assert f"{YELLOW}! job warned: stderr: oops{PLAIN} in " in result.stdout


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_without_colour_there_is_no_escape_at_all(box: Box, env: dict[str, str]) -> None:
    box.job("job", "command: sh -c 'echo out; echo err >&2; exit 3'")

    result = box.run("job", tty=True, env=env)

    assert "\x1b" not in result.stdout
    assert "err\n" in result.stdout
    assert "✗ job failed: exited with 3 in " in result.stdout


ESCAPES = [
    r"\033[2J", r"\033]0;title\007", r"\033[31m", r"\007", r"\010\010\010", r"\033c", r"\0", r"\001", r"\177",
    r"\302\233", r"\302\2052", r"\033P$q\033\\", r"\v", r"\f", r"\342\200\256", r"\342\200\213",
    r"\356\200\200", r"\377\376",
]  # fmt: skip


@pytest.mark.fault("terminal escapes printed by a job, on a terminal", small=1, full=1, wanted="0 reach it raw")
@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("stream", ["1", "2"])
def test_no_escape_of_the_job_reaches_the_terminal_raw(box: Box, escape: str, stream: str) -> None:
    job = script(box, "job.sh", f"printf 'before{escape}after\\n' >&{stream}")
    box.job("job", f"command: {job}")

    shown = box.run("job", tty=True, env={"NO_COLOR": "1"}, via="stub").stdout

    body = shown.split("\n", 1)[0]
    assert body.startswith("before")
    assert body.endswith("after")
    assert body.isprintable(), repr(body)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "xterm"}])
def test_a_progress_bar_is_shown_as_it_moves_and_leaves_its_last_state(box: Box, env: dict[str, str]) -> None:
    seen, go = box.fifo("seen"), box.fifo("go")
    printer = f"printf ' 10 %%'; echo > {seen}; read x < {go}; printf '\\r 20 %%\\r 30 %%\\n'"
    box.job("job", f"command: {script(box, 'job.sh', printer)}")

    with box.start("job", tty=True, env=env) as live:
        seen.read_line()
        live.wait_for_line(" 10 %")
        go.write_line()
        result = live.wait()

    again = "\r" if "NO_COLOR" in env else "\r\x1b[K"
    assert result.stdout.startswith(f" 10 %{again} 30 %\n")


def test_control_c_stops_the_run_with_130(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"setsid sleep 1000 & echo $! > {started}; wait")
    box.job("job", f"command: {job}")

    with box.start("job", tty=True) as live:
        child = int(started.read_line())
        live.type(b"\x03")
        result = live.wait()

    assert result.exit_code == 130
    assert not lives(child)
    assert outcomes(box) == [("failed", "stopped")]
    assert "✗ job failed: stopped: run-job received signal INT" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_terminal_that_is_closed_ends_the_run_with_129(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo > {started}; exec sleep 1000")
    box.job("job", f"command: {job}")

    with box.start("job", tty=True) as live:
        started.read_line()
        close_terminal(live)
        code = live.process.wait(20)
    box.wait_until_all_ended()

    assert code in (129, -signal.SIGHUP)
    assert outcomes(box) == [("failed", "stopped")]


def close_terminal(live: Live) -> None:
    if live.terminal is not None:
        os.close(live.terminal)
        live._sources.clear()
        live.terminal = None


def test_a_terminal_that_takes_nothing_does_not_hold_the_job_up(box: Box) -> None:
    """Control-S: the log has every byte, the terminal as much as it took."""
    box.job("job", "command: head -c 3000000 /dev/zero")

    with box.start("job", tty=True) as live:
        if live.terminal is None:
            raise AssertionError
        termios.tcflow(live.terminal, termios.TCOOFF)
        wait_gone(live.pid)
        result = live.wait()

    assert result.exit_code == 0
    assert len(box.log_bytes("job")) == 3_000_000


def test_after_very_much_output_the_last_lines_are_still_shown(box: Box) -> None:
    box.job("job", "command: seq 1 300000")

    words = [*waiting_for_readers(box), "job"]
    lines = box.command(words, tty=True, env={"NO_COLOR": "1"}).stdout.splitlines()

    assert lines[0] == "1"
    assert lines[-3].startswith("✓ job succeeded in ")


def test_a_command_name_with_control_characters_is_escaped_too(box: Box) -> None:
    box.job("job", r'command: "\e[2Jevil"')

    shown = box.run("job", tty=True, env={"NO_COLOR": "1"})

    assert shown.exit_code == 127
    assert r"\x1b[2Jevil: command not found" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_output_without_a_newline_at_its_end_keeps_the_last_line_apart(box: Box) -> None:
    box.job("job", "command: printf 'no newline'")

    lines = box.run("job", tty=True, env={"NO_COLOR": "1"}).stdout.splitlines()

    assert lines[0] == "no newline"
    assert lines[1].startswith("✓ job succeeded in ")


def test_a_character_that_arrives_in_two_pieces_is_shown_whole(box: Box) -> None:
    box.job("job", r"""command: sh -c 'printf "\\303"; sleep 0.1; printf "\\244\\n"'""")

    lines = box.run("job", tty=True, env={"NO_COLOR": "1"}).stdout.splitlines()

    assert lines[0] == "ä"


def test_scheduled_on_a_terminal_stays_quiet(box: Box) -> None:
    from kit.runs import ONE_SLOT

    box.job("job", f"command: echo out\n{ONE_SLOT}")

    assert box.run("--scheduled", "job", tty=True).stdout == ""


def test_a_refused_start_on_a_terminal_says_so_and_how_to_go_on(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}")
    with box.start("job") as live:
        started.read_line()
        refused = box.run("job", tty=True)
        waiting = box.start("--wait", "job", tty=True)
        waiting.wait_for_line("job: waiting: run ")
        for _ in range(2):
            release.write_line()
        live.wait()
        waited = waiting.wait()

    assert refused.exit_code == 75
    assert "job: already running: run " in refused.stdout
    assert waited.exit_code == 0

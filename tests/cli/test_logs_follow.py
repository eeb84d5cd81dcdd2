"""`logs -f`: lines as they come, across runs, whatever happens to a run or to its log."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, SERVICE_USER, STRANGER, Box, Fifo, Live, until


@pytest.fixture
def words(box: Box) -> Fifo:
    """A job that prints the lines that come through it, up to `end`."""
    fifo = Fifo(box.root / "words")
    box._fifos.append(fifo)
    script = f'while read -r line < {fifo}; do [ "$line" = end ] && exit 0; echo "$line"; done'
    box.job("talk", f"command: sh -c '{script}'\ntimeout: 0")
    return fifo


def follow(box: Box, *arguments: str) -> Live:
    return box.start_command([str(box.product.process_control), "logs", "-f", *arguments])


def started(box: Box) -> Live:
    """Start the job and return when its command runs."""
    before = len(box.logs("talk"))
    live = box.start("talk", "--quiet")
    until(lambda: len(box.logs("talk")) > before, "a log")
    return live


def is_looking(box: Box, live: Live) -> None:
    """Wait until the follower has shown what there was: it sleeps in poll(2) then."""

    def in_poll() -> bool:
        for pid in (live.pid, *box.processes()):
            try:
                is_one = b"logs\0-f" in Path(f"/proc/{pid}/cmdline").read_bytes()
                if is_one and "poll" in Path(f"/proc/{pid}/wchan").read_text():
                    return True
            except OSError:
                continue
        return False

    until(in_poll, "the follower looks")


def test_lines_come_while_the_run_writes_and_across_runs(box: Box, words: Fifo) -> None:
    first = started(box)
    words.write_line("one")
    until(lambda: box.log_bytes("talk") == b"one\n", "the first line")

    with follow(box, "talk") as looker:
        looker.wait_for_line("one\n")
        words.write_line("two")
        looker.wait_for_line("two\n")
        words.write_line("end")
        first.wait()

        second = started(box)
        words.write_line("three")
        looker.wait_for_line("three\n")
        words.write_line("end")
        second.wait()
        looker.signal(signal.SIGINT)
        result = looker.wait()

    assert (result.stdout, result.exit_code) == ("one\ntwo\nthree\n", 130)


def test_a_killed_runner_does_not_end_it(box: Box, words: Fifo) -> None:
    first = started(box)
    with follow(box, "talk", "--json") as looker:
        words.write_line("one")
        looker.wait_for_line('"one"')
        os.kill(box.block("talk")["pid"], signal.SIGKILL)
        first.wait()

        second = started(box)
        words.write_line("two")
        looker.wait_for_line('"two"')
        words.write_line("end")
        second.wait()

    lines = [json.loads(line) for line in looker.seen().splitlines()]
    assert [(line["job"], line["text"]) for line in lines] == [("talk", "one"), ("talk", "two")]
    assert [line["run_id"] for line in lines] == [run["run_id"] for run in reversed(box.history("talk"))]


def test_all_jobs_are_followed_with_their_names_and_only_what_matches(box: Box, words: Fifo) -> None:
    box.job("other", "command: sh -c 'echo hit; echo miss'")
    box.run("other")
    with follow(box, "--grep", "^hit", "-n", "5") as looker:
        looker.wait_for_line("other\thit\n")
        box.job("new", "command: sh -c 'echo miss; echo hit of new'")
        box.run("new")
        looker.wait_for_line("new\thit of new\n")
        looker.signal(signal.SIGINT)

        assert looker.wait().stdout == "other\thit\nnew\thit of new\n"


def test_one_run_is_followed_to_its_end(box: Box, words: Fifo) -> None:
    first = started(box)
    words.write_line("one")
    until(lambda: box.log_bytes("talk") == b"one\n", "the first line")
    with follow(box, "--run", box.block("talk")["run_id"]) as looker:
        looker.wait_for_line("one\n")
        words.write_line("end")
        first.wait()

        assert (looker.wait().stdout, looker.wait().exit_code) == ("one\n", 0)


def test_a_log_that_is_removed_is_read_to_its_end(box: Box, words: Fifo) -> None:
    first = started(box)
    words.write_line("one")
    with follow(box, "talk") as looker:
        looker.wait_for_line("one\n")
        for path in (box.output_directory / "talk").iterdir():
            path.unlink()
        words.write_line("two")
        looker.wait_for_line("two\n")
        words.write_line("end")
        first.wait()


@pytest.mark.skipif(not IS_ROOT, reason="only root can become the service user")
def test_a_member_of_read_group_follows_too(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER, read_group="nogroup")
    box.job("hello", "command: echo hello\nenvironment: {A: b}")
    box.run("hello")
    command = [str(box.product.process_control), "logs", "-f", "hello"]
    with box.start_command(command, user=STRANGER) as looker:
        looker.wait_for_line("hello\n")
        box.run("hello")
        looker.wait_for_line("hello\nhello\n")

    assert box.process_control("logs", "--grep", "h.l", user=STRANGER).stdout == "hello\thello\n" * 2


def test_it_ends_when_nobody_reads_and_shows_a_head_for_each_run_on_a_terminal(box: Box) -> None:
    box.job("hello", "command: echo hello")
    script = f"{box.product.process_control} logs -f hello | head -n 1"
    with box.start_command(["sh", "-c", script]) as looker:
        is_looking(box, looker)
        box.run("hello")

        assert looker.wait().stdout == "hello\n"

    with box.start_command([str(box.product.process_control), "logs", "-f", "hello"], tty=True) as looker:
        looker.wait_for_line("hello")
        box.run("hello")
        looker.wait_for_line("succeeded")
        looker.type(b"\x03")
        shown = looker.wait().stdout

    assert f"hello, run {box.history('hello')[0]['run_id']}, " in shown


def test_looking_on_takes_no_time(box: Box) -> None:
    box.job("hello", "command: echo hello")
    box.run("hello")
    with follow(box, "hello") as looker:
        looker.wait_for_line("hello")
        is_looking(box, looker)
        pid = next(pid for pid in box.processes() if b"logs\0-f" in Path(f"/proc/{pid}/cmdline").read_bytes())
        before, began = waits_of(pid), time.monotonic()
        until(lambda: waits_of(pid) - before >= 5, "five looks")

        assert time.monotonic() - began > 0.7


def waits_of(pid: int) -> int:
    """Return how often a process has gone to sleep."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

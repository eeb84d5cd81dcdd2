"""Regexes that explode, on floods of output: no kill, timeout, stop or verdict waits for them by more than a second."""

import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.harness import Box, until, wait_gone
from kit.runs import killers, outcomes, records, script, the_end

BOMBS = """
verdicts:
  - {stdout: '(a+)+$', verdict: fail}
  - {stdout: '(a|a)*b', verdict: fail}
  - {stdout: '[a-z]*@', verdict: fail}
  - {stderr: '(x+x+)+y', verdict: fail}
  - {stderr: '(.*)*=1', verdict: fail}
  - {stderr: '\\w+\\w+@', verdict: fail}
  - {stdout_missing: '(a?b?)+=done', verdict: warn}
stderr: ignore
"""
MANY_BOMBS = "stderr: ignore\nverdicts:\n" + "".join(
    f"  - {{stdout: '(a+)+b{number}$', verdict: fail}}\n" for number in range(60)
)
FLOOD = """
import os, sys
long = b"a" * 60000 + b"!\\n", b"x" * 60000 + b"!\\n"
short = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\\n" * 500, b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!\\n" * 500
while True:
    for each in long, short:
        os.write(1, each[0]); os.write(2, each[1])
"""
PROMISED_SECONDS = 1.0
BUSY = 10.0
"""What a busy machine may take besides, and besides the time for which the runner wanted a processor and got none."""


@dataclass(slots=True)
class Spent:
    """What a runner spent from a moment to its end, in seconds."""

    cpu: float
    #: ready to run, without a processor
    queued: float
    #: when it ended, by the monotonic clock
    ended_at: float


@pytest.fixture
def flood(box: Box) -> Path:
    return script(box, "flood.py", FLOOD, shell="/usr/bin/python3")


@contextmanager
def watched(runner: int, moment: Callable[[], float]) -> Iterator[Callable[[], Spent]]:
    """Follow the runner; gives what tells how much it spent from `moment()` (monotonic), called here, to its end."""

    def follow() -> Spent:
        before, last, end = None, (0.0, 0.0), select.poll()
        end.register(handle, select.POLLIN)
        while not end.poll(2):
            now = _cpu_seconds(runner), _queued_seconds(runner)
            last = max(last[0], now[0]), max(last[1], now[1])
            before = last if before is None or time.monotonic() <= since else before
        before = before or (0.0, 0.0)
        return Spent(last[0] - before[0], last[1] - before[1], time.monotonic())

    handle = os.pidfd_open(runner)
    try:
        since = moment()
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(follow).result
    finally:
        os.close(handle)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _queued_seconds(pid: int) -> float:
    """Return how long the process was ready to run without running: the second field, in nanoseconds."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _runner(box: Box) -> int:
    """Return the runner of the job's run, once it has one."""
    until(lambda: box.journal() and records(box, "start"), "it to start")
    return killers(box, "bomb")[1]


@pytest.mark.parametrize("rules", [BOMBS, MANY_BOMBS], ids=["all kinds", "sixty"])
def test_a_timeout_is_not_delayed(box: Box, flood: Path, rules: str) -> None:
    late = script(box, "late.sh", f"sleep 3; exec {flood}")  # until then it is watched, also on a busy host
    box.job("bomb", f"command: {late}\ntimeout: 4\nkill_grace: 5\nlimits: {{log_bytes: 10 MB}}\n{rules}")

    with box.start("bomb") as live:
        runner = _runner(box)
        began = time.monotonic()
        with watched(runner, lambda: began + 4) as spent_from:
            result = live.wait()

    spent = spent_from()
    assert result.exit_code == 124
    assert spent.cpu < PROMISED_SECONDS
    assert spent.ended_at - began < 4 + PROMISED_SECONDS + BUSY + spent.queued
    assert outcomes(box) == [("failed", "timeout")]


@pytest.mark.parametrize("rules", [BOMBS, MANY_BOMBS], ids=["all kinds", "sixty"])
def test_a_kill_is_not_delayed(box: Box, flood: Path, rules: str) -> None:
    box.job("bomb", f"command: {flood}\nlimits: {{log_bytes: 10 MB}}\n{rules}")

    with box.start("bomb") as live:
        until(lambda: box.logs("bomb") and box.logs("bomb")[0].stat().st_size > 100_000, "it to print")
        began = time.monotonic()
        with box.start("--kill-job", "bomb") as killer:
            result = live.wait()
            killed = killer.wait()
        took = time.monotonic() - began

    assert (killed.exit_code, result.exit_code) == (0, 143)
    assert took < PROMISED_SECONDS + BUSY


@pytest.mark.parametrize("rules", [BOMBS, MANY_BOMBS], ids=["all kinds", "sixty"])
def test_a_signal_is_not_delayed(box: Box, flood: Path, rules: str) -> None:
    box.job("bomb", f"command: {flood}\nlimits: {{log_bytes: 10 MB}}\n{rules}")

    with box.start("bomb") as live:
        until(lambda: box.logs("bomb") and box.logs("bomb")[0].stat().st_size > 100_000, "it to print")
        _, runner = killers(box, "bomb")

        def stop() -> float:
            live.signal(signal.SIGTERM)
            return time.monotonic()

        with watched(runner, stop) as spent_from:
            result = live.wait()

    assert result.exit_code == 143
    assert spent_from().cpu < PROMISED_SECONDS


def test_the_tree_is_gone_at_once_when_the_guard_is_killed(box: Box, flood: Path) -> None:
    box.job("bomb", f"command: {flood}\nlimits: {{log_bytes: 10 MB}}\n{BOMBS}")

    with box.start("bomb") as live:
        until(lambda: box.logs("bomb") and box.logs("bomb")[0].stat().st_size > 100_000, "it to print")
        guard, runner = killers(box, "bomb")
        began = time.monotonic()

        def kill_the_guard() -> float:
            os.kill(guard, signal.SIGKILL)
            return time.monotonic()

        with watched(runner, kill_the_guard) as spent_from:
            live.wait()
        wait_gone(runner)

    spent = spent_from()
    assert spent.cpu < PROMISED_SECONDS
    assert spent.ended_at - began < PROMISED_SECONDS + BUSY + spent.queued
    assert outcomes(box) == [("lost", "runner_killed")]


@pytest.mark.parametrize("rules", [BOMBS, MANY_BOMBS], ids=["all kinds", "sixty"])
def test_the_verdict_is_not_delayed(box: Box, rules: str) -> None:
    go = box.fifo("go")
    last_words = script(
        box,
        "last.py",
        f"import os\nopen('{go}').readline()\n"
        "for _ in range(20): os.write(1, b'a' * 60000 + b'!\\n'); os.write(2, b'x' * 60000 + b'!\\n')\n",
        shell="/usr/bin/python3",
    )
    box.job("bomb", f"command: {last_words}\n{rules}")

    with box.start("bomb") as live:
        runner = _runner(box)
        began = time.monotonic()

        def let_it_speak() -> float:
            go.write_line()
            return time.monotonic()

        with watched(runner, let_it_speak) as spent_from:
            result = live.wait()

    spent = spent_from()
    assert result.exit_code == 0
    assert spent.cpu < PROMISED_SECONDS
    assert spent.ended_at - began < PROMISED_SECONDS + BUSY + spent.queued
    assert outcomes(box) == [("warned", "output")]
    assert "took too long on line 1 of std" in str(the_end(box)["regex_faults"])


def test_a_regex_that_explodes_counts_as_not_matched_and_the_others_go_on(box: Box) -> None:
    rules = "verdicts: [{stdout: '(a+)+$', verdict: hold}, {stdout: '^ERROR', verdict: warn}]"
    printer = script(box, "print.py", "print('a' * 100 + '!')\nprint('ERROR 7')\nprint('a')", shell="/usr/bin/python3")
    box.job("bomb", f"command: {printer}\n{rules}")

    assert box.run("bomb").exit_code == 0

    end = the_end(box)
    assert (end["outcome"], end["decided_by"]["rule"]) == ("warned", 2)


def test_a_regex_that_explodes_warns_although_all_else_is_well(box: Box) -> None:
    box.job("bomb", f"command: echo {'a' * 100}!\nverdicts: [{{stdout: '(a+)+$', verdict: ignore}}]")

    assert box.run("bomb").exit_code == 0

    end = the_end(box)
    assert (end["outcome"], end["reason"]) == ("warned", "output")
    assert end["detail"] == "the regex of rule 1 took too long on line 1 of stdout, and was not tried again"
    assert end["regex_faults"] == [end["detail"]]


def test_every_line_of_a_flood_is_matched(box: Box) -> None:
    """A job that prints faster than its lines can be matched waits, and none is passed over."""
    printer = script(
        box,
        "print.py",
        "import os\nfor _ in range(100): os.write(1, b'fine\\n' * 10000)\nos.write(1, b'ERROR at last\\n')",
        shell="/usr/bin/python3",
    )
    rules = "verdicts: [{stdout: '^ERROR', verdict: warn}, {stdout: 'deadlock', verdict: fail}]"
    box.job("flood", f"command: {printer}\n{rules}")

    assert box.run("flood").exit_code == 0

    assert the_end(box)["decided_by"]["line_number"] == 1_000_001
    assert the_end(box)["stdout_bytes"] == 5_000_014


def test_matching_takes_little_memory_whatever_is_printed(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    rules = "verdicts: [{stdout: 'nowhere', verdict: fail}, {stderr: '^.*nowhere$', verdict: fail}]\nstderr: ignore"
    job = script(
        box,
        "job.sh",
        f"""
        head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2
        yes '' | head -c 2000000; yes xxxx | head -c 5000000 >&2
        echo > {started}; read line < {release}
        """,
    )
    box.job("huge", f"command: {job}\n{rules}")

    with box.start("huge", via="stub") as live:
        started.read_line()
        status = Path(f"/proc/{box.block('huge')['pid']}/status").read_text()
        release.write_line()
        result = live.wait()

    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    assert result.exit_code == 0
    assert peak <= 40 * 1024 * resource.getpagesize() // 4096, f"{peak} KiB"

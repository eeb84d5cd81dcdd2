"""One contract for both entries: a run that the launcher has forked leaves what a run leaves that cron has started.

Each case is run twice in boxes of its own, cold (as cron's line does) and warm (by an order to a real launcher), and
what they leave is compared: exit code, journal, health, block, output. Whoever still lives afterwards fails the test.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kit.contract import CASES, left_by
from kit.harness import Box, wait_gone
from kit.runs import ONE_SLOT, ends, killers, script, skips
from kit.schedulers import Launcher, launcher


class Entry:
    """One way to start the job `job` of a box at its planned time."""

    def __init__(self, box: Box, live: Launcher | None) -> None:
        self.box = box
        self._launcher = live

    def run(self) -> int:
        """Start it, wait for its end, and return the exit code."""
        if self._launcher is None:
            return self.box.run("job", "--scheduled", via="stub").exit_code
        return self._launcher.run("job", due=self._slot())

    @contextmanager
    def start(self) -> Iterator[Callable[[], int]]:
        """Start it; give what waits for its end and returns the exit code."""
        if self._launcher is not None:
            number, _ = self._launcher.start("job", due=self._slot())
            yield lambda: self._launcher.wait(number)  # type: ignore[union-attr]
            return
        with self.box.start("job", "--scheduled", via="stub") as live:
            yield lambda: as_a_shell_has_it(live.wait().exit_code)

    @staticmethod
    def _slot() -> int:
        """The planned time of ONE_SLOT."""
        now = time.localtime()
        return int(time.mktime((now.tm_year, 1, 1, 0, 0, 0, 0, 0, -1)))


def as_a_shell_has_it(code: int) -> int:
    return 128 - code if code < 0 else code


@pytest.fixture
def both(make_box: Callable[..., Box]) -> Iterator[list[Entry]]:
    cold, warm = make_box(), make_box()
    with launcher(warm) as live:
        yield [Entry(cold, None), Entry(warm, live)]


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_a_run_leaves_the_same_whoever_has_started_it(both: list[Entry], text: str) -> None:
    left = []
    for entry in both:
        entry.box.job("job", f"{text}\n{ONE_SLOT}")
        code = entry.run()
        left.append((code, left_by(entry.box)))

    cold, warm = left
    assert cold[1]["journal"], "nothing was recorded: the test compares nothing"
    assert warm == cold


SIGNALS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT, "HUP": signal.SIGHUP}


@pytest.mark.parametrize("victim", ["runner killed", "guard killed", *SIGNALS, "kill-job"])
def test_a_run_ends_the_same_whoever_ends_it(both: list[Entry], victim: str) -> None:
    left = []
    for entry in both:
        box = entry.box
        started = box.fifo("started")
        box.job("job", f"command: {script(box, 'job.sh', f'echo x > {started}; exec sleep 600')}\n{ONE_SLOT}")
        with entry.start() as code:
            started.read_line()
            guard, runner = killers(box, "job")
            if victim == "kill-job":
                assert box.run_job("--kill-job", "job").exit_code == 0
            elif victim in SIGNALS:
                os.kill(guard, SIGNALS[victim])
            else:
                os.kill(runner if victim == "runner killed" else guard, signal.SIGKILL)
            wait_gone(runner)
            found = code()
        assert box.process_control("watch").exit_code == 0  # it settles a run whose runner could not
        left.append((found, ends(box, "job")[0]["outcome"], ends(box, "job")[0]["reason"]))

    cold, warm = left
    assert warm == cold


def test_a_second_start_while_it_runs_is_skipped_the_same(both: list[Entry]) -> None:
    left = []
    for entry in both:
        box = entry.box
        started, release = box.fifo("started"), box.fifo("release")
        text = f"echo x > {started}; read line < {release}"
        box.job("job", f"command: {script(box, 'job.sh', text)}\n{ONE_SLOT}")
        with box.start("job") as live:
            started.read_line()
            code = entry.run()
            release.write_line("")
            live.wait()
        left.append((code, [(skip["reason"], skip["detail"].split()[0]) for skip in skips(box, "job")]))

    cold, warm = left
    assert warm == cold
    assert warm[1][0][0] == "overlap"

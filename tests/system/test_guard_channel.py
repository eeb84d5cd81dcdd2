"""What a runner tells its guard: a runner, or a job that got at the pipe, that writes without end harms nobody."""

import contextlib
import json
import os
import select
import time
from pathlib import Path
from typing import NoReturn

import pytest

from kit.harness import TookTooLong, lives, until
from process_control.execution import guard, guard_watch

PAGES = {
    "no end of line": b"x" * 65536,
    "short lines": b"K\n" * 2000,
    "wrong words": b"D nan inf\nT 0 -1\n\xff\n" * 100,
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_runner_that_writes_without_end_does_not_fill_its_guard_and_is_ended_in_time(page: bytes) -> None:
    answer, answers = os.pipe()
    outer = os.fork()
    if outer == 0:
        guard_watch.RUNNER_SECONDS = 0.1
        runner, _, channel = guard.fork_runner()
        if not runner:
            _write_without_end(channel, page)
        before = _largest_megabytes()
        code, killed = guard.watch(runner, channel, start_seconds=1.5)
        grown = _largest_megabytes() - before
        with contextlib.suppress(TookTooLong):
            until(lambda: not lives(runner), "the runner to be gone")
        seen = {"code": code, "killed": bool(killed), "lives": lives(runner), "grown": grown}
        os.write(answers, json.dumps(seen).encode())
        os._exit(0)
    os.close(answers)
    with os.fdopen(answer) as answered:
        seen = json.load(answered)
    os.waitpid(outer, 0)

    assert (seen["code"], seen["killed"], seen["lives"]) == (137, True, False), seen
    assert seen["grown"] < 4, seen


def _write_without_end(channel: int, page: bytes) -> NoReturn:
    """In the runner: fill the pipe to its guard as fast as that empties it."""
    poll = select.poll()
    poll.register(channel, select.POLLOUT)
    until = time.monotonic() + 120
    try:
        while time.monotonic() < until:
            poll.poll(100)
            try:
                os.write(channel, page)
            except BlockingIOError:
                continue
    finally:
        os._exit(0)


def _largest_megabytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) // 1024

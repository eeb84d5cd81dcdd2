"""Who waits for a disk is ended, who waits for something else is not. Each in a process of its own."""

import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.hanging_disk import hanging_disk
from process_control.system import disk_watch
from process_control.system.disk_watch import mount_of

NOTED, ENDED, BY_ITSELF = b"noted", 74, 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with hanging_disk(tmp_path / "disk") as path:
        yield path


def watched(
    paths: list[str], command: Callable[[], object], *, still: float = 0.5, answer: float = 0.2
) -> tuple[int, bytes]:
    """Return the exit code of a process that does `command`, and what was noted. The watch is several times as fast.

    A process counts as one that makes no progress after `still` seconds, and a disk as hanging after `answer`.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        disk_watch.STILL_SECONDS, disk_watch.END_SECONDS, disk_watch.ANSWER_SECONDS = still, still + 1.0, answer
        disk_watch.TICK_SECONDS = 0.05
        disk_watch.fork_watched(paths, note=lambda _: os.write(writing, NOTED) and None, end=lambda *_: ENDED)
        command()
        os._exit(BY_ITSELF)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        return os.waitstatus_to_exitcode(status), pipe.read()


def wait_in_one_place(seconds: float) -> None:
    select.poll().poll(seconds * 1000)


def look_again_and_again(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        wait_in_one_place(0.01)


@pytest.mark.needs_root
def test_who_waits_for_a_disk_is_ended(disk: Path) -> None:
    assert watched([str(disk)], lambda: os.listdir(disk)) == (ENDED, NOTED)


def test_who_only_waits_long_is_left_alone(tmp_path: Path) -> None:
    assert watched([str(tmp_path)], lambda: wait_in_one_place(3), answer=60) == (BY_ITSELF, b"")


@pytest.mark.needs_root
def test_who_moves_is_left_alone_though_a_disk_hangs(disk: Path) -> None:
    assert watched([str(disk)], lambda: look_again_and_again(5), still=3) == (
        BY_ITSELF,
        b"",
    )  # a busy host stops it too


def test_a_missing_path_answers_and_so_does_one_that_may_not_be_read() -> None:
    assert disk_watch.first_that_hangs(["/nowhere/at/all", "/proc/1/mem", "/dev/null"]) is None


@pytest.mark.needs_root
def test_the_mount_of_a_path_is_named_without_a_look_at_it(disk: Path) -> None:
    assert mount_of(f"{disk}/a/b") == f"fuse hanging on {disk}"
    assert mount_of("/proc/self").startswith("proc ")

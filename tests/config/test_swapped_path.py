"""While somebody swaps the path of a job for what must not be taken, no load takes it: what was opened is what counts.

The swapper is a process of its own, and a storm goes on until both sides were met: on a busy machine it may get no turn
during hundreds of loads, and then nothing would have been tried.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.harness import Deadline, Storm
from kit.host import STRANGER, Host, uid
from process_control.config.job_directory import load_job
from process_control.errors import NotPermitted

EXCHANGE = """
import ctypes, os, sys
place, another = map(os.fsencode, sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
print("ready", flush=True)
while libc.renameat2(-100, place, -100, another, 2) == 0:  # AT_FDCWD, RENAME_EXCHANGE: there is always one of the two
    pass
raise SystemExit(os.strerror(ctypes.get_errno()))
"""
LOADS_AT_LEAST = 500


def make_link(host: Host) -> tuple[Path, Path]:
    """A link to a job outside of the job directory."""
    (host.jobs / "another").symlink_to(host.write("outside.yaml", "name: outside\ncommand: c\n"))
    return host.jobs / "purge.yaml", host.jobs / "another"


def make_foreign_file(host: Host) -> tuple[Path, Path]:
    """A job that a stranger has written."""
    return host.jobs / "purge.yaml", host.write("jobs/another", "name: outside\ncommand: c\n", owner=STRANGER)


def make_foreign_directory(host: Host) -> tuple[Path, Path]:
    """A job directory that a stranger has made, with a job that root has written."""
    another = host.write("another/purge.yaml", "name: outside\ncommand: c\n").parent
    os.chown(another, uid(STRANGER), -1)
    return host.jobs, another


@contextlib.contextmanager
def swapping(place: Path, another: Path) -> Iterator[None]:
    """Exchange what lies at the two paths, as fast as a process can, until the end of the block."""
    command = [sys.executable, "-I", "-S", "-c", EXCHANGE, str(place), str(another)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as swapper:
        try:
            if swapper.stdout is None or swapper.stdout.readline() != b"ready\n":
                raise AssertionError("the swapper did not begin")
            yield
            if swapper.poll() is not None:
                raise AssertionError(f"the swapper has ended: {swapper.communicate()[1].decode()}")
        finally:
            swapper.kill()


def what_a_load_takes(host: Host) -> Iterator[str]:
    """Load the job without end: give its name, or `refused`."""
    settings = host.settings()
    while True:
        try:
            yield load_job("purge", settings).name
        except NotPermitted:
            yield "refused"


@pytest.mark.fault("Path swapped while loading, 60 s", small=1, full=20, wanted="what is outside always refused")
@pytest.mark.parametrize(
    "make",
    [
        make_link,
        pytest.param(make_foreign_file, marks=pytest.mark.needs_root),
        pytest.param(make_foreign_directory, marks=pytest.mark.needs_root),
    ],
    ids=["link", "foreign file", "foreign directory"],
)
def test_no_load_takes_what_is_outside_while_the_path_is_being_swapped(
    host: Host, storm: Storm, make: Callable[[Host], tuple[Path, Path]]
) -> None:
    host.configure()
    host.write("jobs/purge.yaml", "name: inside\ncommand: c\n")
    place, another = make(host)
    loads = what_a_load_takes(host)
    seen: Counter[str] = Counter()

    with swapping(place, another):
        for _ in storm.rounds():  # a second each
            end = time.monotonic() + 1
            while time.monotonic() < end:
                seen[next(loads)] += 1
        assert set(seen) <= {"inside", "refused"}, dict(seen)
        patience = Deadline()
        while not (seen["inside"] and seen["refused"] and seen.total() >= LOADS_AT_LEAST):
            if patience.passed():
                pytest.fail(f"not both sides were met: {dict(seen)}")
            seen[next(loads)] += 1

    assert set(seen) == {"inside", "refused"}, dict(seen)
    storm.found(f"{seen['refused']:,} refused, {seen['inside']:,} taken from inside, 0 from outside")

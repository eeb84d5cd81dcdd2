"""A record that `append` returned from is on the disk, whoever is killed around it; a torn line harms no other."""

import json
import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kit.harness import PROJECT, Storm, until

WRITER = """
import posix, sys
sys.path.insert(0, sys.argv[1])
from process_control.history import journal
state, name = sys.argv[2], sys.argv[4]
acknowledged = posix.open(sys.argv[3], posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o600)
posix.write(1, b"ready\\n")
for number in range(10**9):
    journal.append(state, {"event": "start", "writer": name, "number": number, "padding": "x" * (number * 37 % 3000)})
    posix.write(acknowledged, b"%d\\n" % number)
"""


def read_all(state: Path) -> tuple[set[tuple[str, int]], int]:
    """Return (writer, number) of every readable record, and how many lines were torn."""
    found, torn = set(), 0
    for path in (state / "journal").iterdir():
        for line in path.read_bytes().split(b"\n"):
            if not line.strip(b"\0"):
                continue
            try:
                record = json.loads(line)
                found.add((record["writer"], record["number"]))
            except ValueError:
                torn += 1
    return found, torn


def acknowledged_by(directory: Path, names: list[str]) -> set[tuple[str, int]]:
    """Return (writer, number) of what these writers have noted as written."""
    found: set[tuple[str, int]] = set()
    for name in names:
        lines = (directory / name).read_bytes().split(b"\n") if (directory / name).exists() else []
        found |= {(name, int(line)) for line in lines[:-1]}
    return found


@pytest.mark.fault("History: kill -9 storms × 4 writers", small=6, full=500, wanted="no acknowledged record lost")
def test_no_acknowledged_record_is_lost_when_four_writers_are_killed(tmp_path: Path, storm: Storm) -> None:
    chance = random.Random(4)
    (tmp_path / "journal").mkdir()
    acknowledged: set[tuple[str, int]] = set()
    torn_at_most = 0
    for number in storm.rounds():
        names = [f"{number}-{writer}" for writer in range(4)]
        writers = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    WRITER,
                    str(PROJECT / "src"),
                    str(tmp_path),
                    str(tmp_path / name),
                    name,
                ],
                stdout=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
            )
            for name in names
        ]
        for writer in writers:
            if writer.stdout is None or writer.stdout.readline() != b"ready\n":
                raise AssertionError("a writer did not start")
        if number % 2:  # on a slow disk, or a busy host, there would be too little to lose
            until(lambda names=names: len(acknowledged_by(tmp_path, names)) >= 40, "the writers to write")
        select.select([], [], [], chance.uniform(0.01, 0.1))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            with writer:
                writer.wait()
        torn_at_most += len(writers)
        acknowledged |= acknowledged_by(tmp_path, names)

    found, torn = read_all(tmp_path)

    assert acknowledged <= found
    assert torn <= torn_at_most
    assert len(acknowledged) > 100


def test_each_record_begins_on_a_line_of_its_own_after_a_torn_one(tmp_path: Path) -> None:
    from process_control.history import journal

    (tmp_path / "journal").mkdir()
    journal.append(str(tmp_path), {"writer": "a", "number": 1})
    (path,) = (tmp_path / "journal").iterdir()
    with path.open("ab") as file:
        file.write(b'\n{"writer": "torn", "num')
    journal.append(str(tmp_path), {"writer": "a", "number": 2})

    assert read_all(tmp_path) == ({("a", 1), ("a", 2)}, 1)


def test_the_reserve_does_not_change_what_readers_see(tmp_path: Path) -> None:
    from process_control.history import journal

    (tmp_path / "journal").mkdir()
    journal.append(str(tmp_path), {"writer": "a", "number": 1})

    (path,) = (tmp_path / "journal").iterdir()
    status = os.stat(path)
    assert path.read_bytes().startswith(b'\n{"writer":"a","number":1,"boot_id":')
    assert status.st_mode & 0o777 == 0o640
    assert status.st_size < 200

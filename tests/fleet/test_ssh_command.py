"""The command line of ssh, and where connections are kept: never where somebody else could use them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from process_control.fleet.ssh_command import DIRECTORY, remote_commands, socket_directory, ssh_command


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory of ours, with a short path."""
    with tempfile.TemporaryDirectory(prefix="pc-", dir="/tmp") as path:
        monkeypatch.setenv("XDG_RUNTIME_DIR", path)
        yield Path(path)


def test_the_host_stands_behind_the_options_and_words_are_quoted_for_a_shell() -> None:
    command = ssh_command("ops@web1", remote_commands(["logs", "--json", "--grep=a'b $(id)", "--", "x;y"]), None)

    assert command[0] == "ssh"
    assert command[-3:-1] == ["--", "ops@web1"]
    assert all(word.startswith("-o") for word in command[1:-3])
    assert {"-oBatchMode=yes", "-oControlPath=none", "-oRemoteCommand=none"} <= set(command)
    assert command[-1] == (
        "process-control --version; process-control logs --json '--grep=a'\"'\"'b $(id)' -- 'x;y'"
    )  # fmt: skip


def test_a_connection_is_kept_below_the_runtime_directory(runtime: Path) -> None:

    found = socket_directory()

    assert found == runtime / DIRECTORY
    assert found.stat().st_mode & 0o777 == 0o700
    assert f"-oControlPath={found}/%C" in ssh_command("web1", [], found)


@pytest.mark.needs_root
def test_a_runtime_directory_of_somebody_else_keeps_no_connection(runtime: Path) -> None:
    of_root = Path("/run") / DIRECTORY
    was_there = of_root.exists()
    os.chown(runtime, 65534, -1)

    assert socket_directory() in (of_root, None)
    assert list(runtime.iterdir()) == []
    if not was_there:
        of_root.rmdir()


def test_a_directory_that_others_may_write_to_keeps_no_connection(runtime: Path) -> None:
    (runtime / DIRECTORY).mkdir()
    (runtime / DIRECTORY).chmod(0o777)

    assert socket_directory() is None


def test_a_long_path_keeps_no_connection(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = runtime / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))

    assert socket_directory() is None

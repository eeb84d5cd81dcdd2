"""Whatever is done to a file of a directory is seen; where the kernel cannot watch, everything counts as changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from process_control.system.inotify import DirectoryWatch

CHANGES: dict[str, Callable[[Path], object]] = {
    "in place": lambda file: file.write_text("b"),
    "same size and time": lambda file: (file.write_text("c"), os.utime(file, ns=(0, 0))),
    "rights": lambda file: file.chmod(0o600),
    "removed": lambda file: file.unlink(),
    "replaced": lambda file: file.with_name("new").replace(file),
    "made": lambda file: file.with_name("other").symlink_to(file),
    "directory": lambda file: file.parent.rename(file.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_once(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "jobs"
    directory.mkdir()
    for each in ("file", "new"):
        (directory / each).write_text("a")
    watch = DirectoryWatch()
    watch.watch(str(directory))
    assert not watch.has_changed()
    (directory / "file").read_text()
    assert not watch.has_changed()

    CHANGES[name](directory / "file")

    assert watch.has_changed()
    assert not watch.has_changed()
    watch.close()


def test_a_directory_that_is_missing_counts_as_changed(tmp_path: Path) -> None:
    watch = DirectoryWatch()
    watch.watch(str(tmp_path / "missing"))
    assert watch.has_changed()

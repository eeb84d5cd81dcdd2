"""A file that others read while it is written is there whole, old or new, and durable."""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, NotStarted, ProcessControlError
from process_control.system.replace import locked_directory, read_existing, replace


def test_a_new_file_has_the_content_and_the_mode_whatever_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        replace(str(tmp_path / "file"), b"text\n", mode=0o644)
    finally:
        os.umask(mask)

    assert (tmp_path / "file").read_bytes() == b"text\n"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["file"]


def test_an_old_file_is_replaced_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        replace(str(path), b"new", mode=0o644)

        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_link_that_came_in_between_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "file").symlink_to("elsewhere")

    replace(str(tmp_path / "file"), b"new", mode=0o644)

    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (tmp_path / "file").is_symlink()


def test_a_directory_in_the_place_is_left_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(CannotRecord, match="cannot be written: Is a directory"):
        replace(str(tmp_path / "file"), b"new", mode=0o644)

    assert os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_names_can_be_is_written(tmp_path: Path) -> None:
    replace(str(tmp_path / ("x" * 255)), b"new", mode=0o644)

    assert os.listdir(tmp_path) == ["x" * 255]


# --- how it stands ---------------------------------------------------------------------------------------------------


def test_where_there_is_no_file_nothing_stands(tmp_path: Path) -> None:
    assert read_existing(str(tmp_path / "file"), mode=0o644) is None


def a_second_name(path: Path) -> None:
    os.link(path, path.with_name("second"))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (Path.exists, None),
        (lambda path: path.chmod(0o600), "its mode was 0600"),
        (lambda path: path.chmod(0o666), "its mode was 0666"),
        (a_second_name, "it had a second name (hard link)"),
    ],
    ids=["as it should be", "too narrow", "too wide", "a hard link"],
)
def test_what_makes_others_distrust_the_file_is_told(
    change: Callable[[Path], object], wrong: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    path.chmod(0o644)
    change(path)

    existing = read_existing(str(path), mode=0o644)

    assert existing is not None
    assert (existing.content, existing.wrong) == (b"text", wrong)


def a_link(path: Path) -> None:
    path.with_name("real").touch()
    path.symlink_to("real")


@pytest.mark.parametrize(
    ("make", "kind", "hint"),
    [
        (a_link, "a link", "name the file itself: {}/real"),
        (Path.mkdir, "a directory", "move it away, or use another path"),
        (os.mkfifo, "a named pipe", "move it away, or use another path"),
        (lambda path: path.symlink_to("/dev/null"), "a link", "name the file itself: /dev/null"),
    ],
    ids=["link", "directory", "fifo", "device"],
)
def test_what_is_no_plain_file_is_refused(make: Callable[[Path], None], kind: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    make(path)

    with pytest.raises(NotPermitted) as refusal:
        read_existing(str(path), mode=0o644)

    assert str(refusal.value) == f"{path}: is {kind}, so it is not replaced\n  hint: {hint.format(tmp_path)}"


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    for try_it in (lambda path: read_existing(path, mode=0o644), lambda path: replace(path, b"", mode=0o644)):
        with pytest.raises(BadConfiguration) as refusal:
            try_it(str(tmp_path / "none" / "file"))

        assert str(refusal.value) == f"{tmp_path}/none: the directory does not exist\n  hint: make it"


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "none").touch()

    with pytest.raises(ProcessControlError, match="cannot be written: Not a directory"):
        replace(str(tmp_path / "none" / "file"), b"", mode=0o644)


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_kept(tmp_path: Path) -> None:
    left, written = tmp_path / ".crontab.0123456789ab", tmp_path / ".crontab.ba9876543210"
    others = [tmp_path / ".crontab.swp", tmp_path / ".another.0123456789ab"]
    for path in (left, written, *others):
        path.write_text("half")
    with written.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        replace(str(tmp_path / "crontab"), b"new\n", mode=0o644)

    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "crontab", written, *others])


def test_a_directory_that_somebody_else_has_locked_is_waited_for_only_so_long(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(NotStarted) as refused, locked_directory(str(tmp_path), max_seconds=0.1):
        pass

    os.close(descriptor)
    assert str(refused.value).startswith(f"{tmp_path}: is locked by another process\n")
    with locked_directory(str(tmp_path), max_seconds=0):
        pass


@pytest.mark.needs_root
def test_the_new_file_has_the_owner_and_the_group_that_are_wanted(tmp_path: Path) -> None:
    replace(str(tmp_path / "file"), b"", mode=0o640, uid=7, gid=12)

    status = (tmp_path / "file").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (7, 12, 0o640)

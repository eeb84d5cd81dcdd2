"""What has changed on a host since a time: files by their inodes, and apt's log with the one before it."""

import gzip
import os
import time
from pathlib import Path

from process_control.system.host_changes import MAX_LOG_BYTES, apt_log, newer_files


def test_a_file_is_newer_when_it_was_replaced_even_with_an_old_date(tmp_path: Path) -> None:
    program, link = tmp_path / "program", tmp_path / "link"
    program.write_text("12345")
    link.symlink_to(program)
    os.utime(program, (0, 0))
    before, after = time.time() - 60, time.time() + 60

    found = newer_files([str(program), str(link), str(tmp_path), str(tmp_path / "nowhere"), "\0"], before)

    assert [(path, size) for path, _, size in found] == [(str(program), 5), (str(link), 5)]
    assert newer_files([str(program)], after) == []


def test_the_end_of_the_log_is_read_and_of_the_one_before_it_when_that_is_young_enough(tmp_path: Path) -> None:
    old, log = tmp_path / "history.log.1.gz", tmp_path / "history.log"
    with gzip.open(old, "wt") as file:
        file.write("from the old one\n")
    log.write_text("x" * MAX_LOG_BYTES + "\nfrom the new one\n")
    logs = [str(old), str(log)]

    both = apt_log(time.time() - 60, logs)
    os.utime(old, (0, 0))

    assert both.startswith("from the old one\n")
    assert both.endswith("from the new one\n")
    assert len(both) <= MAX_LOG_BYTES + 100
    assert "old" not in apt_log(time.time() - 60, logs)
    assert apt_log(time.time() + 60, logs) == ""


def test_a_log_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    torn = tmp_path / "history.log.1.gz"
    torn.write_bytes(b"\x1f\x8b\x08\x00torn")

    assert apt_log(0.0, [str(torn), str(tmp_path / "nowhere"), str(tmp_path)]) == ""

"""A power cut at any moment: after the boot nothing acknowledged is gone, no run is doubled, each lost one is told."""

import email
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crash_images import Disk, booted_from, disk_of
from harness import Box
from mail_server import wait_until_told
from process_control.system import lock
from runs import ONE_SLOT, script

pytestmark = pytest.mark.needs_root


@pytest.fixture
def disk(box: Box) -> Iterator[Disk]:
    with disk_of(box) as disk:
        yield disk


@pytest.fixture
def mails(box: Box) -> Path:
    """Have mail taken by a program that keeps it outside of the disk; the file where it keeps it."""
    path = box.root / "mails"
    path.touch()
    mailer = script(box, "sendmail", f"cat >> {path}; echo '=== end' >> {path}")
    box.configure(failmail={"to_address": "ops@example.org", "from_address": "pc@example.org", "sendmail": str(mailer)})
    return path


def messages(mails: Path) -> list[Any]:
    return [email.message_from_string(text) for text in mails.read_text().split("=== end\n") if text.strip()]


def test_a_hold_that_was_acknowledged_stays(box: Box, disk: Disk) -> None:
    """Of a job that never ran: its directory, its block and its health are all new."""
    box.job("nightly", f"command: touch {box.root}/ran\n{ONE_SLOT}")

    held = box.process_control("hold", "nightly", "--note", "do not run")

    with booted_from(box, disk.cut_now()) as after:
        by_hand, scheduled = after.run("nightly"), after.run("--scheduled", "nightly")
        assert (held.exit_code, by_hand.exit_code, scheduled.exit_code) == (0, 75, 0)
        assert ": do not run" in by_hand.stderr
        assert not (box.root / "ran").exists()


def test_a_hold_by_verdict_stays(box: Box, disk: Disk) -> None:
    box.job("migrate", f"command: sh -c 'exit 78'\nverdicts: [{{exit_code: 78, verdict: hold}}]\n{ONE_SLOT}")

    box.run("migrate")

    with booted_from(box, disk.cut_now()) as after:
        assert after.run("migrate").exit_code == 75


def test_mail_that_was_spooled_leaves_with_a_run_of_any_job(box: Box, disk: Disk, mails: Path) -> None:
    """Once its time has come, as the durable mark `due` says: a minute after the news, or at once."""
    box.job("bad", "command: 'false'")
    box.job("good", "command: 'true'")
    box.run("good")
    with telling_by_nobody(box):
        box.run("bad")

    with booted_from(box, disk.cut_now()) as after:
        a_minute_later(after)
    assert len(messages(mails)) == 1


def test_a_recovery_after_the_boot_is_mailed(box: Box, disk: Disk, mails: Path) -> None:
    """The mark of an incident is as durable as the news of it."""
    box.job("job", f"command: test -e {box.root}/well")
    box.run("job")
    wait_until_told(box)
    (box.root / "well").touch()

    with booted_from(box, disk.cut_now()) as after:
        after.run("job")
        wait_until_told(after)
    assert len(messages(mails)) == 2


class telling_by_nobody:  # noqa: N801  used as a function
    """Keep every process that tells people from doing so: it ends at once while another one is at it."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._lock: int | None = None

    def __enter__(self) -> None:
        self._lock = lock.take(str(self._box.state_directory / "run"), ".telling")

    def __exit__(self, *_: object) -> None:
        wait_until_told(self._box)
        if self._lock is not None:
            os.close(self._lock)


def a_minute_later(after: Box) -> None:
    """Have a run tell what waits in the spool until its time has come."""
    wait_until_told(after)
    due = after.state_directory / "spool/due"
    if due.exists():
        os.utime(due, (0, 0))
        after.job("late", "command: 'true'")
        after.run("late")
        wait_until_told(after)

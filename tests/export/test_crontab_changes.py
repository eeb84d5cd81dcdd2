"""What has changed in a crontab: line by line, told by job, so that the syslog and the history can say it."""

import pytest

from process_control.crontab.changes import Change, changes, difference, is_of_somebody_else

HEADER = "# Written by cron-generate from the jobs in /j\n"
BACKUP = "30 2 * * * jobs /usr/bin/run-job --scheduled backup"
LATER = "40 2 * * * jobs /usr/bin/run-job --scheduled backup"
WATCH = "* * * * * jobs /usr/bin/python3 -I -S /x/entry/commands.py watch"
WATCH_ELSEWHERE = "* * * * * jobs /usr/bin/process-control watch --config /etc/other.yaml"
WATCH_AT_BOOT = "@reboot jobs /usr/bin/python3 -I -S /x/entry/commands.py watch"
PURGE = "0 0 * * * jobs /usr/bin/run-job --scheduled purge --config '/srv/a --scheduled b'"


def text(*lines: str) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (text(BACKUP), text(BACKUP), []),
        ("", text(), []),
        ("", text(BACKUP), [Change(job="backup", change="added", line=BACKUP, was=None)]),
        (text(BACKUP), "", [Change(job="backup", change="removed", line=None, was=BACKUP)]),
        (text(BACKUP), text(LATER), [Change(job="backup", change="changed", line=LATER, was=BACKUP)]),
        (text(BACKUP, PURGE), text(PURGE, BACKUP), []),
        (text(BACKUP), text("# a comment", BACKUP), []),
        (text(BACKUP), text(BACKUP, BACKUP), [Change(job="backup", change="added", line=BACKUP, was=None)]),
        (
            text(BACKUP),
            text(LATER, PURGE),
            [
                Change(job="backup", change="changed", line=LATER, was=BACKUP),
                Change(job="purge", change="added", line=PURGE, was=None),
            ],
        ),
        (text(WATCH_AT_BOOT), text(WATCH, WATCH_AT_BOOT), [Change(job=None, change="added", line=WATCH, was=None)]),
        (text(WATCH), text(WATCH_ELSEWHERE), [Change(job=None, change="changed", line=WATCH_ELSEWHERE, was=WATCH)]),
        ("", text('MAILTO=""'), [Change(job=None, change="added", line='MAILTO=""', was=None)]),
        (
            text("MAILTO=root"),
            text('MAILTO=""'),
            [Change(job=None, change="changed", line='MAILTO=""', was="MAILTO=root")],
        ),
        (text("@daily root true"), text(), [Change(job=None, change="removed", line=None, was="@daily root true")]),
    ],
    ids=[
        "nothing",
        "a header",
        "added",
        "removed",
        "changed",
        "moved",
        "a comment",
        "doubled",
        "several",
        "watch",
        "watch by another command",
        "a variable",
        "another value",
        "a line of nobody",
    ],
)
def test_each_line_that_was_added_removed_or_changed_is_told(old: str, new: str, found: list[Change]) -> None:
    assert changes(old, new) == found


def test_a_slug_that_begins_like_another_is_another_job() -> None:
    longer = BACKUP.replace("backup", "backup-2")

    assert [change.job for change in changes(text(BACKUP), text(longer))] == ["backup", "backup-2"]


def test_the_difference_has_the_comments_too() -> None:
    assert difference(text("# old", BACKUP), text("# new", BACKUP, PURGE)) == ["- # old", "+ # new", f"+ {PURGE}"]
    assert difference(text(BACKUP), text(BACKUP)) == []


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", False),
        ("# only a comment\nSHELL=/bin/sh\n", False),
        (text("@daily root true"), False),
        (f"# by the original\n{BACKUP}\n", False),
        ("17 * * * * root run-parts --report /etc/cron.hourly\n", True),
        (f"{BACKUP}\n@daily root true\n", True),
    ],
    ids=["empty", "no line", "ours", "the original's", "the system's", "mixed"],
)
def test_a_crontab_of_somebody_else_is_known(content: str, answer: bool) -> None:
    assert is_of_somebody_else(content) is answer

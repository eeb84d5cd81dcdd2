"""What cron reads and what it ignores a whole file for: our rules, a reader of our own, and cron itself agree."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from kit.cron_reader import IgnoresTheFile, read
from kit.harness import Storm
from process_control.crontab.rules import MAX_COMMAND, MAX_LINES, has_users, is_name_that_cron_reads, read_crontab

READ = {
    "numbers": "5 4 3 2 1 true",
    "stars, steps, ranges, lists": "*/5 1-20/3 1,2,3-5 * 0-7 true",
    "names in any case": "0 0 * JAN-mar,dec Mon,fri-SAT true",
    "blanks and tabs around": " \t0  0\t* * *   true  ",
    "a shorthand": "@daily true",
    "@reboot": "@reboot true",
    "a comment": "# * * *",
    "a comment after blanks": "  # x",
    "an empty line": "",
    "blanks": " \t",
    "a variable": "MAILTO=root",
    "a variable with an empty value": 'MAILTO=""',
    "a variable with blanks": " A = b c ",
    "a quoted name": '"A B"="c"',
    "the longest command": "* * * * * " + "x" * MAX_COMMAND,
    "a percent": "* * * * * date +\\%F",
    "a name that begins with a star is no list": "*/60 * * * * true",
}
NOT_READ = {
    "minute 60": ("60 * * * * true", "has a bad minute: '60'"),
    "hour 24": ("0 24 * * * true", "has a bad hour: '24'"),
    "day 0": ("0 0 0 * * true", "has a bad day of month: '0'"),
    "month 13": ("0 0 1 13 * true", "has a bad month: '13'"),
    "weekday 8": ("0 0 * * 8 true", "has a bad day of week: '8'"),
    "a step of a number": ("5/15 * * * * true", "has a bad minute: '5/15'"),
    "a step of 0": ("*/0 * * * * true", "has a bad minute: '*/0'"),
    "a word": ("x * * * * true", "has a bad minute: 'x'"),
    "a comma too many": ("1,,2 * * * * true", "has a bad minute: '1,,2'"),
    "four fields": ("* * * *", "has no day of week"),
    "no command": ("* * * * *", "has no command"),
    "six fields": ("0 * * * * * true", "has a command that begins with a star, as if it had six fields"),
    "an unknown shorthand": ("@dayly true", "has a time that cron does not know: '@dayly'"),
    "an empty variable": ("MAILTO=", "has a bad minute: 'MAILTO='"),
    "a quote that stays open": ('MAILTO="x', "has a bad minute: 'MAILTO=\"x'"),
    "text after a quote": ('A="b" c', "has a bad minute: 'A=\"b\"'"),
    "a long command": (
        "* * * * * " + "x" * (MAX_COMMAND + 1),
        "has a command of 999 bytes; cron reads 998",
    ),
    "a long command of few characters": (
        "* * * * * " + "é" * 500,
        "has a command of 1000 bytes; cron reads 998",
    ),
}
ONLY_WE_REFUSE = {
    "a carriage return": ("* * * * * true\r", "has the character '\\r'"),
    "an escape": ("* * * * * echo \x1b[31m", "has the character '\\x1b'"),
    "a range that runs backwards": ("* 22-4 * * * true", "has a bad hour: '22-4'"),
    "what cron passes over": ("5;x * * * * true", "has a bad minute: '5;x'"),
}


def told(line: str, *, with_users: bool = False) -> list[tuple[int, str]]:
    return read_crontab(f"{line}\n", has_users=with_users, is_account=lambda name: name == "root")[1]


@pytest.mark.parametrize("line", READ.values(), ids=READ.keys())
def test_what_cron_reads_has_no_fault(line: str) -> None:
    assert told(line) == []
    read(f"{line}\n".encode(), has_users=False, accounts=set()) if "@" not in line else None


@pytest.mark.parametrize(
    ("line", "fault"), [*NOT_READ.values(), *ONLY_WE_REFUSE.values()], ids=[*NOT_READ.keys(), *ONLY_WE_REFUSE.keys()]
)
def test_what_cron_would_not_read_is_told(line: str, fault: str) -> None:
    assert told(line) == [(1, fault)]


@pytest.mark.parametrize("line", [line for line, _ in NOT_READ.values() if "@" not in line])
def test_the_reader_of_the_tests_refuses_the_same(line: str) -> None:
    if line == "* * * * *":
        return  # cron runs the empty command
    with pytest.raises(IgnoresTheFile):
        read(f"{line}\n".encode(), has_users=False, accounts=set())


@pytest.mark.skipif(shutil.which("crontab") is None, reason="cron is not installed")
def test_cron_itself_reads_and_refuses_the_same(tmp_path: Path) -> None:
    """By `crontab -n`, which only checks; a line that it takes for an empty command counts as read."""
    verdicts = {
        name: accepted_by_cron(tmp_path, line)
        for name, line in {**READ, **{name: line for name, (line, _) in NOT_READ.items()}}.items()
    }

    ours = {**dict.fromkeys(READ, True), **dict.fromkeys(NOT_READ, False), "no command": True}
    assert verdicts == ours


def accepted_by_cron(directory: Path, line: str) -> bool:
    path = directory / "crontab"
    path.write_text(f"{line}\n")
    done = subprocess.run(["crontab", "-n", str(path)], capture_output=True, text=True, check=False)
    return done.returncode == 0


PIECES = [
    *["* * * * * ", "*", "/", "-", ",", " ", "\t", "0", "5", "23", "59", "60", "007", "jan", "Mon", "sun"],
    *["@daily", "@reboot", "=", '"', "'", "A", "MAILTO", "#", "%", "\\", "true", "\r", "é", ";", "x" * 500],
]


@pytest.mark.fault("Random crontab lines", small=25_000, full=1_000_000, wanted="cron takes what we take")
@pytest.mark.skipif(shutil.which("crontab") is None, reason="cron is not installed")
def test_whatever_we_take_for_a_line_cron_and_the_reader_of_the_tests_take_too(tmp_path: Path, storm: Storm) -> None:
    dice = random.Random(4)
    tried = {"".join(dice.choices(PIECES, k=dice.randint(1, 12))) for _ in range(storm.size)}
    taken = sorted(line for line in tried if told(line) == [])[: MAX_LINES - 10]

    entries, _ = read_crontab("\n".join(taken) + "\n", has_users=False, is_account=bool)
    plain = "".join(f"{line}\n" for line in taken if not line.strip().startswith("@"))
    lines = read(plain.encode(), has_users=False, accounts=set())

    assert accepted_by_cron(tmp_path, "\n".join(taken))
    assert len(taken) > 1000
    assert [line.text.decode().strip(" \t") for line in lines] == [
        entry.command for entry in entries if not entry.schedule.startswith("@")
    ]


# --- what a single line does not tell --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("* * * * * root true", None),
        ("* * * * *  root\ttrue", None),
        ("@daily root true", None),
        ("* * * * * nosuch true", "has a user that does not exist: 'nosuch'"),
        ("* * * * * root", "has no command"),
        ("* * * * *", "has no user and no command"),
        ("* * * * * root " + "x" * MAX_COMMAND, None),
        ("* * * * * root  " + "x" * MAX_COMMAND, "has a command of 999 bytes; cron reads 998"),
    ],
    ids=["plain", "tab", "shorthand", "unknown", "no command", "nothing", "longest", "a blank too many"],
)
def test_a_system_crontab_has_a_user_in_each_line(line: str, fault: str | None) -> None:
    assert told(line, with_users=True) == ([] if fault is None else [(1, fault)])


def test_the_last_line_needs_its_newline() -> None:
    _, faults = read_crontab("# a\n* * * * * true", has_users=False, is_account=bool)

    assert faults == [(2, "has no newline at its end")]


def test_a_file_has_at_most_ten_thousand_lines() -> None:
    full = "#\n" * MAX_LINES

    assert read_crontab(full, has_users=False, is_account=bool) == ([], [])
    assert read_crontab(full + "#\n", has_users=False, is_account=bool)[1] == [
        (MAX_LINES + 1, "is one line more than the 10000 that cron reads")
    ]


def test_a_newline_in_the_middle_makes_a_line_of_its_own() -> None:
    entries, _ = read_crontab("* * * * * true\n@daily false\n", has_users=False, is_account=bool)

    assert [(entry.number, entry.schedule, entry.command) for entry in entries] == [
        (1, "* * * * *", "true"),
        (2, "@daily", "false"),
    ]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/etc/crontab", True),
        ("/etc/cron.d/process-control", True),
        ("/srv/test/cron.d/x", True),
        ("/home/ann/crontab", False),
        ("/etc/cron.d", False),
        ("/etc/cron.d/sub/x", False),
        ("/etc/cron.daily/x", False),
        ("console", False),
    ],
)
def test_users_are_read_in_etc_crontab_and_in_a_cron_d(path: str, answer: bool) -> None:
    assert has_users(path) is answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("process-control", True),
        ("A_b-9", True),
        ("a.b", False),
        (".a", False),
        ("a~", False),
        ("ä", False),
        ("", False),
    ],
)
def test_cron_reads_files_with_plain_names(name: str, answer: bool) -> None:
    assert is_name_that_cron_reads(name) is answer

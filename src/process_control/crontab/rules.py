"""How Debian's cron reads a crontab, line by line. For one line beyond its limits it ignores the whole file.

After crontab(5) and the source of cron 3.0pl1. Stricter than cron where it is careless: it reads `5;x` as 5.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from process_control.core.schedule.columns import FIELDS, SHORTHANDS, CronField

MAX_LINES = 10_000
#: Bytes. At MAX_COMMAND - 1 cron says "command too long", and reads nothing of the file.
MAX_COMMAND = 998
#: Bytes of `NAME=value`; what is longer is cut.
MAX_VARIABLE = 996

_BLANKS = " \t"
_VARIABLE = re.compile(
    r"""[ \t]*(?P<name>"[^"=]+"|'[^'=]+'|[^\s"'=][^\s=]*)[ \t]*="""
    r"""[ \t]*(?P<value>"[^"]*"|'[^']*'|[^\s"'].*)[ \t]*"""  # nothing after the = is no value: it has to be ""
)
_RANGE = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,9}))?", re.ASCII)
_WORD = re.compile(r"[ \t]*([^ \t]+)")


_NAME_THAT_CRON_READS = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def has_users(path: str) -> bool:
    """Return whether cron reads a user in the lines of the crontab at `path`: in /etc/crontab and in a cron.d."""
    return path == "/etc/crontab" or is_in_cron_d(path)


def is_in_cron_d(path: str) -> bool:
    return path.split("/")[-2:-1] == ["cron.d"]


def is_name_that_cron_reads(name: str) -> bool:
    """Return whether cron reads a file of this name in a cron.d; it ignores what editors and packages leave there."""
    return _NAME_THAT_CRON_READS.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that cron runs."""

    #: Of the line, from 1.
    number: int
    #: Its five fields, or a shorthand such as `@daily`.
    schedule: str
    #: None: the owner of the crontab.
    user: str | None
    command: str
    #: The command with the blanks behind it, which are part of the input when there is one.
    written: str = ""


class Unreadable(ValueError):
    """A line that cron cannot read, or would read as something else. Its text is the reason."""


def read_crontab(
    text: str, *, has_users: bool, is_account: Callable[[str], bool]
) -> tuple[list[Entry], list[tuple[int, str]]]:
    """Return the entries, and (line number, what is wrong) for each line that cron cannot read.

    `has_users`: as /etc/crontab and files in a cron.d have it, a user stands between schedule and command.
    """
    entries: list[Entry] = []
    faults: list[tuple[int, str]] = []
    if text and not text.endswith("\n"):
        faults.append((text.count("\n") + 1, "has no newline at its end"))
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MAX_LINES:
        faults.append((MAX_LINES + 1, f"is one line more than the {MAX_LINES} that cron reads"))
    for number, line in enumerate(lines, start=1):
        try:
            entry = read_line(line, number, has_users=has_users, is_account=is_account)
        except Unreadable as error:
            faults.append((number, str(error)))
            continue
        if entry is not None:
            entries.append(entry)
    return entries, faults


def is_comment(line: str) -> bool:
    """Return whether cron passes over this line: it is empty, or its first character is a #."""
    return not line.strip(_BLANKS) or line.lstrip(_BLANKS).startswith("#")


def variable_name(line: str) -> str | None:
    """Return the name that a line like `MAILTO=root` sets for all lines below it, None for any other line."""
    variable = read_variable(line)
    return None if variable is None else variable[0]


def read_variable(line: str) -> tuple[str, str] | None:
    """Return name and value of such a line as cron reads them: without quotes, and without blanks behind the value.

    It drops those inside quotes too.
    """
    match = None if is_comment(line) else _VARIABLE.fullmatch(line)
    if match is None:
        return None
    value = match["value"].rstrip()
    is_quoted = value[:1] in ("'", '"')
    return match["name"].strip("\"'"), value[1:-1].rstrip() if is_quoted else value


def read_line(line: str, number: int, *, has_users: bool, is_account: Callable[[str], bool]) -> Entry | None:
    """Return what cron runs by this line, None for a comment or a variable. Raises Unreadable."""
    if is_comment(line):
        return None
    if odd := next((char for char in line if char != "\t" and (char < " " or char == "\x7f")), None):
        raise Unreadable(f"has the character {odd!r}")
    if variable_name(line) is not None:
        if _bytes(line) > MAX_VARIABLE:
            raise Unreadable(f"has {_bytes(line)} bytes; cron keeps {MAX_VARIABLE} of a variable")
        return None
    schedule, rest = _take_schedule(line)
    user = None
    if has_users:
        user, rest = _take_user(rest, is_account)
        rest = rest[1:]  # of the blanks after the user cron takes one, and counts the others as the command's
    else:
        rest = rest.lstrip(_BLANKS)
    command = rest.strip(_BLANKS)
    if not command:
        raise Unreadable("has no command")
    if not has_users and command.startswith("*"):
        raise Unreadable("has a command that begins with a star, as if it had six fields")
    if _bytes(rest) > MAX_COMMAND:
        raise Unreadable(f"has a command of {_bytes(rest)} bytes; cron reads {MAX_COMMAND}")
    return Entry(number=number, schedule=schedule, user=user, command=command, written=rest)


def _take_schedule(line: str) -> tuple[str, str]:
    """Return the schedule, its fields with one blank between them, and what follows it."""
    text = line.lstrip(_BLANKS)
    if text.startswith("@"):
        name, rest = _take(text)
        if name not in (*SHORTHANDS, "@reboot"):
            raise Unreadable(f"has a time that cron does not know: '{name}'")
        return name, rest
    written = []
    for column in FIELDS:
        field, text = _take(text)
        _check_field(field, column)
        written.append(field)
    return " ".join(written), text


def _take(text: str) -> tuple[str, str]:
    """Return the next word, and what follows it."""
    match = _WORD.match(text)
    return ("", "") if match is None else (match[1], text[match.end() :])


def _take_user(text: str, is_account: Callable[[str], bool]) -> tuple[str, str]:
    user, rest = _take(text)
    if not user:
        raise Unreadable("has no user and no command")
    if not is_account(user):
        raise Unreadable(f"has a user that does not exist: '{user}'")
    return user, rest


def _check_field(text: str, column: CronField) -> None:
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or not _is_in_range(match, column):
            raise Unreadable(f"has a bad {column.name}: '{text}'" if text else f"has no {column.name}")


def _is_in_range(match: re.Match[str], column: CronField) -> bool:
    if match["step"] is not None and (int(match["step"]) == 0 or (match["first"] and not match["last"])):
        return False
    ends = [_number(word, column) for word in (match["first"], match["last"]) if word is not None]
    return all(column.low <= number <= column.high for number in ends) and ends == sorted(ends)


def _number(word: str, column: CronField) -> int:
    """Return the number of a word; one that no column has for what is none."""
    if word.lower() in column.words:
        return column.low + column.words.index(word.lower())
    return int(word) if word.isdigit() and len(word) < 10 else -1


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))

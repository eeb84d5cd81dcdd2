"""Reads a crontab that somebody else wrote: what each line is, and for each entry what stands above it. Pure.

No line gets lost: each is blank, a comment, a variable, an entry, or unreadable with the reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from process_control.crontab.adopted_line import is_adopted
from process_control.crontab.rules import (
    MAX_LINES,
    Entry,
    Unreadable,
    is_comment,
    read_line,
    read_variable,
)

#: A line of a comment that explains the columns, as Debian's /etc/crontab has them.
_ABOUT_COLUMNS = tuple(
    re.compile(form)
    for form in (
        r"\bminute\b.*\b0 *- *59", r"\bhour\b.*\b0 *- *23", r"\bday of", r"\bmonth\b.*\b1 *- *12", r"\bm +h +dom\b",
        r"\bmin(?:ute)? +hour\b", r"\buser-?name +command\b", r"^example of job definition",
    )
)  # fmt: skip
_RULER = re.compile(r"[^A-Za-z0-9]*")


class Kind(Enum):
    """What a line is for cron."""

    BLANK = "blank"
    COMMENT = "comment"
    VARIABLE = "variable"
    ENTRY = "entry"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a crontab."""

    #: From 1.
    number: int
    text: str
    kind: Kind
    #: Why cron cannot read it, or would read it as something else; empty for all other lines.
    fault: str = ""
    entry: Entry | None = None
    #: Of an entry: the variables above it, the last of each name.
    variables: dict[str, str] = field(default_factory=dict)
    #: Of an entry: the comment directly above it, without the `#`.
    comment: tuple[str, ...] = ()


def read_lines(text: str, *, has_users: bool) -> list[Line]:
    """Return every line of a crontab. `has_users`: a user stands between schedule and command."""
    lines: list[Line] = []
    variables: dict[str, str] = {}
    comment: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        found = _read(line, number, has_users=has_users, variables=variables, comment=comment)
        lines.append(found)
        if found.kind is Kind.COMMENT:
            if is_commented_out(line, has_users=has_users) or is_adopted(line):
                comment.clear()
            else:
                comment.append(line.strip().lstrip("#").strip())
            continue
        comment.clear()
        if found.kind is Kind.VARIABLE:
            variables.update([read_variable(line) or ("", "")])
    return lines


def faults_of_the_file(text: str) -> list[tuple[int, str]]:
    """Return (line number, what is wrong) for what makes cron ignore the whole file though each line is readable."""
    found = []
    count = text.removesuffix("\n").count("\n") + 1
    if text and not text.endswith("\n"):
        found.append((count, "has no newline at its end, and cron ignores such a file"))
    if count > MAX_LINES:
        found.append((MAX_LINES + 1, f"is one line more than the {MAX_LINES} that cron reads"))
    return found


def is_commented_out(line: str, *, has_users: bool) -> bool:
    """Return whether a comment is an entry behind a `#`."""
    try:
        entry = read_line(line.lstrip(" \t#"), 1, has_users=has_users, is_account=bool)
    except Unreadable:
        return False
    return entry is not None


def _read(line: str, number: int, *, has_users: bool, variables: dict[str, str], comment: Sequence[str]) -> Line:
    if is_comment(line):
        kind = Kind.COMMENT if line.strip(" \t") else Kind.BLANK
        return Line(number=number, text=line, kind=kind)
    try:
        entry = read_line(line, number, has_users=has_users, is_account=bool)
    except Unreadable as error:
        return Line(number=number, text=line, kind=Kind.UNREADABLE, fault=str(error))
    if entry is None:
        return Line(number=number, text=line, kind=Kind.VARIABLE)
    return Line(
        number=number,
        text=line,
        kind=Kind.ENTRY,
        entry=entry,
        variables=dict(variables),
        comment=tuple(_description(comment)),
    )


def _description(comment: Sequence[str]) -> list[str]:
    """Return the lines of a comment that say something of the entry below it: nothing of columns, no rulers."""
    about = [number for number, line in enumerate(comment) if any(form.search(line.lower()) for form in _ABOUT_COLUMNS)]
    rest = comment[about[-1] + 1 :] if about else comment
    return [line for line in rest if not _RULER.fullmatch(line)]

"""A line of a live crontab that became a job: a comment from which the line can be restored byte for byte. Pure."""

import re
from dataclasses import dataclass

from process_control.crontab.text import WRITTEN_BY

_ADOPTED = re.compile(r"# process-control runs this as the job (?P<job>[A-Za-z0-9][A-Za-z0-9_-]{0,63}): (?P<line>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedLine:
    """A line that a job has taken over."""

    #: From 1.
    number: int
    job: str
    #: As it was.
    line: str


def adopt_line(text: str, number: int, job: str) -> str:
    """Return the crontab with one line turned into a comment."""
    return _with_line(text, number, f"# process-control runs this as the job {job}: {text.split(chr(10))[number - 1]}")


def restore_line(text: str, adopted: AdoptedLine) -> str:
    """Return the crontab with that line as it was."""
    return _with_line(text, adopted.number, adopted.line)


def adopted_lines(text: str) -> list[AdoptedLine]:
    """Return the lines of a crontab that jobs have taken over."""
    matches = [(number, _ADOPTED.fullmatch(line)) for number, line in enumerate(text.split("\n"), start=1)]
    return [AdoptedLine(number=number, job=found["job"], line=found["line"]) for number, found in matches if found]


def is_adopted(line: str) -> bool:
    return _ADOPTED.fullmatch(line) is not None


def without_our_part(text: str) -> tuple[str, str]:
    """Return the lines of a user's crontab, and the generated ones that stand behind them."""
    match = re.search(rf"^{re.escape(WRITTEN_BY)}", text, re.MULTILINE)
    return (text, "") if match is None else (text[: match.start()], text[match.start() :])


def _with_line(text: str, number: int, line: str) -> str:
    lines = text.split("\n")
    lines[number - 1] = line
    return "\n".join(lines)

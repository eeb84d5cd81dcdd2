"""What has changed between two texts of a crontab: line by line for people, job by job for the record."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from process_control.crontab.rules import is_comment, variable_name
from process_control.crontab.text import WRITTEN_BY

_JOB = re.compile(r" --scheduled (?P<slug>[A-Za-z0-9][A-Za-z0-9_-]{0,63})(?![A-Za-z0-9_-])")

_WATCH = re.compile(r"^(?P<moment>\* \* \* \* \*|@reboot) .* watch(?: --config .*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference between two crontabs in a line that cron reads."""

    job: str | None
    #: added, removed or changed.
    change: str
    #: The new text.
    line: str | None
    #: The old text.
    was: str | None


def changes(old: str, new: str) -> list[Change]:
    """Return each line that was added, removed or changed, by job; comments do not count."""
    lines_were, lines_are = _by_subject(old), _by_subject(new)
    return [
        change
        for subject in sorted({*lines_were, *lines_are})
        for change in _changes_of(lines_were.get(subject, []), lines_are.get(subject, []))
    ]


def difference(old: str, new: str) -> list[str]:
    """Return the lines that differ, comments too: `- was` and `+ is`, in the order of the file."""
    steps = difflib.unified_diff(old.split("\n"), new.split("\n"), n=0, lineterm="")
    return [f"{step[0]} {step[1:]}" for step in list(steps)[2:] if step[0] in "+-"]


def is_of_somebody_else(text: str) -> bool:
    """Return whether a crontab has lines that neither we nor the original process-control wrote: they would be lost."""
    if text.startswith(WRITTEN_BY):
        return False
    return any("run-job" not in line for line in _lines(text) if variable_name(line) is None)


def starts_jobs(text: str) -> bool:
    """Return whether a crontab has a line that starts a job."""
    return any(_slug_of(line) for line in _lines(text))


def has_other_lines(text: str) -> bool:
    """Return whether a text has lines that start neither a job nor the watch, and set no MAILTO."""
    return any(
        _slug_of(line) is None and _WATCH.search(line) is None and variable_name(line) != "MAILTO"
        for line in _lines(text)
    )


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if not is_comment(line))


def _by_subject(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the lines by what they are about: a job, a variable, or else themselves."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in _lines(text):
        slug, variable, of_watch = _slug_of(line), variable_name(line), _WATCH.search(line)
        subject = ("job", slug) if slug else ("variable", variable) if variable else ("", line)
        if of_watch is not None and slug is None:
            subject = ("watch", of_watch["moment"])
        found.setdefault(subject, []).append(line)
    return found


def _slug_of(line: str) -> str | None:
    match = _JOB.search(line)
    return match["slug"] if match else None


def _changes_of(were: list[str], are: list[str]) -> Iterator[Change]:
    gone = list((Counter(were) - Counter(are)).elements())
    come = list((Counter(are) - Counter(were)).elements())
    job = _slug_of((gone + come + [""])[0])
    for was, line in zip(gone, come, strict=False):
        yield Change(job=job, change="changed", line=line, was=was)
    for was in gone[len(come) :]:
        yield Change(job=job, change="removed", line=None, was=was)
    for line in come[len(gone) :]:
        yield Change(job=job, change="added", line=line, was=None)

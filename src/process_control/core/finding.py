"""One fact of an attempt that is worth a verdict, and the verdicts, from harmless to worst."""

from dataclasses import dataclass
from enum import IntEnum


class Verdict(IntEnum):
    """What is said of one fact, from harmless to worst."""

    IGNORE = 0
    WARN = 1
    RETRY = 2
    FAIL = 3
    HOLD = 4

    @property
    def word(self) -> str:
        return self.name.lower()


STDOUT, STDERR = "stdout", "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLine:
    """A line of output, the first of those that the same rules matched: how many there were, and which rules.

    `rules` are the numbers, from 1, of the rules whose regex matched; none: no rule did. `number` counts the lines of
    that stream from 1. `text` is as it was printed, cut: it may hold secrets.
    """

    stream: str
    number: int
    text: str
    count: int = 1
    rules: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact worth a verdict: its `reason` of page 1's table, the verdict that holds without a rule, a sentence.

    `number` is what the fact measures: an exit code, a signal, seconds. `line` is the output that it is about;
    `missing` the regex of a `stdout_missing` that no line matched.
    """

    reason: str
    verdict: Verdict
    detail: str
    number: float | None = None
    line: SeenLine | None = None
    missing: str | None = None

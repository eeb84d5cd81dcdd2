"""Findings, the facts of an attempt that get a verdict; and the verdicts, from harmless to worst."""

from dataclasses import dataclass
from enum import IntEnum


class Verdict(IntEnum):
    """The verdict on one fact, from harmless to worst."""

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
    """A line of output: the first of those that the same rules matched."""

    #: STDOUT or STDERR
    stream: str
    #: its number in the stream, from 1
    number: int
    #: as printed, cut: it may hold secrets
    text: str
    #: how many such lines there were
    count: int = 1
    #: the numbers, from 1, of the rules whose regex matched
    rules: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact of an attempt that gets a verdict."""

    #: one of `core.facts.REASONS`
    reason: str
    #: the verdict that holds without a rule
    verdict: Verdict
    #: a sentence
    detail: str
    #: what the fact measures: an exit code, a signal, seconds
    number: float | None = None
    #: the output that it is about
    line: SeenLine | None = None
    #: the regex of a `stdout_missing` that no line matched
    missing: str | None = None

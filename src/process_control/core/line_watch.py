"""A job's output, line by line, as its rules need it: which lines matched, and which regexes never did.

Pure, and bounded in memory. Regexes are run by `execution/output_watch.py`, with a time limit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.core.finding import STDERR, STDOUT, SeenLine

MAX_LINE = 64 << 10
MAX_KEPT = 8 << 10
MAX_KINDS = 256
_BEFORE_A_NEWLINE = re.compile(r"\r+\n")
_LONE_RETURNS = re.compile(r"(?<![^\n\r])\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A regex to try on each line of one stream."""

    #: STDOUT or STDERR
    stream: str
    regex: str
    #: `line`, `missing` (until a line matches) or `number`
    purpose: str
    #: the number of its rule, from 1; 0: it is that of `expect.number`
    rule: int = 0
    #: whether a line that matches needs no further rules
    settles: bool = False

    @property
    def name(self) -> str:
        return f"rule {self.rule}" if self.rule else "expect.number"


def watched_by(rules: Sequence[Mapping[str, Any]], expect: Mapping[str, Any]) -> list[Watched]:
    """Return the regexes that a job's rules and expectations need tried on its output."""
    found = []
    for number, rule in enumerate(rules, start=1):
        settles = not rule.keys() - {STDERR, "verdict", "text"} or not rule.keys() - {STDOUT, "verdict", "text"}
        found += [
            Watched(stream=stream, regex=rule[stream], purpose="line", rule=number, settles=settles)
            for stream in (STDERR, STDOUT)
            if stream in rule
        ]
        if "stdout_missing" in rule:
            found.append(Watched(stream=STDOUT, regex=rule["stdout_missing"], purpose="missing", rule=number))
    if "number" in expect:
        found.append(Watched(stream=STDOUT, regex=expect["number"]["stdout"], purpose="number"))
    return found


class Lines:
    """What was seen in the lines of an attempt."""

    __slots__ = ("_kinds", "faults", "number_text", "seen_regexes", "too_many_kinds", "watches_stderr")

    def __init__(self, *, watches_stderr: bool) -> None:
        self.watches_stderr = watches_stderr
        self._kinds: dict[tuple[str, tuple[int, ...]], list[Any]] = {}
        #: the regexes of `stdout_missing` that a line matched
        self.seen_regexes: set[str] = set()
        #: what `expect.number` found last
        self.number_text: str | None = None
        #: what could not be matched and why, in sentences
        self.faults: list[str] = []
        self.too_many_kinds = False

    def note(self, stream: str, number: int, text: str, rules: tuple[int, ...], *, count: int = 1) -> None:
        """Count a line and the rules that matched it. Only the first of each kind is kept, cut to MAX_KEPT."""
        kind = self._kinds.get((stream, rules))
        if kind is not None:
            kind[2] += count
            return
        if len(self._kinds) >= MAX_KINDS and rules:
            if not self.too_many_kinds:
                self.too_many_kinds = True
                self.faults.append(f"line {number} of {stream} and others match too many rules to keep apart")
            self.note(stream, number, text, (), count=count)
            return
        self._kinds[stream, rules] = [number, text[:MAX_KEPT], count]

    def seen(self) -> list[SeenLine]:
        """Return one line for each set of rules that lines of one stream have matched, in their order."""
        found = [
            SeenLine(stream=stream, rules=rules, number=number, text=text, count=count)
            for (stream, rules), (number, text, count) in self._kinds.items()
        ]
        return sorted(found, key=lambda line: (line.stream != STDERR, line.number))

    def begin_command(self) -> None:
        """Forget the lines of the command that has ended: they were judged with it."""
        self._kinds = {}


class Splitter:
    """Cuts the bytes of one stream into lines, which end at a newline, a carriage return, or both.

    So each state of a progress bar is a line, as on a screen. Only the first 64 KiB of a line count.
    """

    __slots__ = ("_begun", "_has_begun")

    def __init__(self) -> None:
        self._begun = b""
        self._has_begun = False

    def split(self, data: bytes) -> list[str]:
        """Return the lines that are complete with `data`, without their line ends."""
        if len(self._begun) >= MAX_LINE and not self._begun.endswith(b"\r"):
            end = _first_end(data)
            if end < 0:
                return []
            data = data[end:]
        text = self._begun + data
        last = _last_end(text)
        self._begin(text[last + 1 :])
        if last < 0:
            return []
        first = _first_end(text)
        begun, rest = text[: min(first, MAX_LINE)], text[first : last + 1]
        return _lines_in(begun + rest)

    def _begin(self, rest: bytes) -> None:
        """Keep the incomplete line. A carriage return at its end may be the first half of a line end."""
        self._has_begun = bool(rest)
        self._begun = rest[:MAX_LINE]
        if rest.endswith(b"\r"):
            self._begun = self._begun.rstrip(b"\r") + b"\r"

    def rest(self) -> list[str]:
        """Return the incomplete line at the end of the output, if there is one."""
        begun, self._begun = self._begun, b""
        has_begun, self._has_begun = self._has_begun, False
        return _lines_in(begun if begun.endswith(b"\r") else begun + b"\n") if has_begun else []


def _first_end(data: bytes) -> int:
    ends = [end for end in (data.find(b"\n"), data.find(b"\r")) if end >= 0]
    return min(ends, default=-1)


def _last_end(data: bytes) -> int:
    """Return where the last line ends. A carriage return at the very end does not count yet."""
    return max(data.rfind(b"\n"), data.rstrip(b"\r").rfind(b"\r"))


def _lines_in(data: bytes) -> list[str]:
    """Return the lines of `data`, which ends with a line end. What is not UTF-8 becomes U+FFFD.

    A carriage return with nothing before it ends no line: nothing was visible.
    """
    text = data.decode("utf-8", "replace")
    if "\r" in text:
        text = _LONE_RETURNS.sub("", _BEFORE_A_NEWLINE.sub("\n", text)).replace("\r", "\n")
    return text[:-1].split("\n") if text else []

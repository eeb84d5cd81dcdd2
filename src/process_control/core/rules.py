"""The rules of a job file (`verdicts`): which findings a rule is about, and when it decides.

Pure. A rule is plain JSON in the job; here it becomes an object. Its regexes are tried on each line while the command
runs (`line_watch.py`); here only the numbers of the rules that a line matched are compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.core.finding import STDERR, STDOUT, Finding, SeenLine, Verdict

ENDS_BY_CODE = ("exit_code", "not_started")
ENDS_BY_SIGNAL = ("signal", "oom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    #: its number in the file, from 1
    number: int
    #: as the file has it
    text: str
    #: values by key, see CONDITIONS
    conditions: Mapping[str, Any]
    verdict: Verdict

    def decides(self, finding: Finding, findings: Iterable[Finding]) -> bool:
        """Return whether this rule decides `finding`: one condition is about it, and all conditions hold.

        `findings` are all facts of the attempt; a condition holds when one of them satisfies it.
        """
        if not any(self._holds(name, finding) for name in self.conditions):
            return False
        known = list(findings)
        return all(any(self._holds(name, each) for each in known) for name in self.conditions)

    def line_among(self, findings: Iterable[Finding]) -> SeenLine | None:
        """Return the first line that this rule matched, if any."""
        return next((each.line for each in findings if each.line and self.number in each.line.rules), None)

    def _holds(self, name: str, finding: Finding) -> bool:
        return CONDITIONS[name](self, self.conditions[name], finding)


def rules_of(values: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Return the rules of `job.verdicts`."""
    return [
        Rule(
            number=number,
            text=str(value.get("text", "")),
            conditions={name: value[name] for name in CONDITIONS if name in value},
            verdict=Verdict[str(value["verdict"]).upper()],
        )
        for number, value in enumerate(values, start=1)
    ]


# --- the conditions --------------------------------------------------------------------------------------------------

Condition = Callable[[Rule, Any, Finding], bool]


def _exit_code(_rule: Rule, ranges: list[list[int]], finding: Finding) -> bool:
    code = finding.number
    return finding.reason in ENDS_BY_CODE and code is not None and any(low <= code <= high for low, high in ranges)


def _signal(_rule: Rule, numbers: list[int], finding: Finding) -> bool:
    return finding.reason in ENDS_BY_SIGNAL and finding.number in numbers


def _line_matches(stream: str) -> Condition:
    def holds(rule: Rule, _regex: str, finding: Finding) -> bool:
        return finding.line is not None and finding.line.stream == stream and rule.number in finding.line.rules

    return holds


def _missing(_rule: Rule, regex: str, finding: Finding) -> bool:
    return finding.missing == regex


def _reason_is(word: str) -> Condition:
    def holds(_rule: Rule, _true: bool, finding: Finding) -> bool:
        return finding.reason == word

    return holds


def _shorter(_rule: Rule, seconds: float, finding: Finding) -> bool:
    return finding.reason == "too_short" and finding.number is not None and finding.number < seconds


def _longer(_rule: Rule, seconds: float, finding: Finding) -> bool:
    return finding.reason == "too_long" and finding.number is not None and finding.number > seconds


CONDITIONS: dict[str, Condition] = {
    "exit_code": _exit_code,
    "signal": _signal,
    "stderr": _line_matches(STDERR),
    "stdout": _line_matches(STDOUT),
    "stdout_missing": _missing,
    "timeout": _reason_is("timeout"),
    "silence": _reason_is("silence"),
    "shorter_than": _shorter,
    "longer_than": _longer,
    "leftovers": _reason_is("leftovers"),
}

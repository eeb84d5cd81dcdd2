"""What an attempt's facts mean: one verdict for each fact; the worst becomes outcome, reason and a sentence.

The sentence goes into journal, mail and pages: it never quotes what the job printed (that may hold secrets).
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from process_control.core.run import FAILED, LOST, SUCCEEDED, WARNED, Facts


class Verdict(IntEnum):
    """What is said of one fact, from harmless to worst."""

    IGNORE = 0
    WARN = 1
    RETRY = 2
    FAIL = 3
    HOLD = 4


STDERR_POLICIES = {"fail": Verdict.FAIL, "warn": Verdict.WARN, "ignore": Verdict.IGNORE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact worth a verdict: its `reason` of page 1's table, the verdict that holds without a rule, a sentence."""

    reason: str
    verdict: Verdict
    detail: str


Rule = Callable[[Finding], Verdict | None]
"""A rule of the job file: its verdict on a fact, or None when it does not match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an attempt came to. `reason` and `detail` are None when there is nothing to tell."""

    outcome: str
    reason: str | None = None
    detail: str | None = None
    verdict: Verdict = Verdict.IGNORE


def judge(facts: Facts, *, stderr: str = "fail", rules: Sequence[Rule] = ()) -> Judgement:
    """Judge an attempt. `stderr` is the job's policy (`fail`, `warn`, `ignore`) for output that no rule matches.

    For each fact the first rule that matches decides; the worst verdict wins, of equals the fact that came first:
    how the command ended, then stderr, leftovers, a missing log. A run that was stopped or whose guard died is not
    judged: it did not end by itself.
    """
    if facts.guard_died:
        return Judgement(outcome=LOST, reason="runner_killed", detail=_GUARD_DIED, verdict=Verdict.FAIL)
    if facts.stopped_by_request or facts.stopped_by is not None:
        return Judgement(outcome=FAILED, reason="stopped", detail=_stopped(facts), verdict=Verdict.FAIL)
    worst: tuple[Verdict, Finding] | None = None
    for finding in _findings(facts, stderr):
        verdict = _verdict_on(finding, rules)
        if worst is None or verdict > worst[0]:
            worst = verdict, finding
    if worst is None or worst[0] is Verdict.IGNORE:
        return Judgement(outcome=SUCCEEDED)
    verdict, finding = worst
    outcome = WARNED if verdict is Verdict.WARN else FAILED
    return Judgement(outcome=outcome, reason=finding.reason, detail=finding.detail, verdict=verdict)


def exit_status(facts: Facts, judgement: Judgement) -> int:
    """Return the exit code with which `run-job` tells this judgement: the table of the manual."""
    if judgement.outcome == LOST:
        return 128 + signal.SIGKILL
    if judgement.outcome in (SUCCEEDED, WARNED):
        return 0
    if judgement.reason == "stopped":
        return 128 + (facts.stopped_by or signal.SIGTERM)
    if facts.timed_out or facts.silent:
        return 124
    if facts.not_started is not None:
        return facts.not_started_code or 126
    if facts.signal is not None:
        return 128 + facts.signal
    return facts.exit_code or 1


def signal_name(number: int) -> str:
    """Return `KILL` for 9; a number that has no name stays a number."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)


def _findings(facts: Facts, stderr: str) -> list[Finding]:
    findings = [_end_of_command(facts)]
    if facts.stderr_bytes:
        detail = f"{_bytes(facts.stderr_bytes)} on stderr"
        findings.append(Finding(reason="stderr", verdict=STDERR_POLICIES[stderr], detail=detail))
    if facts.leftovers or facts.survivors:
        findings.append(Finding(reason="leftovers", verdict=Verdict.WARN, detail=_leftovers(facts)))
    if facts.limits_missing is not None:
        findings.append(Finding(reason="expectation", verdict=Verdict.WARN, detail=facts.limits_missing))
    if facts.unlogged:
        detail = "no log could be written, so its output is not kept"
        findings.append(Finding(reason="output", verdict=Verdict.WARN, detail=detail))
    return [finding for finding in findings if finding is not None]


def _end_of_command(facts: Facts) -> Finding | None:
    """Return the one fact that says how the command ended; None when it ended well."""
    which = f"command {facts.command_index + 1} " if facts.command_index else ""
    if facts.timed_out:
        ended = f"; {_leftovers(facts)}" if facts.survivors else " and was ended with its whole tree"
        detail = f"{which}still ran after {_duration(facts.timeout_seconds)}{ended}"
        return Finding(reason="timeout", verdict=Verdict.FAIL, detail=detail)
    if facts.silent:
        ended = f"; {_leftovers(facts)}" if facts.survivors else " and was ended with its whole tree"
        detail = f"{which}printed nothing for {_duration(facts.silence_seconds)}{ended}"
        return Finding(reason="silence", verdict=Verdict.FAIL, detail=detail)
    if facts.out_of_memory:
        detail = f"{which}used more memory than limits.memory, and the kernel ended it"
        return Finding(reason="oom", verdict=Verdict.FAIL, detail=detail)
    if facts.not_started is not None:
        return Finding(reason="not_started", verdict=Verdict.FAIL, detail=facts.not_started)
    if facts.signal in _OF_LIMITS:
        detail = f"{which}{_OF_LIMITS[facts.signal]}"
        return Finding(reason="signal", verdict=Verdict.FAIL, detail=detail)
    if facts.signal is not None:
        detail = f"{which}was ended by signal {signal_name(facts.signal)} that process-control did not send"
        return Finding(reason="signal", verdict=Verdict.FAIL, detail=detail)
    if facts.exit_code:
        detail = f"{which}exited with {facts.exit_code}{_shell_code(facts.exit_code)}"
        return Finding(reason="exit_code", verdict=Verdict.FAIL, detail=detail)
    return None


def _verdict_on(finding: Finding, rules: Sequence[Rule]) -> Verdict:
    for rule in rules:
        verdict = rule(finding)
        if verdict is not None:
            return verdict
    return finding.verdict


_OF_LIMITS: dict[int | None, str] = {
    signal.SIGXCPU: "used more CPU time than limits.cpu_seconds (signal XCPU)",
    signal.SIGXFSZ: "wrote a file larger than limits.file_size (signal XFSZ)",
}
_GUARD_DIED = "the guard process was killed, so the runner ended the job's whole tree"


def _stopped(facts: Facts) -> str:
    survivors = f"; {_leftovers(facts)}" if facts.survivors else ""
    if facts.stopped_by_request:
        return f"stopped on request{survivors}"
    return f"stopped: run-job was given signal {signal_name(facts.stopped_by or signal.SIGTERM)}{survivors}"


def _leftovers(facts: Facts) -> str:
    if facts.survivors:
        return f"processes left behind could not be ended: {_named(facts.survivors)}"
    return f"processes left behind had to be ended: {_named(facts.leftovers)}"


def _named(processes: list[str]) -> str:
    more = f" and {len(processes) - 5} more" if len(processes) > 5 else ""
    return ", ".join(processes[:5]) + more


def _shell_code(exit_code: int) -> str:
    """Return what a shell means by such a code; nothing for a plain one."""
    if exit_code == 126:
        return " (a shell's code for 'cannot execute')"
    if exit_code == 127:
        return " (a shell's code for 'command not found')"
    name = signal_name(exit_code - 128)
    return f" (a shell's code for 'ended by signal {name}')" if exit_code > 128 and not name.isdigit() else ""


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count:,} bytes"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if not rest else f"{minutes} min {rest} s"

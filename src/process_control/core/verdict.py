"""The verdict on an attempt: each fact gets one, and the worst becomes outcome, reason and a sentence.

The sentence goes into journal, mail and pages: here it never quotes what the job printed (that may hold secrets).
`run/judge.py` puts the masked line that decided in its place.
"""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from process_control.core.facts import (
    FAILED,
    LOST,
    OUTPUT_CUT,
    STOPPED_ON_REQUEST,
    SUCCEEDED,
    WARNED,
    Facts,
    signal_name,
)
from process_control.core.finding import STDERR, Finding, SeenLine, Verdict
from process_control.core.judgement import Judgement
from process_control.core.measures import bytes_in_words, duration
from process_control.errors import BY_SIGNAL, NO_COMMAND, NOT_EXECUTABLE, RUNNER_KILLED, TIMEOUT

if TYPE_CHECKING:
    from process_control.core.rules import Rule

#: The reasons for how a command ended: each attempt has exactly one.
ENDS = ("exit_code", "signal", "timeout", "silence", "oom", "not_started")
STDERR_POLICIES = {"fail": Verdict.FAIL, "warn": Verdict.WARN, "ignore": Verdict.IGNORE}
#: The failures that are retried when no rule decides and attempts are left. So is a command that could not be started
#: for a passing reason.
RETRIED_BY_DEFAULT = ("exit_code", "signal", "timeout", "silence", "oom", "stderr")
_BEFORE_EXECUTION = ", before it was executed: its program or its working directory does not answer"
_ALL_ENDED = " (all its processes were ended)"


def judge(
    facts: Facts,
    *,
    stderr: str = "fail",
    rules: "Sequence[Rule]" = (),
    expect: Mapping[str, Any] | None = None,
    has_attempts_left: bool = False,
) -> Judgement:
    """Judge an attempt. `stderr` is the job's policy (`fail`, `warn`, `ignore`) for output that no rule matches.

    For each fact the first rule that matches decides; the worst verdict wins. Among equal ones a fact that a rule
    decided wins, since it is more specific; else the first in this order: earlier commands of the list, how the command
    ended, stderr, output, duration, expectations, leftovers, a missing log. A run that was stopped or whose guard died
    is not judged: it did not end by itself.
    """
    if facts.guard_died:
        return Judgement(outcome=LOST, reason="runner_killed", detail=_GUARD_DIED, verdict=Verdict.FAIL)
    if facts.stopped_by_request or facts.stopped_by is not None:
        return Judgement(outcome=FAILED, reason="stopped", detail=_stopped(facts), verdict=Verdict.FAIL)
    default = Verdict.RETRY if has_attempts_left and not facts.survivors else Verdict.FAIL
    findings = [*_command_findings(facts, stderr, default), *_attempt_findings(facts, rules, expect)]
    worst = _worst(findings, rules)
    for earlier in reversed(facts.earlier):
        if earlier.verdict >= worst.verdict:
            worst = replace(earlier, ended_well=worst.ended_well)
    return worst


def judge_command(facts: Facts, *, stderr: str, rules: "Sequence[Rule]", has_attempts_left: bool = False) -> Judgement:
    """Judge one command of a list that is not the last one.

    Conditions about the whole attempt (duration, a missing line) are tried on the attempt so far.
    """
    default = Verdict.RETRY if has_attempts_left else Verdict.FAIL
    about_the_command = _command_findings(facts, stderr, default)
    return _worst(about_the_command, rules, besides=_attempt_findings(facts, rules, None))


def _worst(findings: list[Finding], rules: "Sequence[Rule]", besides: Sequence[Finding] = ()) -> Judgement:
    """Return the judgement by the worst of the findings. `besides` are further facts, only for conditions of rules."""
    worst: tuple[Verdict, Finding, Rule | None] | None = None
    ended_well = True
    known = [*findings, *besides]
    for finding in sorted(findings, key=_is_exit_code_0):
        rule = next((rule for rule in rules if rule.decides(finding, known)), None)
        verdict = finding.verdict if rule is None else rule.verdict
        if finding.reason in ENDS and verdict > Verdict.WARN:
            ended_well = False
        if worst is None or (verdict, rule is not None) > (worst[0], worst[2] is not None):
            worst = verdict, finding, rule
    if worst is None or worst[0] is Verdict.IGNORE:
        return Judgement(outcome=SUCCEEDED, ended_well=ended_well)
    verdict, finding, rule = worst
    return Judgement(
        outcome=WARNED if verdict is Verdict.WARN else FAILED,
        reason=finding.reason,
        detail=finding.detail,
        verdict=verdict,
        rule=rule,
        line=finding.line or (rule.line_among(known) if rule is not None else None),
        ended_well=ended_well,
    )


def _is_exit_code_0(finding: Finding) -> bool:
    """Sort exit code 0 last: a rule about exit code 0 and another fact decides about the other one."""
    return finding.reason == "exit_code" and finding.number == 0


def exit_status(facts: Facts, judgement: Judgement) -> int:
    """Return the exit code of `run-job` for this judgement: see the table in `errors.py`."""
    if judgement.outcome == LOST:
        return RUNNER_KILLED
    if judgement.outcome in (SUCCEEDED, WARNED):
        return 0
    if judgement.reason == "stopped":
        return BY_SIGNAL + (facts.stopped_by or signal.SIGTERM)
    if judgement.ended_well:
        return 1
    if facts.timed_out or facts.silent:
        return TIMEOUT
    if facts.not_started is not None:
        return facts.not_started_code or NOT_EXECUTABLE
    if facts.signal is not None:
        return BY_SIGNAL + facts.signal
    return facts.exit_code or 1


def _command_findings(facts: Facts, stderr: str, default: Verdict) -> list[Finding]:
    """Return the findings on how the command ended and what it printed, with the verdicts without rules."""
    ended, passes = _end_of_command(facts), facts.not_started_passing
    findings = [ended, *_stderr_findings(facts, STDERR_POLICIES[stderr])]
    if facts.lines is not None:
        findings += [_line_finding(line) for line in facts.lines.seen() if line.rules]
    return [
        replace(finding, verdict=default)
        if finding.verdict is Verdict.FAIL and (finding.reason in RETRIED_BY_DEFAULT or (finding is ended and passes))
        else finding
        for finding in findings
    ]


def _stderr_findings(facts: Facts, policy: Verdict) -> list[Finding]:
    """Return the findings on lines of stderr that no rule matched; on all of stderr when no rule is about it."""
    if facts.lines is None or not facts.lines.watches_stderr:
        if not facts.stderr_bytes:
            return []
        return [Finding(reason="stderr", verdict=policy, detail=f"{bytes_in_words(facts.stderr_bytes)} on stderr")]
    return [
        Finding(reason="stderr", verdict=policy, detail=_unmatched(line), line=line)
        for line in facts.lines.seen()
        if line.stream == STDERR and not line.rules
    ]


def _unmatched(line: SeenLine) -> str:
    if line.count == 1:
        return f"line {line.number} of stderr matches no rule"
    return f"{line.count:,} lines of stderr match no rule, the first is line {line.number}"


def _line_finding(line: SeenLine) -> Finding:
    more = "" if line.count == 1 else f", and {line.count - 1:,} more"
    numbers = " and ".join(str(number) for number in line.rules)
    rules = f"rule {numbers}" if len(line.rules) == 1 else f"rules {numbers}"
    return Finding(
        reason="stderr" if line.stream == STDERR else "output",
        verdict=Verdict.IGNORE,
        detail=f"line {line.number} of {line.stream} matches {rules}{more}",
        line=line,
    )


def _attempt_findings(facts: Facts, rules: "Sequence[Rule]", expect: Mapping[str, Any] | None) -> list[Finding]:
    """Return the findings on the attempt as a whole."""
    findings = []
    if facts.lines is not None:
        wanted = [rule.conditions["stdout_missing"] for rule in rules if "stdout_missing" in rule.conditions]
        for regex in dict.fromkeys(wanted):
            if regex not in facts.lines.seen_regexes:
                detail = f"no line of stdout matched '{regex}'"
                findings.append(Finding(reason="output", verdict=Verdict.IGNORE, detail=detail, missing=regex))
        findings += [Finding(reason="output", verdict=Verdict.WARN, detail=fault) for fault in facts.lines.faults]
    if facts.lines_unseen:
        detail = "the rules could not be loaded, so they were not applied to the output"
        findings.append(Finding(reason="output", verdict=Verdict.WARN, detail=detail))
    if rules:
        took, seconds = duration(facts.duration_seconds), facts.duration_seconds
        findings += [
            Finding(reason="too_short", verdict=Verdict.IGNORE, detail=f"took only {took}", number=seconds),
            Finding(reason="too_long", verdict=Verdict.IGNORE, detail=f"took {took}", number=seconds),
        ]
    if expect:
        from process_control.core.expect import misses

        findings += misses(expect, facts)
    if facts.leftovers or facts.survivors:
        findings.append(Finding(reason="leftovers", verdict=Verdict.WARN, detail=_leftovers(facts)))
    if facts.limits_missing is not None:
        findings.append(Finding(reason="expectation", verdict=Verdict.WARN, detail=facts.limits_missing))
    if facts.output_cut is not None:
        findings.append(Finding(reason=OUTPUT_CUT, verdict=Verdict.WARN, detail=facts.output_cut))
    if facts.unlogged:
        detail = "no log could be written, so the output is not kept"
        findings.append(Finding(reason="output", verdict=Verdict.WARN, detail=detail))
    return findings


def _end_of_command(facts: Facts) -> Finding:
    """Return the one finding on how the command ended."""
    which = f"command {facts.command_index + 1} " if facts.command_index else ""
    if facts.timed_out:
        ended = f"; {_leftovers(facts)}" if facts.survivors else "" if facts.was_starting else _ALL_ENDED
        what = f"timed out after {duration(facts.timeout_seconds)}"
        detail = f"{which}{what}{_BEFORE_EXECUTION if facts.was_starting else ''}{ended}"
        return Finding(reason="timeout", verdict=Verdict.FAIL, detail=detail)
    if facts.silent:
        ended = f"; {_leftovers(facts)}" if facts.survivors else _ALL_ENDED
        detail = f"{which}printed nothing for {duration(facts.silence_seconds)}{ended}"
        return Finding(reason="silence", verdict=Verdict.FAIL, detail=detail)
    if facts.out_of_memory:
        detail = f"{which}used more memory than limits.memory, so the kernel killed it"
        return Finding(reason="oom", verdict=Verdict.FAIL, detail=detail)
    if facts.not_started is not None:
        code = facts.not_started_code
        return Finding(reason="not_started", verdict=Verdict.FAIL, detail=facts.not_started, number=code)
    if facts.signal in _LIMIT_SIGNALS:
        detail = f"{which}{_LIMIT_SIGNALS[facts.signal]}"
        return Finding(reason="signal", verdict=Verdict.FAIL, detail=detail, number=facts.signal)
    if facts.signal is not None:
        detail = f"{which}{_by_signal(facts.signal)}"
        return Finding(reason="signal", verdict=Verdict.FAIL, detail=detail, number=facts.signal)
    code = facts.exit_code or 0
    detail = f"{which}exited with {code}{_shell_code(code)}"
    return Finding(reason="exit_code", verdict=Verdict.FAIL if code else Verdict.IGNORE, detail=detail, number=code)


def _by_signal(number: int) -> str:
    name = f"SIG{signal_name(number)} (signal {number})"
    return f"crashed with {name}" if number in _CRASHES else f"was ended by {name}, which process-control did not send"


_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP)
_LIMIT_SIGNALS: dict[int | None, str] = {
    signal.SIGXCPU: "used more CPU time than limits.cpu_seconds (signal XCPU)",
    signal.SIGXFSZ: "wrote a file larger than limits.file_size (signal XFSZ)",
}
_GUARD_DIED = "the guard process was killed, so the runner ended all processes of the job"


def _stopped(facts: Facts) -> str:
    survivors = f"; {_leftovers(facts)}" if facts.survivors else ""
    waiting = f" while it waited for attempt {facts.awaited_attempt}" if facts.awaited_attempt else ""
    if facts.stopped_by_request:
        return f"{STOPPED_ON_REQUEST}{waiting}{survivors}"
    return f"stopped: run-job received signal {signal_name(facts.stopped_by or signal.SIGTERM)}{waiting}{survivors}"


def _leftovers(facts: Facts) -> str:
    if facts.survivors:
        return f"processes left behind could not be ended: {_named(facts.survivors)}"
    return f"processes left behind had to be ended: {_named(facts.leftovers)}"


def _named(processes: list[str]) -> str:
    more = f" and {len(processes) - 5} more" if len(processes) > 5 else ""
    return ", ".join(processes[:5]) + more


def _shell_code(exit_code: int) -> str:
    """Return what this code means to a shell; an empty text for an ordinary one."""
    if exit_code == NOT_EXECUTABLE:
        return " (a shell's code for 'cannot execute')"
    if exit_code == NO_COMMAND:
        return " (a shell's code for 'command not found')"
    name = signal_name(exit_code - BY_SIGNAL)
    return f" (a shell's code for 'ended by signal {name}')" if exit_code > BY_SIGNAL and not name.isdigit() else ""

"""How an attempt is judged by the table, the job's rules and what it is expected to do, and who may read of it.

Imported while the job runs, or when its end is no plain success; see `run_job.judge`.
"""

from process_control.core.facts import Facts
from process_control.core.finding import Verdict
from process_control.core.judgement import Judgement
from process_control.core.masking import LONGEST_LINE, mask, mask_and_cut, mask_beginning, mask_excerpt
from process_control.core.rules import Rule, rules_of
from process_control.core.verdict import exit_status, judge, judge_command
from process_control.notify.message import last_states
from process_control.run.run import Judged, Run


def judge_by_the_table(run: Run, facts: Facts, *, has_attempts_left: bool) -> Judged:
    """Return what the attempt came to. Secrets are masked in all that it says."""
    if "file" in run.job.expect:
        facts.expected_file = run.adapters.age_of_file(run.job.expect["file"]["path"], run.attempt_started_at)
    judgement = judge(
        facts,
        stderr=run.job.stderr,
        rules=rules_of(run.job.verdicts),
        expect=run.job.expect,
        has_attempts_left=has_attempts_left,
    )
    return Judged(
        judgement.outcome,
        judgement.reason,
        masked(run, judgement.detail),  # a leftover is named with its command line
        exit_code=exit_status(facts, judgement),
        verdict=judgement.verdict.word,
        decided_by=_decided_by(run, facts, judgement),
    )


def goes_on_by_rules(run: Run, facts: Facts) -> bool:
    """Judge the command that has ended: a verdict above `warn` stops the list. What it warned of is kept in `facts`."""
    judgement = judge_command(facts, stderr=run.job.stderr, rules=rules_of(run.job.verdicts))
    if judgement.verdict > Verdict.WARN:
        return False
    if judgement.verdict is Verdict.WARN:
        facts.earlier.append(judgement)
    if facts.lines is not None:
        facts.lines.begin_command()
    return True


def masked(run: Run, text: str | None) -> str | None:
    """Return the text without the values of environment files."""
    secrets = run.adapters.notifier.secrets
    return text if text is None or not secrets else mask(text, secrets)


def _decided_by(run: Run, facts: Facts, judgement: Judgement) -> dict[str, object] | None:
    """Return the rule and the line that decided, for the record; None when it was neither."""
    rule, line = judgement.rule, judgement.line
    if rule is None and line is None:
        return _last_line(run, facts) if judgement.reason == "stderr" else None
    return {
        "rule": rule and rule.number,
        "condition": _condition(run, rule),
        "stream": line and line.stream,
        "line_number": line and line.number,
        "line": line and mask_beginning(line.text, run.adapters.notifier.secrets),
    }


def _last_line(run: Run, facts: Facts) -> dict[str, object] | None:
    """Return the last line on stderr, for whoever asks why: how many bytes there were says nothing to a person."""
    text = mask_excerpt(facts.stderr_excerpt.decode("utf-8", "backslashreplace"), run.adapters.notifier.secrets)
    said = [line for line in last_states(text.rstrip()).split("\n") if line.strip()]
    if not said:
        return None
    line = mask_and_cut(said[-1], [], longest=LONGEST_LINE)
    return {"rule": None, "condition": None, "stream": "stderr", "line_number": None, "line": line}


def _condition(run: Run, rule: Rule | None) -> str | None:
    return f"stderr: {run.job.stderr}" if rule is None else masked(run, rule.text)

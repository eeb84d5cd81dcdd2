"""Judge an attempt by the table of verdicts, the job's rules and its expectations, with secrets masked.

Imported while the job runs, or when its end is no plain success; see `attempts.judge`.
"""

import posix

from process_control.core.facts import Facts
from process_control.core.finding import Verdict
from process_control.core.job import Job
from process_control.core.judgement import Judgement
from process_control.core.masking import MAX_LINE, mask, mask_and_cut, mask_beginning, mask_excerpt
from process_control.core.measures import bytes_in_words
from process_control.core.rules import Rule, rules_of
from process_control.core.verdict import exit_status, judge, judge_command
from process_control.core.why import OUTPUT_REASONS, quoted
from process_control.notify.message import escape_controls, last_states
from process_control.run.run import Judged, Run

#: The kernel's clock for the times of files may be 10 ms late.
_CLOCK_OF_FILES_SECONDS = 0.02


def judge_by_the_table(run: Run, facts: Facts, *, secrets: list[str]) -> Judged:
    """Return the judgement of the attempt, with `secrets` masked in all texts."""
    if "file" in run.job.expect:
        facts.expected_file = age_of_file(run.job.expect["file"]["path"], run.attempt_started_at)
    judgement = judge(
        facts,
        stderr=run.job.stderr,
        rules=rules_of(run.job.verdicts),
        expect=run.job.expect,
        has_attempts_left=run.has_attempts_left,
    )
    decided_by = _decided_by(run.job, facts, judgement, secrets)
    return Judged(
        judgement.outcome,
        judgement.reason,
        _sentence(facts, judgement, decided_by, secrets),
        exit_code=exit_status(facts, judgement),
        verdict=judgement.verdict.word,
        decided_by=decided_by,
    )


def goes_on_by_rules(job: Job, facts: Facts) -> bool:
    """Return whether to run the next command: not after a verdict above `warn`. Warnings are kept in `facts`."""
    judgement = judge_command(facts, stderr=job.stderr, rules=rules_of(job.verdicts))
    if judgement.verdict > Verdict.WARN:
        return False
    if judgement.verdict is Verdict.WARN:
        facts.earlier.append(judgement)
    if facts.lines is not None:
        facts.lines.begin_command()
    return True


def masked(text: str | None, secrets: list[str]) -> str | None:
    """Return the text without the values of environment files."""
    return text if text is None or not secrets else mask(text, secrets)


def _sentence(
    facts: Facts, judgement: Judgement, decided_by: dict[str, object] | None, secrets: list[str]
) -> str | None:
    """Return the reason as a sentence for the record; with the line of output that decided, masked and escaped."""
    if judgement.reason in OUTPUT_REASONS and decided_by is not None:
        shown = {**decided_by, "line": escape_controls(str(decided_by["line"] or "")).replace("\t", " ")}
        sentence = quoted(shown, count=_count(facts, judgement))
        if sentence is not None:
            return sentence
    return masked(judgement.detail, secrets)  # it may contain the command line of a leftover


def _count(facts: Facts, judgement: Judgement) -> str | None:
    """Return the number of lines for the sentence; None for a single line."""
    if judgement.line is not None:
        one, many = ("matches no rule", "lines that match no rule") if judgement.rule is None else (None, "such lines")
        return one if judgement.line.count == 1 else f"first of {judgement.line.count:,} {many}"
    if len(facts.stderr_excerpt) != facts.stderr_bytes:  # its middle was left out
        return f"last line of {bytes_in_words(facts.stderr_bytes)}"
    count = sum(bool(line.strip()) for line in facts.stderr_excerpt.split(b"\n"))
    return f"last of {count:,} lines" if count > 1 else None


def _decided_by(job: Job, facts: Facts, judgement: Judgement, secrets: list[str]) -> dict[str, object] | None:
    """Return the rule and the line that decided, for the record; None when it was neither."""
    rule, line = judgement.rule, judgement.line
    if rule is None and line is None:
        return _last_line(facts, secrets) if judgement.reason == "stderr" else None
    return {
        "rule": rule and rule.number,
        "condition": _condition(job, rule, secrets),
        "stream": line and line.stream,
        "line_number": line and line.number,
        "line": line and mask_beginning(line.text, secrets),
    }


def _last_line(facts: Facts, secrets: list[str]) -> dict[str, object] | None:
    """Return the last line of stderr, which explains more than the number of bytes."""
    text = mask_excerpt(facts.stderr_excerpt.decode("utf-8", "backslashreplace"), secrets)
    lines = [line for line in last_states(text.rstrip()).split("\n") if line.strip()]
    if not lines:
        return None
    line = mask_and_cut(lines[-1], [], max_length=MAX_LINE)
    return {"rule": None, "condition": None, "stream": "stderr", "line_number": None, "line": line}


def _condition(job: Job, rule: Rule | None, secrets: list[str]) -> str | None:
    return f"stderr: {job.stderr}" if rule is None else masked(rule.text, secrets)


def age_of_file(path: str, moment: float) -> float | str:
    """Return how many seconds before `moment` (UTC) the file was last written, or why that is unknown."""
    from process_control.system.ask import NoAnswer, ask

    try:
        written_at = ask(lambda: posix.stat(path).st_mtime)
    except FileNotFoundError:
        return "it does not exist"
    except NoAnswer as error:
        return f"it cannot be looked at: {error}"
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return moment - float(written_at) - _CLOCK_OF_FILES_SECONDS

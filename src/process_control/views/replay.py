"""Past runs judged again: by the rules before a change and by those after it.

A run is judged from its record, and from its log where rules look at lines. One whose recorded outcome the rules of
its own version do not give again is not counted: its record lacks a fact.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import FAILED, SUCCEEDED, WARNED, Facts
from process_control.core.job import Job
from process_control.core.judgement import Judgement
from process_control.core.line_watch import Lines
from process_control.core.past_facts import JUDGED, facts_of, failed_by_itself
from process_control.core.rules import rules_of
from process_control.core.verdict import judge
from process_control.execution.capture import ERR, OUT
from process_control.execution.output_watch import OutputWatch
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_line import DROPPED, STDOUT
from process_control.history.log_reader import Log, Part, chunks, current_path

PLURALS = {FAILED: "failures", WARNED: "warnings", SUCCEEDED: "successes"}


class CannotBeJudged(Exception):
    """The record or the log of a run lacks what its rules look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAgain:
    """A run whose outcome would be another one."""

    run_id: str
    before: Judgement
    after: Judgement
    #: whether the command itself failed: a failure that is no noise
    failed_by_itself: bool


@dataclass(slots=True, kw_only=True)
class Replay:
    """The past runs of one job whose rules change."""

    job: str
    #: how many were judged, by their outcome before the change
    judged: Counter[str]
    #: how many could not be judged again
    unknown: int
    changes: list[JudgedAgain]

    def to_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "judged": sum(self.judged.values()),
            "unknown": self.unknown,
            "changes": [
                {
                    "run_id": each.run_id,
                    "before": {"outcome": each.before.outcome, "reason": each.before.reason},
                    "after": {"outcome": each.after.outcome, "reason": each.after.reason},
                    "failed_by_itself": each.failed_by_itself,
                }
                for each in self.changes
            ],
        }


def replays(
    before: Iterable[Job | InvalidJob],
    after: Iterable[Job | InvalidJob],
    settings: Settings,
    index: Index,
    *,
    since: str,
) -> list[Replay]:
    """Return what other rules make of the past runs of each job whose rules change. `since`: ISO 8601."""
    old = {job.slug: job for job in before if isinstance(job, Job)}
    return [
        replay(old[job.slug], job, settings, index.runs(jobs=[job.slug], since=since, outcomes=JUDGED))
        for job in after
        if isinstance(job, Job) and job.slug in old and _rules(old[job.slug]) != _rules(job)
    ]


def replay(before: Job, after: Job, settings: Settings, runs: Iterable[Run]) -> Replay:
    """Judge the runs by the rules of both."""
    found = Replay(job=after.slug, judged=Counter(), unknown=0, changes=[])
    for run in runs:
        try:
            pair = _judged_twice(run, before, after, settings)
        except (CannotBeJudged, OSError):
            found.unknown += 1
            continue
        if pair is None:
            continue
        facts, was, becomes = pair
        found.judged[was.outcome] += 1
        if was.outcome != becomes.outcome:
            again = JudgedAgain(run_id=run.run_id, before=was, after=becomes, failed_by_itself=failed_by_itself(facts))
            found.changes.append(again)
    return found


def _rules(job: Job) -> tuple[object, ...]:
    return job.stderr, job.verdicts, job.expect


def _judged_twice(run: Run, before: Job, after: Job, settings: Settings) -> tuple[Facts, Judgement, Judgement] | None:
    """Return the facts and both judgements; None for a run about which no rule decides. Raises CannotBeJudged."""
    attempt = run.attempts[-1] if run.attempts else {}
    facts = facts_of(attempt)
    if facts is None:
        return None
    if len(before.command) > 1 or len(after.command) > 1:
        raise CannotBeJudged  # of a list the record has the last command only
    was = _judged_by(before, facts, run, attempt, settings)
    if run.version == before.version and (was.outcome, was.reason) != (run.outcome, run.reason):
        raise CannotBeJudged
    return facts, was, _judged_by(after, facts, run, attempt, settings)


def _judged_by(job: Job, facts: Facts, run: Run, attempt: dict[str, Any], settings: Settings) -> Judgement:
    facts.lines = _lines(job, facts, run, attempt, settings)
    return judge(
        facts,
        stderr=job.stderr,
        rules=rules_of(job.verdicts),
        expect=job.expect,
        has_attempts_left=len(run.attempts) < job.retry_attempts,  # it decides which of two faults is the reason
    )


def _lines(job: Job, facts: Facts, run: Run, attempt: dict[str, Any], settings: Settings) -> Lines | None:
    """Return what the job's rules see in the output of the attempt; None when they do not look."""
    looks = "number" in job.expect or any(
        name in rule for rule in job.verdicts for name in ("stderr", "stdout", "stdout_missing")
    )
    if not looks:
        return None
    watch = OutputWatch(job.verdicts, job.expect, is_stopping=_never)
    if facts.stdout_bytes or facts.stderr_bytes:
        if not run.log or run.log_dropped_bytes:
            raise CannotBeJudged
        for stream, data in _output(current_path(run.log, settings.output_directory), attempt):
            watch.take(stream, data)
            while watch.is_behind:
                watch.work()
    watch.finish()
    return watch.lines


def _output(path: str, attempt: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the output of the last attempt of a log, by stream. Raises OSError, CannotBeJudged."""
    part = Part(first=int(attempt.get("log_offset") or 0))
    with Log(path) as log:
        for chunk in filter(None, map(part.cut, chunks(path, log))):
            if chunk.stream == DROPPED or chunk.seconds is None:
                raise CannotBeJudged  # bytes, or the streams that they belong to, are missing
            for data in log.bytes_of(chunk):
                yield (OUT if chunk.stream == STDOUT else ERR), data


def _never() -> bool:
    return False


# --- in words --------------------------------------------------------------------------------------------------------


def replay_in_words(found: Replay) -> list[str]:
    """Return sentences like `billing: 3 of 31 failures would be warnings; in 1 of them the command itself failed`."""
    total = sum(found.judged.values())
    sentences = [] if found.changes else [f"{found.job}: all of {total:,} past runs would end as they did"]
    kinds = Counter((each.before.outcome, each.after.outcome) for each in found.changes)
    for (was, becomes), count in kinds.most_common():
        these = [each for each in found.changes if (each.before.outcome, each.after.outcome) == (was, becomes)]
        real = [each for each in these if each.failed_by_itself and was == FAILED]
        sentence = f"{found.job}: {count:,} of {found.judged[was]:,} {PLURALS[was]} would be {PLURALS[becomes]}"
        if real:
            sentence += f"; in {len(real):,} of them the command itself failed: run {real[0].run_id}"
        else:
            sentence += f", the last is run {these[0].run_id}"
        sentences.append(sentence)
    if found.unknown:
        runs = "1 past run" if found.unknown == 1 else f"{found.unknown:,} past runs"
        sentences.append(f"{found.job}: {runs} cannot be judged again: the log or a fact is not there any more")
    return sentences

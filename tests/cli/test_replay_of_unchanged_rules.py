"""Past runs judged again by the rules that they had: under each policy all of them end as they did."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.desk import Desk
from kit.harness import Storm
from process_control.config.settings import load_settings
from process_control.core.facts import Facts, signal_name
from process_control.core.finding import Verdict
from process_control.core.job import Job
from process_control.core.judgement import Judgement
from process_control.core.line_watch import Lines
from process_control.core.rules import rules_of
from process_control.core.verdict import judge
from process_control.execution.capture import ERR, OUT
from process_control.execution.output_watch import OutputWatch
from process_control.state.past_runs import open_index
from process_control.views.replay import replay

NOW = datetime.now(UTC)
NOISE = r"^WARN: cache is \d+ % full$"
RULES: list[dict[str, Any]] = [
    {"text": "", "exit_code": [[3, 3]], "verdict": "warn"},
    {"text": "", "signal": [15], "verdict": "ignore"},
    {"text": "", "timeout": True, "verdict": "warn"},
    {"text": "", "longer_than": 50.0, "verdict": "warn"},
    {"text": "", "exit_code": [[4, 9]], "verdict": "hold"},
]
RULES_OF_LINES: list[dict[str, Any]] = [
    {"text": "", "stderr": "^NOTICE", "verdict": "ignore"},
    {"text": "", "stderr": "(?i)error", "exit_code": [[0, 0]], "verdict": "warn"},
    {"text": "", "stdout": "^disk full", "verdict": "fail"},
    {"text": "", "stdout_missing": "^done$", "verdict": "warn"},
]
RULES_OF_RETRY: list[dict[str, Any]] = [
    {"text": "", "exit_code": [[20, 20]], "verdict": "fail"},
    {"text": "", "stdout": "^disk full", "verdict": "retry"},
    {"text": "", "leftovers": True, "verdict": "retry"},
]
OUTPUT = {"stdout_bytes": [1, None, ">0"], "verdict": "fail"}
EXPECTATIONS = {
    "stdout_bytes": [1, 4000, "1..4000"],
    "shorter_than": 50.0,
    "number": {"stdout": r"^rows: (\S+)", "at_least": 10.0},
    "verdict": "warn",
}
LINES = {
    OUT: [b"done\n", b"rows: 7\n", b"rows: 70\n", b"rows: many\n", b"disk full\n", b"a line that", b" ends later\n"],
    ERR: [b"NOTICE old\n", b"WARN: cache is 91 % full\n", b"Error 7\n", b"\xff\r\n", b"no end"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a job file says of its verdicts."""

    stderr: str = "fail"
    rules: list[dict[str, Any]] = field(default_factory=list)
    expect: dict[str, Any] = field(default_factory=dict)
    attempts: int = 1


POLICIES = {
    "stderr fails": Policy(rules=RULES, expect=OUTPUT),
    "stderr warns": Policy(stderr="warn", rules=RULES, expect=OUTPUT),
    "stderr is ignored": Policy(stderr="ignore", rules=RULES, expect=OUTPUT),
    "no rules": Policy(),
    "noise": Policy(rules=[{"text": "", "stderr": NOISE, "verdict": "ignore"}]),
    "rules of lines": Policy(rules=[*RULES_OF_LINES, *RULES]),
    "expectations": Policy(stderr="warn", expect=EXPECTATIONS),
    "retries": Policy(rules=RULES_OF_RETRY, expect=OUTPUT, attempts=3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What an attempt has printed, in its order: stream and bytes."""

    pieces: list[tuple[bytes, bytes]]

    def count(self, stream: bytes) -> int:
        return sum(len(data) for where, data in self.pieces if where == stream)

    def lines_for(self, policy: Policy) -> Lines | None:
        """Return what the watch of a run sees in it, as in `attempts.py`: none when no rule is about lines."""
        names = {name for rule in policy.rules for name in rule} | policy.expect.keys()
        if not names & {"stderr", "stdout", "stdout_missing", "number"}:
            return None
        watch = OutputWatch(policy.rules, policy.expect, is_stopping=lambda: False)
        for stream, data in self.pieces:
            watch.take(stream, data)
            watch.work()
        watch.finish()
        return watch.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What the attempts of a run print, and its log after the first, the second and the third: runs share them."""

    outputs: list[Output]
    logs: list[str]

    @classmethod
    def some(cls, desk: Desk, chance: random.Random, number: int) -> "Printed":
        outputs = [Output(pieces=some_pieces(chance)) for _ in range(3)]
        logs = [keep_log(desk, outputs[:attempts], f"{number}-{attempts}") for attempts in (1, 2, 3)]
        return cls(outputs=outputs, logs=logs)

    def offset(self, attempt: int) -> int:
        """Return where the output of an attempt (0 is the first) begins in the log."""
        return sum(output.count(OUT) + output.count(ERR) for output in self.outputs[:attempt])


def keep_log(desk: Desk, outputs: list[Output], name: str) -> str:
    chunks = [("o" if stream == OUT else "e", data) for output in outputs for stream, data in output.pieces]
    return desk.state.log("sync", *((0.0, stream, data) for stream, data in chunks), at=NOW, name=name)


def some_pieces(chance: random.Random) -> list[tuple[bytes, bytes]]:
    streams = chance.choices((OUT, ERR), weights=(4, 1), k=chance.choice((0, 1, 3, 6)))
    return [(stream, chance.choice(LINES[stream])) for stream in streams]


def some_facts(chance: random.Random, output: Output) -> Facts:
    """Return what may happen in an attempt, also several things at once."""
    facts = Facts()
    facts.exit_code, facts.signal = chance.choice([(0, None)] * 3 + [(3, None), (5, None), (20, None), (None, 15)])
    facts.timed_out, facts.silent = chance.random() < 0.05, chance.random() < 0.02
    facts.leftovers = ["sleep 60 (pid 7)"] if chance.random() < 0.05 else []
    facts.duration_seconds = chance.choice([1.0, 49.0, 51.0])
    facts.stdout_bytes, facts.stderr_bytes = output.count(OUT), output.count(ERR)
    if facts.timed_out or facts.silent:
        facts.exit_code, facts.signal = None, 15
    return facts


def as_recorded(number: int, facts: Facts, judged: Judgement, *, log_offset: int) -> dict[str, object]:
    """Return the attempt as the end of a run records it."""
    return {
        "attempt": number,
        "duration_seconds": facts.duration_seconds,
        "outcome": judged.outcome,
        "reason": judged.reason,
        "exit_code": facts.exit_code,
        "signal": None if facts.signal is None else signal_name(facts.signal),
        "detail": judged.detail,
        "stdout_bytes": facts.stdout_bytes,
        "stderr_bytes": facts.stderr_bytes,
        "log_offset": log_offset,
    }


def some_run(chance: random.Random, policy: Policy, printed: Printed) -> tuple[Judgement, list[dict[str, object]]]:
    """Return how a run ends, and its attempts: it is tried again while its verdict says so and attempts are left."""
    attempts: list[dict[str, object]] = []
    while True:
        number = len(attempts)
        facts = some_facts(chance, printed.outputs[number])
        facts.lines = printed.outputs[number].lines_for(policy)
        judged = judge(
            facts,
            stderr=policy.stderr,
            rules=rules_of(policy.rules),
            expect=policy.expect,
            has_attempts_left=number + 1 < policy.attempts,
        )
        attempts.append(as_recorded(number + 1, facts, judged, log_offset=printed.offset(number)))
        if judged.verdict is not Verdict.RETRY or number + 1 == policy.attempts:
            return judged, attempts


@pytest.mark.fault(
    "Past runs judged again by the rules that they had", small=60, full=12_500, wanted="0 with another outcome"
)
@pytest.mark.parametrize("name", POLICIES)
def test_unchanged_rules_change_the_outcome_of_no_past_run(desk: Desk, storm: Storm, name: str) -> None:
    """A fact that did not decide is not in the record: such a run is not judged again, rather than wrongly.

    The eight are 100,000 runs in full size.
    """
    chance, policy, outcomes = random.Random(f"11 {name}"), POLICIES[name], Counter[str]()
    job = Job(slug="sync", path="", name="Sync", command=[["true"]], version="0123456789ab", stderr=policy.stderr)
    job.verdicts, job.expect, job.retry_attempts = policy.rules, policy.expect, policy.attempts
    outputs = [Printed.some(desk, chance, number) for number in range(min(40, storm.size // 5))]
    for number in storm.rounds():
        printed = chance.choice(outputs)
        judged, attempts = some_run(chance, policy, printed)
        outcomes[judged.outcome] += 1
        log = printed.logs[len(attempts) - 1]
        start = desk.state.start("sync", NOW - timedelta(hours=1, seconds=number), log=log)
        end = desk.state.end_of(start, outcome=judged.outcome, reason=judged.reason)
        desk.state.write({**end, "attempts": attempts})

    settings = load_settings(str(desk.configuration), {})
    with open_index(settings.state_directory) as index:
        found = replay(job, job, settings, index.runs(jobs=["sync"]))

    storm.found(f"{len(found.changes):,} with another outcome, {found.unknown:,} that lack a fact")
    assert found.changes == []
    assert found.judged.total() + found.unknown == storm.size
    assert found.judged <= outcomes
    assert found.unknown <= storm.size * 0.01
    assert len(outcomes) > 1

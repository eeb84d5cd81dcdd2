"""`plan --replay`: past runs judged again by changed rules, from their records and logs."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from kit.checkout import Checkout
from kit.desk import Desk
from kit.harness import Box, Storm
from process_control.config.settings import load_settings
from process_control.core.facts import Facts, signal_name
from process_control.core.job import Job
from process_control.core.judgement import Judgement
from process_control.core.rules import rules_of
from process_control.core.verdict import judge
from process_control.state.past_runs import open_index
from process_control.views.replay import replay

NOW = datetime.now(UTC)


@pytest.fixture
def changed(box: Box) -> Checkout:
    return Checkout.at(box.job_directory)


def test_failures_that_would_be_warnings_are_counted_and_a_real_one_is_named(box: Box, changed: Checkout) -> None:
    """Two runs print a notice, one fails with an exit code behind the same notice: noise, and one that was none."""
    box.job("sync", "command: sh -c 'echo NOTICE old >&2; exit $(cat code)'\nworking_directory: " + str(box.root))
    changed.commit()
    for code in (0, 0, 3):
        (box.root / "code").write_text(str(code))
        box.run("sync")
    rules = "verdicts: [{stderr: ^NOTICE, verdict: warn}, {exit_code: 3, verdict: warn}]"
    box.job(
        "sync",
        "command: sh -c 'echo NOTICE old >&2; exit $(cat code)'\nworking_directory: " + str(box.root) + f"\n{rules}",
    )

    result = box.process_control("plan", "--replay", "1d", "--json")

    [found] = result.json()["replay"]
    assert (found["job"], found["judged"], found["unknown"]) == ("sync", 3, 0)
    assert [(each["before"], each["after"], each["failed_by_itself"]) for each in found["changes"]] == [
        (
            {"outcome": "failed", "reason": "exit_code"},
            {"outcome": "warned", "reason": "exit_code"},
            True,
        ),
        *[({"outcome": "failed", "reason": "stderr"}, {"outcome": "warned", "reason": "stderr"}, False)] * 2,
    ]
    words = box.process_control("plan", "--replay", "1d").stdout
    real = found["changes"][0]["run_id"]
    assert f"sync: 3 of 3 failures would be warnings; in 1 of them the command itself failed: run {real}" in words


def test_only_jobs_whose_rules_change_are_judged_again(desk: Desk) -> None:
    checkout = Checkout.at(desk.jobs)
    desk.job("same", "command: /bin/true")
    checkout.commit()
    desk.state.failure("same", NOW - timedelta(hours=1))
    desk.job("same", "command: /bin/true\ntimeout: 5m")

    assert desk.json("plan", "--replay", "1d", "--json")["replay"] == []
    assert "replay" not in desk.json("plan", "--json")


def test_a_run_whose_log_is_gone_is_not_guessed(desk: Desk) -> None:
    checkout = Checkout.at(desk.jobs)
    desk.job("sync", "command: /bin/true")
    checkout.commit()
    start = desk.state.start("sync", NOW - timedelta(hours=1), log=str(desk.state.logs / "sync" / "gone.log"))
    end = desk.state.end_of(start, outcome="failed", reason="stderr")
    attempt = {**end["attempts"][0], "stderr_bytes": 20, "stdout_bytes": 0}
    desk.state.write({**end, "attempts": [attempt], "stderr_bytes": 20})
    desk.job("sync", "command: /bin/true\nverdicts: [{stderr: NOTICE, verdict: ignore}]")

    [found] = desk.json("plan", "--replay", "1d", "--json")["replay"]

    assert (found["judged"], found["unknown"], found["changes"]) == (0, 1, [])


RULES = [
    {"text": "", "exit_code": [[3, 3]], "verdict": "warn"},
    {"text": "", "signal": [15], "verdict": "ignore"},
    {"text": "", "timeout": True, "verdict": "warn"},
    {"text": "", "longer_than": 50.0, "verdict": "warn"},
    {"text": "", "exit_code": [[4, 9]], "verdict": "hold"},
]
EXPECT = {"stdout_bytes": [1, None, ">0"], "verdict": "fail"}


def some_facts(chance: random.Random) -> Facts:
    """Return what may happen in an attempt, also several things at once."""
    facts = Facts()
    facts.exit_code, facts.signal = chance.choice([(0, None)] * 3 + [(3, None), (5, None), (20, None), (None, 15)])
    facts.timed_out, facts.silent = chance.random() < 0.05, chance.random() < 0.02
    facts.leftovers = ["sleep 60 (pid 7)"] if chance.random() < 0.05 else []
    facts.duration_seconds = chance.choice([1.0, 49.0, 51.0])
    facts.stdout_bytes, facts.stderr_bytes = chance.choice([0, 7, 7]), chance.choice([0, 0, 9])
    if facts.timed_out or facts.silent:
        facts.exit_code, facts.signal = None, 15
    return facts


def as_recorded(facts: Facts, judged: Judgement) -> dict[str, object]:
    """Return the attempt as the end of a run records it."""
    return {
        "attempt": 1,
        "duration_seconds": facts.duration_seconds,
        "outcome": judged.outcome,
        "reason": judged.reason,
        "exit_code": facts.exit_code,
        "signal": None if facts.signal is None else signal_name(facts.signal),
        "detail": judged.detail,
        "stdout_bytes": facts.stdout_bytes,
        "stderr_bytes": facts.stderr_bytes,
    }


@pytest.mark.fault(
    "Past runs judged again by the rules that they had", small=250, full=33_400, wanted="0 with another outcome"
)
@pytest.mark.parametrize("stderr", ["fail", "warn", "ignore"])
def test_unchanged_rules_change_the_outcome_of_no_past_run(desk: Desk, storm: Storm, stderr: str) -> None:
    """A fact that did not decide is not in the record: such a run is not judged again, rather than wrongly.

    The three are 100,000 runs in full size.
    """
    chance = random.Random(11)
    job = Job(slug="sync", path="", name="Sync", command=[["true"]], version="0123456789ab", stderr=stderr)
    job.verdicts, job.expect = RULES, EXPECT
    outcomes = Counter[str]()
    for number in storm.rounds():
        facts = some_facts(chance)
        judged = judge(facts, stderr=stderr, rules=rules_of(RULES), expect=EXPECT)
        outcomes[judged.outcome] += 1
        start = desk.state.start("sync", NOW - timedelta(hours=1, seconds=number))
        end = desk.state.end_of(start, outcome=judged.outcome, reason=judged.reason)
        desk.state.write({**end, "attempts": [as_recorded(facts, judged)]})

    settings = load_settings(str(desk.configuration), {})
    with open_index(settings.state_directory) as index:
        found = replay(job, job, settings, index.runs(jobs=["sync"]))

    storm.found(f"{len(found.changes):,} with another outcome, {found.unknown:,} that lack a fact")
    assert found.changes == []
    assert found.judged + Counter() <= outcomes
    assert found.unknown < storm.size * 0.1
    assert set(outcomes) == {"succeeded", "warned", "failed"}

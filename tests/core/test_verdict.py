"""Verdicts: what each fact means, and which wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.facts import OUTCOMES, REASONS, Facts, signal_name
from process_control.core.finding import Verdict
from process_control.core.rules import rules_of
from process_control.core.verdict import exit_status, judge


def facts(**seen: object) -> Facts:
    what = Facts()
    what.exit_code = 0
    for name, value in seen.items():
        setattr(what, name, value)
    if what.signal is not None or what.not_started is not None:
        what.exit_code = None
    return what


FACTS_AND_JUDGEMENTS = {
    "a plain success": (facts(stdout_bytes=12), ("succeeded", None, None, 0)),
    "an exit code": (facts(exit_code=3), ("failed", "exit_code", "exited with 3", 3)),
    "the second command's exit code": (
        facts(exit_code=3, command_index=1),
        ("failed", "exit_code", "command 2 exited with 3", 3),
    ),
    "a shell's code for a signal": (
        facts(exit_code=137),
        ("failed", "exit_code", "exited with 137 (a shell's code for 'ended by signal KILL')", 137),
    ),
    "a shell's code for command not found": (
        facts(exit_code=127),
        ("failed", "exit_code", "exited with 127 (a shell's code for 'command not found')", 127),
    ),
    "a large exit code that is no signal": (facts(exit_code=255), ("failed", "exit_code", "exited with 255", 255)),
    "a signal": (
        facts(signal=11),
        ("failed", "signal", "crashed with SIGSEGV (signal 11)", 139),
    ),
    "a timeout": (
        facts(timed_out=True, exit_code=None, signal=15, timeout_seconds=600),
        ("failed", "timeout", "timed out after 10 min (all its processes were ended)", 124),
    ),
    "a timeout that the command answers with exit 0": (
        facts(timed_out=True, timeout_seconds=1.5),
        ("failed", "timeout", "timed out after 1.5 s (all its processes were ended)", 124),
    ),
    "not found": (
        facts(not_started="'nosuch' was not found in PATH /usr/bin:/bin", not_started_code=127),
        ("failed", "not_started", "'nosuch' was not found in PATH /usr/bin:/bin", 127),
    ),
    "cannot execute": (
        facts(not_started="'/etc/passwd' cannot be executed: Permission denied", not_started_code=126),
        ("failed", "not_started", "'/etc/passwd' cannot be executed: Permission denied", 126),
    ),
    "stderr": (facts(stderr_bytes=1), ("failed", "stderr", "1 byte on stderr", 1)),
    "much stderr": (facts(stderr_bytes=12345), ("failed", "stderr", "12,345 bytes on stderr", 1)),
    "stderr besides an exit code": (facts(exit_code=2, stderr_bytes=9), ("failed", "exit_code", "exited with 2", 2)),
    "a leftover": (
        facts(leftovers=["pid 7 (sleep 100)"]),
        ("warned", "leftovers", "processes left behind had to be ended: pid 7 (sleep 100)", 0),
    ),
    "many leftovers": (
        facts(leftovers=[f"pid {pid} (x)" for pid in range(1, 9)]),
        (
            "warned",
            "leftovers",
            ("processes left behind had to be ended: pid 1 (x), pid 2 (x), pid 3 (x), pid 4 (x), pid 5 (x) and 3 more"),
            0,
        ),
    ),
    "a survivor": (
        facts(leftovers=["pid 7 (x)", "pid 8 (x)"], survivors=["pid 8 (x)"]),
        ("warned", "leftovers", "processes left behind could not be ended: pid 8 (x)", 0),
    ),
    "a leftover besides stderr": (
        facts(leftovers=["pid 7 (x)"], stderr_bytes=5),
        ("failed", "stderr", "5 bytes on stderr", 1),
    ),
    "no log": (facts(unlogged=True), ("warned", "output", "no log could be written, so the output is not kept", 0)),
    "a disk that filled up later": (facts(log_error="No space left on device"), ("succeeded", None, None, 0)),
    "a stop on request": (
        facts(stopped_by_request=True, stopped_by=15, signal=15),
        ("failed", "stopped", "stopped on request", 143),
    ),
    "a stop by signal": (
        facts(stopped_by=2, exit_code=0),
        ("failed", "stopped", "stopped: run-job received signal INT", 130),
    ),
    "a hangup": (facts(stopped_by=1), ("failed", "stopped", "stopped: run-job received signal HUP", 129)),
    "a dead guard": (
        facts(guard_died=True, signal=9),
        ("lost", "runner_killed", "the guard process was killed, so the runner ended all processes of the job", 137),
    ),
    "a dead guard during a stop": (
        facts(guard_died=True, stopped_by=15),
        ("lost", "runner_killed", "the guard process was killed, so the runner ended all processes of the job", 137),
    ),
}


@pytest.mark.parametrize(("seen", "expected"), FACTS_AND_JUDGEMENTS.values(), ids=FACTS_AND_JUDGEMENTS.keys())
def test_facts_become_outcome_reason_sentence_and_exit_code(
    seen: Facts, expected: tuple[str, str | None, str | None, int]
) -> None:
    judgement = judge(seen)

    assert (judgement.outcome, judgement.reason, judgement.detail, exit_status(seen, judgement)) == expected


@pytest.mark.parametrize(
    ("policy", "outcome", "reason"),
    [("fail", "failed", "stderr"), ("warn", "warned", "stderr"), ("ignore", "succeeded", None)],
)
def test_stderr_is_judged_by_the_jobs_policy(policy: str, outcome: str, reason: str | None) -> None:
    judgement = judge(facts(stderr_bytes=10), stderr=policy)

    assert (judgement.outcome, judgement.reason) == (outcome, reason)


def test_a_leftover_is_told_when_stderr_only_warns_too() -> None:
    judgement = judge(facts(stderr_bytes=10, leftovers=["pid 7 (x)"]), stderr="warn")

    assert (judgement.outcome, judgement.reason) == ("warned", "stderr")


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.IGNORE, "succeeded"),
        (Verdict.WARN, "warned"),
        (Verdict.RETRY, "failed"),
        (Verdict.FAIL, "failed"),
        (Verdict.HOLD, "failed"),
    ],
)
def test_a_rule_decides_about_its_fact(verdict: Verdict, outcome: str) -> None:
    seen = facts(exit_code=75)

    judgement = judge(seen, rules=rules_of([{"exit_code": [[75, 75]], "verdict": verdict.word}]))

    assert (judgement.outcome, judgement.verdict) == (outcome, verdict)
    assert exit_status(seen, judgement) == (0 if verdict <= Verdict.WARN else 75)


def test_no_rule_touches_a_stopped_or_lost_run() -> None:
    ignore_all = rules_of([{"exit_code": [[0, 255]], "verdict": "ignore"}])

    assert judge(facts(stopped_by=15), rules=ignore_all).outcome == "failed"
    assert judge(facts(guard_died=True), rules=ignore_all).outcome == "lost"


any_facts = st.builds(
    facts,
    exit_code=st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
    timed_out=st.booleans(),
    stopped_by=st.none() | st.sampled_from([1, 2, 15]),
    stopped_by_request=st.booleans(),
    guard_died=st.booleans(),
    not_started=st.none() | st.just("not found"),
    stderr_bytes=st.integers(0, 2),
    leftovers=st.lists(st.just("pid 7 (x)"), max_size=1),
    survivors=st.lists(st.just("pid 7 (x)"), max_size=1),
    unlogged=st.booleans(),
)


@given(any_facts, st.sampled_from(["fail", "warn", "ignore"]))
def test_the_short_cut_of_a_cold_start_is_a_success_under_every_policy(seen: Facts, stderr: str) -> None:
    judgement = judge(seen, stderr=stderr)

    if seen.is_plain_success():
        assert judgement == judge(facts())
    assert judgement.outcome in OUTCOMES
    assert judgement.reason is None or judgement.reason in REASONS
    assert (exit_status(seen, judgement) == 0) == (judgement.outcome in ("succeeded", "warned"))


@pytest.mark.parametrize(("number", "name"), [(9, "KILL"), (15, "TERM"), (29, "IO"), (34, "34"), (40, "40")])
def test_signals_are_named(number: int, name: str) -> None:
    assert signal_name(number) == name

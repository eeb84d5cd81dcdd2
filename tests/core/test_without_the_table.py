"""What a run came to when the verdict table cannot be loaded any more: held against the table."""

import signal
from collections.abc import Callable

import pytest

from process_control.core.facts import FAILED, Facts, judge_without_the_table
from process_control.core.verdict import exit_status, judge


def facts(change: Callable[[Facts], object]) -> Facts:
    seen = Facts()
    change(seen)
    return seen


def with_(**values: object) -> Callable[[Facts], object]:
    return lambda seen: [setattr(seen, name, value) for name, value in values.items()]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_(exit_code=3), id="an exit code"),
        pytest.param(with_(signal=signal.SIGSEGV), id="a signal"),
        pytest.param(with_(signal=signal.SIGTERM, timed_out=True, timeout_seconds=1.0), id="its time limit"),
        pytest.param(with_(signal=signal.SIGTERM, silent=True, silence_seconds=1.0), id="silence"),
        pytest.param(with_(signal=signal.SIGTERM, stopped_by=signal.SIGINT), id="stopped by a signal"),
        pytest.param(with_(signal=signal.SIGTERM, stopped_by_request=True), id="stopped on request"),
        pytest.param(with_(signal=signal.SIGKILL, guard_died=True), id="the guard was killed"),
        pytest.param(with_(not_started="no such file", not_started_code=127), id="not started"),
    ],
)
def test_what_has_failed_is_judged_as_by_the_table(change: Callable[[Facts], object]) -> None:
    seen = facts(change)
    judgement = judge(seen, stderr="fail", rules=[], expect={}, has_attempts_left=False)

    outcome, reason, code = judge_without_the_table(seen)

    assert (outcome, reason, code) == (judgement.outcome, judgement.reason, exit_status(seen, judgement))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_(exit_code=0, stderr_bytes=10), id="stderr"),
        pytest.param(with_(exit_code=0, leftovers=["sleep"]), id="leftovers"),
        pytest.param(with_(exit_code=0, not_in_force="nice"), id="limits that are missing"),
    ],
)
def test_what_only_the_table_can_judge_has_failed(change: Callable[[Facts], object]) -> None:
    outcome, _, code = judge_without_the_table(facts(change))

    assert (outcome, code) == (FAILED, 1)

"""Health: every state with every event."""

from dataclasses import replace

import pytest

from process_control.core.health import Cause, Event, Health, HoldKind, Policy, State
from process_control.core.health_table import TABLE, next_health

CAUSE = Cause(at="2026-03-01T02:30:00.000Z", by="anna@db1", why="a reason", run_id="0123456789abcdef")
BY_HAND = replace(CAUSE, run_id=None)
POLICY = Policy(hold_after_failures=3, slow_start_runs=2, slow_start_after_hold=True, slow_start_after_change=True)

# state before, event -> state after without a policy, state after with POLICY
EXPECTED = {
    ("healthy", "succeeded"): ("healthy", "healthy"),
    ("healthy", "warned"): ("healthy", "healthy"),
    ("healthy", "failed"): ("failing", "failing"),
    ("healthy", "failed_unrecoverably"): ("held", "held"),
    ("healthy", "lost"): ("failing", "failing"),
    ("healthy", "held_by_hand"): ("held", "held"),
    ("healthy", "released"): ("healthy", "healthy"),
    ("healthy", "changed"): ("healthy", "slow_start"),
    ("healthy", "probe_due"): ("healthy", "healthy"),
    ("failing", "succeeded"): ("healthy", "healthy"),
    ("failing", "warned"): ("healthy", "healthy"),
    ("failing", "failed"): ("failing", "held"),
    ("failing", "failed_unrecoverably"): ("held", "held"),
    ("failing", "lost"): ("failing", "held"),
    ("failing", "held_by_hand"): ("held", "held"),
    ("failing", "released"): ("failing", "failing"),
    ("failing", "changed"): ("failing", "slow_start"),
    ("failing", "probe_due"): ("failing", "failing"),
    ("held", "succeeded"): ("held", "held"),
    ("held", "warned"): ("held", "held"),
    ("held", "failed"): ("held", "held"),
    ("held", "failed_unrecoverably"): ("held", "held"),
    ("held", "lost"): ("held", "held"),
    ("held", "held_by_hand"): ("held", "held"),
    ("held", "released"): ("healthy", "slow_start"),
    ("held", "changed"): ("held", "held"),
    ("held", "probe_due"): ("held", "held"),
    ("slow_start", "succeeded"): ("healthy", "slow_start"),
    ("slow_start", "warned"): ("healthy", "slow_start"),
    ("slow_start", "failed"): ("held", "held"),
    ("slow_start", "failed_unrecoverably"): ("held", "held"),
    ("slow_start", "lost"): ("held", "held"),
    ("slow_start", "held_by_hand"): ("held", "held"),
    ("slow_start", "released"): ("slow_start", "slow_start"),
    ("slow_start", "changed"): ("slow_start", "slow_start"),
    ("slow_start", "probe_due"): ("slow_start", "slow_start"),
}


def health(state: str) -> Health:
    failures = {"healthy": 0, "failing": 2, "held": 5, "slow_start": 0}[state]
    return Health(state=State(state), failures_in_row=failures, since="before", why="the first cause")


@pytest.mark.parametrize(("before", "event"), EXPECTED)
def test_every_state_answers_every_event(before: str, event: str) -> None:
    plain = next_health(health(before), Event(event), cause=CAUSE)
    with_policy = next_health(health(before), Event(event), cause=CAUSE, policy=POLICY)

    assert (plain.state, with_policy.state) == EXPECTED[before, event]


def test_the_table_is_complete() -> None:
    assert {(state, event) for state in TABLE for event in TABLE[state]} == {(s, e) for s in State for e in Event}
    assert set(EXPECTED) == {(s.value, e.value) for s in State for e in Event}


@pytest.mark.parametrize("event", [Event.FAILED, Event.LOST])
def test_failures_in_a_row_are_counted(event: Event) -> None:
    once = next_health(Health(), event, cause=CAUSE)
    twice = next_health(once, event, cause=Cause(at="later"))

    assert (once.failures_in_row, twice.failures_in_row) == (1, 2)
    assert twice.since == CAUSE.at


@pytest.mark.parametrize("event", [Event.SUCCEEDED, Event.WARNED])
def test_a_run_that_goes_well_ends_the_row(event: Event) -> None:
    after = next_health(health("failing"), event, cause=CAUSE)

    assert (after.state, after.failures_in_row, after.since) == (State.HEALTHY, 0, CAUSE.at)


@pytest.mark.parametrize("event", [Event.FAILED, Event.LOST])
@pytest.mark.parametrize("state", ["healthy", "failing", "held"])
def test_a_failure_that_does_not_count_changes_nothing(event: Event, state: str) -> None:
    by_hand = Cause(at=CAUSE.at, counts=False)

    assert next_health(health(state), event, cause=by_hand, policy=POLICY) == health(state)


def test_a_success_by_hand_ends_the_row() -> None:
    by_hand = Cause(at=CAUSE.at, counts=False)

    assert next_health(health("failing"), Event.SUCCEEDED, cause=by_hand).state is State.HEALTHY


def test_too_many_failures_hold_and_say_why() -> None:
    held = next_health(health("failing"), Event.FAILED, cause=CAUSE, policy=POLICY)

    assert (held.state, held.failures_in_row, held.why) == (State.HELD, 3, "3 failures in a row, the last: a reason")


def test_an_unrecoverable_failure_by_hand_holds_too() -> None:
    held = next_health(Health(), Event.FAILED_UNRECOVERABLY, cause=Cause(at="now", counts=False))

    assert (held.state, held.failures_in_row) == (State.HELD, 0)


def test_what_a_run_was_held_for_stays_and_has_the_note_behind_it() -> None:
    by_a_run = replace(health("held"), run_id="1m8", hold_kind=HoldKind.UNRECOVERABLE)

    once = next_health(by_a_run, Event.HELD_BY_HAND, cause=CAUSE)
    twice = next_health(once, Event.HELD_BY_HAND, cause=replace(CAUSE, why="another"))

    assert once.why == "the first cause; note by anna@db1: a reason"
    assert (twice.why, twice.since) == ("the first cause; note by anna@db1: another", by_a_run.since)


def test_the_note_of_a_later_hold_by_hand_is_the_one_that_counts() -> None:
    paused = next_health(Health(), Event.HELD_BY_HAND, cause=replace(BY_HAND, why="one", until="2099"))

    held = next_health(paused, Event.HELD_BY_HAND, cause=replace(BY_HAND, why="two"))
    silent = next_health(paused, Event.HELD_BY_HAND, cause=replace(BY_HAND, why=None))

    assert (held.why, held.release_at) == ("two", None)
    assert (silent.why, silent.release_at) == ("one", None)


def test_a_pause_that_ends_no_later_changes_nothing() -> None:
    paused = next_health(Health(), Event.HELD_BY_HAND, cause=replace(BY_HAND, why="one", until="2099"))
    endless = next_health(Health(), Event.HELD_BY_HAND, cause=BY_HAND)
    shorter = replace(BY_HAND, why="two", until="2098")

    assert next_health(paused, Event.HELD_BY_HAND, cause=shorter) == paused
    assert next_health(endless, Event.HELD_BY_HAND, cause=shorter) == endless


def test_a_held_job_that_succeeds_stays_held_with_its_count() -> None:
    assert next_health(health("held"), Event.SUCCEEDED, cause=CAUSE) == health("held")


def test_a_hold_says_who_and_why() -> None:
    held = next_health(Health(), Event.HELD_BY_HAND, cause=CAUSE)

    assert (held.by, held.why, held.since) == ("anna@db1", "a reason", CAUSE.at)


def test_slow_start_ends_after_enough_successes() -> None:
    released = next_health(health("held"), Event.RELEASED, cause=CAUSE, policy=POLICY)
    once = next_health(released, Event.SUCCEEDED, cause=CAUSE, policy=POLICY)
    twice = next_health(once, Event.WARNED, cause=CAUSE, policy=POLICY)

    assert [step.state for step in (released, once, twice)] == ["slow_start", "slow_start", "healthy"]
    assert once.slow_successes == 1


def test_a_change_begins_the_slow_start_anew() -> None:
    halfway = Health(state=State.SLOW_START, slow_successes=1)

    assert next_health(halfway, Event.CHANGED, cause=CAUSE, policy=POLICY).slow_successes == 0


def test_a_success_of_a_healthy_job_writes_nothing_new() -> None:
    assert next_health(Health(), Event.SUCCEEDED, cause=CAUSE) == Health()


@pytest.mark.parametrize("state", list(State))
def test_health_comes_back_from_its_record(state: State) -> None:
    before = next_health(health(state.value), Event.HELD_BY_HAND, cause=CAUSE)

    assert Health.from_record(before.to_record()) == before


def test_the_record_is_plain() -> None:
    assert Health().to_record() == {
        "state": "healthy",
        "failures_in_row": 0,
        "slow_successes": 0,
        "since": None,
        "by": None,
        "why": None,
        "run_id": None,
    }


def test_a_job_never_seen_is_healthy() -> None:
    assert Health.from_record(None) == Health()


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert Health.from_record({"state": "held", "moon": "full"}).state is State.HELD


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"state": "fine"},
        {"state": None},
        {"state": "held", "failures_in_row": "3"},
        {"state": "held", "failures_in_row": -1},
        {"state": "held", "failures_in_row": True},
        {"state": "held", "why": 3},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Health.from_record(record)

"""What a lock of the fleet does at a moment: starts, fates, the next look; and over days with faults, slot by slot."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from process_control.core.fleet.causes import with_end
from process_control.core.fleet.decide import MAX_QUEUE, again, decide
from process_control.core.fleet.everywhere import hosts_to_have, on_host
from process_control.core.fleet.fleet_health import by_hand as held_by_hand
from process_control.core.fleet.fleet_health import with_version
from process_control.core.fleet.job_status import statuses_of
from process_control.core.fleet.lock_state import (
    After,
    CauseEnd,
    Decision,
    Ended,
    Fate,
    JobSpec,
    JobState,
    LockState,
    PastRun,
    PlannedSlots,
    Start,
    fate_of,
    hold_in_words,
    with_fates,
)
from process_control.core.fleet.planned import SLOTS_AHEAD
from process_control.core.fleet.troubles import troubles_of
from process_control.core.health import Event, Policy

BEGIN = 1_800_000_000  # a full minute
MINUTE = 60


def lock(**jobs: dict[str, Any]) -> LockState:
    """Return a lock with jobs that run each minute, applied at BEGIN."""
    found = {
        slug: JobState(
            spec=JobSpec(job=slug, hash="h", **{"schedule": ("* * * * *",), **keys}),
            generation=1,
            planned=PlannedSlots(planned_to=BEGIN),
        )
        for slug, keys in jobs.items()
    }
    return LockState(lock="lock", jobs=found)


def carried_out(state: LockState, decision: Decision, now: float) -> LockState:
    """Do with a decision what the workflow does."""
    for slug, planned in decision.planned.items():
        state.jobs[slug].planned = planned
    for slug, fates in decision.fates.items():
        state.jobs[slug].fates = with_fates(state.jobs[slug].fates, fates)
    for slug, health in decision.health.items():
        state.jobs[slug].health = health
    for slug, slots in decision.waiting.items():
        state.jobs[slug].waiting = slots
    for slug, causes in decision.causes.items():
        state.jobs[slug].causes = causes
    state.queue = decision.queue
    if decision.start is not None:
        state.running, state.running_since = decision.start, now
    return state


def ended(state: LockState, now: float, how: str | Ended = "succeeded") -> LockState:
    """Return the state after the end of the run in flight. `how`: its outcome, or all of it."""
    assert state.running is not None
    result = Ended(fate="ran", outcome=how, host="web1") if isinstance(how, str) else how
    past = PastRun(start=state.running, since=state.running_since, until=now, ended=result)
    fate = fate_of(past)
    if fate is not None:
        job = state.jobs[past.start.job]
        job.fates = with_fates(job.fates, (fate,))
    state.running, state.past = None, (*state.past, past)[-20:]
    return state


def by_hand(job: str, *, arrived: float = BEGIN) -> Start:
    return Start(run_id="m-1", job=job, arrived=arrived, by="ann")


def fates_of(state: LockState, job: str) -> list[tuple[int, str, str | None]]:
    return [((fate.slot - BEGIN) // MINUTE, fate.fate, fate.reason) for fate in state.jobs[job].fates]


def test_a_lock_sleeps_until_the_next_planned_time_and_starts_it_then() -> None:
    state = lock(a={})

    first = decide(state, BEGIN + 5)
    carried_out(state, first, BEGIN + 5)
    second = decide(state, BEGIN + MINUTE + 0.03)

    assert (first.start, first.wake_at) == (None, BEGIN + MINUTE)
    assert len(first.planned["a"].slots) == SLOTS_AHEAD
    assert second.start is not None
    assert (second.start.slot, second.start.run_id) == (BEGIN + MINUTE, "a/2027-01-15T08:01:00Z")


def test_while_a_run_is_in_flight_skip_needs_no_timer_and_its_end_settles_what_fell_due() -> None:
    state = lock(a={})
    carried_out(state, in_flight := decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    ended(state, BEGIN + 3 * MINUTE + 10)
    after = decide(state, BEGIN + 3 * MINUTE + 10)
    carried_out(state, after, BEGIN + 3 * MINUTE + 10)

    assert in_flight.wake_at is None
    assert fates_of(state, "a") == [(1, "ran", None), (2, "skipped", "overlap"), (3, "skipped", "overlap")]
    assert (after.start, after.wake_at) == (None, BEGIN + 4 * MINUTE)


def test_what_falls_due_while_no_host_takes_a_run_is_missed_and_the_newest_is_offered_to_the_hosts() -> None:
    state = lock(a={"start_within": 3 * MINUTE, "queue": "host/misspelled"})
    carried_out(state, decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    ended(state, BEGIN + 4 * MINUTE, Ended(fate="missed", reason="no_worker"))
    after = decide(state, BEGIN + 4 * MINUTE)
    carried_out(state, after, BEGIN + 4 * MINUTE)

    assert after.start is not None
    assert after.start.slot == BEGIN + 4 * MINUTE
    assert fates_of(state, "a") == [(minute, "missed", "no_worker") for minute in (1, 2, 3)]
    assert [(each.job, each.kind) for each in troubles_of([state], BEGIN + 4 * MINUTE)] == [("a", "missed")]


def test_two_jobs_with_one_lock_that_fall_due_together_never_run_together() -> None:
    state = lock(a={}, b={}, c={"on_overlap": "queue"})

    decision = carried_out(state, found := decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    assert found.start is not None
    assert (found.start.job, [start.job for start in found.queue]) == ("a", ["c"])
    assert fates_of(decision, "b") == [(1, "skipped", "overlap")]


@pytest.mark.parametrize(
    ("keys", "hold", "fate"),
    [
        ({"disabled": True}, None, ("skipped", "disabled")),
        ({"exclude": ("2027-01-15",)}, None, ("skipped", "excluded")),
        ({}, {"state": "held", "by": "ann@web1"}, ("skipped", "held")),
    ],
    ids=["disabled", "excluded", "held"],
)
def test_what_is_not_to_run_is_skipped_by_choice(
    keys: dict[str, Any], hold: dict[str, Any] | None, fate: tuple[str, str]
) -> None:
    state = lock(a=keys)
    state.jobs["a"].health = hold

    decision = decide(state, BEGIN + MINUTE)

    assert decision.start is None
    assert [(each.fate, each.reason) for each in decision.fates["a"]] == [fate]


def test_after_an_outage_the_newest_time_runs_and_those_before_it_are_missed() -> None:
    state = lock(a={"start_within": 600.0})

    decision = decide(state, BEGIN + 5 * MINUTE + 1)

    assert decision.start is not None
    assert decision.start.slot == BEGIN + 5 * MINUTE
    assert [(fate.fate, fate.reason) for fate in decision.fates["a"]] == [("missed", "trigger_dead")] * 4


def test_missed_times_are_caught_up_one_by_one_oldest_first_and_a_due_one_goes_first() -> None:
    state = lock(a={"start_within": 30.0, "catch_up_which": "all", "schedule": ("*/5 * * * *",)})
    now, order = BEGIN + 14 * MINUTE, []

    for _ in range(4):
        decision = carried_out(state, found := decide(state, now), now)
        if found.start is not None:
            order.append(((found.start.slot or 0) - BEGIN) // MINUTE)
            ended(decision, now + 45)
        now += MINUTE

    assert order == [5, 15, 10]


def test_a_long_outage_becomes_one_record_of_a_range() -> None:
    state = lock(a={})

    decision = decide(state, BEGIN + 1000 * MINUTE)

    assert decision.fates["a"][0] == Fate(
        slot=BEGIN + MINUTE, until=BEGIN + 800 * MINUTE, count=800, fate="missed", reason="trigger_dead"
    )
    assert sum(fate.count for fate in decision.fates["a"]) + (decision.start is not None) == 1000


def test_replace_stops_the_run_in_flight_and_starts_when_it_has_ended() -> None:
    state = lock(a={"on_overlap": "replace"})
    carried_out(state, decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    replacing = decide(state, BEGIN + 2 * MINUTE)
    carried_out(state, replacing, BEGIN + 2 * MINUTE)
    after = decide(ended(state, BEGIN + 2 * MINUTE + 3, "failed"), BEGIN + 2 * MINUTE + 3)

    assert (replacing.stops_running, replacing.start) == (True, None)
    assert after.start is not None
    assert after.start.slot == BEGIN + 2 * MINUTE


def test_replace_leaves_a_run_alone_that_still_waits_for_a_place_on_its_host() -> None:
    state = lock(a={"on_overlap": "replace"})
    carried_out(state, decide(state, BEGIN + MINUTE), BEGIN + MINUTE)
    state.is_waiting = True

    beside = decide(state, BEGIN + 2 * MINUTE)
    carried_out(state, beside, BEGIN + 2 * MINUTE)
    state.is_waiting = False
    replacing = decide(state, BEGIN + 3 * MINUTE)

    (fate,) = beside.fates["a"]
    assert (fate.fate, fate.reason, beside.stops_running) == ("skipped", "overlap", False)
    assert fate.detail == "an earlier start of this job still waits for a place on its host"
    assert replacing.stops_running


def test_fail_makes_an_overlap_a_failed_run() -> None:
    state = lock(a={"on_overlap": "fail"})
    carried_out(state, first := decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    decision = decide(state, BEGIN + 2 * MINUTE)

    assert first.wake_at == BEGIN + 2 * MINUTE
    assert [(fate.fate, fate.outcome, fate.reason) for fate in decision.fates["a"]] == [("ran", "failed", "overlap")]


def test_a_queue_is_in_order_of_arrival_has_an_end_and_a_time_limit() -> None:
    state = lock(a={"on_overlap": "queue", "queue_timeout": 3600.0})
    carried_out(state, decide(state, BEGIN + MINUTE), BEGIN + MINUTE)

    for minute in range(2, MAX_QUEUE + 4):
        carried_out(state, found := decide(state, BEGIN + minute * MINUTE), BEGIN + minute * MINUTE)
    waiting = [((start.slot or 0) - BEGIN) // MINUTE for start in state.queue]
    late = decide(state, BEGIN + 62 * MINUTE + 1)

    assert waiting == list(range(2, MAX_QUEUE + 2))
    assert fates_of(state, "a") == [(22, "skipped", "overlap"), (23, "skipped", "overlap")]
    assert found.wake_at == BEGIN + 62 * MINUTE  # then the first has waited for too long
    assert late.fates["a"][-1].detail == "it waited for the lock for 3600 s" or late.queue[0].slot != BEGIN + 2 * MINUTE


def test_a_start_by_hand_finds_the_lock_taken_in_the_same_moment() -> None:
    state = lock(a={})
    state.queue = (by_hand("a"), by_hand("a"))

    decision = decide(state, BEGIN + 1)

    assert decision.start == by_hand("a")
    assert list(decision.queue) == [by_hand("a")]


def test_a_rerun_has_an_id_of_its_own() -> None:
    start = replace(by_hand("a"), run_id="a/2027-01-15T08:01:00Z", slot=BEGIN + MINUTE)

    second = again(start, BEGIN + 100)

    assert (second.run_id, second.attempt) == ("a/2027-01-15T08:01:00Z#2", 2)
    assert again(second, BEGIN + 200).run_id == "a/2027-01-15T08:01:00Z#3"


def run_and_end(state: LockState, now: float, outcome: str, **facts: Any) -> Decision:
    """Decide, carry it out, end the run that begins, and return what that end leads to."""
    carried_out(state, found := decide(state, now), now)
    assert state.running is not None, found
    assert found.start == state.running
    ended_now = Ended(fate="ran", outcome=outcome, host="web1", slow_start=found.start.slow, **facts)
    past = PastRun(start=state.running, since=now, until=now + 1, ended=ended_now)
    state.running = None
    carried_out(state, after := decide(state, now + 1, [past]), now + 1)
    return after


def test_failures_on_all_hosts_together_lead_to_backoff_and_a_success_ends_it() -> None:
    state = lock(a={"policy": Policy(backoff_delay_seconds=90.0)})

    run_and_end(state, BEGIN + MINUTE, "failed", detail="exited with 1")
    carried_out(state, skipped := decide(state, BEGIN + 2 * MINUTE), BEGIN + 2 * MINUTE)
    run_and_end(state, BEGIN + 3 * MINUTE, "succeeded")

    (fate,) = skipped.fates["a"]
    assert (skipped.start, fate.fate, fate.reason) == (None, "skipped", "backoff")
    assert fate.detail is not None
    assert fate.detail.startswith("1 failure, backing off until 2027-01-15T08:02:31")
    assert (state.jobs["a"].health or {})["state"] == "healthy"


def test_so_many_failures_in_a_row_hold_the_job_and_a_probe_that_goes_well_releases_it() -> None:
    state = lock(a={"policy": Policy(hold_after_failures=2, release_after_seconds=150.0)})

    run_and_end(state, BEGIN + MINUTE, "failed")
    run_and_end(state, BEGIN + 2 * MINUTE, "lost")
    held = state.jobs["a"].hold_at(BEGIN + 2 * MINUTE)
    carried_out(state, skipped := decide(state, BEGIN + 3 * MINUTE), BEGIN + 3 * MINUTE)
    carried_out(state, decide(state, BEGIN + 4 * MINUTE), BEGIN + 4 * MINUTE)
    probe = decide(state, BEGIN + 5 * MINUTE)
    run_and_end(state, BEGIN + 5 * MINUTE, "succeeded")

    assert held is not None
    assert held.note == "2 failures in a row"
    assert [fate.reason for fate in skipped.fates["a"]] == ["held"]
    assert probe.start is not None
    assert probe.start.slow
    assert state.jobs["a"].hold_at(BEGIN + 9 * MINUTE) is None


def test_after_a_probe_whose_end_nobody_knows_the_next_one_is_a_probe_again() -> None:
    state = lock(a={"on_host_loss": "rerun", "policy": Policy(hold_after_failures=1, release_after_seconds=150.0)})
    run_and_end(state, BEGIN + MINUTE, "failed")
    run_and_end(state, BEGIN + 4 * MINUTE, "lost")  # the probe; it is not run once more, as the job is held
    still_held = state.jobs["a"].hold_at(BEGIN + 5 * MINUTE)

    run_and_end(state, BEGIN + 7 * MINUTE, "succeeded")

    assert still_held is not None
    assert state.jobs["a"].hold_at(BEGIN + 8 * MINUTE) is None


def test_a_missed_time_of_a_held_job_is_not_made_up_for_by_its_probe() -> None:
    policy = Policy(hold_after_failures=1, release_after_seconds=90.0)
    state = lock(a={"catch_up_which": "all", "policy": policy, "start_within": 10.0})
    carried_out(state, decide(state, BEGIN + MINUTE + 20), BEGIN + MINUTE + 20)  # too late: missed, and made up for
    assert state.running is not None
    caught_up = state.running.slot
    failed = Ended(fate="ran", outcome="failed", host="web1")
    past = PastRun(start=state.running, since=BEGIN + 80, until=BEGIN + 81, ended=failed)
    state.running = None
    carried_out(state, decide(state, BEGIN + 81, [past]), BEGIN + 81)

    between = decide(state, BEGIN + 4 * MINUTE + 30)  # the time of the probe has come, a planned time has not
    carried_out(state, between, BEGIN + 4 * MINUTE + 30)
    probe = decide(state, BEGIN + 5 * MINUTE).start

    assert caught_up == BEGIN + MINUTE
    assert between.start is None
    assert probe is not None
    assert (probe.slot, probe.slow_step) == (BEGIN + 5 * MINUTE, "probe")


@pytest.mark.parametrize(("force", "step"), [(False, "2 of 3"), (True, None)])
def test_a_run_by_hand_is_a_step_of_the_slow_start_unless_it_is_forced(force: bool, step: str | None) -> None:
    policy = Policy(slow_start_runs=3, slow_start_when_new=True)
    state = lock(a={"policy": policy})
    state.jobs["a"].health = with_version(state.jobs["a"], replaces=None, now=BEGIN)
    run_and_end(state, BEGIN + MINUTE, "succeeded")
    state.queue = (replace(by_hand("a"), force=force),)

    start = decide(state, BEGIN + MINUTE + 5).start

    assert start is not None
    assert (start.slow, start.slow_step) == (step is not None, step)


def test_a_failure_that_no_run_can_fix_holds_the_job_also_by_hand_and_a_stopped_run_counts_nothing() -> None:
    state = lock(a={"schedule": (), "policy": Policy(hold_after_failures=1)})
    state.queue = (by_hand("a"),)
    run_and_end(state, BEGIN + 1, "failed", reason="stopped")
    stopped = state.jobs["a"].hold_at(BEGIN + 5)
    state.queue = (by_hand("a"),)
    run_and_end(state, BEGIN + 5, "failed", verdict="hold")

    assert stopped is None
    assert state.jobs["a"].hold_at(BEGIN + 9 * MINUTE) is not None


def paused(state: LockState, *, until: float, now: float = BEGIN) -> None:
    """Hold the job a until then, as the workflow does when it is asked."""
    job = state.jobs["a"]
    job.health = held_by_hand(job, Event.HELD_BY_HAND, by="ann@db1", note="a move", now=now, until=until)


def test_a_hold_with_an_end_skips_planned_times_until_then_and_ends_by_itself() -> None:
    state, until = lock(a={}), BEGIN + 90.5
    paused(state, until=until)

    skipped = decide(state, BEGIN + MINUTE)
    carried_out(state, skipped, BEGIN + MINUTE)
    still = state.jobs["a"].hold_at(until - 0.001)
    ended = decide(state, until)
    carried_out(state, ended, until)
    started = decide(state, BEGIN + 2 * MINUTE)

    (fate,) = skipped.fates["a"]
    assert (fate.fate, fate.reason, skipped.start) == ("skipped", "held", None)
    assert fate.detail == "held since 2027-01-15T08:00:00.000Z by ann@db1 until 2027-01-15T08:01:30.500Z: a move"
    assert skipped.wake_at == until
    assert still is not None
    assert hold_in_words(still) == "held by ann@db1 until 2027-01-15T08:01:30.500Z: a move"
    assert statuses_of([state], until)[0].state == "idle"
    assert (ended.health["a"]["state"], ended.health["a"]["why"]) == ("healthy", "the pause is over")
    assert started.start is not None


def test_a_planned_time_before_the_end_of_a_hold_stays_held_though_it_is_decided_about_later() -> None:
    state = lock(a={"on_overlap": "queue"})
    paused(state, until=BEGIN + 90)

    late = decide(state, BEGIN + 2 * MINUTE)

    assert [fate.reason for fate in late.fates["a"]] == ["held"]
    assert late.start is not None
    assert late.start.slot == BEGIN + 2 * MINUTE


def test_a_shorter_hold_does_not_end_a_longer_one_and_an_end_that_has_passed_is_forgotten() -> None:
    state = lock(a={})
    paused(state, until=BEGIN + 600)
    paused(state, until=BEGIN + 60, now=BEGIN + 1)
    longer = state.jobs["a"].hold_at(BEGIN + 2)
    paused(state, until=BEGIN + 900, now=BEGIN + 700)
    again = state.jobs["a"].hold_at(BEGIN + 701)

    assert longer is not None
    assert longer.until == BEGIN + 600
    assert again is not None
    assert (again.since, again.until) == (BEGIN + 700, BEGIN + 900)


def test_a_slow_start_follows_a_hold_that_ended_by_itself_when_the_file_says_so() -> None:
    state = lock(a={"policy": Policy(slow_start_runs=2, slow_start_after_hold=True)})
    paused(state, until=BEGIN + 30)

    carried_out(state, decide(state, BEGIN + 30), BEGIN + 30)
    first = decide(state, BEGIN + MINUTE).start

    assert first is not None
    assert first.slow


def test_a_start_whose_job_was_removed_meanwhile_is_dropped_and_the_lock_continues() -> None:
    state = lock(a={}, gone={"on_overlap": "queue"})
    state.queue = (Start(run_id="gone/x", job="gone", arrived=BEGIN, slot=BEGIN - MINUTE), by_hand("gone"))
    del state.jobs["gone"]

    decision = decide(state, BEGIN + MINUTE)
    carried_out(state, decision, BEGIN + MINUTE)

    assert "gone" not in decision.fates
    assert decision.queue == ()
    assert [(start.job, why) for start, why in decision.refused] == [("gone", "its job is gone")]
    assert state.running is not None


def test_a_lost_run_is_run_once_more_and_only_the_last_loss_is_a_failure() -> None:
    state = lock(a={"on_host_loss": "rerun", "policy": Policy(hold_after_failures=1)})

    after = run_and_end(state, BEGIN + MINUTE, "lost")

    assert after.start is not None
    assert after.start.run_id == "a/2027-01-15T08:01:00Z#2"
    assert state.jobs["a"].hold_at(BEGIN + 9 * MINUTE) is None


def test_a_lost_run_that_was_to_be_stopped_is_not_run_once_more() -> None:
    state = lock(a={"on_host_loss": "rerun"})
    carried_out(state, decide(state, BEGIN + MINUTE), BEGIN + MINUTE)
    ended(state, BEGIN + MINUTE + 20, "lost")

    after = decide(state, BEGIN + MINUTE + 20, [replace(state.past[-1], is_stopped=True)])

    assert (after.start, after.queue) == (None, ())
    assert [fate.outcome for fate in after.fates["a"]] == ["lost"]


def test_a_job_is_stale_when_no_run_on_any_host_has_succeeded_for_so_long() -> None:
    state = lock(a={"success_every": 120.0, "schedule": ()})
    state.jobs["a"].since = BEGIN

    young, old = statuses_of([state], BEGIN + 100), statuses_of([state], BEGIN + 130)
    state.queue = (by_hand("a"),)
    after = run_and_end(state, BEGIN + 130, "succeeded")

    assert [young[0].why, old[0].why] == [
        None,
        "stale: no run has succeeded since its file came 2 min ago, success_every: 2 min",
    ]
    assert after.successes == {"a": BEGIN + 131}


def test_a_host_that_is_away_keeps_its_jobs_until_it_is_pruned() -> None:
    assert hosts_to_have({"web1", "web2"}, {"web2", "web3"}, prune=False) == ["web1", "web2", "web3"]
    assert hosts_to_have({"web1", "web2"}, {"web2", "web3"}, prune=True) == ["web2", "web3"]


def test_a_job_of_all_hosts_is_planned_on_each_of_them_and_nowhere_else() -> None:
    state = lock(a={"queue": "all", "followers": ("other/b",)})
    spec = on_host(state.jobs["a"].spec, "web1")
    state.lock = "lock@*"
    nothing = decide(state, BEGIN + MINUTE)
    state.lock, state.jobs["a"].spec = "lock@web1", spec
    found = decide(state, BEGIN + MINUTE)

    assert (nothing.start, nothing.wake_at) == (None, None)
    assert (spec.queue, spec.followers) == ("host/web1", ("other@web1/b",))
    assert found.start is not None
    assert found.start.run_id == "a/2027-01-15T08:01:00Z@web1"


def chain(*, on: str = "success") -> tuple[LockState, LockState]:
    """Return the locks of a cause and of the job that comes after it."""
    cause, follower = lock(a={"followers": ("other/b",)}), lock(b={"after": (After(job="a", on=on, within=600.0),)})
    follower.lock = "other"
    return cause, follower


@pytest.mark.parametrize(
    ("outcome", "on", "starts"),
    [
        ("succeeded", "success", True),
        ("failed", "success", False),
        ("lost", "failure", True),
        ("warned", "always", True),
    ],
)
def test_a_follower_starts_when_its_cause_has_ended_as_it_wants(outcome: str, on: str, starts: bool) -> None:
    cause, follower = chain(on=on)
    carried_out(follower, waits := decide(follower, BEGIN + MINUTE), BEGIN + MINUTE)

    after = run_and_end(cause, BEGIN + MINUTE, outcome)
    ((name, end),) = after.signals
    follower.jobs["b"].causes = with_end((), end)
    found = decide(follower, BEGIN + MINUTE + 2)

    assert (waits.start, waits.waiting["b"], name) == (None, (BEGIN + MINUTE,), "other/b")
    assert (found.start is not None) == starts
    if not starts:
        (fate,) = found.fates["b"]
        assert (fate.fate, fate.reason) == ("skipped", "cause_missing")
        assert fate.detail is not None
        assert fate.detail.startswith("a failed at 2027-01-15T08:01:01.000Z (run ")


def test_a_follower_does_not_wait_longer_than_within_and_hears_of_a_skip_at_once() -> None:
    _, follower = chain()
    carried_out(follower, decide(follower, BEGIN + MINUTE), BEGIN + MINUTE)
    late = decide(follower, BEGIN + MINUTE + 600)
    skip = CauseEnd(job="a", slot=BEGIN + MINUTE, fate="skipped", words="was skipped: held")
    follower.jobs["b"].causes = (skip,)
    told = decide(follower, BEGIN + MINUTE + 1)

    assert late.fates["b"][-1].detail == "a has not ended; waited 10 min (within)"
    assert told.fates["b"][0].detail == "a was skipped: held"


def test_in_one_lock_a_follower_starts_in_the_decision_after_the_end_of_its_cause() -> None:
    state = lock(a={"followers": ("lock/b",)}, b={"after": (After(job="a", on="success", within=600.0),)})

    after = run_and_end(state, BEGIN + MINUTE, "succeeded")

    assert after.start is not None
    assert (after.start.job, after.start.slot) == ("b", BEGIN + MINUTE)


@pytest.mark.parametrize("seed", range(20))
def test_over_hours_with_outages_each_planned_time_has_exactly_one_fate_and_one_run_at_most(seed: int) -> None:
    dice = random.Random(seed)
    policies = dice.choices(["skip", "queue", "replace", "fail"], k=2)
    state = lock(
        a={"on_overlap": policies[0]}, b={"on_overlap": policies[1], "catch_up_which": dice.choice([None, "all"])}
    )
    now, runs, settled = float(BEGIN), Counter[str](), dict[tuple[str, int], Fate]()
    last = BEGIN + 120 * MINUTE
    while now < last:
        carried_out(state, found := decide(state, now), now)
        runs.update([found.start.run_id] if found.start is not None else [])
        settled.update(((slug, fate.slot), fate) for slug, fates in found.fates.items() for fate in fates)
        if found.stops_running:
            now += 1
            assert state.running is not None
            settled[state.running.job, state.running.slot or 0] = Fate(slot=state.running.slot or 0, fate="ran")
            ended(state, now, "failed")
            continue
        wake_at = found.wake_at if found.wake_at is not None else float("inf")
        end_at = now + dice.choice([1, 20, 70, 400]) if state.running is not None else float("inf")
        now = min(wake_at, end_at) + dice.choice([0, 0, 0, 0, dice.randrange(1200)])
        if state.running is not None and now >= end_at:
            settled[state.running.job, state.running.slot or 0] = Fate(slot=state.running.slot or 0, fate="ran")
            ended(state, now)

    under_way = [start for start in (*state.queue, state.running) if start is not None]
    assert max(runs.values()) == 1
    for slug, job in state.jobs.items():
        known = {slot for one, slot in settled if one == slug} | {
            start.slot for start in under_way if start.job == slug
        }
        assert set(range(BEGIN + MINUTE, job.planned.planned_to + 1, MINUTE)) - known == set(), slug

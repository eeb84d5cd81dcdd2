"""Starts that wait in the scheduler when the clock is set back, and when another scheduler takes over."""

from collections.abc import Hashable
from datetime import UTC, datetime

from process_control.core.schedule.agenda import Agenda
from process_control.core.schedule.dispatch import Dispatch, JobPlan
from process_control.core.schedule.schedule import Schedule
from process_control.core.start_queue import Limits, Running

NOON = int(datetime(2027, 5, 5, 12, tzinfo=UTC).timestamp())
FULL, FREE = {"one": Running("one", "one", None)}, dict[Hashable, Running]()


def full_host(columns: str, now: float, *, on_overlap: str = "skip") -> Dispatch:
    """Return a scheduler whose host is full: what falls due waits."""

    def schedule_of(key: Hashable) -> Schedule:
        return Schedule.parse([str(key)], time_zone="UTC", host="host", slug="job")

    dispatch = Dispatch(Agenda(schedule_of))
    dispatch.limits = Limits(1)
    dispatch.plan({"job": JobPlan(slug="job", key=columns, start_within=90.0, lock="job", on_overlap=on_overlap)}, now)
    dispatch.others = dict(FULL)
    return dispatch


def slots(dispatch: Dispatch, now: float, monotonic: float) -> list[int | None]:
    return [start.slot for start in dispatch.take_due(now, monotonic)]


def test_what_waits_and_will_be_due_again_after_a_step_back_starts_then_only() -> None:
    dispatch = full_host("0 12 * * *", NOON - 5)
    assert slots(dispatch, NOON + 1, 1.0) == []

    dispatch.rewind(NOON - 3600, 10.0)
    dispatch.others = dict(FREE)

    assert slots(dispatch, NOON - 3599, 11.0) == []
    assert slots(dispatch, NOON + 1, 3611.0) == [NOON]


def test_what_waits_since_before_the_time_that_a_clock_set_back_shows_starts_once() -> None:
    """It waits from 12:00:01 to 12:01:30; the clock is set back by a minute and a half."""
    dispatch = full_host("0 12 * * *", NOON - 5)
    assert slots(dispatch, NOON + 1, 1.0) == []
    assert slots(dispatch, NOON + 90, 90.0) == []

    dispatch.rewind(NOON + 1, 91.0)
    dispatch.others = dict(FREE)

    assert [*slots(dispatch, NOON + 2, 92.0), *slots(dispatch, NOON + 60, 150.0)] == [NOON]


def test_what_began_after_a_wait_was_not_early() -> None:
    """It was due when the clock was ahead by 61 seconds, and began when its time had come."""
    dispatch = full_host("0 12 * * *", NOON - 5)
    assert slots(dispatch, NOON + 1, 1.0) == []
    dispatch.others = dict(FREE)
    assert slots(dispatch, NOON + 50, 50.0) == [NOON]

    dispatch.rewind(NOON - 10, 51.0)

    assert slots(dispatch, NOON + 1, 62.0) == []


def test_all_that_waited_goes_to_the_next_scheduler_and_is_no_later_for_it() -> None:
    dispatch = full_host("* * * * *", NOON - 5, on_overlap="queue")
    for minute in range(5):
        assert slots(dispatch, NOON + 60 * minute, 60.0 * minute) == []
    held = [(start.job, start.slot or 0, start.arrived) for start in dispatch.held()]
    assert [slot - NOON for _, slot, _ in held] == [0, 60, 120, 180, 240]

    following = full_host("* * * * *", NOON + 241, on_overlap="queue")
    for each in held:
        following.wait_again(*each, NOON + 241)
    following.catch_the_last(NOON + 241, 241.0, {"job": NOON - 60})
    following.others = dict(FREE)

    (first,) = following.take_due(NOON + 241, 241.0)
    assert (first.slot, first.arrived, first.was_held) == (NOON, 0.0, True)
    assert [start.slot for start in following.waiting] == [slot for _, slot, _ in held[1:]]


def test_what_waited_while_the_clock_was_ahead_is_left_to_its_time_by_the_next_scheduler() -> None:
    following = full_host("0 12 * * *", NOON - 600)
    following.others = dict(FREE)

    following.wait_again("job", NOON, 0.0, NOON - 600)

    assert slots(following, NOON - 599, 1.0) == []
    assert slots(following, NOON + 1, 601.0) == [NOON]

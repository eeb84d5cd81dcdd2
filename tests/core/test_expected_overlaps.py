"""Herds, overlaps, misspelled tags and changed plans: the pure rules behind `lint` and `plan`."""

import random

import pytest

from process_control.core.schedule.herds import Herd, herds, spread
from process_control.core.schedule.overlaps import PlannedRuns, lock_overlaps, own_overlap
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.plan_change import Concurrency, Peak, slot_change
from process_control.core.tags import odd_tags
from process_control.core.usual import UsualDuration, usual_duration

DAY, HOUR = 86400, 3600
BEGIN = 20_000 * DAY


def takes(seconds: float, slow: float | None = None) -> UsualDuration:
    return UsualDuration(median=seconds, slow=slow, runs=20, attempt=seconds)


def runs(*slots: int, seconds: float = 60, slow: float | None = None, lock: str = "own") -> PlannedRuns:
    return PlannedRuns(slots=slots, lock=lock, usual=takes(seconds, slow))


# --- durations -------------------------------------------------------------------------------------------------------


def test_two_runs_do_not_show_what_is_usual_and_three_do() -> None:
    assert usual_duration([(5, 1), (7, 1)]) is None
    assert usual_duration([(5, 1), (9, 1), (7, 1)]) == UsualDuration(median=7, slow=None, runs=3, attempt=7)


def test_an_attempt_is_measured_by_runs_of_one_attempt() -> None:
    usual = usual_duration([(100, 3), (120, 3), (10, 1)])

    assert usual is not None
    assert (usual.median, usual.attempt) == (100, 10)


def test_of_twenty_runs_the_slow_one_is_known() -> None:
    usual = usual_duration([(10, 1)] * 19 + [(500, 1)])

    assert usual is not None
    assert (usual.median, usual.slow) == (10, 500)


# --- overlaps --------------------------------------------------------------------------------------------------------


def test_planned_times_within_a_usual_run_are_counted() -> None:
    overlap = own_overlap("sync", runs(0, 1800, 3600, 5400, 7200, seconds=2700))

    assert overlap is not None
    assert (overlap.at, overlap.count, overlap.of, overlap.gap_seconds, overlap.is_usual) == (1800, 2, 5, 1800, True)


@pytest.mark.parametrize(
    "planned",
    [runs(0, 1800, seconds=1800), runs(0, seconds=9999), PlannedRuns(slots=(0, 60), lock="own", usual=None)],
    ids=["just in time", "once", "unknown"],
)
def test_what_fits_or_is_unknown_is_no_overlap(planned: PlannedRuns) -> None:
    assert own_overlap("sync", planned) is None


def test_jobs_of_one_lock_collide_and_others_do_not() -> None:
    found = lock_overlaps({
        "a": runs(0, DAY, seconds=2700, lock="db"),
        "b": runs(1800, DAY + 1800, lock="db"),
        "c": runs(3600, lock="db"),
        "d": runs(0, seconds=2700),
    })  # fmt: skip

    assert [(each.lock, each.jobs, each.at, each.count) for each in found] == [("db", ("a", "b"), 1800, 2)]


# --- herds -----------------------------------------------------------------------------------------------------------


def test_each_job_is_in_one_herd_at_most_the_largest_first() -> None:
    slots = {f"a{number}": [0, HOUR] for number in range(12)} | {f"b{number}": [HOUR] for number in range(3)}

    found = herds(slots, job_count=15, minutes=1440)

    assert found == [Herd(at=HOUR, jobs=tuple(sorted(slots)))]


@pytest.mark.parametrize(("count", "jobs", "is_one"), [(5, 20, True), (5, 30, False), (10, 5000, True), (4, 4, False)])
def test_many_are_ten_or_a_fifth_of_all(count: int, jobs: int, is_one: bool) -> None:
    slots = {f"a{number}": [0] for number in range(count)}

    assert bool(herds(slots, job_count=jobs, minutes=1440)) is is_one


def test_a_host_on_which_every_minute_has_many_has_no_herd() -> None:
    slots = {f"a{number}": [number % 60 * 60] for number in range(1200)}

    assert herds(slots, job_count=1200, minutes=60) == []


@pytest.mark.parametrize(
    ("written", "better"),
    [
        ("0 2 * * *", "H 2 * * *"),
        ("*/5 * * * *", "H/5 * * * *"),
        ("@daily", "H 0 * * *"),
        ("* * * * *", None),
        ("H 2 * * *", None),
        ("0,17 2 * * *", None),
    ],
)
def test_the_proposal_keeps_the_pace(written: str, better: str | None) -> None:
    assert spread(written) == better


# --- tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("single", "meant"),
    [
        ("nigthly", "nightly"),
        ("Nightly", "nightly"),
        ("night-ly", "nightly"),
        ("weekly", None),
        ("team-b", None),
        ("prod-us", None),
        ("db2", None),
    ],
)
def test_a_tag_is_odd_only_when_it_is_nearly_another(single: str, meant: str | None) -> None:
    known = ["nightly", "team-a", "prod-eu", "db1"]
    found = odd_tags({"a": known, "b": known, "c": [single]})

    assert [each.meant for each in found] == ([] if meant is None else [meant])


# --- changes of a plan -----------------------------------------------------------------------------------------------


def plan(*schedule: str, disabled: bool = False, exclude: tuple[str, ...] = ()) -> Plan:
    return Plan(schedule=schedule, time_zone="UTC", disabled=disabled, exclude=exclude)


def test_planned_times_of_both_sides_are_compared_and_the_first_is_found_far_away() -> None:
    daily, later = plan("0 2 * * *"), plan("0 3 * * *")

    near = slot_change(daily, later, BEGIN, BEGIN + DAY)
    assert (near.added, near.removed, near.first) == ((BEGIN + 3 * HOUR,), (BEGIN + 2 * HOUR,), BEGIN + 2 * HOUR)
    far = slot_change(plan("0 2 1 1 *"), plan("0 2 2 1 *"), BEGIN, BEGIN + DAY)
    assert (far.added, far.removed) == ((), ())
    assert far.first is not None
    assert far.first > BEGIN + DAY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (plan("0 2 * * *"), plan("0 2 * * 0-6")),
        (plan("0 2 * * *", disabled=True), None),
        (plan("0 2 * * *", exclude=("2999-01-01",)), plan("0 2 * * *")),
    ],
    ids=["other words", "disabled", "an excluded day that is far"],
)
def test_the_same_planned_times_in_other_words_are_no_change(before: Plan | None, after: Plan | None) -> None:
    assert slot_change(before, after, BEGIN, BEGIN + DAY).first is None


def test_the_peak_is_that_of_a_count_second_by_second() -> None:
    """A second, naive implementation counts the same."""
    chance = random.Random(7)
    for _ in range(50):
        jobs = [(sorted(chance.sample(range(100), chance.randint(1, 5))), chance.randint(1, 30)) for _ in range(6)]
        found = Concurrency()
        for slots, seconds in jobs:
            found.add(slots, seconds)
        busy = [
            sum(any(slot <= moment < slot + seconds for slot in slots) for slots, seconds in jobs)
            for moment in range(140)
        ]
        assert found.peak() == Peak(max(busy), busy.index(max(busy)))

"""What a version plans: its values as a record, its hash, the times of a window, the days that are excluded."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from process_control.core.schedule.between import slots_between
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.schedule import Schedule

PLAN = Plan(
    schedule=("0 6 * * *", "30 7 * * *"),
    time_zone="Europe/Berlin",
    disabled=True,
    exclude=("2026-12-24",),
    start_within=90.0,
    catch_up={"which": "latest", "within": 86400},
)
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
    "Pacific/Apia", "America/St_Johns", "Antarctica/Troll", "Asia/Gaza",
)  # fmt: skip


def column(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number, st.integers(1, 9)).map(lambda of: f"{min(of[:2])}-{max(of[:2])}/{of[2]}")
    return st.one_of(st.just("*"), st.integers(2, 20).map(lambda step: f"*/{step}"), number.map(str), span)


SCHEDULES = st.tuples(
    column(0, 59), column(0, 23), st.one_of(st.just("*"), column(1, 28)), st.one_of(st.just("*"), column(1, 12)),
    st.one_of(st.just("*"), column(0, 7)),
).map(" ".join)  # fmt: skip


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SCHEDULES, min_size=1, max_size=2),
    st.sampled_from(ZONES),
    st.integers(utc(2009, 1, 1), utc(2030, 1, 1)),
    st.integers(1, 9 * 86400),
)
def test_the_fast_slots_of_a_window_are_those_of_the_walk(
    expressions: list[str], zone: str, after: int, seconds: int
) -> None:
    schedule = Schedule.parse(expressions, time_zone=zone, host="", slug="")
    walked, end = [], datetime.fromtimestamp(after + seconds, UTC)
    for slot in schedule.after(datetime.fromtimestamp(after, UTC)):
        if slot > end:
            break
        walked.append(int(slot.timestamp()))

    assert slots_between(schedule, after, after + seconds) == walked


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Berlin", (2026, 3, 29), 23), ("Europe/Berlin", (2026, 10, 25), 25), ("UTC", (2026, 3, 29), 24)],
)
def test_a_day_on_which_the_clock_is_changed_has_its_hours(zone: str, day: tuple[int, int, int], hours: int) -> None:
    plan = Plan(schedule=("0 * * * *",), time_zone=zone)
    midnight = Schedule.parse(["0 0 * * *"], time_zone=zone, host="", slug="").after(
        datetime(*day, tzinfo=UTC) - timedelta(hours=3)
    )
    first, second = (int(next(midnight).timestamp()) for _ in range(2))

    assert len(plan.slots(first, second)) == hours


def test_the_times_of_several_expressions_come_once_each_and_rise() -> None:
    plan = Plan(schedule=("0 * * * *", "0,30 6 * * *"), time_zone="UTC")
    six = utc(2026, 3, 10, 6)

    assert plan.slots(six - 1, six + 3600) == (six, six + 1800, six + 3600)
    assert plan.slots(six, six + 1800) == (six + 1800,)


@pytest.mark.parametrize(
    "plan",
    [
        PLAN._replace(schedule=()),
        PLAN._replace(time_zone="Europe/Atlantis"),
        PLAN._replace(schedule=("every now and then",)),
    ],
    ids=["no schedule", "a zone that is gone", "no schedule at all"],
)
def test_a_plan_that_cannot_be_evaluated_plans_nothing(plan: Plan) -> None:
    assert plan.slots(0, utc(2026, 3, 10)) == ()


def test_a_plan_comes_back_from_its_record() -> None:
    assert Plan.from_record(PLAN.to_record()) == PLAN


@pytest.mark.parametrize(
    "changed",
    [
        {"schedule": ("0 6 * * *",)},
        {"time_zone": "Europe/Vienna"},
        {"disabled": False},
        {"exclude": ()},
        {"start_within": 91.0},
        {"catch_up": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_hash_is_of_the_file_and_of_each_value(changed: dict[str, object]) -> None:
    assert PLAN.hash("a") == Plan.from_record(PLAN.to_record()).hash("a")
    assert PLAN.hash("a") != PLAN.hash("b")
    assert PLAN.hash("a") != PLAN._replace(**changed).hash("a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exclude", "words"),
    [
        (("2026-12-24",), "2026-12-24"),
        (("2026-01-01", "2026-12-20..2026-12-24"), "2026-12-20..2026-12-24"),
        (("2026-12-24..2027-01-02",), "2026-12-24..2027-01-02"),
        (("2026-12-23", "2026-12-25", "some day"), None),
        ((), None),
    ],
)
def test_a_day_is_excluded_in_the_zone_of_the_job(exclude: tuple[str, ...], words: str | None) -> None:
    plan = PLAN._replace(exclude=exclude)

    assert plan.excluded_by(utc(2026, 12, 23, 23, 30)) == words  # 24 December, 00:30 in Berlin

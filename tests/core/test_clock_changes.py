"""The marks beside planned times around a clock change: Berlin and Lord Howe Island, both ways."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from process_control.core.schedule.clock_changes import clock_change_marks, next_hits
from process_control.core.schedule.schedule import Schedule

FORWARD, BACK = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


def marks(expression: str, before: datetime, zone: str, count: int) -> list[str]:
    slots = Schedule.parse([expression], time_zone=zone, host="db1", slug="job").after(before)
    return clock_change_marks([next(slots) for _ in range(count)], before, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("expression", "before", "expected"),
    [
        (
            "30 2 * * *",
            FORWARD,
            ["the clock goes forward by 1 h before it; right after the time that is skipped", "", ""],
        ),
        (
            "30 2 * * *",
            BACK,
            ["the clock shows this time twice: the first time", "the clock goes back by 1 h before it", ""],
        ),
        ("0 12 * * *", FORWARD, ["the clock goes forward by 1 h before it", "", ""]),
        ("0 12 * * *", datetime(2026, 6, 1, tzinfo=UTC), ["", "", ""]),
    ],
    ids=["skipped", "twice, fixed", "the day of the change", "summer"],
)
def test_a_slot_says_what_a_clock_change_does_to_it(expression: str, before: datetime, expected: list[str]) -> None:
    assert marks(expression, before, "Europe/Berlin", 3) == expected


def test_both_passes_of_an_hour_that_comes_twice_are_told_apart() -> None:
    found = marks("30 * * * *", datetime(2026, 10, 24, 23, 45, tzinfo=UTC), "Europe/Berlin", 3)

    assert found == [
        "the clock shows this time twice: the first time",
        "the clock goes back by 1 h before it; the clock shows this time twice: the second time",
        "",
    ]


def test_a_change_of_half_an_hour_is_told_in_minutes() -> None:
    found = marks("0 12 * * *", datetime(2026, 10, 3, 2, tzinfo=UTC), "Australia/Lord_Howe", 1)

    assert found == ["the clock goes forward by 30 min before it"]


# --- what the next changes do to fixed times -------------------------------------------------------------------------

JANUARY = datetime(2026, 1, 10, tzinfo=UTC)


def hits(expression: str, zone: str, now: datetime = JANUARY) -> list[tuple[str, bool]]:
    [parsed] = Schedule.parse([expression], time_zone=zone, host="db1", slug="job").expressions
    return [(f"{hit.wall:%Y-%m-%d %H:%M}", hit.change.skips) for hit in next_hits(parsed, now)]


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", [("2026-03-29 02:30", True), ("2026-10-25 02:30", False)]),
        ("30 1 * * *", "America/New_York", [("2026-11-01 01:30", False)]),
        ("0 0-23 * * *", "Europe/Berlin", [("2026-03-29 02:00", True), ("2026-10-25 02:00", False)]),
        ("15 2 * * *", "Australia/Lord_Howe", [("2026-10-04 02:15", True)]),
        ("30 2 * * 1", "Europe/Berlin", []),
        ("30 * * * *", "Europe/Berlin", []),
        ("0 3 * * *", "Europe/Berlin", []),
        ("30 2 * * *", "UTC", []),
    ],
    ids=["both", "New York", "every hour", "half an hour", "on Monday", "wildcard", "right after it", "UTC"],
)
def test_the_next_changes_hit_fixed_times_in_their_hour(
    expression: str, zone: str, expected: list[tuple[str, bool]]
) -> None:
    assert hits(expression, zone) == expected


def test_a_change_of_today_counts_and_one_of_the_past_does_not() -> None:
    assert hits("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 29, 0, 30, tzinfo=UTC))[0][0] == "2026-03-29 02:30"
    assert hits("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 30, 0, 30, tzinfo=UTC))[0][0] == "2026-10-25 02:30"

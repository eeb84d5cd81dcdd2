"""Days that are excluded: how they are written, which days an event touches, and what is left of a schedule."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from process_control.core.schedule import excluded
from process_control.core.schedule.excluded import ExcludeError, days_as_written, days_of_events, span_with
from process_control.core.schedule.included import Included
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.schedule import Schedule

BERLIN, TOKYO, CHATHAM = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Pacific/Chatham")


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("2026-12-24", "2026-12-24"),
        ("2028-02-29", "2028-02-29"),
        ("2026-12-24..2027-01-02", "2026-12-24..2027-01-02"),
        ("2026-12-24 .. 2027-01-02", "2026-12-24..2027-01-02"),
        ("2026-12-24..2026-12-24", "2026-12-24..2026-12-24"),
    ],
)
def test_a_date_or_a_range_has_one_spelling(text: str, spelling: str) -> None:
    assert days_as_written(text) == spelling


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("2027-02-29", "has a day that does not exist: '2027-02-29'", "February 2027 has 28 days"),
        ("2026-13-01", "has a day that does not exist: '2026-13-01'", "write year, month and day: 2026-12-24"),
        ("0000-01-01", "has a day that does not exist: '0000-01-01'", "write year, month and day: 2026-12-24"),
        (
            "2027-01-02..2026-12-24",
            "has a range that ends before it begins: '2027-01-02..2026-12-24'",
            "did you mean 2026-12-24..2027-01-02?",
        ),
        (
            "2026-12-24 - 2027-01-02",
            "has '2026-12-24 - 2027-01-02', which is neither a date nor a range",
            "did you mean 2026-12-24..2027-01-02?",
        ),
        ("24.12.2026", "has '24.12.2026', which is neither a date nor a range", "did you mean 2026-12-24?"),
        ("20261224", "has '20261224', which is neither a date nor a range", "did you mean 2026-12-24?"),
        ("2026-2-3", "has '2026-2-3', which is neither a date nor a range", "did you mean 2026-02-03?"),
        (
            "12/24",
            "has '12/24', which is neither a date nor a range",
            "write a date (2026-12-24) or a range (2026-12-24..2027-01-02)",
        ),
    ],
)
def test_what_is_no_day_is_named_with_what_was_meant(text: str, what: str, hint: str) -> None:
    with pytest.raises(ExcludeError) as error:
        days_as_written(text)

    assert (error.value.what, error.value.hint) == (what, hint)


def at(text: str, zone: ZoneInfo) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_an_event_touches_each_day_of_the_zone_that_asks() -> None:
    night = (at("2026-12-01 22:00", BERLIN), at("2026-12-02 02:00", BERLIN), "Night")
    until_midnight = (at("2026-12-04 20:00", BERLIN), at("2026-12-05 00:00", BERLIN), "Evening")
    no_length = (at("2026-12-07 00:00", BERLIN), at("2026-12-07 00:00", BERLIN), "")
    events = [night, until_midnight, no_length]

    assert days_of_events(events, BERLIN, "ops") == [
        "2026-12-01..2026-12-02 Night (ops)",
        "2026-12-04 Evening (ops)",
        "2026-12-07 (ops)",
    ]
    assert days_of_events(events, TOKYO, "ops") == [
        "2026-12-02 Night (ops)",
        "2026-12-05 Evening (ops)",
        "2026-12-07 (ops)",
    ]


def test_whole_days_and_times_without_a_zone_are_those_of_every_zone() -> None:
    events = [("2026-12-01", "2026-12-03", "Days"), ("2026-12-05T23:30:00", "2026-12-06T00:30:00", "Anywhere")]

    for zone in (BERLIN, TOKYO, CHATHAM):
        assert days_of_events(events, zone, "c") == [
            "2026-12-01..2026-12-02 Days (c)",
            "2026-12-05..2026-12-06 Anywhere (c)",
        ]


def test_neighbours_of_the_same_name_are_one_range() -> None:
    events = [(f"2026-12-{day:02}", f"2026-12-{day + 1:02}", "Closed") for day in (1, 2, 3, 5)]

    assert days_of_events(events, BERLIN, "c") == ["2026-12-01..2026-12-03 Closed (c)", "2026-12-05 Closed (c)"]


def test_the_plan_names_the_entry_in_its_zone() -> None:
    plan = Plan(schedule=("0 0 * * *",), time_zone="Asia/Tokyo", exclude=("2026-12-25 Christmas Day (de)",))

    assert plan.excluded_by(int(at("2026-12-25 00:00", TOKYO))) == "2026-12-25 Christmas Day (de)"
    assert plan.excluded_by(int(at("2026-12-24 23:59", TOKYO))) is None
    assert Plan.from_record(plan.to_record()).excluded_by(int(at("2026-12-25 23:59", TOKYO))) is not None


def test_the_hash_is_that_of_the_calendars_and_not_of_the_days_they_come_to() -> None:
    made_of = ("de 123 holidays 1",)
    early = Plan(schedule=(), time_zone=None, exclude=("2026-12-25",), exclude_made_of=made_of)
    late = Plan(schedule=(), time_zone=None, exclude=("2027-12-25",), exclude_made_of=made_of)
    other = Plan(schedule=(), time_zone=None, exclude=("2027-12-25",), exclude_made_of=("de 123 holidays 2",))

    assert early.hash("v") == late.hash("v") != other.hash("v")
    assert Plan(schedule=(), time_zone=None).hash("v") != early.hash("v")


def test_the_window_of_calendars_always_reaches_far_enough_and_stays_for_long() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    windows = set()
    for number in range(1500):
        moment = begin + timedelta(days=number)
        now = moment.timestamp()
        first, last = excluded.window(now)
        windows.add((first, last))
        assert last - moment.date() > timedelta(days=excluded.AHEAD_DAYS - 1)
        assert moment.date() - first >= timedelta(days=excluded.BACK_DAYS)
        assert excluded.window(excluded.window_ends(now) - 1) == (first, last)
        assert excluded.window(excluded.window_ends(now)) != (first, last)

    assert len(windows) <= 1500 // excluded.BLOCK_DAYS + 2


def test_what_is_left_of_a_schedule_is_what_trying_each_time_finds() -> None:
    dice = random.Random(7)
    for _ in range(60):
        zone = dice.choice((BERLIN, TOKYO, CHATHAM, ZoneInfo("America/Havana")))
        schedule = Schedule.parse(
            [dice.choice(("0 0 * * *", "30 2 * * *", "*/30 * * * *", "59 23 * * 1-5", "0 12 1 * *"))],
            time_zone=zone,
            host="h",
            slug="s",
        )
        first = date(2026, 3, 1) + timedelta(days=dice.randrange(60))
        exclude = tuple(
            f"{first + timedelta(days=begin)}..{first + timedelta(days=begin + dice.randrange(8))}"
            for begin in dice.sample(range(40), 4)
        )
        moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(60 * 24 * 90))
        included = Included(schedule, exclude, zone)

        wanted = itertools.islice(
            (slot for slot in schedule.after(moment) if span_with(slot.astimezone(zone).date(), exclude) is None), 20
        )
        assert list(itertools.islice(included.after(moment), 20)) == list(wanted)

        back = schedule.last_at_or_before(moment)
        while back is not None and span_with(back.astimezone(zone).date(), exclude) is not None:
            back = schedule.last_at_or_before(back - timedelta(seconds=1))
        assert included.last_at_or_before(moment) == back


def test_a_schedule_of_which_nothing_is_left_ends() -> None:
    schedule = Schedule.parse(["* * * * *"], time_zone=BERLIN, host="h", slug="s")
    nothing = Included(schedule, ("0001-01-01..9999-12-31",), BERLIN)

    assert next(nothing.after(datetime(2026, 1, 1, tzinfo=UTC)), None) is None
    assert nothing.last_at_or_before(datetime(2026, 1, 1, tzinfo=UTC)) is None

"""A schedule as lines of `OnCalendar=`: systemd itself names the same planned times."""

import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import pytest

from kit.systemd import elapses, has_systemd_analyze
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.on_calendar import CalendarLines, calendar_lines, clock_changes, years_ahead
from process_control.core.schedule.schedule import Schedule

YEARS = (2026, 2028)
COUNT = 1000
#: Schedules that are tried: few in a test, many with PROCESS_CONTROL_SCHEDULES=2000.
TRIED = int(os.environ.get("PROCESS_CONTROL_SCHEDULES", "6"))
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago",
    "Asia/Beirut", "America/Havana", "Atlantic/Azores", "Africa/Casablanca", "America/Nuuk",
)  # fmt: skip
needs_systemd = pytest.mark.skipif(not has_systemd_analyze(), reason="systemd-analyze is not installed here")


def schedule(*expressions: str, zone: str = "UTC") -> Schedule:
    return Schedule.parse(expressions, time_zone=zone, host="db1", slug="backup")


def lines(*expressions: str, zone: str = "UTC") -> list[str]:
    return list(calendar_lines(schedule(*expressions, zone=zone), years=YEARS).lines)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# --- word for word ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["*-*-* 02:30:00 UTC"]),
        ("* * * * *", ["*-*-* *:*:00 UTC"]),
        ("@weekly", ["Sun *-*-* 00:00:00 UTC"]),
        ("*/5 9-17 * * Mon-Fri", ["Mon..Fri *-*-* 09..17:00..55/5:00 UTC"]),
        ("0 0 29 2 *", ["*-02-29 00:00:00 UTC"]),
        ("0 0 31 * *", ["*-*-31 00:00:00 UTC"]),
        ("0 0 1,15 * mon", ["*-*-01,15 00:00:00 UTC", "Mon *-*-* 00:00:00 UTC"]),
        ("0 0 1,15 jan,dec sun", ["*-01,12-01,15 00:00:00 UTC", "Sun *-01,12-* 00:00:00 UTC"]),
        ("0 0 */2 * mon", ["Mon *-*-01..31/2 00:00:00 UTC"]),
        ("0 0 13 * */2", ["Tue,Thu,Sat,Sun *-*-13 00:00:00 UTC"]),
        ("0 0 1-31 * mon", ["*-*-* 00:00:00 UTC"]),
        ("0 0 13 * 0-7", ["*-*-* 00:00:00 UTC"]),
        ("0 0 30 2 mon", ["Mon *-02-* 00:00:00 UTC"]),
        ("0 0 * * 5,6,7", ["Fri..Sun *-*-* 00:00:00 UTC"]),
        ("7-23/4,40 1,2,3,9 * * *", ["*-*-* 01..03,09:07,11,15,19,23,40:00 UTC"]),
    ],
)
def test_an_expression_is_these_lines(expression: str, expected: list[str]) -> None:
    assert lines(expression) == expected


def test_several_expressions_are_several_lines_and_equal_ones_one() -> None:
    assert lines("@daily", "0 0 * * *", "0 12 * * *") == ["*-*-* 00:00:00 UTC", "*-*-* 12:00:00 UTC"]


def test_the_zone_of_the_host_has_no_name() -> None:
    found = calendar_lines(Schedule.parse(["0 3 * * *"], time_zone=UTC, host="db1", slug="x"), years=YEARS)

    assert found.lines == ("*-*-* 03:00:00",)


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", ["2026-03-29 01:00:00", "2027-03-28 01:00:00", "2028-03-26 01:00:00"]),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            ["2026-10-25 01:00,30:00", "2027-10-31 01:00,30:00", "2028-10-29 01:00,30:00"],
        ),
        ("30 4 * * *", "Europe/Berlin", []),
        ("* * * * *", "Asia/Kolkata", []),
    ],
)
def test_what_systemd_leaves_out_at_clock_changes_is_added_in_utc(
    expression: str, zone: str, expected: list[str]
) -> None:
    found = calendar_lines(schedule(expression, zone=zone), years=YEARS)

    assert found.at_clock_changes == tuple(f"{moment} UTC" for moment in expected)


def test_the_lines_stay_the_same_for_the_days_of_a_year() -> None:
    assert years_ahead(datetime(2026, 1, 1, tzinfo=UTC)) == (2026, 2027)
    assert years_ahead(datetime(2026, 11, 20, tzinfo=UTC)) == (2026, 2027)
    assert years_ahead(datetime(2026, 12, 31, tzinfo=UTC)) == (2026, 2028)


@pytest.mark.parametrize("zone", ["CET", "EST", "GMT"])
def test_a_zone_that_systemd_may_take_for_half_of_the_hosts_year_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match=f"systemd may take the time zone '{zone}' for a half of the year"):
        lines("0 3 * * *", zone=zone)


# --- against systemd -------------------------------------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize("seed", range(TRIED))
def test_systemd_starts_a_random_schedule_at_the_same_thousand_times(seed: int) -> None:
    chance = random.Random(seed)
    expressions = [_expression(chance) for _ in range(chance.choice((1, 1, 1, 2)))]
    zone = chance.choice(ZONES)
    try:
        planned = schedule(*expressions, zone=zone)
    except ScheduleError:
        return  # 31 February
    base = seconds("2026-01-01") + chance.randrange(300 * 86400)

    assert_systemd_agrees(planned, base)


@needs_systemd
@pytest.mark.parametrize("zone", ZONES)
def test_systemd_agrees_around_the_clock_changes_of_a_year(zone: str) -> None:
    expressions = ("*/20 * * * *", "10,40 0-4 * * *", "0 */4 * * *", "0 0,4 * * *", "0 0 * * *", "30 23,0 * * sun")
    planned = [schedule(expression, zone=zone) for expression in expressions]
    changes = clock_changes(planned[0].expressions[0].zone, seconds("2027-01-01"), seconds("2028-01-01"))

    for each in planned:
        for change in changes:
            assert_systemd_agrees(each, change.at - 30 * 3600, count=150 if each is planned[0] else 15)
    assert len(changes) == (0 if zone in ("UTC", "Asia/Kolkata") else 2)


@needs_systemd
def test_the_moments_at_clock_changes_are_needed() -> None:
    """systemd alone leaves the night of the change out: when it no longer does, they can go."""
    [line] = lines("30 2 * * *", zone="Europe/Berlin")

    found = elapses(line, seconds("2027-03-27 12:00"), iterations=1)

    assert found == [seconds("2027-03-29 00:30")]


def assert_systemd_agrees(planned: Schedule, base: int, *, count: int = COUNT) -> None:
    """Hold our next planned times against the moments at which a timer would start something."""
    ours = [int(slot.timestamp()) for slot in islice(planned.after(datetime.fromtimestamp(base, UTC)), count)]
    end = min(ours[-1], seconds(f"{YEARS[1] + 1}-01-01")) if ours else base
    calendar = calendar_lines(planned, years=YEARS)
    theirs = sorted(moment for moment in _starts(calendar, base, count) if moment <= end)
    expected = [slot for slot in ours if slot <= end]

    assert theirs[: len(expected)] == expected, (planned.for_cron, planned.named_zone, calendar)


def _starts(calendar: CalendarLines, base: int, count: int) -> set[int]:
    found = (moment for line in (*calendar.lines, *calendar.at_clock_changes) for moment in _of(line, base, count))
    return set(found)


def _of(line: str, base: int, count: int) -> Iterator[int]:
    """Yield the moments of a line; after a failure it is asked again a day later, as a timer does after a start."""
    at, tries = base, 0
    while tries < 8:
        found = elapses(line, at, iterations=count)
        yield from found
        if len(found) == count or line[:4].isdigit():
            return
        at, tries = (found[-1] if found and not tries else at + 86400), tries + 1


def _expression(chance: random.Random) -> str:
    columns = [
        _column(chance, 0, 59),
        _column(chance, 0, 23),
        _column(chance, 1, 31),
        chance.choice(("*", "*", _column(chance, 1, 12), "feb", "jan-mar,oct", "mar,oct")),
        chance.choice(("*", "*", _column(chance, 0, 7), "mon-fri", "sun", "*/2")),
    ]
    return " ".join(columns)


def _column(chance: random.Random, low: int, high: int) -> str:
    return ",".join(_terms(chance, low, high))


def _terms(chance: random.Random, low: int, high: int) -> Sequence[str]:
    first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
    step = chance.randint(1, high - low)
    kinds = ("*", f"*/{step}", f"{first}", f"{first}-{last}", f"{first}-{last}/{step}", "H", f"{high}")
    return chance.sample(kinds, chance.choice((1, 1, 2))) if chance.random() < 0.8 else ["*"]

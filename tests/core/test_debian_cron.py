"""The starts of Debian's cron by its own loop, and the planned times of a job: equal, over all changes of the clock."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from process_control.core.quiet_moment import FIRST_SECOND, is_between_edges, seconds_until_quiet
from process_control.core.schedule.between import slots_between
from process_control.core.schedule.debian_cron import CronEntry, starts_of
from process_control.core.schedule.schedule import Schedule

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"),
    *("America/St_Johns", "America/Sao_Paulo", "Antarctica/Troll"),
)
AT_CHANGES = ("0,30 2 * * *", "30 2 * * *", "*/20 2 * * *", "0 * * * *", "59 1 * * sun", "0 3 * * *", "*/7 1-3 * * *")
YEAR = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def at_random(chance: random.Random) -> str:
    def column(low: int, high: int) -> str:
        first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
        forms = ["*", f"*/{chance.randint(1, 20)}", str(first), f"{first}-{last}", f"{last},{first}", f"*,{low}"]
        return chance.choice([*forms, f"{high},*/2", f"{first}-{last}/{chance.randint(1, 5)}"])

    return " ".join(column(*bounds) for bounds in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7)))


@pytest.mark.parametrize("zone", ZONES)
def test_line_and_job_have_the_same_times_for_a_year(zone: str) -> None:
    chance, place = random.Random(zone), ZoneInfo(zone)
    different = []
    for written in (*AT_CHANGES, *(at_random(chance) for _ in range(8))):
        of_line = starts_of(CronEntry.read(written), place, YEAR, YEAR + 366 * 86400)
        schedule = Schedule.parse([written], time_zone=place, host="h", slug="s")
        if of_line != slots_between(schedule, YEAR, YEAR + 366 * 86400):
            different.append(written)

    assert different == []


def test_a_skipped_hour_is_made_up_for_and_a_repeated_one_runs_once() -> None:
    def starts(written: str, day: datetime) -> list[str]:
        begin = int(day.timestamp()) - 7200
        found = starts_of(CronEntry.read(written), ZoneInfo("Europe/Berlin"), begin, begin + 86400)
        return [f"{datetime.fromtimestamp(moment, UTC):%H:%M}" for moment in found]

    spring, autumn = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)

    assert starts("30 2 * * *", spring) == ["01:00"]
    assert starts("30 2 * * *", autumn) == ["00:30"]
    assert starts("*/30 2 * * *", autumn) == ["00:00", "00:30", "01:00", "01:30"]


@pytest.mark.parametrize(
    ("second", "due", "seconds"),
    [
        (30, [], 0),
        (2, [], FIRST_SECOND - 2),
        (55, [], 10),
        (30, [1], 95),
        (30, [0], 35),
        (30, [0, 1, 2, 3, 4, 5], 0),
        (58, [0, 1, 2, 3, 4, 5], 7),
    ],
)
def test_the_exchange_waits_until_the_line_is_not_due(second: int, due: list[int], seconds: float) -> None:
    waited = seconds_until_quiet(float(YEAR + second), [YEAR + 60 * minute for minute in due])

    assert waited == seconds
    assert is_between_edges(YEAR + second + waited)

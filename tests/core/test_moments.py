"""Times for people: one form each, clear of which day it is, in the zone of the host."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from process_control.core.moments import (
    ago,
    clock,
    day_and_time,
    due,
    in_local_time,
    since,
    times_of_a_column,
    took,
    until,
)

NOW = datetime(2026, 11, 28, 3, 53, tzinfo=UTC)  # a Saturday


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "Sat 04:53"), (6, "Sun 04:53"), (7, "Sat 21 Nov 04:53"), (365, "28 Nov 2025 04:53")],
)
def test_a_day_is_as_short_as_it_is_clear(days: int, words: str) -> None:
    assert day_and_time(NOW - timedelta(days=days), NOW) == words


def test_a_column_has_one_form_that_is_clear_for_its_oldest_time() -> None:
    recent = [NOW - timedelta(hours=1), None, NOW]

    assert times_of_a_column(recent, NOW) == ["Sat 03:53:00", "", "Sat 04:53:00"]
    assert times_of_a_column([*recent, NOW - timedelta(days=9)], NOW)[0] == "Sat 28 Nov 03:53:00"


def test_a_sentence_says_the_time_of_day_and_how_long_ago_or_when() -> None:
    assert since(NOW - timedelta(minutes=25), NOW) == "Sat 04:28 (25 min ago)"
    assert since(NOW - timedelta(seconds=3), NOW) == "Sat 04:52 (just now)"
    assert due(NOW + timedelta(hours=2), NOW) == "Sat 06:53 (in 2 h)"


def test_the_times_in_a_recorded_sentence_are_shown_as_local_ones() -> None:
    told = "backing off until 2026-11-28T03:35:03.253Z (run 1m8, 2026-11-01T00:00:00Z)"

    assert in_local_time(told, NOW) == "backing off until Sat 04:35 (run 1m8, Sun 01 Nov 01:00)"
    assert in_local_time("a file T-2026-11-28T99:00:00Z stays", NOW) == "a file T-2026-11-28T99:00:00Z stays"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 ms"), (0.004, "4 ms"), (0.12, "0.12 s"), (4.24, "4.2 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_no_duration_is_0_00(seconds: float, words: str) -> None:
    assert took(seconds) == words


def test_times_are_in_the_zone_that_is_asked_for() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")

    assert day_and_time(NOW, NOW, tokyo) == "Sat 12:53"
    assert clock(NOW, tokyo) == "Sat 28 Nov 12:53 JST"
    assert ago(NOW - timedelta(hours=13), NOW, tokyo) == "yesterday 23:53"
    assert until(NOW + timedelta(hours=12), NOW, tokyo) == "tomorrow 00:53"
    assert in_local_time("held since 2026-11-28T03:53:00.000Z", NOW, tokyo) == "held since Sat 12:53"
    assert times_of_a_column([NOW], NOW, tokyo) == ["Sat 12:53:00"]

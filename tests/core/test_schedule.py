"""Schedules: what is read, what is refused, and when it fires; clock changes included."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Expression, Schedule, host_zone, is_zone_of_host

BERLIN = "Europe/Berlin"


def schedule(*expressions: str, zone: str = "UTC", host: str = "db1", slug: str = "purge") -> Schedule:
    return Schedule.parse(expressions, time_zone=zone, host=host, slug=slug)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def next_slots(what: Schedule, after: str, count: int, zone: str = "UTC") -> list[str]:
    slots = islice(what.after(moment(after)), count)
    return [slot.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for slot in slots]


# --- what is read --------------------------------------------------------------------------------------------------

WRITTEN_AND_FOR_CRON = {
    "numbers": ("5 4 3 2 1", "5 4 3 2 1"),
    "stars": ("* * * * *", "* * * * *"),
    "steps": ("*/5 */2 */3 */4 */2", "*/5 */2 */3 */4 */2"),
    "ranges with a step": ("0-30/10 8-18 1-7 1-6/2 1-5", "0-30/10 8-18 1-7 1-6/2 1-5"),
    "lists": ("0,15,30-35 1,2 * * *", "0,15,30-35 1,2 * * *"),
    "names in any case": ("0 0 * JAN,feb Mon-Fri", "0 0 * 1,2 1-5"),
    "Sunday as 7": ("0 0 * * 7", "0 0 * * 7"),
    "tabs and blanks around": ("  0\t0  * * *\t", "0 0 * * *"),
    "a step that no column has": ("*/4294967296 0-23/99 * * *", "*/60 0-23/24 * * *"),
    "@yearly": ("@yearly", "0 0 1 1 *"),
    "@annually": ("@annually", "0 0 1 1 *"),
    "@monthly": ("@monthly", "0 0 1 * *"),
    "@weekly": ("@weekly", "0 0 * * 0"),
    "@daily": ("@daily", "0 0 * * *"),
    "@midnight": ("@midnight", "0 0 * * *"),
    "@hourly": ("@hourly", "0 * * * *"),
}


@pytest.mark.parametrize(("written", "for_cron"), WRITTEN_AND_FOR_CRON.values(), ids=WRITTEN_AND_FOR_CRON.keys())
def test_vixie_cron_is_read(written: str, for_cron: str) -> None:
    assert schedule(written).for_cron == (for_cron,)


REFUSED = {
    "@reboot": (
        "@reboot",
        (
            "'@reboot' is not a time that cron can plan; "
            "start it from a systemd unit with WantedBy=multi-user.target and ExecStart=run-job NAME"
        ),
    ),
    "unknown shorthand": ("@dayly", "unknown schedule '@dayly'; did you mean '@daily'?"),
    "four fields": (
        "* * * *",
        "schedule '* * * *' has 4 fields; five are required: minute, hour, day of month, month, day of week",
    ),
    "six fields": (
        "0 0 0 * * *",
        (
            "schedule '0 0 0 * * *' has 6 fields (cron has no seconds and no years); "
            "five are required: minute, hour, day of month, month, day of week"
        ),
    ),
    "nothing": ("", "schedule '' has 0 fields; five are required: minute, hour, day of month, month, day of week"),
    "newline": (
        "0 0 * * *\n* * * * *",
        "schedule '0 0 * * *\\n* * * * *' has the character '\\n'; write it in ASCII on one line",
    ),
    "trailing newline": (
        "0 0 * * *\n",
        "schedule '0 0 * * *\\n' has the character '\\n'; write it in ASCII on one line",
    ),
    "variable": (
        "A=1 * * * *",
        "schedule 'A=1 * * * *' has a '='; remove it: cron would take the line for a variable",
    ),
    "too large": ("60 * * * *", "schedule '60 * * * *': minute '60' is out of range; minute is 0-59"),
    "too small": ("0 0 0 * *", "schedule '0 0 0 * *': day of month '0' is out of range; day of month is 1-31"),
    "no such name": (
        "0 0 * janu *",
        "schedule '0 0 * janu *': month 'janu' is not understood; did you mean 'jan'?",
    ),
    "backwards": ("0 22-4 * * *", "schedule '0 22-4 * * *': hour '22-4' runs backwards; write '22-23,0-4'"),
    "backwards to Sunday": (
        "0 0 * * fri-sun",
        "schedule '0 0 * * fri-sun': day of week 'fri-sun' runs backwards; write '5-7'",
    ),
    "step of nothing": ("*/0 * * * *", "schedule '*/0 * * * *': minute has a step of 0; a step is 1 or more"),
    "step of a bare number": (
        "5/15 * * * *",
        "schedule '5/15 * * * *': minute '5/15' has a step without a range, which cron rejects; write '5-59/15'",
    ),
    "last day": (
        "0 0 L * *",
        (
            "schedule '0 0 L * *': day of month 'L' is not understood; "
            "cron has no 'last': plan the days 28-31, and let the command check the date"
        ),
    ),
    "third Friday": (
        "0 0 * * 5#3",
        (
            "schedule '0 0 * * 5#3': day of week '5#3' is not understood; "
            "cron has no 'n-th weekday': plan the days 1-7, 8-14, ..., and let the command check the weekday"
        ),
    ),
    "question mark": ("0 0 ? * *", "schedule '0 0 ? * *': day of month '?' is not understood; write '*' for 'any'"),
    "small h": ("h * * * *", "schedule 'h * * * *': minute 'h' is not understood; did you mean 'H'?"),
    "31 February": (
        "0 0 31 2 *",
        "schedule '0 0 31 2 *' never fires; none of these months has such a day; choose another day or month",
    ),
    "31 of short months": (
        "0 0 31 4,6 *",
        "schedule '0 0 31 4,6 *' never fires; none of these months has such a day; choose another day or month",
    ),
}


@pytest.mark.parametrize(("written", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cron_would_not_read_is_refused_with_the_mend(written: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        schedule(written)

    assert str(refusal.value) == message


JUNK = ["LW", "5L", "*5", "5-", "-5", ",5", "5,", "1-5-7", "5x", "*/", "*/x", "\u0663", "1-2/0", "5/", "H(", "H()"]


@pytest.mark.parametrize("written", JUNK)
@pytest.mark.parametrize("column", range(5))
def test_junk_in_a_field_is_refused(written: str, column: int) -> None:
    fields = ["1"] * 5
    fields[column] = written

    with pytest.raises(ScheduleError):
        schedule(" ".join(fields))


@given(st.text(alphabet="0123456789*/-,LWH#?() @abcdhjnrs\n=", max_size=30))
def test_any_text_is_read_or_refused_and_never_anything_else(text: str) -> None:
    try:
        read = schedule(text)
    except ScheduleError:
        return
    assert read.in_words()
    assert next(read.after(moment("2026-01-01T00:00Z")))


def test_unknown_zone_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ScheduleError, match=r"^unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'\?$"):
        schedule("0 0 * * *", zone="Europe/Berln")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "Europe", "", "\0"])
def test_a_zone_name_cannot_leave_the_zone_database(name: str) -> None:
    with pytest.raises(ScheduleError):
        schedule("0 0 * * *", zone=name)


# --- when it fires -------------------------------------------------------------------------------------------------


def test_slots_come_strictly_after_the_moment() -> None:
    assert next_slots(schedule("*/15 * * * *"), "2026-03-01T10:15Z", 2) == ["03-01 10:30+0000", "03-01 10:45+0000"]
    assert next_slots(schedule("*/15 * * * *"), "2026-03-01T10:14:59.9Z", 1) == ["03-01 10:15+0000"]


def test_several_expressions_are_merged_without_doubles() -> None:
    both = schedule("0,30 * * * *", "0 */2 * * *")

    assert next_slots(both, "2026-03-01T01:10Z", 3) == ["03-01 01:30+0000", "03-01 02:00+0000", "03-01 02:30+0000"]


def test_day_fields_are_either_or() -> None:
    either = schedule("0 0 13 * 5")

    slots = next_slots(either, "2026-01-01T00:00Z", 3)

    assert slots == ["01-02 00:00+0000", "01-09 00:00+0000", "01-13 00:00+0000"]


@pytest.mark.parametrize("written", ["0 0 1 * */2", "0 0 */40 * 0,2,4,6"])
def test_day_fields_must_both_match_when_one_begins_with_a_star(written: str) -> None:
    # January to June 2026 begin on Thu, Sun, Sun, Wed, Fri, Mon; */2 are Sun, Tue, Thu, Sat
    assert next_slots(schedule(written), "2025-12-31T00:00Z", 3) == [
        "01-01 00:00+0000",
        "02-01 00:00+0000",
        "03-01 00:00+0000",
    ]


def test_a_range_of_one_with_a_step_is_one_number() -> None:
    assert next_slots(schedule("5-5/10 * * * *"), "2026-03-01T10:00Z", 2) == ["03-01 10:05+0000", "03-01 11:05+0000"]


def test_leap_day_is_found() -> None:
    assert next(schedule("0 0 29 2 *").after(moment("2026-01-01T00:00Z"))) == moment("2028-02-29T00:00Z")


# Europe/Berlin: on 29 March 2026 02:00 becomes 03:00; on 25 October 2026 03:00 becomes 02:00.

CLOCK_CHANGES = {
    "a fixed slot in the skipped hour runs once right after it": (
        "30 2 * * *",
        "2026-03-28T12:00+01:00",
        ["03-29 03:00+0200", "03-30 02:30+0200"],
    ),
    "several fixed slots in the skipped hour become one": (
        "10,20,30 2 * * *",
        "2026-03-28T12:00+01:00",
        ["03-29 03:00+0200", "03-30 02:10+0200"],
    ),
    "a slot right after the gap is not doubled": (
        "0 2,3 * * *",
        "2026-03-28T12:00+01:00",
        ["03-29 03:00+0200", "03-30 02:00+0200"],
    ),
    "a fixed slot in the repeated hour runs in the first pass only": (
        "30 2 * * *",
        "2026-10-24T12:00+02:00",
        ["10-25 02:30+0200", "10-26 02:30+0100"],
    ),
    "a wildcard hour follows real time over the gap": (
        "30 * * * *",
        "2026-03-29T01:00+01:00",
        ["03-29 01:30+0100", "03-29 03:30+0200"],
    ),
    "a wildcard hour follows real time over the repetition": (
        "30 * * * *",
        "2026-10-25T02:00+02:00",
        ["10-25 02:30+0200", "10-25 02:30+0100", "10-25 03:30+0100"],
    ),
    "wildcard minutes of the skipped hour do not run": (
        "*/30 2 * * *",
        "2026-03-28T12:00+01:00",
        ["03-30 02:00+0200", "03-30 02:30+0200"],
    ),
    "wildcard minutes of the repeated hour run in both passes": (
        "*/30 2 * * *",
        "2026-10-24T12:00+02:00",
        ["10-25 02:00+0200", "10-25 02:30+0200", "10-25 02:00+0100", "10-25 02:30+0100", "10-26 02:00+0100"],
    ),
    "a start inside the second pass does not look back": (
        "30 2 * * *",
        "2026-10-25T02:10+01:00",
        ["10-26 02:30+0100"],
    ),
    "a start inside the first pass still sees the second": (
        "*/20 * * * *",
        "2026-10-25T02:45+02:00",
        ["10-25 02:00+0100", "10-25 02:20+0100", "10-25 02:40+0100", "10-25 03:00+0100"],
    ),
}


@pytest.mark.parametrize(("written", "after", "slots"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES.keys())
def test_clock_change(written: str, after: str, slots: list[str]) -> None:
    assert next_slots(schedule(written, zone=BERLIN), after, len(slots), BERLIN) == slots


@pytest.mark.parametrize(
    ("written", "zone", "after", "slots"),
    [
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T22:00Z", ["12-31 12:00+1400"]),
        ("0 2 * * *", "Antarctica/Casey", "2011-10-27T12:00Z", ["10-29 02:00+1100"]),
    ],
)
def test_a_change_of_three_hours_or_more_is_a_clock_that_was_set(
    written: str, zone: str, after: str, slots: list[str]
) -> None:
    assert next_slots(schedule(written, zone=zone), after, len(slots), zone) == slots


ZONES_AND_CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),  # half an hour back
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),  # half an hour on
    ("Africa/Cairo", "2024-04-25T22:00Z"),  # midnight is skipped
    ("America/Havana", "2024-11-03T05:00Z"),  # midnight comes twice
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),  # the last hour of a day comes twice
    ("Pacific/Apia", "2011-12-30T10:00Z"),  # a whole day is skipped
    ("Antarctica/Casey", "2011-10-27T18:00Z"),  # three hours on: cron takes that for a clock that was set
    ("Antarctica/Casey", "2012-02-21T17:00Z"),  # three hours back
    ("Pacific/Kwajalein", "1993-08-20T12:00Z"),  # a day on
    ("Asia/Kathmandu", "2026-01-01T00:00Z"),  # no change, odd offset
    ("UTC", "2026-01-01T00:00Z"),
]
HALF_WINDOW = timedelta(hours=40)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, few: bool = False) -> str:
    number = st.integers(low, high)
    kind = draw(st.sampled_from(["star", "step", "list", "range"]))
    if kind == "star":
        return "*"
    if kind == "step":
        return f"*/{draw(st.integers(1, high + 3))}"
    if kind == "list":
        return ",".join(str(value) for value in draw(st.lists(number, min_size=1, max_size=3)))
    first = draw(number)
    return f"{first}-{draw(st.integers(first, high))}/{draw(st.integers(1, 7))}"


expressions = st.builds(
    lambda *columns: " ".join(columns), fields(0, 59), fields(0, 23), fields(1, 31), st.just("*"), fields(0, 7)
)


def matcher(expression: Expression) -> Callable[[datetime], bool]:
    fields = [
        frozenset(value for term in terms for value in range(term.first, term.last + 1, term.step))
        for terms in expression.terms
    ]
    minutes, hours, days, months, weekdays = fields
    is_one_a_star = expression.terms[2][0].star or expression.terms[4][0].star

    def matches(wall_time: datetime) -> bool:
        if not (wall_time.minute in minutes and wall_time.hour in hours and wall_time.month in months):
            return False
        day = wall_time.day in days
        weekday = not weekdays.isdisjoint((wall_time.isoweekday(), wall_time.isoweekday() % 7))
        return (day and weekday) if is_one_a_star else (day or weekday)

    return matches


def minute_by_minute(expression: Expression, start: datetime, end: datetime) -> Iterator[datetime]:
    """Debian cron's rule, as its main loop does it: look at each minute of the clock on the wall."""
    matches, minute, jump = matcher(expression), timedelta(minutes=1), timedelta(hours=3)
    latest_seen: datetime | None = None
    moment = start - timedelta(hours=30)
    while moment <= end:
        wall_time = moment.astimezone(expression.zone).replace(tzinfo=None)
        if latest_seen is None:
            latest_seen = wall_time - minute
        fires = False
        if not -jump < wall_time - latest_seen <= jump:
            latest_seen = wall_time - minute  # the clock was set
        if expression.is_fixed:
            while latest_seen < wall_time:
                latest_seen += minute
                fires = matches(latest_seen) or fires
        else:
            fires = matches(wall_time)
        if fires and moment > start:
            yield moment
        moment += minute


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES_AND_CHANGES), expressions, st.integers(-2400, 2400))
def test_slots_are_those_of_debian_cron_minute_by_minute(zone: tuple[str, str], written: str, minutes: int) -> None:
    name, change = zone
    try:
        [expression] = schedule(written, zone=name).expressions
    except ScheduleError:
        return
    start, end = moment(change) + timedelta(minutes=minutes), moment(change) + HALF_WINDOW

    expected = list(minute_by_minute(expression, start, end))

    assert list(takewhile(lambda slot: slot <= end, Schedule(expressions=(expression,)).after(start))) == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES_AND_CHANGES), expressions, st.integers(-2400, 2400))
def test_last_slot_is_the_one_that_the_next_ones_lead_to(zone: tuple[str, str], written: str, minutes: int) -> None:
    name, change = zone
    try:
        planned = schedule(written, zone=name)
    except ScheduleError:
        return
    now = moment(change) + timedelta(minutes=minutes)

    last = planned.last_at_or_before(now)

    assert last is not None
    assert last <= now
    assert last in set(islice(planned.after(last - timedelta(seconds=1)), 1))
    assert next(planned.after(last)) > now


# --- H -------------------------------------------------------------------------------------------------------------


def test_hash_is_stable_for_host_and_job() -> None:
    # SHA-256 over host NUL slug NUL field name; first 8 bytes big endian: part of the contract, do not change
    assert schedule("H H H H H", host="db1", slug="purge").for_cron == ("34 21 20 2 1",)
    assert schedule("H H H H H", host="db2", slug="purge").for_cron == ("48 10 22 2 3",)


def test_hash_spreads_hosts_over_the_hour() -> None:
    minutes = {schedule("H * * * *", host=f"host{number}").for_cron for number in range(300)}

    assert len(minutes) > 55


def test_hash_with_a_step_keeps_the_pace() -> None:
    [written] = schedule("H/15 * * * *").for_cron
    first = int(written.split("-")[0])

    assert 0 <= first < 15
    assert written == f"{first}-{first + 45}/15 * * * *"


@given(st.text(min_size=1, max_size=8), st.integers(0, 59), st.integers(0, 59), st.integers(1, 90))
def test_hash_stays_in_its_range(host: str, one: int, other: int, step: int) -> None:
    low, high = sorted((one, other))

    [single] = schedule(f"H({low}-{high}) * * * *", host=host).expressions
    [paced] = schedule(f"H({low}-{high})/{step} * * * *", host=host).expressions

    assert low <= single.terms[0][0].first == single.terms[0][0].last <= high
    assert all(low <= value <= high for value in paced.terms[0][0].values)


def test_hash_plans_only_days_that_each_month_has() -> None:
    days = {int(schedule("0 0 H * *", slug=f"job{number}").for_cron[0].split()[2]) for number in range(300)}

    assert days == set(range(1, 29))


def test_hash_is_a_number_for_the_clock_change_rule() -> None:
    assert schedule("H 2 * * *").expressions[0].is_fixed
    assert not schedule("H * * * *").expressions[0].is_fixed


# --- in words ------------------------------------------------------------------------------------------------------

IN_WORDS = {
    "* * * * *": "every minute",
    "*/5 * * * *": "every 5 minutes",
    "*/7 * * * *": "every 7 minutes from the full hour",
    "0 * * * *": "every hour at :00",
    "7,22,37,52 * * * *": "every hour at :07, :22, :37 and :52",
    "30 2 * * *": "at 02:30 every day",
    "0 8,20 * * 1-5": "at 08:00 and 20:00 on Monday to Friday",
    "0 */2 * * *": "every 2 hours at :00",
    "0 9-17 * * 1-5": "every hour from 09:00 to 17:00 on Monday to Friday",
    "*/15 9-17 * * *": "every 15 minutes from 09:00 to 17:45",
    "0 0 1 * *": "at 00:00 on the 1st of each month",
    "0 0 1,15 1,7 *": "at 00:00 on the 1st and 15th of January and July",
    "0 0 */2 * *": "at 00:00 on the 1st and every 2nd day after it of each month",
    "0 0 * 6 *": "at 00:00 every day in June",
    "0 0 13 * 5": "at 00:00 on the 13th of each month and also on Friday",
    "0 0 1 * */2": "at 00:00 on the 1st of each month, if it is a Sunday, Tuesday, Thursday or Saturday",
}


@pytest.mark.parametrize(("written", "words"), IN_WORDS.items())
def test_schedule_in_words(written: str, words: str) -> None:
    assert Schedule.parse([written], time_zone=ZoneInfo("UTC"), host="h", slug="s").in_words() == words


def test_words_name_the_zone_that_the_job_asked_for() -> None:
    words = schedule("@daily", "0 12 * * *", zone=BERLIN).in_words()

    assert words == "at 00:00 every day; at 12:00 every day (Europe/Berlin)"


# --- zone of the host ----------------------------------------------------------------------------------------------


def test_the_hosts_zone_is_the_links_target_never_the_callers(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    monkeypatch.setenv("TZ", "America/New_York")

    assert host_zone(str(link)) == ZoneInfo("Asia/Tokyo")


def test_a_copied_zone_file_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    copy = tmp_path / "localtime"
    with open("/usr/share/zoneinfo/Asia/Tokyo", "rb") as file:
        copy.write_bytes(file.read())

    assert moment("2026-01-01T00:00Z").astimezone(host_zone(str(copy))).hour == 9


def test_a_host_without_a_zone_is_on_utc(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert host_zone(str(tmp_path / "nothing")) is UTC


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Zulu"])
def test_the_zone_of_the_host_is_known_by_all_its_names(name: str, tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Etc/UTC")
    copy = tmp_path / "copy"
    copy.write_bytes(link.read_bytes())

    assert is_zone_of_host(name, str(link))
    assert is_zone_of_host(name, str(copy))
    assert is_zone_of_host(name, str(tmp_path / "nothing"))


def test_a_zone_name_that_leaves_the_database_is_opened_nowhere(tmp_path: Path) -> None:
    """To open the FIFO would wait for ever."""
    os.mkfifo(tmp_path / "fifo")

    assert not is_zone_of_host(f"../../..{tmp_path}/fifo")
    assert not is_zone_of_host(f"{tmp_path}/fifo")


@pytest.mark.parametrize("name", ["Europe/Berlin", "Europe/London", "No/Where"])
def test_another_zone_is_not_the_host_s(name: str, tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Etc/UTC")

    assert not is_zone_of_host(name, str(link))
    assert not is_zone_of_host(name, str(tmp_path / "nothing"))

"""Calendars for `exclude`: read safely, kept, seen when they change, and counted for a while when they are gone."""

import json
import os
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kit.harness import forget_cached
from process_control.config import calendar_reading
from process_control.config.all_jobs import load_all
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.calendars import Calendars, Resolved, faults_of_calendars
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job
from process_control.errors import BadConfiguration, Fault
from process_control.state.job_versions import hash_of, record_versions
from process_control.system.clock import iso

A_DAY = 86400
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()


class Host:
    """A job directory, a configuration with calendars, and what is kept of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        (root / "jobs").mkdir(mode=0o755)
        (root / "state").mkdir(mode=0o700)
        self.ics = root / "ops.ics"
        self.configure(ops="ops.ics", de="holidays:DE-BY")

    def configure(self, **calendars: str) -> None:
        path = self.root / "process-control.yaml"
        lines = [f"job_directory: {self.root}/jobs", f"state_directory: {self.root}/state"]
        path.write_text("\n".join([*lines, f"calendars: {json.dumps(calendars)}", ""]))
        path.chmod(0o644)

    def settings(self) -> Settings:
        environ = {b"HOME": os.fsencode(self.root), b"XDG_CACHE_HOME": os.fsencode(self.root / "cache")}
        return load_settings(str(self.root / "process-control.yaml"), environ)

    def job(self, exclude: str, keys: str = "") -> Path:
        path = self.root / "jobs" / "job.yaml"
        path.write_text(f"name: n\ncommand: 'true'\nschedule: '0 3 * * *'\nexclude: {exclude}\n{keys}")
        path.chmod(0o644)
        return path

    def load(self) -> Job:
        return load_job("job", self.settings())

    def write(self, *events: str, text: str = "") -> None:
        """Write the calendar of iCalendar events, each without BEGIN and END."""
        parts = [
            f"BEGIN:VEVENT\nUID:{number}\n{textwrap.dedent(event).strip()}\nEND:VEVENT\n"
            for number, event in enumerate(events)
        ]
        whole = text or f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//tests//EN\n{''.join(parts)}END:VCALENDAR\n"
        self.ics.write_bytes(whole.replace("\n", "\r\n").encode())
        self.ics.chmod(0o644)

    def resolve(self, *entries: str, zone: str = "UTC", now: float = NOW) -> Resolved:
        return Calendars(self.settings(), now).resolve(entries, zone, "job.yaml")

    def days(self, *events: str, zone: str = "UTC") -> list[str]:
        self.write(*events)
        found = self.resolve("ops", zone=zone)
        assert (found.fault, found.stale) == (None, [])
        return list(found.days)

    def fault(self) -> Fault:
        found = self.resolve("ops")
        assert found.fault is not None
        return found.fault


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path)
    forget_cached(tmp_path)


# --- what calendars say ----------------------------------------------------------------------------------------------


def test_the_holidays_of_a_region_are_its_days_by_name(host: Host) -> None:
    found = host.resolve("holidays:DE-BY", "de", "holidays:US-CA")

    assert found.fault is None
    assert "2026-12-26 Second Day of Christmas (holidays:DE-BY)" in found.days
    assert "2027-01-06 Epiphany (de)" in found.days
    assert "2026-12-26 Second Day of Christmas (holidays:US-CA)" not in found.days
    assert any(day.startswith("2027-01-01 ") and day.endswith(" (holidays:US-CA)") for day in found.days)


def test_names_of_holidays_do_not_depend_on_who_looks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")

    assert "2026-12-25 Christmas Day (de)" in host.resolve("de").days


def test_whole_days_and_ranges_of_days(host: Host) -> None:
    assert host.days(
        "DTSTART;VALUE=DATE:20261224\nSUMMARY:Heiligabend",
        "DTSTART;VALUE=DATE:20261227\nDTEND;VALUE=DATE:20270103\nSUMMARY:Betriebsruhe — über Neujahr 🎄",
    ) == ["2026-12-24 Heiligabend (ops)", "2026-12-27..2027-01-02 Betriebsruhe — über Neujahr 🎄 (ops)"]


def test_events_with_times_are_days_of_the_zone_of_the_job(host: Host) -> None:
    event = "DTSTART;TZID=Europe/Berlin:20261205T000000\nDTEND;TZID=Europe/Berlin:20261205T070000\nSUMMARY:Move"

    assert host.days(event, zone="Europe/Berlin") == ["2026-12-05 Move (ops)"]
    assert host.days(event, zone="America/New_York") == ["2026-12-04..2026-12-05 Move (ops)"]
    assert host.days("DTSTART:20261205T233000Z\nDURATION:PT1H\nSUMMARY:Short") == ["2026-12-05..2026-12-06 Short (ops)"]


def test_a_time_zone_that_only_the_calendar_knows(host: Host) -> None:
    zone = textwrap.dedent(
        """\
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//tests//EN
        BEGIN:VTIMEZONE
        TZID:Company Time
        BEGIN:STANDARD
        DTSTART:19700101T000000
        TZOFFSETFROM:+1300
        TZOFFSETTO:+1300
        END:STANDARD
        END:VTIMEZONE
        BEGIN:VEVENT
        UID:1
        DTSTART;TZID=Company Time:20261206T080000
        DTEND;TZID=Company Time:20261206T100000
        SUMMARY:Far east
        END:VEVENT
        END:VCALENDAR
        """
    )
    host.write(text=zone)

    assert host.resolve("ops").days == ("2026-12-05 Far east (ops)",)


def test_events_that_repeat_with_exceptions_and_moved_ones(host: Host) -> None:
    days = host.days(
        """
        DTSTART;VALUE=DATE:20261207
        RRULE:FREQ=WEEKLY;COUNT=4
        EXDATE;VALUE=DATE:20261214
        SUMMARY:Patch day
        """,
        "DTSTART;VALUE=DATE:20261210\nSTATUS:CANCELLED\nSUMMARY:Called off",
    )

    assert days == ["2026-12-07 Patch day (ops)", "2026-12-21 Patch day (ops)", "2026-12-28 Patch day (ops)"]


def test_an_endless_event_fills_the_window_and_no_more(host: Host) -> None:
    (days,) = host.days("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY\nSUMMARY:Always")

    first, last = days.split(" ")[0].split("..")
    assert date.fromisoformat(first) < date(2026, 11, 20)
    assert date.fromisoformat(last) > date(2027, 1, 27)
    assert date.fromisoformat(last) - date.fromisoformat(first) < timedelta(days=502)


def test_names_that_would_break_a_line_are_made_harmless(host: Host) -> None:
    assert host.days(f"DTSTART;VALUE=DATE:20261224\nSUMMARY:a\\n\x1b[31mb  {'c' * 100}") == [
        f"2026-12-24 a [31mb {'c' * 71}… (ops)"
    ]


# --- calendars that cannot be read -----------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_the_remedy(host: Host) -> None:
    fault = host.fault()

    assert str(fault) == (
        f"job.yaml: exclude: calendar ops ({host.ics}) cannot be opened: No such file or directory\n"
        "  hint: put the file there, or correct its path under 'calendars' in the configuration"
    )


def test_what_others_could_change_is_not_read(host: Host) -> None:
    host.write("DTSTART;VALUE=DATE:20261224")
    host.ics.chmod(0o664)

    assert host.fault().what.endswith("has mode 0664: others could change it")
    assert host.fault().hint == f"chmod go-w {host.ics}"


def test_links_pipes_and_directories_are_not_read(host: Host) -> None:
    (host.root / "real.ics").write_text("")
    host.ics.symlink_to(host.root / "real.ics")
    assert host.fault().hint == f"it is a symbolic link: name the file itself ({host.root}/real.ics)"

    host.ics.unlink()
    os.mkfifo(host.ics, 0o600)
    assert host.fault().what.endswith("is not a regular file")

    host.ics.unlink()
    host.ics.mkdir()
    assert host.fault().what.endswith("is not a regular file")


def test_a_file_of_more_than_a_mebibyte_is_not_read(host: Host) -> None:
    host.write("DTSTART;VALUE=DATE:20261224\nDESCRIPTION:" + "x" * (1 << 20))

    assert host.fault().what.endswith("is larger than 1 MiB")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is no iCalendar file"),
        ("hello\n", "is no iCalendar file"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "is no iCalendar file"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:whenever\nEND:VEVENT\nEND:VCALENDAR\n", "is no "),
    ],
    ids=["empty", "text", "cut", "no date"],
)
def test_what_is_no_calendar_is_a_fault(host: Host, text: str, what: str) -> None:
    host.write(text=text or "\n")

    assert what in host.fault().what


def test_bytes_that_are_no_utf_8_are_a_fault(host: Host) -> None:
    host.ics.write_bytes(b"BEGIN:VCALENDAR\r\nX:\xff\r\nEND:VCALENDAR\r\n")

    assert (host.fault().what.endswith("is not UTF-8"), host.fault().hint) == (True, "save it as UTF-8")


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
    ],
)
def test_an_event_that_repeats_without_end_hangs_nobody(host: Host, rule: str) -> None:
    host.write(f"DTSTART:20200101T000000Z\nRRULE:{rule}\nSUMMARY:Bomb")
    began = time.monotonic()

    fault = host.fault()
    took = time.monotonic() - began

    assert "Bomb" in fault.what or "takes more than" in fault.what or "has more than" in fault.what
    assert took < calendar_reading.SECONDS
    began = time.monotonic()
    assert host.fault().what == fault.what
    assert time.monotonic() - began < took + 10


def test_what_is_known_to_be_bad_is_not_tried_again_until_it_changes(host: Host) -> None:
    host.write(text="hello\n")
    host.fault()
    (kept,) = (host.root / "state" / "calendars").iterdir()
    values = json.loads(kept.read_text())
    values["bad"][1] = "is as it was"
    kept.write_text(json.dumps(values))

    assert host.fault().what.endswith("is as it was")
    assert host.days("DTSTART;VALUE=DATE:20261224") == ["2026-12-24 (ops)"]


def test_the_calendars_of_a_configuration_are_looked_at_without_a_job(host: Host) -> None:
    assert [fault.what for fault in faults_of_calendars(host.settings())] == [
        f"calendar ops ({host.ics}) cannot be opened: No such file or directory"
    ]

    host.write("DTSTART;VALUE=DATE:20261224")
    assert faults_of_calendars(host.settings()) == []

    host.ics.chmod(0o666)
    (stale,) = faults_of_calendars(host.settings())
    assert "has mode 0666: others could change it; its reading of " in stale.what
    assert stale.hint == f"chmod go-w {host.ics}"


# --- the last good reading -------------------------------------------------------------------------------------------


def test_the_last_good_reading_counts_for_thirty_days(host: Host) -> None:
    days = host.days("DTSTART;VALUE=DATE:20261224")
    made_of = host.resolve("ops").made_of
    host.ics.unlink()

    late = host.resolve("ops", now=NOW + 29.9 * A_DAY)
    assert (list(late.days), late.made_of, late.fault) == (days, made_of, None)
    (stale,) = late.stale
    assert stale == (
        f"exclude: calendar ops ({host.ics}) cannot be opened: No such file or directory; its reading of 2026-11-28 "
        "counts until 2026-12-28"
    )
    too_late = host.resolve("ops", now=NOW + 30 * A_DAY)
    assert too_late.days == ()
    assert too_late.fault is not None


def test_a_good_look_is_a_good_reading_though_nothing_has_changed(host: Host) -> None:
    host.days("DTSTART;VALUE=DATE:20261224")
    host.resolve("ops", now=NOW + 20 * A_DAY)
    host.ics.unlink()

    assert host.resolve("ops", now=NOW + 45 * A_DAY).fault is None


def test_a_file_that_is_broken_later_leaves_the_last_good_reading(host: Host) -> None:
    days = host.days("DTSTART;VALUE=DATE:20261224")
    host.write(text="broken\n")

    found = host.resolve("ops")
    assert (list(found.days), found.fault, len(found.stale)) == (days, None, 1)


def test_a_reading_that_somebody_has_changed_is_none(host: Host) -> None:
    days = host.days("DTSTART;VALUE=DATE:20261224")
    (kept,) = (host.root / "state" / "calendars").iterdir()

    for text in ("", "[]", "{", json.dumps({"source": "another"})):
        kept.write_text(text)
        assert list(host.resolve("ops").days) == days


# --- caches ----------------------------------------------------------------------------------------------------------


def test_a_changed_calendar_is_another_version_of_its_jobs_and_of_no_others(host: Host) -> None:
    host.write("DTSTART;VALUE=DATE:20261224")
    host.job("[ops]")
    first = host.load().plan_hash
    assert host.load().plan_hash == first

    host.write("DTSTART;VALUE=DATE:20261225")
    second = host.load().plan_hash
    assert second != first
    (listed,) = load_all(host.settings())
    assert isinstance(listed, Job)
    assert hash_of(listed, host.settings()) == second

    host.write("DTSTART;VALUE=DATE:20261224")
    (listed,) = load_all(host.settings())
    assert isinstance(listed, Job)
    assert hash_of(listed, host.settings()) == first == host.load().plan_hash


def test_a_calendar_that_was_only_touched_is_the_same_version(host: Host) -> None:
    host.write("DTSTART;VALUE=DATE:20261224")
    host.job("[ops, 2026-12-01]")
    first = host.load().plan_hash
    os.utime(host.ics, (1, 1))

    assert host.load().plan_hash == first


def test_a_changed_calendar_counts_since_its_file_was_changed(host: Host) -> None:
    host.write("DTSTART;VALUE=DATE:20261224")
    host.job("[ops]")
    job, now = host.load(), time.time()
    before = {"hash": "another", "version": job.version, "at": iso(now - 10 * A_DAY)}
    os.utime(host.root / "jobs" / "job.yaml", (1, 1))

    (record,) = record_versions(host.settings(), [job], {"job": before}, by="somebody", now=now + A_DAY)

    assert record["exclude"] == ["2026-12-24 (ops)"]
    assert record["hash"] == job.plan_hash
    assert abs(datetime.fromisoformat(str(record["since"])).timestamp() - host.ics.stat().st_ctime) < 60


def test_a_calendar_that_cannot_be_read_is_no_new_version(host: Host) -> None:
    host.write(text="hello\n")
    host.job("[ops]")
    job = host.load()
    assert "fault" in job.excluded

    assert record_versions(host.settings(), [job], {"job": {"hash": "x", "version": job.version}}, by="somebody") == []


def test_an_upgraded_library_is_seen_by_the_state_of_its_files(host: Host, tmp_path: Path) -> None:
    host.job("[de]")
    excluded = host.load().excluded
    (stamp,) = excluded["stamps"]

    assert Path(stamp[0]).name == "__init__.py"
    assert Path(stamp[0]).parent.name == "holidays"
    from process_control.config.cache.read import excluded_days_hold

    assert excluded_days_hold(excluded, time.time())
    assert not excluded_days_hold(excluded | {"stamps": [[stamp[0], [0, *stamp[1][1:]]]]}, time.time())
    assert not excluded_days_hold(excluded, time.time() + 7 * A_DAY + 1)
    assert not excluded_days_hold(excluded, time.time() - A_DAY)


def test_dates_alone_ask_for_no_file(host: Host) -> None:
    host.job("[2026-12-24, 2026-12-27..2027-01-02]")

    assert "stamps" not in host.load().excluded
    assert not (host.root / "state" / "calendars").exists()


def test_lists_see_the_next_time_that_no_day_excludes_and_a_change_of_it(host: Host) -> None:
    now = datetime.now(UTC)
    host.job("[ops]", keys="time_zone: UTC")

    def next_slot() -> datetime | None:
        schedules = KnownSchedules(host.settings(), now + timedelta(days=1))
        (job,) = load_all(host.settings())
        assert isinstance(job, Job)
        found = schedules.next_slot(job)
        schedules.keep()
        return found

    host.write("DTSTART;VALUE=DATE:20200101")
    free = next_slot()
    assert free is not None
    host.write(f"DTSTART;VALUE=DATE:{free:%Y%m%d}")
    assert next_slot() == free + timedelta(days=1)
    assert next_slot() == free + timedelta(days=1)
    host.write("DTSTART;VALUE=DATE:20200101")
    assert next_slot() == free


def test_the_last_slot_that_may_be_late_is_none_of_an_excluded_day(host: Host) -> None:
    now = datetime(2026, 12, 27, 12, 0, tzinfo=UTC)
    host.job("[2026-12-24..2026-12-27]", keys="time_zone: UTC")
    schedules = KnownSchedules(host.settings(), now)
    job = host.load()

    assert schedules.last_slot(job, now.timestamp() - 600) == datetime(2026, 12, 23, 3, 0, tzinfo=UTC).timestamp()
    assert schedules.last_slot(job, now.timestamp() - 5 * A_DAY) == datetime(2026, 12, 22, 3, tzinfo=UTC).timestamp()


# --- faults in the files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exclude", "told"),
    [
        (
            "[2026-12-24, opps]",
            (
                "job.yaml:4:23: 'exclude' names a calendar that the configuration does not have: 'opps'\n"
                "  hint: did you mean 'ops'?\n"
            ),
        ),
        (
            "[factory]",
            (
                "job.yaml:4:11: 'exclude' names a calendar that the configuration does not have: 'factory'\n"
                "  hint: the configuration has de, ops\n"
            ),
        ),
        (
            "['holidays:DE-XY']",
            (
                "job.yaml:4:11: 'exclude': 'holidays:DE-XY' names no part of DE: 'XY'\n"
                "  hint: DE has BB, BE, BW, BY, HB, HE, HH, MV, NI, NW, RP, SH, SL, SN, ST, TH, Augsburg\n"
            ),
        ),
        (
            "[holidays:de-by]",
            (
                "job.yaml:4:11: 'exclude': 'holidays:de-by' names no region: they are written in capitals\n"
                "  hint: did you mean 'holidays:DE-BY'?\n"
            ),
        ),
        (
            "2027-02-29",
            (
                "job.yaml:4:10: 'exclude' has a day that does not exist: '2027-02-29'\n"
                "  hint: February 2027 has 28 days\n"
            ),
        ),
        (
            "[2027-01-02..2026-12-24]",
            (
                "job.yaml:4:11: 'exclude' has a range that ends before it begins: '2027-01-02..2026-12-24'\n"
                "  hint: did you mean 2026-12-24..2027-01-02?\n"
            ),
        ),
        (
            "[]",
            (
                "job.yaml:4:10: 'exclude' is an empty list\n"
                "  hint: write a list of dates (2026-12-24), ranges (2026-12-24..2027-01-02), holidays:REGION, "
                "or names of calendars, or remove the line\n"
            ),
        ),
        (
            "[Dec 24]",
            (
                "job.yaml:4:11: 'exclude' must be dates, ranges or names of calendars, not 'Dec 24'\n"
                "  hint: write a list of dates (2026-12-24), ranges (2026-12-24..2027-01-02), holidays:REGION, "
                "or names of calendars\n"
            ),
        ),
    ],
)
def test_faults_are_told_at_their_place(host: Host, exclude: str, told: str) -> None:
    host.job(exclude)

    with pytest.raises(BadConfiguration) as error:
        host.load()

    lines = [line for line in str(error.value).splitlines() if not line.startswith("   ")]
    assert "\n".join(lines) + "\n" == told


def test_the_configuration_is_checked_as_a_job_is(host: Host) -> None:
    path = host.root / "process-control.yaml"
    text = path.read_text()
    path.write_text(f"{text}default_job_config: {{exclude: [opps]}}\n")
    with pytest.raises(BadConfiguration, match=r"default_job_config\.exclude' names a calendar .* 'opps'"):
        host.settings()

    host.configure(**{"2026": "a.ics", "de": "holidays:DEU-XX"})
    with pytest.raises(BadConfiguration) as error:
        host.settings()
    assert [fault.what for fault in error.value.faults] == [
        "'calendars' has an impossible name: '2026'",
        "'calendars.de': 'holidays:DEU-XX' names no part of DEU: 'XX'",
    ]


def test_a_default_holds_until_the_job_says_otherwise(host: Host) -> None:
    path = host.root / "process-control.yaml"
    path.write_text(f"{path.read_text()}default_job_config: {{exclude: [2026-12-24]}}\n")
    job = host.job("2026-12-31")

    assert host.load().exclude == ["2026-12-31"]
    job.write_text("name: n\ncommand: 'true'\nschedule: '0 3 * * *'\n")
    assert host.load().exclude == ["2026-12-24"]

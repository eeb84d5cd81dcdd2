"""Planned times on excluded days: skipped under any trigger, run by hand, never late, and refused when nobody knows.

The clock is that of libfaketime, for `run-job` and what it starts; that of the host and of its files stays.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, SERVICE_USER, Box, Result
from kit.installation import Product
from kit.runs import ends, records, skips, starts

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")

DAILY = "command: 'true'\nschedule: '0 3 * * *'\ntime_zone: UTC\n"
ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//EN
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:{day}
RRULE:FREQ=WEEKLY
SUMMARY:Wartung für {day}
END:VEVENT
END:VCALENDAR
"""


def clock(moment: str) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": f"@{moment}",
        "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def scheduled(box: Box, moment: str, slug: str = "job") -> Result:
    """Start the job as cron would at that moment (UTC)."""
    return box.run("--scheduled", slug, env=clock(moment))


def write_calendar(box: Box, day: str) -> Path:
    path = box.root / "ops.ics"
    path.write_text(ICS.format(day=day).replace("\n", "\r\n"))
    path.chmod(0o644)
    return path


def why(box: Box) -> list[tuple[str, str]]:
    return [(skip["reason"], skip["detail"]) for skip in skips(box)]


@pytest.fixture(scope="module")
def with_calendars(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its extra [calendars]."""
    copy = product.copy_to(tmp_path_factory.mktemp("calendars") / "installation")
    copy.add_extra("calendars")  # a link that another test makes would change its stamp
    yield copy
    shutil.rmtree(copy.prefix)


@pytest.fixture
def calendar_box(make_box: Callable[..., Box], with_calendars: Product) -> Box:
    """A host where the extra is installed, with a calendar that has each Monday."""
    box = make_box(calendars={"ops": "ops.ics", "de": "holidays:DE-BY"})
    box.product = with_calendars
    write_calendar(box, "20260105")
    return box


# --- dates and ranges ------------------------------------------------------------------------------------------------


def test_a_planned_time_on_an_excluded_day_is_skipped_and_says_by_what(box: Box) -> None:
    box.job("job", f"{DAILY}exclude: [2026-12-24, 2026-12-27..2027-01-02]")

    for day in ("2026-12-23", "2026-12-24", "2026-12-26", "2026-12-27", "2027-01-02", "2027-01-03"):
        result = scheduled(box, f"{day} 03:00:20")
        assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0), day

    assert [start["scheduled_at"][:10] for start in starts(box)] == ["2026-12-23", "2026-12-26", "2027-01-03"]
    assert why(box) == [
        ("excluded", "exclude: 2026-12-24"),
        ("excluded", "exclude: 2026-12-27..2027-01-02"),
        ("excluded", "exclude: 2026-12-27..2027-01-02"),
    ]
    assert [skip.get("unplanned") for skip in skips(box)] == [None] * 3


def test_the_day_is_that_of_the_zone_of_the_schedule(box: Box) -> None:
    box.job("job", "command: 'true'\nschedule: '0 8 * * *'\ntime_zone: Asia/Tokyo\nexclude: 2026-12-24")

    scheduled(box, "2026-12-23 23:00:20")
    scheduled(box, "2026-12-24 23:00:20")

    assert [skip["scheduled_at"] for skip in skips(box)] == ["2026-12-23T23:00:00.000Z"]
    assert [start["scheduled_at"] for start in starts(box)] == ["2026-12-24T23:00:00.000Z"]


def test_by_hand_an_excluded_job_runs(box: Box) -> None:
    today = datetime.now(UTC).date()
    box.job("job", f"{DAILY}exclude: [{today - timedelta(days=1)}..{today + timedelta(days=1)}]")

    assert box.run("job").exit_code == 0
    assert ends(box)[0]["outcome"] == "succeeded"


def test_disabled_comes_before_excluded_and_excluded_before_held(box: Box) -> None:
    box.job("job", f"{DAILY}exclude: [2026-12-24]")
    scheduled(box, "2026-12-23 03:00:20")
    box.process_control("hold", "job", "--note", "x", env=clock("2026-12-23 12:00:00"))
    scheduled(box, "2026-12-24 03:00:20")
    scheduled(box, "2026-12-25 03:00:20")
    box.job("job", f"{DAILY}exclude: [2026-12-26]\ndisabled: true")
    scheduled(box, "2026-12-26 03:00:20")

    assert [reason for reason, _ in why(box)] == ["excluded", "held", "disabled"]


def test_the_exclusion_of_a_default_holds(make_box: Callable[..., Box]) -> None:
    box = make_box(default_job_config={"exclude": ["2026-12-24"]})
    box.job("job", DAILY)

    scheduled(box, "2026-12-24 03:00:20")

    assert why(box) == [("excluded", "exclude: 2026-12-24")]


# --- calendars -------------------------------------------------------------------------------------------------------


def test_holidays_and_events_are_skipped_by_their_names(calendar_box: Box) -> None:
    box = calendar_box
    box.job("job", f"{DAILY}exclude: [de, ops]")

    for day in ("2026-12-25", "2026-12-27", "2026-12-28", "2026-12-29"):
        assert scheduled(box, f"{day} 03:00:20").exit_code == 0

    assert why(box) == [
        ("excluded", "exclude: 2026-12-25 Christmas Day (de)"),
        ("excluded", "exclude: 2026-12-28 Wartung für 20260105 (ops)"),
    ]
    assert len(starts(box)) == 2


def test_a_changed_file_is_seen_by_the_next_start(calendar_box: Box) -> None:
    box = calendar_box
    box.job("job", f"{DAILY}exclude: ops")
    scheduled(box, "2026-12-07 03:00:20")
    write_calendar(box, "20260106")
    scheduled(box, "2026-12-08 03:00:20")
    scheduled(box, "2026-12-14 03:00:20")

    assert [detail for _, detail in why(box)] == [
        "exclude: 2026-12-07 Wartung für 20260105 (ops)",
        "exclude: 2026-12-08 Wartung für 20260106 (ops)",
    ]
    assert [start["scheduled_at"][:10] for start in starts(box)] == ["2026-12-14"]


def test_an_unreadable_calendar_counts_for_thirty_days_warned_once_a_day_and_is_then_refused(calendar_box: Box) -> None:
    box = calendar_box
    box.job("job", "command: 'true'\nschedule: '0 3,4 * * *'\ntime_zone: UTC\nexclude: ops")
    scheduled(box, "2026-12-01 03:00:20")
    (box.root / "ops.ics").unlink()

    scheduled(box, "2026-12-02 03:00:20")
    scheduled(box, "2026-12-02 04:00:20")
    scheduled(box, "2026-12-07 03:00:20")  # a Monday
    assert [end["outcome"] for end in ends(box)] == ["succeeded", "warned", "succeeded"]
    detail = f"exclude: calendar ops ({box.root}/ops.ics) cannot be opened: No such file or directory; "
    assert ends(box)[1]["detail"] == f"{detail}its reading of 2026-12-01 counts until 2026-12-31"
    assert len(skips(box)) == 1

    assert scheduled(box, "2026-12-30 03:00:20").exit_code == 0
    result = scheduled(box, "2027-01-01 03:00:20")
    refused = (
        f"job.yaml: exclude: calendar ops ({box.root}/ops.ics) cannot be opened: No such file or directory\n"
        "  hint: put the file there, or correct its path under 'calendars' in the configuration\n"
    )
    assert (result.exit_code, result.stderr) == (78, refused)
    (refusal,) = records(box, "refusal")
    assert "cannot be opened" in refusal["detail"]

    write_calendar(box, "20260105")
    assert scheduled(box, "2027-01-01 03:01:20").exit_code == 0
    assert starts(box)[-1]["scheduled_at"] == "2027-01-01T03:00:00.000Z"


def test_a_calendar_that_was_never_read_is_refused_and_lint_says_it_first(calendar_box: Box) -> None:
    box = calendar_box
    (box.root / "ops.ics").write_text("hello\n")
    job = box.job("job", f"{DAILY}exclude: ops")

    lint = box.process_control("lint")
    assert lint.exit_code == 1
    assert lint.stdout.startswith(f"{job}:5:10: calendar ops ({box.root}/ops.ics) is no iCalendar file: ")
    assert lint.stdout.endswith("  hint: export it as iCalendar (.ics)\n")
    assert scheduled(box, "2026-12-01 03:00:20").exit_code == 78
    assert box.run("job").exit_code == 78
    assert box.run("job", "--force").exit_code == 0
    assert "job" in box.cron_generate("--dry-run").stdout


def test_without_the_extra_the_start_is_refused_with_what_installs_it(make_box: Callable[..., Box]) -> None:
    box = make_box(calendars={"de": "holidays:DE-BY"})
    job = box.job("job", f"{DAILY}exclude: [de]")
    told = (
        "calendar de (holidays:DE-BY) needs the package holidays, which is not installed\n"
        "  hint: install it for the Python that runs process-control: pip install 'process-control[calendars]'\n"
    )

    result = scheduled(box, "2026-12-01 03:00:20")
    assert (result.exit_code, result.stderr) == (78, f"job.yaml: exclude: {told}")
    lint = box.process_control("lint")
    assert (lint.exit_code, lint.stdout) == (1, f"{job}:5:11: {told}")


def test_an_extra_that_was_removed_is_refused_although_a_reading_is_there(calendar_box: Box) -> None:
    box = calendar_box
    box.product = box.product.copy_to(box.root / "installation")
    box.job("job", f"{DAILY}exclude: [de]")
    assert scheduled(box, "2026-12-01 03:00:20").exit_code == 0
    for path in box.product.site_packages.glob("holidays*"):
        shutil.rmtree(path)

    result = scheduled(box, "2026-12-02 03:00:20")

    assert result.exit_code == 78
    assert "needs the package holidays, which is not installed" in result.stderr


def test_the_service_user_reads_the_calendar_and_is_named_when_it_may_not(
    make_box: Callable[..., Box], with_calendars: Product
) -> None:
    if not IS_ROOT:
        pytest.skip("needs root")
    box = make_box(service_user=SERVICE_USER, calendars={"ops": "ops.ics"})
    box.product = with_calendars.copy_to(box.root / "installation")
    path = write_calendar(box, "20260105")
    path.chmod(0o600)
    box.job("job", f"{DAILY}exclude: [ops]")

    result = scheduled(box, "2026-12-06 03:00:20")
    assert result.exit_code == 78
    assert f"hint: let the account {SERVICE_USER} read it and enter its directory" in result.stderr

    path.chmod(0o644)
    assert scheduled(box, "2026-12-07 03:00:20").exit_code == 0
    assert why(box) == [("excluded", "exclude: 2026-12-07 Wartung für 20260105 (ops)")]
    (kept,) = (box.state_directory / "calendars").iterdir()
    assert kept.owner() == SERVICE_USER
    path.unlink()
    (listed,) = box.process_control("list", "--json", env=clock("2026-12-13 12:00:00")).json()["jobs"]
    assert listed["next"] == "2026-12-15T03:00:00.000Z"


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_lists_show_the_next_time_that_runs_and_show_marks_the_others(calendar_box: Box) -> None:
    box = calendar_box
    today = datetime.now(UTC).date()
    first, last = today, today + timedelta(days=3)
    box.job("job", f"{DAILY}exclude: [{first}..{last}]")

    wanted = f"{last + timedelta(days=1)}T03:00:00.000Z"
    (listed,) = box.process_control("list", "--json").json()["jobs"]
    shown = box.process_control("show", "job", "--json").json()
    assert listed["next"] == shown["job"]["next"] == wanted
    marks = {slot["at"][:10]: slot["mark"] for slot in shown["job"]["slots"]}
    assert marks[str(last)] == f"excluded: {first}..{last}"
    assert marks[wanted[:10]] == ""


def test_an_excluded_day_is_never_late(box: Box) -> None:
    path = box.job("job", f"{DAILY}exclude: [2026-12-24..2026-12-26]")
    os.utime(path, (1_500_000_000, 1_500_000_000))
    scheduled(box, "2026-12-23 03:00:20")

    def check(moment: str) -> int:
        return box.process_control("check", env=clock(moment)).exit_code

    assert check("2026-12-26 12:00:00") == 0
    assert check("2026-12-27 12:00:00") == 1


def test_the_ledger_knows_past_days_without_the_calendar(calendar_box: Box) -> None:
    box = calendar_box
    box.job("job", f"{DAILY}exclude: [ops]")
    now = datetime.now(UTC) + timedelta(days=1)
    scheduled(box, f"{now:%Y-%m-%d} 12:00:00")  # too late, and the version is seen
    box.process_control("slots", "--since", "2d", env=clock(f"{now:%Y-%m-%d} 12:00:10"))
    (version,) = records(box, "version")
    (box.root / "ops.ics").unlink()

    later = now + timedelta(days=9)
    answer = box.process_control("slots", "--json", "--since", "8d", env=clock(f"{later:%Y-%m-%d} 12:00:00"))
    fates = {slot["slot"][:10]: (slot["fate"], slot["reason"]) for slot in json.loads(answer.stdout)["slots"]}

    mondays = [day for day in fates if datetime.fromisoformat(day).weekday() == 0]
    assert mondays
    assert all(fates[day] == ("skipped", "excluded") for day in mondays)
    assert all(fates[day][0] == "missed" for day in fates if day not in mondays and day < f"{later:%Y-%m-%d}")
    assert any("Wartung" in each for each in version["exclude"])
    assert len(records(box, "version")) == 1


def test_a_job_without_the_key_or_without_a_schedule_asks_for_no_calendar(calendar_box: Box) -> None:
    box = calendar_box
    (box.root / "ops.ics").write_text("hello\n")
    box.job("job", DAILY)
    box.job("by-hand", "command: 'true'\nexclude: [ops]")

    assert scheduled(box, "2026-12-01 03:00:20").exit_code == 0
    assert box.run("by-hand").exit_code == 0
    assert not (box.state_directory / "calendars").exists()

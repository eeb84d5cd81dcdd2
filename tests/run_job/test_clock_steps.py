"""Clocks that step, forth and back, by seconds and by a year: scheduled runs go on, and no planned time has two.

But for one: a slot that ran while the clock was ahead of it is run once more at its true time.

The clock is that of libfaketime, for `run-job` and what it starts; that of the host and of its files stays. Where the
seconds since the boot count, a time namespace moves them.
"""

import functools
import json
import random
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kit.harness import Box, Storm
from kit.runs import script
from process_control.core.schedule.schedule import Schedule
from process_control.state.early_run import MIN_AHEAD_SECONDS

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")

BEGIN = datetime(2027, 3, 1, 12, 0, 20, tzinfo=UTC)
A_YEAR = timedelta(days=365)
MINUTE = timedelta(minutes=1)
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana",
    "Asia/Beirut", "Pacific/Chatham", "America/Santiago", "Atlantic/Azores", "Asia/Kathmandu",
)  # fmt: skip
SCHEDULES = (
    "*/30 * * * *", "0 * * * *", "30 2 * * *", "0 3 * * *", "15 0-4 * * *", "0 */2 * * *", "45 1 * * *", "30 1 * * *",
    "5 2,3 * * *", "59 * * * *", "*/20 2 * * *", "0 0 * * *", "1 0 * * *", "30 0 * * 0", "10 3 * * 6,0", "*/45 * * * *",
    "17 23 * * *", "0 1 * * *", "30 */3 * * *", "20 2-3 * * *",
)  # fmt: skip


def clock(moment: datetime) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": f"@{moment:%Y-%m-%d %H:%M:%S}",
        "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def slot_of(moment: datetime) -> str:
    return iso(moment.replace(second=0))


def scheduled(box: Box, slug: str, moment: datetime, *, later: int = 0) -> None:
    """Start the job as cron would at that moment; all is well, and nobody hears of it.

    `later`: so many seconds more have passed since the boot.
    """
    with_boottime = ["unshare", "--time", "--boottime", str(later)] if later else []
    command = [*with_boottime, *box.product.stub_words, "--scheduled", slug]
    result = box.command(command, env=clock(moment))
    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0), (moment, result)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def add_job(box: Box, slug: str, text: str) -> Path:
    """Add a job that writes its planned time into the file that is returned: no retention takes that away."""
    ran = box.root / f"{slug}.ran"
    ran.touch()
    command = script(box, f"{slug}.sh", f"echo $PROCESS_CONTROL_SCHEDULED_AT >> {ran}")
    box.job(slug, f"command: {command}\n{text}")
    return ran


@pytest.mark.fault(
    "Clock steps × 60, one of them a year ahead and back", small=6, full=60, wanted="runs go on, no slot twice"
)
def test_scheduled_runs_go_on_through_steps_of_the_clock_and_no_minute_has_two(box: Box, storm: Storm) -> None:
    ran = add_job(box, "job", "schedule: '* * * * *'\ntime_zone: UTC\nbackoff: 10m\nhold: {after_failures: 3}")
    dice, now, visited = random.Random(11), BEGIN, set[datetime]()
    began_at, again = dict[datetime, float](), set[datetime]()
    for number in storm.rounds():
        if number == storm.size // 2:
            now += A_YEAR
        elif number == storm.size // 2 + 1:
            now -= A_YEAR
        elif visited and dice.random() < 0.4:  # to a minute of this year that had its run
            now = dice.choice([minute for minute in sorted(visited) if minute < BEGIN + A_YEAR / 2]) + timedelta(
                seconds=dice.randrange(60)
            )
        else:
            now += timedelta(seconds=dice.randint(-3 * 86400, 3 * 86400))
        for _ in range(2):
            minute = now.replace(second=0)
            began_at.setdefault(minute, time.monotonic())
            for _ in range(2):  # two crons, or one that fires twice
                scheduled(box, "job", now)
            if time.monotonic() - began_at[minute] > MIN_AHEAD_SECONDS:  # on a slow host
                again.add(minute)
            visited.add(minute)
            now += MINUTE

    found = Counter(ran.read_text().split())
    assert set(found) == set(map(iso, visited))
    assert not {slot for slot, runs in found.items() if runs > 1} - set(map(iso, again)), found
    assert max(found.values()) <= 2
    storm.found(f"{storm.size} steps, {len(visited)} minutes, one run each")


@pytest.mark.fault(
    "ten zones × twenty schedules at clock changes", small=4, full=200, wanted="each planned time once, no slot twice"
)
def test_at_a_clock_change_each_planned_time_has_one_run(box: Box, storm: Storm) -> None:
    runs = 0
    pairs = [(zone, schedule) for zone in ZONES for schedule in SCHEDULES]
    for number in storm.rounds():
        zone, schedule = pairs[number * len(pairs) // storm.size]
        slug = f"job-{number}"
        ran = add_job(box, slug, f"schedule: '{schedule}'\ntime_zone: {zone}\nstart_within: 1d")
        change = last_change_before(datetime(2026, 12, 1, tzinfo=UTC), ZoneInfo(zone))
        planned = planned_within(schedule, zone, change - timedelta(hours=4), change + timedelta(hours=4))

        for slot in planned:
            for late in (5, 50):
                scheduled(box, slug, slot + timedelta(seconds=late))
        runs += len(planned)

        assert ran.read_text().split() == list(map(iso, planned)), (zone, schedule)
    storm.found(f"{storm.size} schedules, {runs} planned times, one run each")


@functools.cache
def needs_a_time_namespace() -> None:
    command = ["unshare", "--time", "--boottime", "1", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("time namespaces are not permitted here")


def test_a_slot_that_ran_while_the_clock_was_ahead_is_run_once_more_at_its_true_time(box: Box) -> None:
    needs_a_time_namespace()
    ran = add_job(box, "job", "schedule: '0 * * * *'\ntime_zone: UTC")
    at_one, at_two = BEGIN.replace(hour=13), BEGIN.replace(hour=14)

    scheduled(box, "job", at_one)  # two hours ahead
    scheduled(box, "job", at_two, later=3600)
    assert ran.read_text().split() == [slot_of(at_one), slot_of(at_two)]
    for _ in range(2):
        scheduled(box, "job", at_one, later=2 * 3600)
    for _ in range(2):
        scheduled(box, "job", at_two, later=3 * 3600)
    scheduled(box, "job", at_two, later=9 * 3600)  # the clock was ahead again: not a third time

    assert ran.read_text().split() == [slot_of(at_one), slot_of(at_two)] * 2
    ledger = box.process_control("slots", "job", "--since", "2027-03-01", "--json", env=clock(at_two + MINUTE))
    slot = json.loads(ledger.stdout)["slots"][0]
    starts = [each for each in box.journal() if each["event"] == "start"]
    early, last = [each["run_id"] for each in starts if each["scheduled_at"] == slot_of(at_two)]
    ahead = "begun 2 h before its time, while the clock was ahead"
    assert (slot["slot"], slot["fate"], slot["run_id"]) == (slot_of(at_two), "ran", last)
    assert [each["what"] for each in slot["evidence"]] == [f"run {early} for the same time, {ahead}: succeeded"]
    why = box.process_control("why", "job", "2027-03-01 14:00", env=clock(at_two + MINUTE))
    assert f"(run {last})" in why.stdout
    sentence = f"Run {early} (succeeded) began 2 h before its time, while the clock was ahead."
    assert sentence in " ".join(why.stdout.split())


def last_change_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the hour in which the zone's clock last changed before `moment`; where none ever does, an hour of ours."""
    for hours in range(400 * 24):
        at = moment - timedelta(hours=hours)
        if at.astimezone(zone).utcoffset() != (at - timedelta(hours=1)).astimezone(zone).utcoffset():
            return at
    return moment


def planned_within(schedule: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    found = []
    for slot in Schedule.parse([schedule], time_zone=zone, host="host", slug="job").after(begin):
        if slot > end:
            break
        found.append(slot)
    return found

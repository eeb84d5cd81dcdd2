"""`lint`: what is to be expected of schedules, of real durations and of all jobs together; and what it repairs."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.builders import State
from kit.desk import Desk
from kit.harness import IS_ROOT, SERVICE_USER, Box

NOW = datetime.now(UTC)
HOURLY = "command: /bin/true\nschedule: '5 * * * *'"


def found(desk: Desk, *words: str) -> list[tuple[str, str, str]]:
    """Return place, kind and text of each finding."""
    return [
        (f"{Path(each['file']).name}:{each['line']}:{each['column']}", each["kind"], each["what"])
        for each in desk.json("lint", "--json", *words)["findings"]
    ]


def ran(state: State, job: str, *durations: float, **how: object) -> None:
    for number, seconds in enumerate(durations, start=1):
        state.run(job, NOW - timedelta(days=number), seconds=seconds, **how)


# --- pools ------------------------------------------------------------------------------------------------------------


def test_a_pool_that_no_job_is_in_is_named(desk: Desk) -> None:
    desk.configure(pools={"db": {"at_once": 2}, "web": {"at_once": 1}})
    desk.job("one", "command: /bin/true\npool: db")

    [(place, kind, what)] = found(desk)
    assert (place.partition(":")[0], kind, what) == ("process-control.yaml", "pool", "no job is in pool 'web'")
    assert found(desk, "one") == []
    assert found(desk, "--ignore", "pool") == []

    desk.job("two", "command: /bin/true\npool: wbe")
    [(place, kind, what)] = found(desk)
    assert (place, kind) == ("two.yaml:3:7", "fault")
    assert what == "'pool' names a pool that the configuration does not have: 'wbe'"


# --- who is notified --------------------------------------------------------------------------------------------------


def test_a_ping_whose_schedule_stands_in_two_places_is_named(desk: Desk) -> None:
    desk.job("bare", "command: /bin/true\nschedule: '5 1 * * *'\nping: https://hc.example.org/k/bare")
    desk.job("by-hand", "command: /bin/true\nping: http://127.0.0.1:8000/k/by-hand")
    desk.job("plain", "command: /bin/true\nping: http://hc.example.org/k/plain")

    assert desk.process_control("lint").stdout == (
        f"{desk.jobs}/bare.yaml:4:7: warning: without 'api_key_file' the schedule stands in two places: here and at "
        "the service of the ping\n"
        "  hint: write ping: {url: 'https://hc.example.org/k/bare', api_key_file: /etc/process-control.healthchecks}\n"
        f"{desk.jobs}/plain.yaml:3:7: warning: the ping sends the last output of the job unencrypted\n"
        "  hint: write https://\n"
    )
    assert [kind for _, kind, _ in found(desk)] == ["ping", "ping"]


def test_messages_that_never_come_or_go_elsewhere_are_named(desk: Desk) -> None:
    desk.configure(default_job_config={"failmail": {"to_address": "ops@example.org"}})
    desk.job("fine", "command: /bin/true\nowner: dba@example.org\nhold: {after_failures: 3}\nnotify: exec:/bin/true")
    desk.job("held", "command: /bin/true\nhold: {after_failures: 3}\nnotify: [{url: exec:/bin/true, after: 4}]")
    desk.job("rare", "command: /bin/true\nhold: {after_failures: 3}\nfailure_threshold_for_mail: 5")
    desk.job("both", "command: /bin/true\nowner: dba@example.org\nfailmail: {to_address: shop@example.org}")

    assert found(desk) == [
        (
            "both.yaml:4:11",
            "notify",
            "mail goes to the owner, dba@example.org, and not to failmail.to_address",
        ),
        (
            "held.yaml:4:10",
            "notify",
            "nobody is notified: the job is put on hold after 3 failed runs in a row, before the 4th",
        ),
        (
            "rare.yaml:4:29",
            "notify",
            "nobody is notified: the job is put on hold after 3 failed runs in a row, before the 5th",
        ),
    ]


# --- one schedule ----------------------------------------------------------------------------------------------------


def test_a_fixed_time_in_a_clock_change_is_named_with_its_dates_and_our_rule(desk: Desk) -> None:
    desk.job("night", "command: /bin/true\ntime_zone: Europe/Berlin\nschedule: '30 2 * * *'")
    desk.job("star", "command: /bin/true\ntime_zone: Europe/Berlin\nschedule: '30 * * * *'")
    desk.job("noon", "command: /bin/true\ntime_zone: Europe/Berlin\nschedule: '30 12 * * *'")

    result = desk.process_control("lint")

    [first, hint] = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first.startswith(f"{desk.jobs}/night.yaml:4:11: warning: clock changes in Europe/Berlin: ")
    assert re.search(r"no 02:30 on 20\d\d-03-\d\d, runs at 03:00(;|$)", first)
    assert re.search(r"02:30 twice on 20\d\d-10-\d\d, runs at the first(;|$)", first)
    assert hint == "  hint: choose a time before 02:00 or from 03:00 on, or time_zone: UTC"


def test_two_day_fields_mean_or_and_the_way_to_mean_and_is_shown(desk: Desk) -> None:
    desk.job("first-monday", "command: /bin/true\nschedule: '0 9 1-7 * 1'")

    [warning, hint] = desk.process_control("lint").stdout.splitlines()

    assert warning == (
        f"{desk.jobs}/first-monday.yaml:3:11: warning: '0 9 1-7 * 1' means \"or\": at 09:00 on the 1st to 7th of each "
        "month and also on Monday"
    )
    assert hint == ("  hint: for both: \"0 9 1-7 * *\" and only_if: sh -c 'test $(date +%u) = 1'")


@pytest.mark.parametrize(("weekdays", "zone"), [("1", None), ("1-5", None), ("sat,sun", "Asia/Tokyo")])
def test_the_proposed_condition_is_accepted_and_holds_on_its_days(desk: Desk, weekdays: str, zone: str | None) -> None:
    named = "" if zone is None else f"\ntime_zone: {zone}"
    desk.job("first", f"command: /bin/true\nschedule: '0 9 1-7 * {weekdays}'{named}")
    hint = desk.process_control("lint").stdout.splitlines()[1]
    condition = hint.partition("only_if: ")[2]

    desk.job("first", f"command: /bin/true\nschedule: '0 9 1-7 * *'\nonly_if: {condition}{named}")
    os.environ["TZ"] = zone or "UTC"
    time.tzset()
    try:
        weekday = time.localtime().tm_wday
    finally:
        del os.environ["TZ"]
        time.tzset()
    done = subprocess.run(condition, shell=True, check=False)

    wanted = {"1": {0}, "1-5": {0, 1, 2, 3, 4}, "sat,sun": {5, 6}}[weekdays]
    assert found(desk) == []
    assert (done.returncode == 0) == (weekday in wanted)


# --- real durations --------------------------------------------------------------------------------------------------


def test_a_job_that_takes_longer_than_its_pace_is_found_by_its_history(desk: Desk) -> None:
    desk.job("sync", "command: /bin/true\nschedule: '*/30 * * * *'\ntimeout: 2h")
    assert found(desk) == []

    ran(desk.state, "sync", 2700, 2640, 2760)

    [(place, kind, what)] = found(desk)
    assert (place, kind) == ("sync.yaml:3:11", "overlap")
    assert what == ("sync usually takes 45 min, but starts every 30 min: 168 of 336 planned times fall into a run")


def test_a_job_whose_slow_runs_overlap_is_found_too(desk: Desk) -> None:
    desk.job("sync", f"{HOURLY}\ntimeout: 3h")
    ran(desk.state, "sync", *[600] * 18, 5400, 5400)

    [(_, kind, what)] = found(desk)

    assert kind == "overlap"
    assert what.startswith("sync takes in 1 of 20 runs 1 h 30 min, but starts every 1 h: ")


def test_jobs_of_one_lock_whose_usual_runs_collide_are_found(desk: Desk) -> None:
    desk.job("backup", "command: /bin/true\nschedule: '0 3 * * *'\nlock: db\ntimeout: 2h")
    desk.job("purge", "command: /bin/true\nschedule: '30 3 * * *'\nlock: db")
    desk.job("later", "command: /bin/true\nschedule: '0 5 * * *'\nlock: db")
    for job, seconds in (("backup", 2700), ("purge", 60), ("later", 60)):
        ran(desk.state, job, seconds, seconds, seconds)

    [(place, kind, what)] = found(desk)

    assert (place, kind) == ("backup.yaml:4:7", "lock")
    share = "backup and purge share the lock 'db', and their usual runs overlap"
    assert re.search(rf"{share} [67] times, first ", what)  # between 3 and 4 the first of them is over
    assert [place for place, _, _ in found(desk, "purge")] == ["purge.yaml:4:7"]


def test_a_timeout_below_the_usual_duration_is_found(desk: Desk) -> None:
    desk.job("report", "command: /bin/true\nschedule: '0 3 * * *'\ntimeout: 10m")
    ran(desk.state, "report", 700, 720, 740)

    assert found(desk) == [
        ("report.yaml:4:10", "timeout", "report has a timeout of 10 min, but an attempt usually takes 12 min")
    ]


def test_runs_that_the_timeout_ended_count_as_that_long(desk: Desk) -> None:
    desk.job("report", "command: /bin/true\ntimeout: 10m")
    ran(desk.state, "report", 600.1, 600.1, outcome="failed", reason="timeout")
    ran(desk.state, "report", 500)

    assert [kind for _, kind, _ in found(desk)] == ["timeout"]


def test_failures_and_the_small_dose_of_a_slow_start_say_nothing_of_durations(desk: Desk) -> None:
    desk.job("report", "command: /bin/true\ntimeout: 10m")
    ran(desk.state, "report", 700, 700, 700, outcome="failed", reason="exit_code")
    ran(desk.state, "report", 700, 700, 700, slow_start=True)

    assert found(desk) == []


# --- all jobs together -----------------------------------------------------------------------------------------------


@pytest.mark.needs_utc
def test_many_jobs_in_one_minute_get_a_proposal_to_spread_them(desk: Desk) -> None:
    for number in range(6):
        desk.job(f"a{number}", "command: /bin/true\nschedule: '0 2 * * *'")
    desk.job("spread", "command: /bin/true\nschedule: 'H 2 * * *'")

    [warning, hint] = desk.process_control("lint").stdout.splitlines()

    assert f"{desk.jobs}/a0.yaml:3:11: warning: 6 jobs start in one minute, " in warning
    assert warning.endswith(" 02:00: a0, a1, a2, a3, a4 and 1 more")
    assert hint.startswith('  hint: spread them by H in the minute field, here schedule: "H 2 * * *"; in a0.yaml, ')


@pytest.mark.needs_utc
def test_few_jobs_in_one_minute_are_no_herd(desk: Desk) -> None:
    for number in range(4):
        desk.job(f"a{number}", "command: /bin/true\nschedule: '0 2 * * *'")

    assert found(desk) == []


def test_a_tag_that_is_nearly_that_of_others_is_found_and_a_single_one_is_not(desk: Desk) -> None:
    for number in range(3):
        desk.job(f"a{number}", "command: /bin/true\ntags: [nightly, db]")
    desk.job("b", "command: /bin/true\ntags: [once, nigthly]")

    [finding] = desk.json("lint", "--json")["findings"]

    assert (finding["line"], finding["column"], finding["kind"]) == (3, 14, "tag")
    assert finding["what"] == "the tag 'nigthly' is on this job only"
    assert finding["hint"] == "did you mean 'nightly', which 3 jobs have?"


# --- which of them count ---------------------------------------------------------------------------------------------


def test_a_kind_of_warning_can_be_ignored(desk: Desk) -> None:
    desk.job("first-monday", "command: /bin/true\nschedule: '0 9 1-7 * 1'")

    assert desk.process_control("lint").exit_code == 1
    assert desk.process_control("lint", "--ignore", "either_day").exit_code == 0


def test_a_disabled_job_gets_no_warning(desk: Desk) -> None:
    desk.job("first-monday", "command: /bin/true\nschedule: '0 9 1-7 * 1'\ndisabled: true")

    assert found(desk) == []


def test_a_file_from_elsewhere_gets_the_warnings_of_its_schedule_only(desk: Desk, tmp_path: Path) -> None:
    desk.job("sync", HOURLY)
    ran(desk.state, "sync", 7000, 7000, 7000)
    elsewhere = tmp_path / "elsewhere" / "sync.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("name: Sync\ncommand: /bin/true\nschedule: '5 * 1 * 1'\n")

    assert [kind for _, kind, _ in found(desk, str(elsewhere))] == ["either_day"]


# --- repairs ---------------------------------------------------------------------------------------------------------


def test_a_repair_keeps_the_meaning_and_is_shown_as_a_diff(desk: Desk) -> None:
    path = desk.job("old")
    path.write_bytes(
        b"\xef\xbb\xbfname: Old\r\ncommand: /bin/true\r\nschedule: */5 * * * *  # often\r\nallow_overtime: no\r\n"
    )

    told = desk.process_control("lint")
    shown = desk.process_control("lint", "--fix", "--dry-run")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    fixed = desk.process_control("lint", "--fix")

    assert path.read_bytes() == (
        b"name: Old\r\ncommand: /bin/true\r\nschedule: '*/5 * * * *'  # often\r\non_overlap: fail\r\n"
    )
    assert (shown.exit_code, shown.stderr) == (0, f"{path}: would be repaired\n")
    assert "is not quoted" in told.stdout
    assert f"{path}:1:1: begins with a byte-order mark (U+FEFF)\n" in told.stdout
    assert f"{path}:4:1: 'allow_overtime' is the old spelling of 'on_overlap'\n" in told.stdout
    assert "is not quoted" not in shown.stdout
    assert (fixed.exit_code, fixed.stderr) == (0, f"{path}: repaired\n")
    assert fixed.stdout.splitlines()[:3] == [f"--- {path}", f"+++ {path}", "@@ -1,4 +1,4 @@"]
    assert "+schedule: '*/5 * * * *'  # often" in fixed.stdout


def test_what_only_a_repair_would_change_is_a_finding_too(desk: Desk) -> None:
    path = desk.job("old", "command: /bin/true\nallow_overtime: true")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    result = desk.process_control("lint")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{path}:1:1: begins with a byte-order mark (U+FEFF)",
        "  hint: remove it: process-control lint --fix",
        f"{path}:3:1: 'allow_overtime' is the old spelling of 'on_overlap'",
        "  hint: write on_overlap: skip for true, on_overlap: fail for false: process-control lint --fix",
    ]
    assert desk.process_control("lint", "--fix").exit_code == 0


def test_a_repair_as_json_has_the_diff(desk: Desk) -> None:
    path = desk.job("old", "command: /bin/true\nallow_overtime: true")

    answer = desk.json("lint", "--fix", "--json")

    assert answer["findings"] == []
    [fix] = answer["fixes"]
    assert (fix["file"], fix["changed"]) == (str(path), True)
    assert "-allow_overtime: true\n+on_overlap: skip" in fix["diff"]


def test_what_is_no_yaml_even_then_gets_no_quotes(desk: Desk) -> None:
    path = desk.job("broken", "command: /bin/true\nschedule: */5 * * * *\nenvironment: {A: b")
    before = path.read_bytes()

    assert desk.process_control("lint", "--fix").exit_code == 1
    assert path.read_bytes() == before


@pytest.mark.skipif(not IS_ROOT, reason="only root can be another user")
def test_root_repairs_files_and_leaves_the_history_to_the_service_user(make_box: Callable[..., Box]) -> None:
    """Root reads durations too, but an index that belonged to root could not be updated by anybody else."""
    box = make_box(service_user=SERVICE_USER)
    box.job("sync", "command: /bin/true\ntimeout: 10m\nallow_overtime: true")
    box.run("sync")

    fixed = box.process_control("lint", "--fix")

    owners = {path.owner() for path in box.state_directory.rglob("*")}
    assert (fixed.exit_code, "+on_overlap: skip" in fixed.stdout) == (0, True)
    assert owners == {SERVICE_USER}
    assert list(box.state_directory.rglob("*.sqlite*"))

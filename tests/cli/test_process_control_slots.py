"""`process-control slots`, `timers` and `day`: screens, pipes and JSON."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from kit.builders import iso
from kit.harness import Box
from kit.past import DAY, Past, yesterday

JOB = 'command: echo hi\nschedule: "30 2 * * *"'
SLOT = yesterday()


@pytest.fixture
def past(box: Box) -> Past:
    """Three days of the job `backup`, which ran, failed and was missed; and of `old`, whose file is gone."""
    past = Past(box)
    box.job("backup", JOB + "\ntags: [night]")
    for job in ("backup", "old"):
        past.version(SLOT - 3 * DAY, job)
    past.start_of("old", SLOT - 3 * DAY)
    past.start_of("backup", SLOT - 3 * DAY, late_seconds=65.0, late_parts={"lock": 65.0})
    past.start_of("backup", SLOT - 2 * DAY, outcome="failed", reason="exit_code", exit_code=3, detail="exited with 3")
    past.start_of("old", SLOT - DAY + timedelta(minutes=1))
    past.version(SLOT - DAY + timedelta(hours=1), "old", state="gone")
    past.skip(SLOT, "overlap", "run 1m8g35q0yqfpanxy since 2026-11-28T02:00:00.000Z (pid 12)")
    return past


def rows(box: Box, *words: str) -> list[list[str]]:
    result = box.process_control(*words)
    assert (result.exit_code, result.stderr) == (0, ""), str(result)
    return [line.split("\t") for line in result.stdout.splitlines()]


def of_days(box: Box, *words: str) -> list[list[str]]:
    return rows(box, "slots", "--since", f"{SLOT - 4 * DAY:%Y-%m-%d}", "--until", f"{SLOT + DAY:%Y-%m-%d}", *words)


@pytest.mark.usefixtures("past")
def test_a_pipe_has_a_row_for_each_planned_time_newest_first(box: Box) -> None:
    header, *lines = of_days(box, "backup")

    assert header[:4] == ["slot", "job", "fate", "reason"]
    assert [(line[0][:10], line[2], line[3] or line[4]) for line in lines] == [
        (f"{SLOT:%Y-%m-%d}", "skipped", "overlap"),
        (f"{SLOT - DAY:%Y-%m-%d}", "missed", "unknown"),
        (f"{SLOT - 2 * DAY:%Y-%m-%d}", "ran", "exit_code"),
        (f"{SLOT - 3 * DAY:%Y-%m-%d}", "ran", ""),
    ]


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("word", "jobs"),
    [("backup", {"backup"}), ("b*", {"backup"}), ("tag:night", {"backup"}), ("old", {"old"}), ("*", {"backup", "old"})],
)
def test_jobs_are_named_by_slug_glob_and_tag_and_deleted_ones_too(box: Box, word: str, jobs: set[str]) -> None:
    assert {line[1] for line in of_days(box, word, "--no-header")} == jobs


def test_an_unknown_job_is_66_with_a_suggestion(past: Past) -> None:
    result = past.box.process_control("slots", "bakcup")

    assert result.exit_code == 66
    assert "did you mean 'backup'?" in result.stderr


@pytest.mark.usefixtures("past")
def test_fates_choose_rows_and_an_unknown_one_is_a_usage_error(box: Box) -> None:
    chosen = of_days(box, "--fate", "missed,skipped", "--no-header")
    wrong = box.process_control("slots", "--fate", "lost")

    assert {line[2] for line in chosen} == {"missed", "skipped"}
    assert wrong.exit_code == 2
    assert "one or more of ran,skipped,missed,due" in wrong.stderr


@pytest.mark.usefixtures("past")
def test_the_books_close_and_say_from_when_they_count(box: Box) -> None:
    header, *lines = of_days(box, "--count")
    told = box.process_control("slots", "--count", "--json").json()

    assert header == ["job", "planned", "ran", "skipped", "missed", "due", "from"]
    assert lines[0] == ["backup", "4", "2", "1", "1", "0", iso(SLOT - 3 * DAY)]
    for row in told["jobs"]:
        assert row["planned"] == row["ran"] + row["skipped"] + row["missed"] + row["due"]


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("columns", [80, 160])
def test_the_screens_fit_the_terminal(box: Box, columns: int) -> None:
    for words in (["slots"], ["slots", "--count"], ["timers"], ["day", "yesterday"], ["day"]):
        shown = box.process_control(*words, tty=True, columns=columns, env={"TERM": "dumb"}).stdout.splitlines()
        assert max(map(len, shown)) <= columns, "\n".join(shown)


@pytest.mark.usefixtures("past")
def test_the_screen_says_why_and_how_late(box: Box) -> None:
    shown = box.process_control("slots", "backup", tty=True, columns=120, env={"TERM": "dumb"}).stdout

    assert "skipped" in shown
    assert "1 min 5 s" in shown
    assert "exited with 3" in shown
    assert "ran, failed" in shown


@pytest.mark.usefixtures("past")
def test_ten_years_are_one_answer_and_an_end_before_the_beginning_is_an_error(box: Box) -> None:
    began = time.monotonic()
    lines = rows(box, "slots", "backup", "--since", "3650d", "--until", "2099-01-01", "--no-header")
    backwards = box.process_control("slots", "--since", "1d", "--until", "2d")

    assert 4 <= len(lines) <= 6
    assert time.monotonic() - began < 30
    assert backwards.exit_code == 2


# --- timers ----------------------------------------------------------------------------------------------------------


def test_timers_are_soonest_first_and_those_that_will_not_run_come_last_with_why(box: Box) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=20)
    box.job("late", 'command: echo hi\nschedule: "30 2 29 2 *"')
    box.job("soon", f'command: echo hi\nschedule: "{soon.minute} {soon.hour} * * *"\ntime_zone: UTC')
    box.job("by-hand", "command: echo hi")
    box.job("held", JOB)
    box.job("off", JOB + "\ndisabled: true")
    box.job("typo", "comand: echo hi")
    box.run("soon")
    box.process_control("hold", "held", "--note", "not now")

    timers = box.process_control("timers", "--json").json()["timers"]
    first = timers[0]

    assert [timer["job"] for timer in timers] == ["soon", "late", "by-hand", "held", "off", "typo"]
    assert (first["result"], 1000 < first["left_seconds"] <= 1200) == ("succeeded", True)
    assert set(first) == {"job", "next", "left_seconds", "last", "result"}
    assert [timer["why"].split(" ")[0] for timer in timers[2:]] == ["no", "held", "disabled", "invalid:"]


# --- day -------------------------------------------------------------------------------------------------------------


def test_a_day_has_a_lane_for_each_job_troubles_first(past: Past) -> None:
    past.start_of("zebra", SLOT, seconds=600, outcome="failed", reason="exit_code", exit_code=1, detail="x")
    past.start_of("ant", SLOT, seconds=3600)

    told = past.box.process_control("day", f"{SLOT:%Y-%m-%d}", "--json").json()

    assert [lane["job"] for lane in told["lanes"]] == ["zebra", "ant", "backup"]
    assert [each["kind"] for lane in told["lanes"] for each in lane["stretches"]] == ["failed", "succeeded", "skipped"]
    assert told["peak"] == {"at": iso(SLOT), "jobs": 2}
    assert {"from": iso(SLOT + timedelta(hours=1)), "until": iso(SLOT.replace(hour=0, minute=0) + DAY)} in told["quiet"]


def test_an_outcome_that_is_none_is_shown_by_its_word(past: Past) -> None:
    past.box.job("ant", "command: 'true'")
    past.start_of("ant", SLOT, seconds=3600, outcome="exploded")

    day = past.box.process_control("day", f"{SLOT:%Y-%m-%d}", tty=True)
    state = past.box.process_control("status", "--json").json()["jobs"]

    assert (day.exit_code, "exploded" in day.stdout) == (0, True), day
    assert [each["state"] for each in state if each["job"] == "ant"] == ["warned"]


@pytest.mark.needs_utc
def test_what_is_planned_lasts_as_long_as_usual_and_jobs_of_one_lock_collide(past: Past) -> None:
    for job, minute in (("dump", 0), ("copy", 20)):
        past.box.job(job, f'command: echo hi\nschedule: "{minute} 12 * * *"\nlock: db')
        for days in (1, 2, 3):
            past.start_of(job, SLOT - days * DAY, seconds=1800)
    tomorrow = datetime.now(UTC) + DAY

    told = past.box.process_control("day", "tomorrow", "--json").json()

    noon = tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)
    assert told["collisions"] == [
        {"from": iso(noon + timedelta(minutes=20)), "until": iso(noon + timedelta(minutes=50)), "lock": "db",
         "jobs": ["copy", "dump"]}
    ]  # fmt: skip


@pytest.mark.parametrize(("date", "seconds"), [("2026-03-29", 3600), ("2026-10-25", -3600)])
def test_a_day_says_when_the_clock_is_changed(box: Box, date: str, seconds: int) -> None:
    box.job("backup", JOB)
    env = {"TZ": "Europe/Berlin"}

    told = json.loads(box.process_control("day", date, "--json", env=env).stdout)

    assert [change["seconds"] for change in told["clock_changes"]] == [seconds]


def test_a_date_that_is_none_is_a_usage_error(box: Box) -> None:
    result = box.process_control("day", "someday")

    assert result.exit_code == 2
    assert "not a time" in result.stderr


def test_a_missed_slot_names_another_job_never_its_own(box: Box) -> None:
    past = Past(box)
    for number, job in enumerate(("a", "b", "c")):
        box.job(job, JOB)
        past.version(SLOT - 3 * DAY + timedelta(minutes=number), job)
    past.start_of("a", SLOT - 2 * DAY)

    missed = [line for line in of_days(box, "--fate", "missed")[1:] if line[0] == iso(SLOT - DAY)]

    named = {line[1]: re.findall(r"though (\w+) was due too", line[-1]) for line in missed}
    assert named == {"a": ["b"], "b": ["a"], "c": ["a"]}

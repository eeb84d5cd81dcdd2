"""`process-control why`: the reason first, shown by what was recorded, and commands that work when pasted."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit import why_cases
from kit.builders import iso
from kit.harness import Box, Result, until
from kit.past import DAY, Past, hour, masked, words_like, yesterday
from kit.why_cases import AT_NIGHT, CASES, JOB, SLOT, Case, planned
from process_control.cli.main import VERBS
from process_control.views.slot_in_words import as_argument
from process_control.views.time_words import LocalZone

GOLDEN = Path(__file__).parent / "why"
WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
COMMAND = re.compile(r"(?:^| )((?:process-control|run-job|cron-generate|service|systemctl|kill)(?: .*)?)$")
ANSWERS = {"lint": (0, 1), "release": (0, 1), "doctor": (0, 1), "recover": (0, 1), "stop": (0, 1)}
"""Verbs whose exit code may be 1: the answer is no, or there are findings."""


@pytest.fixture(autouse=True)
def slot_of_yesterday(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stories be of the day before now: the session may have begun before midnight."""
    monkeypatch.setattr(why_cases, "SLOT", yesterday(hour(2)))
    monkeypatch.setattr(why_cases, "BEFORE", yesterday(hour(2), days=3))


def ask(box: Box, *words: str) -> Result:
    result = box.process_control("why", *words)
    assert result.exit_code == 0, str(result)
    assert result.stderr == ""
    return result


def is_there(box: Box, command: str) -> bool:
    """Whether the verb, or its option, is there yet."""
    words = command.split()
    if words[0] != "process-control":
        return True
    if words[1] not in VERBS:
        return False
    if words[1] == "explain":
        return "no key is called" not in box.process_control(*words[1:]).stderr
    return "--slot" not in words or "--slot" in box.process_control("run", "--help").stdout


@pytest.mark.needs_utc
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_reads_like_this(case: Case, box: Box) -> None:
    end = case.happens(Past(box, AT_NIGHT))
    try:
        shown = ask(box, *case.words()).stdout
    finally:
        if end is not None:
            end()
    lines = shown.splitlines()
    golden = GOLDEN / f"{case.name}.txt"
    if WRITING:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(masked(shown))

    expected = golden.read_text()
    assert words_like(expected, shown) == expected.split()  # where lines break depends on the host's name
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_command_that_it_names_works_when_pasted(case: Case, box: Box) -> None:
    end = case.happens(Past(box, AT_NIGHT))
    missing = []
    try:
        answer = box.process_control("why", *case.words(), "--json").json()
        commands = [found[1] for sentence in answer["sentences"] if (found := COMMAND.search(sentence))]
        remedies = [each["remedy"] for each in answer["now"]["blocked_by"] if each["remedy"]]
        for command in dict.fromkeys([*commands, *remedies]):
            if not is_there(box, command):
                missing.append(command)
                continue
            result = box.pasted(command)
            verb = (*command.split(), "")[1]
            assert result.exit_code in ANSWERS.get(verb, (0,)), f"{command}: {result}"
            assert "Traceback" not in result.stderr
            if verb == "run":  # it returns when the run has begun, and the next command may start another one
                assert box.process_control("wait", "backup").exit_code == 0
    finally:
        if end is not None:
            end()
    if missing:
        pytest.xfail(f"not there yet: {', '.join(missing)}")


def test_a_run_that_takes_far_longer_than_usual_can_be_stopped_by_the_command_shown(box: Box) -> None:
    past = Past(box, AT_NIGHT)
    box.job("backup", JOB)
    for days in (3, 4, 5):
        past.start_of("backup", SLOT - days * DAY, seconds=60)
    began = datetime.now(UTC) - timedelta(hours=3)
    past.state.block(past.state.start("backup", began, alive=True), cgroup=None)

    answer = box.process_control("why", "backup", "--json").json()

    assert answer["now"]["runs"] is True
    assert "for 3 h (usually 1 min)" in answer["sentences"][0]
    assert answer["sentences"][1].endswith("To end it: process-control stop backup")


def test_a_start_that_waits_shows_its_place_in_the_queue(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("dump", f"command: sh -c 'echo up > {started}; read line < {go_on}'\nlock: db")
    box.job("backup", JOB + "\nlock: db")
    with box.start("dump") as dump:
        started.read_line()
        with box.start("backup", "--wait") as waits:
            asked = until(lambda: queued(box), "the kernel to know that it waits")
            go_on.write_line()
            assert (dump.wait().exit_code, waits.wait().exit_code) == (0, 0)

    assert [each["reason"] for each in asked] == ["lock", "waiting"]
    assert "place 1 of 1" in asked[1]["detail"]


def test_what_a_clock_change_did_is_said_and_the_time_where_the_schedule_is_meant(box: Box) -> None:
    past = Past(box, AT_NIGHT)
    box.job("backup", "command: echo hi\nschedule: '30 2 * * *'\ntime_zone: Europe/Berlin")
    moved = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:30 is skipped there
    past.version(moved - DAY, time_zone="Europe/Berlin", schedule="30 2 * * *")
    past.start_of("backup", moved)

    told = box.process_control("why", "backup", "2026-03-29", "--json").json()

    assert told["slot"]["slot"] == "2026-03-29T01:00:00.000Z"
    assert told["sentences"][1].startswith("The clock went forward by 1 h just then")
    assert told["sentences"][2] == "In its time zone, Europe/Berlin, that was Sun 29 Mar 03:00."


@pytest.mark.parametrize("trigger", [None, "timer"])
def test_a_job_whose_time_zone_cron_does_not_know_says_so_unless_a_timer_starts_it(
    box: Box, trigger: str | None
) -> None:
    past = Past(box, AT_NIGHT)
    # 02:30 is there at 17:30 or 07:30 UTC: not now, when the planned time would still be due.
    zone, ahead = ("Asia/Tokyo", 9) if datetime.now(UTC).hour < 12 else ("America/Lima", -5)
    box.job("backup", f"{JOB}\ntime_zone: {zone}")
    past.version(SLOT - 9 * DAY, time_zone=zone)
    past.write(SLOT - 8 * DAY, event="crontab", job="other", change="added", crontab="/etc/cron.d/pc", line="x")
    if trigger is not None:
        at = SLOT - timedelta(hours=ahead) - 2 * DAY
        past.state.run("backup", at, trigger=trigger, scheduled_at=iso(at))

    told = box.process_control("why", "backup", "--json").json()

    wants = f"cron only knows the host's time zone; this job wants {zone}"
    blocked_by = [(each["reason"], each["detail"], each["remedy"]) for each in told["now"]["blocked_by"]]
    blocker = ("not_in_crontab", wants, "process-control export systemd backup")
    assert (blocker in blocked_by, told["slot"]["cause"] == "not_in_crontab") == ((trigger is None,) * 2)
    assert "cron-generate" not in " ".join(told["sentences"])
    if trigger is None:
        assert told["slot"]["evidence"][0]["what"] == wants
        assert box.process_control("export", "systemd", "backup").exit_code == 0


def queued(box: Box) -> list[dict[str, str]] | None:
    blocked_by: list[dict[str, str]] = box.process_control("why", "backup", "--json").json()["now"]["blocked_by"]
    known = [each for each in blocked_by if each["reason"] != "not_in_crontab"]
    return known if len(known) == 2 else None


@pytest.mark.parametrize(
    ("moment", "argument"),
    [
        ("2026-07-01T00:30", "2026-07-01T02:30"),
        ("2026-10-25T00:30", "2026-10-25T02:30+02:00"),
        ("2026-10-25T01:30", "2026-10-25T02:30+01:00"),
    ],
)
def test_a_time_in_a_command_is_local_and_has_its_offset_where_the_clock_shows_it_twice(
    moment: str, argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    slot = int(datetime.fromisoformat(f"{moment}Z").timestamp())
    try:
        assert as_argument(slot, LocalZone()) == argument
        assert datetime.fromisoformat(argument).astimezone(UTC) == datetime.fromtimestamp(slot, UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_each_sentence_that_names_a_remedy_ends_in_its_command(box: Box) -> None:
    planned(Past(box, AT_NIGHT))

    answer = box.process_control("why", "backup", "yesterday", "--json").json()

    for sentence in answer["sentences"]:
        if "process-control " in sentence:
            assert COMMAND.search(sentence), sentence


def test_a_command_names_the_configuration_that_was_asked(box: Box) -> None:
    box.job("backup", JOB)
    box.process_control("hold", "backup")

    unset = {"PROCESS_CONTROL_CONFIG": None}
    shown = box.process_control("why", "backup", "--config", str(box.configuration), env=unset).stdout

    assert f"process-control release backup --config {box.configuration}" in shown


def test_the_json_has_times_in_utc_and_the_screen_has_local_ones(box: Box) -> None:
    past = Past(box, AT_NIGHT)
    planned(past)
    past.start_of("backup", SLOT)
    zone = {"TZ": "America/New_York"}

    told = box.process_control("why", "backup", "2h", "--json", env=zone).json()
    shown = box.process_control("why", "backup", "2h", env=zone).stdout

    assert told["slot"]["slot"].endswith(f"T{hour(2):02d}:30:00.000Z")
    assert "It ran at" in shown or "It did not run at" in shown
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.", shown) is None


@pytest.mark.parametrize("time", ["nonsense", "99:99", "2026-13-01"])
def test_a_time_that_is_none_is_a_usage_error(box: Box, time: str) -> None:
    box.job("backup", JOB)

    result = box.process_control("why", "backup", time)

    assert result.exit_code == 2
    assert "not a time" in result.stderr


def test_an_unknown_job_is_suggested_the_nearest_name(box: Box) -> None:
    box.job("backup", JOB)

    result = box.process_control("why", "bakcup")

    assert result.exit_code == 66
    assert "did you mean 'backup'?" in result.stderr


def test_years_without_a_start_are_answered_at_once(box: Box) -> None:
    past = Past(box, AT_NIGHT)
    box.job("backup", 'command: echo hi\nschedule: "0 0 29 2 *"')
    past.version(SLOT, schedule="0 0 29 2 *")

    shown = ask(box, "backup").stdout

    assert "No planned time of it has passed" in shown

"""What is said to somebody who writes the words of another tool: ours, and never a word that means something else."""

import pytest

from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.core.suggestions import nearest
from process_control.errors import BadConfiguration


def told(lines: str) -> list[tuple[str, str]]:
    source = f"name: N\ncommand: a\n{lines}\n".encode()
    with pytest.raises(BadConfiguration) as caught:
        read_job(source, slug="j", path="/j.yaml", default_values={}, log_bytes=1)
    return [(fault.what, fault.hint) for fault in caught.value.faults]


def told_of_the_configuration(text: str) -> list[tuple[str, str]]:
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(text.encode(), "/pc.yaml")
    return [(fault.what, fault.hint) for fault in caught.value.faults]


MAIL = "write failmail: {to_address: ops@example.org}"
KEYS = {
    "enabled: false": "write disabled: true",
    "enabled: true": "remove the line: a job is enabled unless it says disabled: true",
    "Enabled: maybe": "it is the other way round: write disabled: true for a job that is not to run",
    "active: no": "write disabled: true",
    "env: {A: b}": "write environment: {NAME: value}",
    "cwd: /srv": "write working_directory: /srv/app",
    "working-dir: /srv": "write working_directory: /srv/app",
    "tz: UTC": "write time_zone: Europe/Berlin",
    "cron: '* * * * *'": 'write schedule: "*/5 * * * *"',
    "mailto: a@b.c": MAIL,
    "MAILTO: a@b.c": MAIL,
    "shell: /bin/bash": "no shell runs: write command: sh -c '…', or bash -c '…'",
    "user: ann": "all jobs run as the 'user' of the configuration",
    "run_as: ann": "all jobs run as the 'user' of the configuration",
    "retries: 3": "write retry: 4, which counts the first attempt too",
    "max-retries: many": "write retry: 3, which counts the first attempt too",
    "on_failure: mail": (
        "write failmail: {to_address: ops@example.org} for a mail, hold: {after_failures: 3} to stop after three"
    ),
    "concurrencyPolicy: Forbid": "write on_overlap: skip, queue, replace or fail",
    "startingDeadlineSeconds: 60": "write start_within: 10m",
    "suspend: true": "write disabled: true",
    "captureStderr: true": "write stderr: fail, warn or ignore; for rules see 'verdicts'",
    "logfile: /x": "the output of every run is kept; for another copy write stdout: /var/log/app.log",
    "no_timeout: true": "for a note write 'x-…'; for all keys: process-control explain",
}


@pytest.mark.parametrize(("line", "hint"), KEYS.items(), ids=KEYS.keys())
def test_a_key_of_another_tool_is_answered_with_ours(line: str, hint: str) -> None:
    assert told(line) == [(f"unknown key '{line.partition(':')[0]}'", hint)]


IN_FAILMAIL = {"to": "write to_address: ops@example.org", "from": "write from_address: jobs@example.org"}


@pytest.mark.parametrize(("key", "hint"), IN_FAILMAIL.items())
def test_a_key_inside_failmail_is_answered_too(key: str, hint: str) -> None:
    assert told(f"failmail: {{{key}: a@b.c}}") == [(f"unknown key 'failmail.{key}'", hint)]
    assert told_of_the_configuration(f"failmail: {{{key}: a@b.c}}") == [(f"unknown key 'failmail.{key}'", hint)]


CONFIGURATION = {
    "timezone: UTC": "write default_job_config: {time_zone: Europe/Berlin}",
    "mailto: a@b.c": MAIL,
    "job_dir: /x": "write job_directory: /srv/jobs",
    "new_privileges: true": "for a note write 'x-…'; for all keys: process-control explain",
}


@pytest.mark.parametrize(("line", "hint"), CONFIGURATION.items(), ids=CONFIGURATION.keys())
def test_a_key_of_the_configuration_is_answered_too(line: str, hint: str) -> None:
    assert told_of_the_configuration(line) == [(f"unknown key '{line.partition(':')[0]}'", hint)]


def test_a_default_of_all_jobs_is_answered_as_in_a_job() -> None:
    assert told_of_the_configuration("default_job_config:\n  enabled: no") == [
        ("unknown key 'default_job_config.enabled'", "write disabled: true")
    ]


VALUES = {
    "stderr: false": ("'stderr' must be fail, warn or ignore, not 'false'", "write fail, warn or ignore"),
    "leftovers: nokill": ("'leftovers' must be kill or keep, not 'nokill'", "write kill or keep"),
    "leftovers: Kil": ("'leftovers' must be kill or keep, not 'Kil'", "did you mean 'kill'?"),
    "on_overlap: Skip": ("'on_overlap' must be skip, queue, replace or fail, not 'Skip'", "did you mean 'skip'?"),
    "timeout: .5": ("'timeout' must be a time, not '.5'", "write 0.5"),
    "timeout: 0.1234567": ("'timeout' must be a time, not '0.1234567'", "write at most 6 digits behind the point"),
}


@pytest.mark.parametrize(("line", "fault"), VALUES.items(), ids=VALUES.keys())
def test_a_value_is_never_answered_with_its_opposite(line: str, fault: tuple[str, str]) -> None:
    assert told(line) == [fault]


PLACE = "a zone is named by a place, such as Europe/Berlin, or UTC"
ZONES = {
    "CEST": "a zone is named by a place, here Europe/Berlin",
    "PST": "a zone is named by a place, here America/Los_Angeles",
    "BST": "a zone is named by a place, here Europe/London",
    "IST": "a zone is named by a place, here Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "XYZT": PLACE,
    "UTC+2": f"{PLACE}; UTC+2 all year is Etc/GMT-2",
    "+05:00": f"{PLACE}; UTC+5 all year is Etc/GMT-5",
    "GMT+2": PLACE,
    "Z": "did you mean 'UTC'?",
    "utc": "did you mean 'UTC'?",
    "Europe": PLACE,
    "Europe/Munich": PLACE,
    "Europe/berlin": "did you mean 'Europe/Berlin'?",
    "Europe/Berln": "did you mean 'Europe/Berlin'?",
    "berlin": "did you mean 'Europe/Berlin'?",
    "America/New York": "did you mean 'America/New_York'?",
    "US/Estern": "an old name: write a place such as America/New_York, or install tzdata-legacy",
}


@pytest.mark.parametrize(("zone", "hint"), ZONES.items(), ids=ZONES.keys())
def test_a_zone_is_answered_with_the_place_that_is_meant(zone: str, hint: str) -> None:
    assert told(f"time_zone: '{zone}'") == [(f"unknown time zone '{zone}'", hint)]


DAYS = "day of week is 0-7, or sun to sat"
MONTHS = "month is 1-12, or jan to dec"
NTH = "cron has no 'n-th weekday': plan the days 1-7, 8-14, ..., and let the command check the weekday"
FIVE = "five are required: minute, hour, day of month, month, day of week"
SCHEDULES = {
    "0 3 * * lun": ("day of week 'lun' is not understood", DAYS),
    "0 3 * * don": ("day of week 'don' is not understood", DAYS),
    "0 3 * * ons": ("day of week 'ons' is not understood", DAYS),
    "0 3 * * Monday": ("day of week 'Monday' is not understood", "did you mean 'mon'?"),
    "0 3 * * thurs": ("day of week 'thurs' is not understood", "did you mean 'thu'?"),
    "0 3 1 lug *": ("month 'lug' is not understood", MONTHS),
    "0 3 1 sept *": ("month 'sept' is not understood", "did you mean 'sep'?"),
    "0 3 1 janu *": ("month 'janu' is not understood", "did you mean 'jan'?"),
    "0 0 * * mon#2": ("day of week 'mon#2' is not understood", NTH),
    "0 0 * * SUN#1": ("day of week 'SUN#1' is not understood", NTH),
    "0 0 * * 1#2": ("day of week '1#2' is not understood", NTH),
    "0 0 * * friL": (
        "day of week 'friL' is not understood",
        "cron has no 'last': plan the days 22-31, and let the command check the date",
    ),
    "0 0 * * 5L": (
        "day of week '5L' is not understood",
        "cron has no 'last': plan the days 22-31, and let the command check the date",
    ),
    "0 0 L * *": (
        "day of month 'L' is not understood",
        "cron has no 'last': plan the days 28-31, and let the command check the date",
    ),
    "0 0 20-5/5 * *": (
        "day of month '20-5' runs backwards",
        "list the days one by one: months differ in length",
    ),
    "* 23-3/2 * * *": ("hour '23-3' runs backwards", "write '23,1,3'"),
    "56-4/4 * * * *": ("minute '56-4' runs backwards", "write '56,0,4'"),
    "0 0 * * 5-2/2": ("day of week '5-2' runs backwards", "write '5,0,2'"),
    "~ 3 * * *": ("minute '~' is not understood", "write 'H' for a time that is spread"),
    "R 3 * * *": ("minute 'R' is not understood", "write 'H' for a time that is spread"),
    "10~20 3 * * *": ("minute '10~20' is not understood", "write 'H(10-20)', which is stable"),
}


@pytest.mark.parametrize(("schedule", "fault"), SCHEDULES.items(), ids=SCHEDULES.keys())
def test_a_part_of_a_schedule_is_never_answered_with_another_day(schedule: str, fault: tuple[str, str]) -> None:
    assert told(f"schedule: '{schedule}'") == [(f"schedule '{schedule}': {fault[0]}", fault[1])]


WHOLE = {
    "CRON_TZ=Europe/Berlin 0 2 * * *": (
        "schedule 'CRON_TZ=Europe/Berlin 0 2 * * *' has a '='",
        "write 'time_zone: Europe/Berlin' and 'schedule: \"0 2 * * *\"'",
    ),
    "A=1 * * * *": (
        "schedule 'A=1 * * * *' has a '='",
        "remove it: cron would take the line for a variable",
    ),
    "0 2 * * * root": (
        "schedule '0 2 * * * root' has a user column: 'root'",
        "write \"0 2 * * *\"; all jobs run as the 'user' of the configuration",
    ),
    "0 0 * * 1-5 # weekdays": (
        "schedule '0 0 * * 1-5 # weekdays' has a comment inside the quotes",
        'write "0 0 * * 1-5" and the comment behind it',
    ),
    "0 0 12 * * ?": ("schedule '0 0 12 * * ?' has 6 fields (cron has no seconds and no years)", FIVE),
    "@every 5m": ("unknown schedule '@every 5m'", 'write "*/5 * * * *"'),
    "@every 1m": ("unknown schedule '@every 1m'", 'write "* * * * *"'),
    "@every 2h": ("unknown schedule '@every 2h'", 'write "0 */2 * * *"'),
    "@every 60m": ("unknown schedule '@every 60m'", 'write "@hourly"'),
    "@every 1d": ("unknown schedule '@every 1d'", 'write "@daily"'),
    "@every 7m": (
        "unknown schedule '@every 7m'",
        'write minutes that divide an hour, "*/5 * * * *", or hours that divide a day, "0 */2 * * *"',
    ),
    "@every 1h30m": ("unknown schedule '@every 1h30m'", 'for every five minutes write "*/5 * * * *"'),
    "hourly": ("schedule 'hourly' has 1 field", "did you mean '@hourly'?"),
    "Daily": ("schedule 'Daily' has 1 field", "did you mean '@daily'?"),
    "@dayly": ("unknown schedule '@dayly'", "did you mean '@daily'?"),
    "0 3\u00a0* * *": (
        "schedule '0 3\\xa0* * *' has a no-break space (U+00A0)",
        "write it in ASCII on one line",
    ),
}


@pytest.mark.parametrize(("schedule", "fault"), WHOLE.items(), ids=WHOLE.keys())
def test_a_schedule_of_another_tool_is_answered_with_our_way_to_say_it(schedule: str, fault: tuple[str, str]) -> None:
    assert told(f"schedule: '{schedule}'") == [fault]


def test_no_key_is_answered_with_its_negation() -> None:
    words = ["no_new_privileges", "disabled", "timeout", "kill_grace"]

    assert [nearest(word, words) for word in ("new_privileges", "abled", "no_timeout", "notimeout")] == [None] * 4
    assert nearest("disbled", words) == "disabled"
    assert nearest("no_new_priviliges", words) == "no_new_privileges"

"""Errors as people and programs get them, and the words that people type who come from other programs."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.test_process_control_status import at_terminal  # noqa: F401  a fixture
from kit.commands import Result
from kit.desk import Desk
from kit.harness import STRANGER, Box
from process_control.cli.print.error_output import broken

NOW = datetime.now(UTC)


# --- errors as JSON --------------------------------------------------------------------------------------------------

ERRORS = {
    "no such job": (["status", "nowhere", "--json"], 66),
    "an unknown option": (["history", "--json", "--nonsense"], 2),
    "a missing argument": (["show", "--json"], 2),
    "not a time": (["history", "--since", "yesterdy", "--json"], 2),
    "no such key": (["explain", "nonsense", "--json"], 1),
    "no such run": (["logs", "--run", "1abc", "--json"], 66),
    "by the format": (["lint", "nowhere", "--format", "json"], 66),
    "nobody to mail": (["notify", "test", "--json"], 78),
    "no such directory": (["import", "original", "/nowhere", "--json"], 2),
    "nothing to hold": (["hold", "nowhere", "--json"], 66),
}


@pytest.mark.parametrize(("words", "exit_code"), ERRORS.values(), ids=ERRORS.keys())
def test_with_json_an_error_is_one_object_on_stdout(desk: Desk, words: list[str], exit_code: int) -> None:
    result = desk.process_control(*words)

    assert (result.exit_code, result.stderr) == (exit_code, "")
    told = result.json()
    assert list(told) == ["version", "error"]
    assert told["version"] == 1
    assert told["error"]["exit_code"] == exit_code
    assert [list(fault) for fault in told["error"]["faults"]] == [["what", "where", "hint"]]


def test_a_bad_configuration_is_told_as_json_with_all_its_faults(desk: Desk) -> None:
    desk.configuration.write_text("nonsense: 1\nother: 2\n")

    told = [desk.process_control("status", "--json"), desk.cron_generate("--json")]

    for result in told:
        assert (result.exit_code, result.stderr) == (78, "")
        faults = result.json()["error"]["faults"]
        assert [fault["what"] for fault in faults] == ["unknown key 'nonsense'", "unknown key 'other'"]
        assert faults[0]["where"] == f"{desk.configuration}:1:1"


def test_check_says_unknown_as_json_with_the_error(desk: Desk) -> None:
    told = [desk.process_control("check", "nowhere", "--json"), desk.process_control("check", "--json", "--nonsense")]

    for result in told:
        assert (result.exit_code, result.stderr) == (3, "")
        assert result.json()["exit_code"] == result.json()["error"]["exit_code"] == 3
        assert result.json()["text"].startswith("PROCESS-CONTROL UNKNOWN - ")


@pytest.mark.parametrize("words", [["--list-jobs", "nowhere"], ["--dry-run", "nowhere"], ["--status", "--nonsense"]])
def test_run_job_tells_its_errors_as_json_too(box: Box, words: list[str]) -> None:
    result = box.run_job(*words, "--json")

    assert result.stderr == ""
    assert result.json()["error"]["exit_code"] == result.exit_code
    assert result.exit_code in (2, 66)


# --- errors on a terminal --------------------------------------------------------------------------------------------


def test_on_a_terminal_an_error_shows_the_faulty_line_with_a_caret(box: Box) -> None:
    box.job("job", "command: /bin/true\ntimout: 5m\n")

    shown = box.run("job", tty=True, env={"TERM": "xterm"})
    plain = box.run("job", tty=True, env={"TERM": "xterm", "NO_COLOR": "1"})
    in_a_pipe = box.run("job")

    assert shown.exit_code == plain.exit_code == in_a_pipe.exit_code == 78
    lines = plain.stdout.splitlines()
    assert lines[:3] == ["job.yaml:3:1: unknown key 'timout'", "  3 | timout: 5m", "    | ^^^^^^"]
    assert lines[3].startswith("  hint: did you mean 'timeout'?")
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout) == plain.stdout != shown.stdout
    assert in_a_pipe.stderr.splitlines()[1].startswith("  hint: ")


LINE = "  hint: set the group to one of that user, or of a group that it is in, and: "
COMMANDS = {
    "behind a colon": (LINE, "chmod g+r /var/lib/process-control/nightly-backup.yaml"),
    "of ours": ("  hint: run it once, whatever holds it and for how long, with ", "run-job --force nightly-backup,"),
    "in backquotes": ("the crontab is of an earlier version and of another interpreter; ", "`cron-generate --dry-run`"),
    "longer than the terminal": ("  hint: ", f"sudo install -d -m 755 /srv/{'a' * 90}"),
}


@pytest.mark.parametrize(("before", "command"), COMMANDS.values(), ids=COMMANDS)
def test_a_terminal_never_breaks_a_command_to_paste(before: str, command: str) -> None:
    lines = broken(f"{before}{command}", 80).split("\n")

    assert len(lines) == 2
    assert lines[1].strip() == command
    assert len(lines[0]) <= 80


def test_a_long_line_is_broken_between_words_and_its_blanks_stay() -> None:
    text = "  hint: " + " ".join(["word"] * 40)

    lines = broken(text, 80).split("\n")

    assert max(len(line) for line in lines) <= 80
    assert all(line.startswith("    word") for line in lines[1:])
    assert broken("write in job.yaml:  timeout: 2h", 80) == "write in job.yaml:  timeout: 2h"
    assert broken("", 80) == ""


def test_lint_on_a_terminal_shows_each_faulty_line(box: Box) -> None:
    box.job("job", f"command: /bin/true\nschedule: '{'1,' * 80}99 * * * *'\n")

    lines = box.process_control("lint", tty=True, columns=160, env={"NO_COLOR": "1"}).stdout.splitlines()

    quoted, carets = next((line, lines[at + 1]) for at, line in enumerate(lines) if line.startswith("  3 | "))
    assert lines[lines.index(quoted) - 1].endswith("minute '99' is out of range")
    assert quoted.startswith("  3 | schedule: '1,1,")
    assert len(quoted) < 120
    assert quoted.endswith("…")
    assert set(carets.removeprefix("    | ")) == {" ", "^"}
    assert carets.index("^") == quoted.index("'1,")


# --- words -----------------------------------------------------------------------------------------------------------


def test_help_is_a_verb_too(desk: Desk) -> None:
    assert desk.process_control("help").stdout == desk.process_control("--help").stdout
    assert desk.process_control("help", "status").stdout == desk.process_control("status", "--help").stdout
    assert desk.process_control("help", "import", "original").stdout.startswith(
        "Usage: process-control import original "
    )
    assert desk.process_control("help", "stauts").stderr.endswith("hint: did you mean 'status'?\n")


OTHER_WORDS = {
    "start": (
        ["start", "job"],
        "hint: process-control run JOB starts it in the background; run-job JOB runs it here\n",
    ),
    "restart": (["restart", "job"], "hint: process-control stop JOB, then process-control run JOB\n"),
    "follow": (["tail", "job"], "hint: process-control logs -f JOB\n"),
    "a flag before the verb": (["--all", "status"], "hint: write it after the verb: process-control status --all\n"),
    "state": (
        ["list", "--state", "ok"],
        "hint: process-control status lists by state; --failed shows the failing jobs only\n",
    ),
    "of the fleet": (["status", "--fleet"], "no such option: --fleet\n  hint: process-control fleet status\n"),
    "import what": (
        ["import"],
        (
            "process-control import: which verb?\n"
            "  hint: process-control import crontab or process-control import original\n"
        ),
    ),
    "notify what": (
        ["notify"],
        (
            "process-control notify: which verb?\n"
            "  hint: process-control notify preview or process-control notify test\n"
        ),
    ),
}


@pytest.mark.parametrize(("words", "told"), OTHER_WORDS.values(), ids=OTHER_WORDS.keys())
def test_words_of_other_programs_are_answered_with_ours(desk: Desk, words: list[str], told: str) -> None:
    result = desk.process_control(*words)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.endswith(told)


def test_failed_shows_only_what_failed(desk: Desk) -> None:
    for slug in ("bad", "good", "lost"):
        desk.job(slug)
    desk.job("typo", "comand: x")
    desk.state.failure("bad", NOW)
    desk.state.run("good", NOW)
    desk.state.start("lost", NOW)

    assert sorted(line[0] for line in desk.lines("status", "--failed")) == ["bad", "lost", "typo"]
    assert sorted(line[1] for line in desk.lines("history", "--failed")) == ["bad", "lost"]


def test_since_takes_a_clock_time_a_day_by_its_name_and_ago(desk: Desk) -> None:
    local = datetime.now().astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = {"new": local - timedelta(seconds=1), "of yesterday": midnight - timedelta(hours=1)}
    moments["older"] = midnight - timedelta(days=1, hours=1)
    for slug, moment in moments.items():
        desk.state.run(slug.replace(" ", "-"), moment)

    def since(word: str) -> list[str]:
        return [line[1] for line in desk.lines("history", "--since", word)]

    assert since("yesterday") == ["new", "of-yesterday"]
    assert since("3d ago") == ["new", "of-yesterday", "older"]
    two_minutes_ago = local - timedelta(minutes=2)
    assert since(f"{two_minutes_ago:%H:%M}") == ["new"]
    in_two_minutes = local + timedelta(minutes=2)
    assert "new" in since(f"{in_two_minutes:%H:%M}")
    assert desk.process_control("history", "--since", "25:00").exit_code == 2


def test_lint_takes_the_name_of_a_job(desk: Desk) -> None:
    bad = desk.job("bad", "comand: /bin/true")
    desk.job("worse", "comand: /bin/true")

    assert {line[0].partition(":")[0] for line in [desk.process_control("lint", "bad").stdout.splitlines()]} == {
        str(bad)
    }
    assert desk.process_control("lint", "*").stdout.count("unknown key") == 2
    unknown = desk.process_control("lint", "bat")
    assert unknown.exit_code == 66
    assert "did you mean 'bad'" in unknown.stderr


def test_explain_without_a_key_lists_all(desk: Desk, at_terminal: Callable[..., Result]) -> None:  # noqa: F811
    names = [line[0] for line in desk.lines("explain")]
    shown = at_terminal("explain").stdout

    assert {"timeout", "retention.days", "failmail.smtp"} <= set(names)
    assert all(f"\n  {name} " in shown for name in names)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert len(json.loads(desk.process_control("explain", "--json").stdout)["keys"]) == len(names)


def test_stdout_and_stderr_together_are_all_of_the_log(box: Box) -> None:
    box.job("job", "command: sh -c 'echo one; echo two >&2'\nstderr: ignore")
    box.run("job")

    assert sorted(box.process_control("logs", "job", "--stdout", "--stderr").stdout.split()) == ["one", "two"]
    assert box.process_control("logs", "job", "--stderr").stdout == "two\n"


# --- whose jobs ------------------------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_a_configuration_of_root_that_leads_to_ones_own_jobs_says_so(box: Box, make_box: Callable[..., Box]) -> None:
    home = box.root / "home-of-a-stranger"
    (home / ".config/process-control/jobs").mkdir(parents=True)
    box.give(home, STRANGER)
    named = box.root / "system.yaml"
    named.write_text("output_crontab: console\n")
    env = {"HOME": str(home), "PROCESS_CONTROL_CONFIG": str(named)}
    how: dict[str, Any] = {"user": STRANGER, "env": env}

    told = [
        box.process_control("status", **how),
        box.process_control("list", **how),
        box.run_job("--list-jobs", **how),
        box.cron_generate(**how),  # its HOME is not that of the password file: it is refused besides
    ]
    not_configured = make_box(configured=False, user=STRANGER)  # whatever configuration the host has
    not_configured.job("hello", "command: /bin/true")
    without_naming_it = not_configured.process_control("list", user=STRANGER)

    for result in told:
        assert result.stderr.startswith(
            f"{named} names no job_directory: these are your own jobs, in {home}/.config/process-control/jobs\n"
            "  hint: sudo shows root's jobs; or set job_directory, state_directory and read_group there\n"
        )
    assert (without_naming_it.exit_code, without_naming_it.stderr) == (0, "")

"""The big command itself: verbs, options, errors. Never a traceback."""

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from kit.desk import Desk
from kit.harness import SERVICE_USER, STRANGER, Box
from process_control import __version__
from process_control.cli.main import VERBS, main


def test_help_names_every_verb(desk: Desk) -> None:
    result = desk.process_control("--help")

    assert result.exit_code == 0
    assert [verb for verb in VERBS if f" {verb} " not in result.stdout] == []


def test_without_a_verb_each_verb_has_a_line_by_what_one_wants(desk: Desk) -> None:
    lines = desk.process_control().stdout.splitlines()

    assert len(lines) == len(VERBS) + 1
    assert max(len(line) for line in lines) <= 80
    shown = [re.match(r"(?:look|act|job files|set up| +) +(\w+) +\w", line.replace("`", "")) for line in lines[1:]]
    assert sorted(found[1] for found in shown if found) == sorted(VERBS)
    assert lines[0].startswith("Usage: process-control ")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_verb_has_its_help(desk: Desk, verb: str, flag: str) -> None:
    result = desk.process_control(verb, flag)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: process-control {verb} ")


def test_the_version_is_told_in_one_line(desk: Desk) -> None:
    assert desk.process_control("--version").stdout == f"process-control {__version__}\n"


WRONG_USAGE = {
    "unknown verb": (["stauts"], "process-control: unknown verb 'stauts'\n  hint: did you mean 'status'?\n"),
    "verb like its opposite": (["nowait"], "process-control: unknown verb 'nowait'\n  hint: process-control --help\n"),
    "verb like none": (["dance"], "process-control: unknown verb 'dance'\n  hint: process-control --help\n"),
    "unknown option": (
        ["history", "--outcom", "failed"],
        "process-control history: no such option: --outcom\n  hint: did you mean --outcome?\n",
    ),
    "unknown option before the verb": (
        ["--confg", "x", "status"],
        "process-control: no such option: --confg\n  hint: did you mean --config?\n",
    ),
    "option without its value": (
        ["history", "--since"],
        "process-control history: option '--since' requires an argument\n  hint: process-control history --help\n",
    ),
    "not a number": (
        ["history", "--limit", "many"],
        (
            "process-control history: invalid value for '--limit': 'many' is not a valid integer range\n"
            "  hint: process-control history --help\n"
        ),
    ),
    "one argument too many": (
        ["prune", "now"],
        "process-control prune: got unexpected extra argument (now)\n  hint: process-control prune --help\n",
    ),
    "not a time": (
        ["history", "--since", "yesterdy"],
        (
            "--since yesterdy: not a time\n"
            "  hint: 90s, 10m, 2h or 7d (so long ago), 08:00, yesterday, or a date: 2026-03-01, 2026-03-01T02:30\n"
        ),
    ),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG_USAGE.values(), ids=WRONG_USAGE.keys())
def test_wrong_usage_is_told_with_the_mend(desk: Desk, arguments: list[str], told: str) -> None:
    result = desk.process_control(*arguments)

    assert (result.stdout, result.stderr, result.exit_code) == ("", told, 2)


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_configuration_may_be_named_before_or_after_the_verb(
    desk: Desk, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.job("purge")
    named = ["--config", str(desk.configuration)]

    code = main([*named, "list"] if place == "before" else ["list", *named])

    assert (code, capsys.readouterr().out) == (0, "purge\tThe purge\tnever ran\t\t\t\n")


def test_a_configuration_that_is_missing_is_told(desk: Desk) -> None:
    desk.configuration.unlink()

    result = desk.process_control("status")

    assert result.exit_code == 78
    assert result.stderr == (
        f"{desk.configuration}: no such configuration file\n"
        "  hint: name an existing one with --config or PROCESS_CONTROL_CONFIG, or none\n"
    )


def test_a_missing_job_directory_is_told(desk: Desk) -> None:
    desk.jobs.rmdir()

    result = desk.process_control("status")

    assert result.exit_code == 78
    assert str(desk.jobs) in result.stderr
    assert "hint: " in result.stderr


def test_a_fault_of_ours_is_one_line_and_debug_shows_where(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "status", ("process_control.no_such_module:status", ""))

    quiet = desk.process_control("status")
    loud = desk.process_control("--debug", "status")

    assert quiet.exit_code == loud.exit_code == 70
    assert quiet.stderr == (
        "process-control: fault in process-control itself: ModuleNotFoundError: "
        "No module named 'process_control.no_such_module'\n  hint: --debug prints a traceback\n"
    )
    assert loud.stderr.startswith("Traceback (most recent call last):\n")


def test_a_verb_is_imported_only_when_it_is_asked_for() -> None:
    script = (
        "import sys; from process_control.cli.main import main; main(['--help'])\n"
        "heavy = {'rich', 'sqlite3', 'yaml', 'msgspec', 'cronsim'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment(), check=False)

    assert (done.stderr, done.returncode) == (b"", 0)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


# --- the surroundings, with real processes ---------------------------------------------------------------------------


def many_jobs(box: Box) -> None:
    for number in range(400):
        box.job(f"job-{number}", f"name: {'x' * 400}\ncommand: /bin/true")


def test_a_reader_that_goes_away_is_no_fault(box: Box) -> None:
    many_jobs(box)

    result = box.command(["bash", "-c", f"{box.product.process_control} list | head -n 1; echo ${{PIPESTATUS[0]}}"])

    assert result.stdout.splitlines()[1] == "141"
    assert result.stderr == ""


def test_a_full_disk_behind_stdout_is_told(box: Box) -> None:
    many_jobs(box)

    result = box.command(["bash", "-c", f"{box.product.process_control} list > /dev/full"])

    assert (result.stderr, result.exit_code) == ("process-control: No space left on device\n", 74)


def test_a_closed_stdout_is_no_traceback(box: Box) -> None:
    box.job("purge", "command: /bin/true")

    result = box.command(["bash", "-c", f"{box.product.process_control} list >&-"])

    assert (result.stderr, result.exit_code) == ("process-control: stdout is closed\n", 74)


@pytest.mark.needs_root
def test_root_looks_as_the_service_user(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("hello", "command: echo hello")
    box.run("hello")

    result = box.process_control("history", "--json")

    assert [run["outcome"] for run in result.json()["runs"]] == ["succeeded"]
    owners = {path.owner() for path in box.state_directory.glob("history.sqlite*")}
    assert owners == {SERVICE_USER}


@pytest.mark.needs_root
@pytest.mark.parametrize("verb", ["list", "status", "history", "logs x", "prune"])
def test_anybody_else_is_refused_with_the_sudo_line(make_box: Callable[..., Box], verb: str) -> None:
    box = make_box(service_user=SERVICE_USER)

    result = box.process_control(*verb.split(), user=STRANGER)

    word = verb.split()[0]
    assert result.exit_code == 77
    assert result.stderr == (
        f"{box.configuration}: jobs run as user '{SERVICE_USER}', and you are '{STRANGER}'\n"
        f"  hint: sudo -u {SERVICE_USER} process-control {word}\n"
    )

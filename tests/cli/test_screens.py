"""`history` and `audit` on a terminal of 80 columns: every reason whole, and of output that decided the line itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.commands import Result
from kit.desk import Desk
from kit.harness import Box
from kit.runs import ONE_SLOT, the_end

RECENT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
LONG = "the disk of the shop is full, and nothing could be written to the directory of the orders any more"


@pytest.fixture
def at_terminal(desk: Desk, make_box: Callable[..., Box]) -> Callable[..., Result]:
    box = make_box()

    def call(*arguments: str, columns: int = 80) -> Result:
        env = {"TERM": "dumb", "LANG": "C.UTF-8", "TZ": "UTC", "COLUMNS": str(columns)}
        return box.process_control("--config", str(desk.configuration), *arguments, tty=True, env=env)

    return call


def words_of(result: Result) -> str:
    return " ".join(result.stdout.split())


@pytest.mark.parametrize("verb", ["history", "audit"])
def test_at_80_columns_the_reason_is_whole_and_breaks_between_words(
    desk: Desk, at_terminal: Callable[..., Result], verb: str
) -> None:
    desk.job("send-the-invoices-of-the-shop")
    desk.state.failure("send-the-invoices-of-the-shop", RECENT, detail=LONG)

    shown = at_terminal(verb).stdout.splitlines()

    assert all(len(line) <= 80 for line in shown)
    last_column = [line[shown[0].index("WH", 5) :] for line in shown]
    assert LONG in " ".join(" ".join(last_column).split())


def test_on_a_wide_terminal_the_id_of_the_run_is_whole(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    identity = desk.state.failure("purge", RECENT, detail=LONG)

    assert identity in at_terminal("history", columns=200).stdout
    assert identity[:8] not in at_terminal("history", columns=60).stdout


@pytest.mark.parametrize(("verb", "what"), [("history", "run"), ("audit", "event")])
def test_an_empty_screen_says_whether_there_is_nothing_or_nothing_matches(
    desk: Desk, at_terminal: Callable[..., Result], verb: str, what: str
) -> None:
    desk.job("purge")

    assert at_terminal(verb).stdout.strip() == f"no {what}s yet"
    assert at_terminal(verb, "purge").stdout.strip() == f"no {what} matches"


def test_the_zone_is_named_once_and_the_day_is_clear(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    desk.state.failure("purge", RECENT)

    header, row, *_ = at_terminal("history").stdout.splitlines()

    assert header.startswith("STARTED (UTC)  JOB")
    assert row.startswith(f"{RECENT:%a %H:%M:%S}")


def test_a_run_that_failed_for_its_stderr_shows_its_last_line_everywhere(box: Box) -> None:
    box.job("noisy", f"command: sh -c 'echo first >&2; echo cannot reach db7 >&2; echo fine'\n{ONE_SLOT}")
    box.run("noisy")

    end = the_end(box)
    assert end["detail"] == "stderr: cannot reach db7 (last of 2 lines)"
    assert end["decided_by"]["line"] == "cannot reach db7"
    for arguments in (["history"], ["status"], ["status", "noisy"], ["audit"]):
        shown = box.process_control(*arguments, tty=True)
        assert "stderr: cannot reach db7" in words_of(shown)
        assert "bytes on stderr" not in shown.stdout
    assert "noisy (stderr: cannot reach db7 (last of 2 lines))" in box.process_control("check").stdout


def test_the_line_that_decided_is_masked_in_the_record(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=tok-123456\n")
    secrets.chmod(0o600)
    box.job("noisy", f"command: sh -c 'echo no $TOKEN here >&2'\nenvironment_file: {secrets}")
    box.run("noisy")

    assert the_end(box)["decided_by"]["line"] == "no *** here"
    assert the_end(box)["detail"] == "stderr: no *** here"
    assert "tok-123456" not in box.process_control("history", "--json").stdout


def test_the_recorded_line_is_cut_and_cannot_steer_a_terminal(box: Box) -> None:
    box.job("noisy", f"command: printf '\\033[31mred\\a{'x' * 300}\\n'\nverdicts: [{{stdout: red, verdict: fail}}]")
    box.run("noisy")

    detail = the_end(box)["detail"]

    assert detail.startswith("stdout: \\x1b[31mred\\x07xxx")
    assert detail.endswith("x… (rule 1)")
    assert len(detail) < 230


def test_of_output_that_was_left_out_the_count_is_in_bytes(box: Box) -> None:
    box.job("noisy", "command: sh -c 'seq 100000 >&2'")
    box.run("noisy")

    assert the_end(box)["detail"] == "stderr: 100000 (last line of 588,895 bytes)"


def test_a_record_with_the_count_alone_is_shown_with_its_line(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    by = {"rule": None, "condition": None, "stream": "stderr", "line_number": None, "line": "cannot reach db7"}
    desk.state.run("purge", RECENT, outcome="failed", reason="stderr", detail="23 bytes on stderr", decided_by=by)

    assert "stderr: cannot reach db7" in words_of(at_terminal("history"))


def test_a_line_that_a_rule_matched_is_shown_with_the_rule(box: Box) -> None:
    box.job("noisy", "command: echo deadlock detected\nverdicts: [{stdout: deadlock, verdict: fail}]")
    box.run("noisy")

    assert the_end(box)["detail"] == "stdout: deadlock detected (rule 1)"
    assert "stdout: deadlock detected (rule 1)" in words_of(box.process_control("history", tty=True))


def test_run_job_lists_fit_80_columns_with_one_fault_of_each_file(box: Box) -> None:
    box.job("typo", "comand: x\ntimeout: soon\nretry: {attemps: 3}")
    box.job("long", f"name: {'an endless name ' * 8}\ncommand: /bin/true")
    box.run("long")

    jobs = box.process_control("list", tty=True, env={"TERM": "dumb"}).stdout.splitlines()
    listed = box.run_job("--list-jobs", tty=True, env={"TERM": "dumb"}).stdout.splitlines()
    status = box.run_job("--status", tty=True, env={"TERM": "dumb"}).stdout.splitlines()

    assert [line for line in (*jobs, *listed, *status) if len(line) > 80] == []
    assert sum(":" in line for line in listed) == 1
    assert "more: process-control lint)" in " ".join(listed)
    assert f"{datetime.now(UTC):%Y-%m-%dT}" not in "".join(status)


def test_explain_breaks_between_words_at_the_width_of_the_terminal(box: Box) -> None:
    shown = box.process_control("explain", "timeout", tty=True, env={"COLUMNS": "60"}).stdout.splitlines()

    assert [line for line in shown if len(line) > 60] == []
    assert "all its processes are ended" in " ".join(" ".join(shown).split())


def test_a_long_error_breaks_between_words_on_a_terminal_and_not_in_a_pipe(box: Box) -> None:
    arguments = ("history", "--since", "the-day-before-yesterday-or-so-if-i-remember-it-well")

    on_a_terminal = box.process_control(*arguments, tty=True, env={"COLUMNS": "60"}).stdout.splitlines()
    piped = box.process_control(*arguments).stderr

    assert [line for line in on_a_terminal if len(line) > 60 and " " in line.strip()] == []
    assert " ".join(" ".join(on_a_terminal).split()) == " ".join(piped.split())
    assert len(piped.splitlines()) < len(on_a_terminal)

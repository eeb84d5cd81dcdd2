"""`history`: what ran, newest first."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.builders import NOON, State, iso
from kit.desk import Desk
from kit.harness import IS_ROOT, STRANGER, Box

HOUR = timedelta(hours=1)


def test_a_row_tells_a_run(desk: Desk) -> None:
    identity = desk.state.failure("purge", NOON, log="/var/log/x", trigger="timer")

    assert desk.lines("history") == [
        [
            "2026-03-10T12:00:00.000Z", "purge", "failed", "exit_code", "1.500", "3", "", "1", "0.250", "4096000",
            "timer", "2026-03-10T12:00:00.000Z", identity, "/var/log/x", "exited with 3", "",
            "", "", "",
        ]
    ]  # fmt: skip


def test_jobs_whose_file_is_gone_keep_their_history(desk: Desk) -> None:
    desk.state.run("gone")

    assert [row[1] for row in desk.lines("history", "gone")] == ["gone"]
    assert [row[1] for row in desk.lines("history", "g*")] == ["gone"]


def test_a_job_that_never_ran_has_no_history(desk: Desk) -> None:
    desk.job("purge")

    assert desk.lines("history", "purge") == []


@pytest.fixture
def mixed(desk: Desk) -> Desk:
    desk.job("backup-db", "command: /bin/true\ntags: db")
    for hour in range(60):
        desk.state.run("backup-db", NOON + hour * HOUR)
    desk.state.failure("backup-web", NOON)
    desk.state.skip("purge", NOON)
    desk.state.start("lost", NOON)
    desk.state.start("busy", NOON, alive=True)
    return desk


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ([], 50),
        (["--limit", "3"], 3),
        (["--limit", "0"], 64),
        (["--since", "2026-01-01"], 64),
        (["--since", "2026-03-10T12:00:00+00:00"], 64),
        (["--since", "2026-03-12T23:00:00Z"], 1),
        (["--since", "3000d"], 64),
        (["--outcome", "failed"], 1),
        (["--outcome", "failed", "--outcome", "skipped"], 2),
        (["--outcome", "lost"], 1),
        (["--outcome", "running"], 1),
        (["backup-*", "--limit", "0"], 61),
        (["backup-web", "purge"], 2),
        (["tag:db", "--limit", "0"], 60),
    ],
)
def test_runs_are_chosen_by_job_time_outcome_and_number(mixed: Desk, arguments: list[str], count: int) -> None:
    assert len(mixed.lines("history", *arguments)) == count


def test_since_is_a_time_before_now(desk: Desk) -> None:
    now = datetime.now(UTC)
    desk.state.run("old", now - timedelta(hours=3))
    desk.state.run("young", now - timedelta(hours=1))

    assert [row[1] for row in desk.lines("history", "--since", "2h")] == ["young"]


def test_json_has_the_keys_of_a_run_and_says_when_there_are_more(desk: Desk) -> None:
    desk.state.run("purge", NOON)
    desk.state.run("purge", NOON + HOUR)

    told = desk.json("history", "--json", "--limit", "1")

    assert (told["version"], told["has_more"], len(told["runs"])) == (1, True, 1)
    assert list(told["runs"][0]) == [
        "run_id", "job", "trigger", "scheduled_at", "late_seconds", "late_parts", "started_at", "ended_at", "outcome",
        "reason", "exit_code", "signal", "duration_seconds", "detail", "attempts", "stdout_bytes", "stderr_bytes",
        "log_dropped_bytes", "cpu_seconds", "cpu_of", "memory_bytes", "memory_of", "read_bytes", "written_bytes", "log",
        "slow_start", "by", "host", "version", "verdict", "decided_by", "log_error", "record_fault", "health_fault",
        "pid",
    ]  # fmt: skip
    assert desk.json("history", "--json")["has_more"] is False


def test_csv_has_a_header_and_no_formulas(desk: Desk) -> None:
    desk.state.failure("purge", detail='=cmd|"/c calc"!A1')

    table = list(csv.DictReader(io.StringIO(desk.process_control("history", "--csv").stdout)))

    assert [(row["job"], row["outcome"], row["duration_seconds"]) for row in table] == [("purge", "failed", "1.5")]
    assert table[0]["detail"] == '\'=cmd|"/c calc"!A1'


def test_json_and_csv_together_are_refused(desk: Desk) -> None:
    result = desk.process_control("history", "--json", "--csv")

    assert (result.exit_code, result.stderr) == (2, "")
    assert result.json()["error"]["faults"] == [
        {"what": "--json or --csv, not both", "where": None, "hint": "process-control history --help"}
    ]


def test_a_run_without_a_recorded_end_is_running_or_lost(desk: Desk) -> None:
    desk.state.start("alive", NOON, alive=True)
    desk.state.start("gone", NOON + HOUR)

    rows = desk.lines("history")

    assert [(row[1], row[2], row[3]) for row in rows] == [("gone", "lost", "runner_killed"), ("alive", "running", "")]


def test_nothing_ran_is_nothing_printed_below_the_header(desk: Desk) -> None:
    result = desk.process_control("history", "--no-header")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)


def test_a_host_on_which_nothing_ever_ran_needs_no_state_directory(desk: Desk) -> None:
    desk.configure(state_directory=str(desk.root / "not-there"))

    result = desk.process_control("history", "--json")

    assert result.exit_code == 0
    assert not (desk.root / "not-there").exists()


def test_starts_are_told_in_the_order_of_time(desk: Desk) -> None:
    for hour in (2, 0, 1):
        desk.state.run("purge", NOON + hour * HOUR)

    assert [row[0] for row in desk.lines("history")] == [iso(NOON + hour * HOUR) for hour in (2, 1, 0)]


@pytest.mark.parametrize("closed", ["state", "state/journal"])
def test_a_state_that_may_not_be_read_is_told_and_not_an_empty_history(
    make_box: Callable[..., Box], closed: str
) -> None:
    box = make_box()
    State(box.state_directory).run("purge")
    box.give(box.state_directory, STRANGER if IS_ROOT else None)
    (box.root / closed).chmod(0)

    result = box.process_control("history", user=STRANGER if IS_ROOT else None)

    (box.root / closed).chmod(0o700)
    assert (result.exit_code, result.stderr) == (77, f"{box.state_directory}/journal: Permission denied\n")


def test_a_long_history_that_is_indexed_first_says_so_on_a_terminal(box: Box) -> None:
    box.job("job", "command: /bin/true")
    box.run("job")
    line = json.dumps({"event": "of a later version", "text": "x" * 500_000}).encode()
    (box.state_directory / "journal" / "2026-01-01.jsonl").write_bytes((b"\n" + line) * 200)

    on_terminal = box.process_control("history", tty=True)
    again, in_a_pipe = box.process_control("history", tty=True), box.process_control("history")

    assert "indexing 95 MiB of history: 99 %" in on_terminal.stdout
    assert "indexing" not in again.stdout + in_a_pipe.stdout + in_a_pipe.stderr

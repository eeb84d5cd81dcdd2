"""`recover`: after an outage one command runs what was missed, each once."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.test_json_shapes import has_its_shape
from kit.harness import SERVICE_USER, STRANGER, Box, Live, Storm, children, until
from kit.outages import as_iso, hours_ago, planned_at, slots, there_since
from kit.runs import ends, script, starts

HOURS = (4, 3, 2, 1)


def writes(box: Box) -> Path:
    """Write a script that notes which job ran for which planned time, and return it."""
    return script(box, "note.sh", f'echo "$PROCESS_CONTROL_JOB $PROCESS_CONTROL_SCHEDULED_AT" >> {box.root}/written')


def written(box: Box) -> list[str]:
    path = box.root / "written"
    return path.read_text().splitlines() if path.exists() else []


def outage(box: Box, count: int, *, command: object = None, keys: str = "") -> list[str]:
    """Write jobs that were planned for each of the last four hours, for which nothing was started."""
    jobs = [f"job-{number:03}" for number in range(count)]
    for job in jobs:
        path = box.job(job, f"command: {command or writes(box)}\n{planned_at(*map(hours_ago, HOURS))}\n{keys}")
        os.utime(path, (1_500_000_000, 1_500_000_000))
    there_since(box, hours_ago(30))
    return jobs


def recover(box: Box, *words: str) -> list[str]:
    return [str(box.product.process_control), "recover", *words]


def test_without_yes_it_shows_and_starts_nothing(box: Box) -> None:
    outage(box, 2)

    result = box.process_control("recover", "--since", "1d")
    asked = has_its_shape(box.process_control("recover", "--since", "1d", "--json"), "process-control recover")

    assert result.exit_code == 0
    assert [line.split("\t")[1:] for line in result.stdout.splitlines()] == [
        [job, "once", "4", as_iso(hours_ago(4)), as_iso(hours_ago(1))] for job in ("job-000", "job-001")
    ]
    assert "process-control recover --since 1d --yes" in result.stderr
    assert [(each["job"], each["proposal"]) for each in asked["proposals"]] == [
        ("job-000", "once"),
        ("job-001", "once"),
    ]
    assert asked["proposals"][0]["slots"] == [as_iso(hours_ago(hour)) for hour in HOURS]
    assert starts(box) == []


def test_the_newest_is_run_and_the_older_ones_show_it(box: Box) -> None:
    outage(box, 2)

    result = box.process_control("recover", "job-001", "--yes")
    again = box.process_control("recover", "job-001", "--yes")

    newest = as_iso(hours_ago(1))
    assert result.exit_code == 0, result
    assert result.stdout == f"job-001\t{newest}\trun\t\n"
    assert written(box) == [f"job-001 {newest}"]
    assert starts(box)[0]["trigger"] == "manual"
    *older, last = slots(box, "job-001")[-4:]
    assert [each["fate"] for each in (*older, last)] == ["missed"] * 3 + ["ran"]
    for each in older:
        assert f"a later slot of it, {newest}, was run at" in each["evidence"][-1]["what"]
    assert (again.exit_code, again.stdout) == (0, "")
    assert "job-000" in box.process_control("recover").stdout


@pytest.mark.fault(
    "300 jobs over four lost hours", small=10, full=300, wanted="each run once, no slot twice, none left"
)
def test_one_command_recovers_all(box: Box, storm: Storm) -> None:
    jobs = outage(box, storm.size)

    result = box.process_control("recover", "--yes", "--at-once", "4", seconds=30 + storm.size)

    newest = as_iso(hours_ago(1))
    assert result.exit_code == 0, result
    assert sorted(written(box)) == [f"{job} {newest}" for job in jobs]
    assert box.process_control("recover").stdout == ""


@pytest.mark.fault("recover killed and called again", small=6, full=300, wanted="each run once, none left")
def test_a_recovery_that_is_killed_is_continued(box: Box, storm: Storm) -> None:
    jobs = outage(box, storm.size)
    with box.start_command(recover(box, "--yes")) as live:
        until(lambda: len(written(box)) >= 3, "three runs")
        for pid in [*children(live.pid), live.pid]:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and its parent knows it
                os.kill(pid, signal.SIGKILL)
        live.wait()
    until(lambda: not box.processes(), "what it had started to end")

    result = box.process_control("recover", "--yes", seconds=30 + storm.size)

    assert result.exit_code == 0, result
    assert sorted(written(box)) == [f"{job} {as_iso(hours_ago(1))}" for job in jobs]


@pytest.mark.fault("two recoveries beside starts of the same slots", small=8, full=100, wanted="none run twice")
@pytest.mark.parametrize("start_within", ["10m", "61d"])
def test_others_that_start_the_same_slots_double_nothing(start_within: str, box: Box, storm: Storm) -> None:
    jobs = outage(box, storm.size, keys=f"start_within: {start_within}")
    newest = f"{hours_ago(1):%Y-%m-%dT%H:%M}Z"
    lives = [
        *[box.start("--scheduled", job) for job in jobs[::2]],
        box.start_command([str(box.product.process_control), "run", *jobs[::3], "--slot", newest]),
        *[box.start_command(recover(box, "--yes")) for _ in range(2)],
    ]
    for live in lives:
        live.wait(seconds=60 + storm.size)
    for job in jobs:
        box.process_control("run", job, "--slot", newest)
    until(lambda: not box.processes(), "all to end")

    # A start of cron that comes first skips the newest as too late; then a recovery runs the newest that is missed.
    lines = written(box)
    assert len(lines) == len(set(lines))
    assert {f"{job} {as_iso(hours_ago(1))}" for job in jobs} <= set(lines)
    assert start_within == "10m" or len(lines) == len(jobs)


def test_a_failed_run_is_told_and_the_rest_is_run(box: Box) -> None:
    outage(box, 2)
    box.job("bad", f"command: sh -c 'exit 3'\n{planned_at(hours_ago(1))}")
    there_since(box, hours_ago(30))

    result = box.process_control("recover", "--yes", "--json")

    told = has_its_shape(result, "process-control recover")
    assert result.exit_code == 1
    assert [(each["job"], each["done"], each["exit_code"]) for each in told["results"] if each["why"]] == [
        ("bad", "failed", 3)
    ]
    assert len(written(box)) == 2


def test_what_cannot_be_run_is_left(box: Box) -> None:
    outage(box, 3)
    box.job("job-000", f"command: 'true'\ndisabled: true\n{planned_at(*map(hours_ago, HOURS))}")
    (box.job_directory / "job-001.yaml").unlink()
    box.job("job-002", "comand: x")

    result = box.process_control("recover", "--yes")

    assert [line.split("\t")[2] for line in box.process_control("recover").stdout.splitlines()] == ["leave"] * 3
    assert (result.exit_code, starts(box)) == (0, [])


def test_a_held_job_is_told_and_left(box: Box) -> None:
    outage(box, 1)
    box.process_control("hold", "job-000", "--note", "not now")

    result = box.process_control("recover", "--yes")

    assert result.exit_code == 1
    assert "not now" in result.stdout
    assert starts(box) == []


def by_terminal(live: Live) -> None:
    live.type(b"\x03")


def by_terminal_twice(live: Live) -> None:
    """The second one while the first is answered: both are in the terminal's queue."""
    live.type(b"\x03\x03")


def to_the_group(live: Live) -> None:
    """The worker gets it twice: the process that watches its disks hands it on."""
    os.killpg(live.pid, signal.SIGINT)


@pytest.mark.parametrize("interrupt", [by_terminal, by_terminal_twice, to_the_group])
def test_control_c_says_what_runs_and_what_is_left(box: Box, interrupt: Callable[[Live], None]) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    jobs = outage(box, 4, command=script(box, "wait.sh", f"echo up > {started}; read line < {go_on}"))
    with box.start_command(recover(box, "--yes"), tty=True, columns=200) as live:
        for _ in range(2):
            started.read_line()
        interrupt(live)
        result = live.wait()
    go_on.write_line()
    go_on.write_line()
    until(lambda: len(ends(box)) == 2, "both to end")

    assert result.exit_code in (130, -signal.SIGINT)
    assert "still running, and left alone: job-000" in result.stdout
    assert "left: job-002" in result.stdout
    assert "process-control recover --since 7d --yes" in result.stdout
    proposals = has_its_shape(box.process_control("recover", "--json"), "process-control recover")["proposals"]
    assert [each["job"] for each in proposals] == jobs[2:]
    until(lambda: not box.processes(), "nothing to be left")


ENDLESS_CONTROL_C = """
import os, signal
from process_control.actions.recover import recover
from process_control.actions.start import How

def press(_):
    os.kill(os.getpid(), signal.SIGINT)

done = recover(
    [("job", [0]), ("other", [0])], How(note="n", config="/nowhere"), at_once=1, fate_of=None, on_progress=press
)
press(done)
print(done.was_interrupted, done.running, done.left)
"""


def test_further_control_c_does_not_cut_off_what_runs_and_what_is_left(box: Box) -> None:
    result = box.command([sys.executable, "-c", ENDLESS_CONTROL_C])

    assert result.stdout == "True [('job', 0)] [('other', 0)]\n", result


@pytest.mark.needs_root
def test_as_root_jobs_run_and_are_recorded_as_the_service_user(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("job", f"command: id -un\n{planned_at(*map(hours_ago, HOURS))}")
    box.run("job")
    there_since(box, hours_ago(30))

    result = box.process_control("recover", "--yes")
    marked = box.process_control("mark", "job", f"{hours_ago(3):%Y-%m-%dT%H:%M}Z", "--note", "x")
    refused = [
        box.process_control(*words, user=STRANGER).exit_code
        for words in (["recover"], ["mark", "job", "03:00", "--note", "x"])
    ]

    assert (result.exit_code, marked.exit_code, refused) == (0, 0, [77, 77]), result
    assert box.log_bytes("job").decode() == f"{SERVICE_USER}\n"
    assert {path.owner() for path in box.state_directory.rglob("*")} == {SERVICE_USER}


def test_progress_is_shown_on_a_terminal(box: Box) -> None:
    outage(box, 2)

    shown = box.command(recover(box), tty=True)
    result = box.command(recover(box, "--yes"), tty=True)

    assert "  job-000: 4 planned times, " in shown.stdout or "  job-000: 8 planned times, " in shown.stdout
    assert ": once, for " in shown.stdout
    assert "2 of 2 ended" in result.stdout
    assert "2 of 2 planned times run" in result.stdout


def test_nothing_missed_is_said(box: Box) -> None:
    box.job("job", "command: 'true'")

    result = box.process_control("recover")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing was missed" in result.stderr

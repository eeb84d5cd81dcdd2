"""A job that runs other jobs: each with its own lock, log and record."""

import os
import signal
import time
from pathlib import Path

import pytest

from kit.harness import Box, lives, until
from kit.runs import ends, kill_both, outcomes, script, starts, the_end


def test_a_subjob_has_its_own_lock_log_and_record_and_the_trigger_job(box: Box) -> None:
    box.job("inner", "command: printenv PROCESS_CONTROL_JOB PROCESS_CONTROL_TRIGGER")
    box.job("outer", "command: [echo before, run-job inner, echo after]")

    result = box.run("outer")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("outer") == b"before\nafter\n"
    assert box.log_bytes("inner") == b"inner\njob\n"
    assert [(end["job"], end["trigger"], end["outcome"]) for end in ends(box)] == [
        ("inner", "job", "succeeded"),
        ("outer", "manual", "succeeded"),
    ]
    assert {start["lock"] for start in starts(box)} == {"inner", "outer"}


def test_run_job_is_found_from_the_stub_that_cron_calls(box: Box) -> None:
    box.job("inner", "command: echo hello")
    box.job("outer", "command: run-job inner")

    result = box.run("outer", via="stub", env={"PATH": "/nonexistent"})

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("inner") == b"hello\n"


def test_a_subjob_that_fails_fails_its_parent_with_its_own_code_and_report(box: Box) -> None:
    box.job("inner", "command: sh -c 'echo broken >&2; exit 7'")
    box.job("outer", f"command: [run-job inner, touch {box.root}/after]")

    result = box.run("outer")

    assert result.exit_code == 7
    assert [(end["job"], end["outcome"], end["exit_code"]) for end in ends(box)] == [
        ("inner", "failed", 7),
        ("outer", "failed", 7),
    ]
    assert "inner: failed: exited with 7 (run " in result.stderr
    assert "broken\n" in result.stderr
    assert not (box.root / "after").exists()


def test_a_subjob_that_is_already_running_is_75(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("inner", f"command: sh -c 'echo > {started}; read line < {release}'")
    box.job("outer", "command: run-job inner")

    with box.start("inner") as live:
        started.read_line()
        result = box.run("outer")
        release.write_line()
        live.wait()

    assert result.exit_code == 75
    assert "inner: already running: run " in result.stderr


@pytest.mark.parametrize("extra", ["", "on_overlap: queue"], ids=["plain", "would wait for itself"])
def test_the_parents_own_lock_in_a_subjob_is_a_fault(box: Box, extra: str) -> None:
    box.job("outer", f"command: run-job {'--wait ' if extra else ''}inner\nlock: same")
    box.job("inner", f"command: 'true'\nlock: same\n{extra}")

    result = box.run("outer")

    assert result.exit_code == 78
    assert "inner: the lock 'same' is held by run " in result.stderr
    assert "which started this sub-job\n  hint: give the sub-job another lock, or remove it from the command" in (
        result.stderr
    )
    assert [end["job"] for end in ends(box)] == ["outer"]


def test_a_job_that_runs_itself_is_a_fault(box: Box) -> None:
    box.job("outer", "command: run-job outer")

    result = box.run("outer")

    assert result.exit_code == 78
    assert len(starts(box)) == 1


def test_a_subjob_three_deep_works(box: Box) -> None:
    box.job("one", "command: run-job two")
    box.job("two", "command: run-job three")
    box.job("three", "command: echo deep")

    assert box.run("one").exit_code == 0
    assert [end["job"] for end in ends(box)] == ["three", "two", "one"]


def running_pair(box: Box, *, inner_grace: str, outer_grace: str, inner_script: str) -> Path:
    job = script(box, "inner.sh", inner_script)
    box.job("inner", f"command: {job}\nkill_grace: {inner_grace}")
    box.job("outer", f"command: run-job inner\nkill_grace: {outer_grace}")
    return job


@pytest.mark.parametrize("how", ["TERM", "kill-job"])
def test_a_stop_lets_the_inner_run_use_its_own_grace_and_record_its_own_end(box: Box, how: str) -> None:
    """The outer grace is over at once; the inner job needs most of its own, and gets it."""
    started, never = box.fifo("started"), box.fifo("never")
    running_pair(
        box,
        inner_grace="20s",
        outer_grace="0",
        inner_script=f"trap 'sleep 0.7; echo cleaned up; exit 0' TERM; echo > {started}; read x < {never}",
    )

    with box.start("outer") as live:
        started.read_line()
        if how == "TERM":
            live.signal(signal.SIGTERM)
        else:
            assert box.run_job("--kill-job", "outer").exit_code == 0
        result = live.wait()

    assert result.exit_code == 143
    assert box.log_bytes("inner") == b"cleaned up\n"
    assert [(end["job"], end["outcome"], end["reason"]) for end in ends(box)] == [
        ("inner", "failed", "stopped"),
        ("outer", "failed", "stopped"),
    ]


def test_an_inner_job_that_ignores_term_is_killed_after_its_own_grace(box: Box) -> None:
    started, never = box.fifo("started"), box.fifo("never")
    running_pair(
        box,
        inner_grace="0.5",
        outer_grace="0",
        inner_script=f"trap '' TERM INT HUP; echo $$ > {started}; read x < {never}",
    )
    with box.start("outer") as live:
        inner = int(started.read_line())
        began = time.monotonic()
        live.signal(signal.SIGTERM)
        result = live.wait()

    assert result.exit_code == 143
    assert time.monotonic() - began < 0.5 + 2 + 7  # 7 for a busy machine
    assert not lives(inner)
    assert [(end["job"], end["reason"]) for end in ends(box)] == [("inner", "stopped"), ("outer", "stopped")]


def test_a_timeout_of_the_outer_job_stops_the_inner_run_properly(box: Box) -> None:
    started = box.fifo("started")
    box.job("inner", f"command: sh -c 'echo > {started}; exec sleep 1000'\nkill_grace: 5")
    box.job("outer", "command: run-job inner\ntimeout: 5\nkill_grace: 0")

    result = box.run("outer")

    assert result.exit_code == 124
    assert [(end["job"], end["outcome"], end["reason"]) for end in ends(box)] == [
        ("inner", "failed", "stopped"),
        ("outer", "failed", "timeout"),
    ]


@pytest.mark.parametrize("victim", ["runner", "guard", "both"])
def test_when_the_outer_run_is_killed_the_inner_ends_too_and_both_are_told(box: Box, victim: str) -> None:
    started = box.fifo("started")
    box.job("inner", f"command: sh -c 'echo $$ > {started}; [ -e {box.root}/free ] || exec sleep 1000'")
    box.job("outer", "command: run-job inner")
    with box.start("outer") as live:
        inner = int(started.read_line())
        block = box.block("outer")
        if victim == "both":
            kill_both(box, "outer")
        else:
            os.kill(block["pid" if victim == "runner" else "guard_pid"], signal.SIGKILL)
        live.wait()
    until(lambda: not lives(inner), "the inner job to end")
    box.wait_until_all_ended()
    (box.root / "free").touch()

    assert box.run("outer").exit_code == 0
    assert sorted((end["job"], end["outcome"]) for end in ends(box)) == [
        ("inner", "lost"),
        ("inner", "succeeded"),
        ("outer", "lost"),
        ("outer", "succeeded"),
    ]


def test_killing_the_inner_job_alone_leaves_the_outer_to_judge_it(box: Box) -> None:
    started = box.fifo("started")
    box.job("inner", f"command: sh -c 'echo > {started}; exec sleep 1000'")
    box.job("outer", "command: run-job inner")
    with box.start("outer") as live:
        started.read_line()
        assert box.run_job("--kill-job", "inner").exit_code == 0
        result = live.wait()

    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped"), ("failed", "exit_code")]


def test_the_configuration_that_was_named_holds_for_subjobs_too(box: Box) -> None:
    box.job("inner", "command: 'true'")
    box.job("outer", "command: run-job inner")

    result = box.run("--config", str(box.configuration), "outer", env={"PROCESS_CONTROL_CONFIG": None})

    assert (result.stderr, result.exit_code) == ("", 0)
    assert the_end(box, "inner")["outcome"] == "succeeded"

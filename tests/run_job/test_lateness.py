"""How late a planned run began, and of what that is made: recorded with its start, shown wherever runs are."""

import os
import signal
import time
from typing import Any

import pytest

from kit.harness import Box, until
from kit.processes import children
from kit.runs import ONE_SLOT, ends, kill_both, outcomes, starts
from process_control.core.lateness import late_in_words
from process_control.notify.syslog_line import invocation, sentence_for_people
from process_control.system.lock_waiters import waiting_pids

EVERY_MINUTE = 'schedule: "* * * * *"\nstart_within: 1h'


def parts_of(record: dict[str, Any]) -> dict[str, float]:
    """Return the parts; fail unless they add up."""
    parts: dict[str, float] = record["late_parts"]
    assert record["late_seconds"] == pytest.approx(sum(parts.values()), abs=0.002)
    assert all(part >= 0 for part in parts.values())
    return parts


def test_a_planned_run_says_how_late_it_began_and_why(box: Box) -> None:
    box.job("job", f"command: 'true'\n{EVERY_MINUTE}")
    before = time.time()

    box.run("--scheduled", "job")

    [start], [end] = starts(box), ends(box)
    parts = parts_of(start)
    assert set(parts) == {"trigger", "gate", "lock"}
    assert parts["lock"] == 0
    assert 0 <= parts["gate"] <= time.time() - before
    assert start["late_seconds"] < 60 + time.time() - before
    assert (end["late_seconds"], end["late_parts"]) == (start["late_seconds"], parts)


def test_the_wait_for_the_lock_is_a_part_of_its_own(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    text = f"command: sh -c 'echo up > {started}; read line < {go_on}'\n{ONE_SLOT}\non_overlap: queue"
    box.job("job", text)
    with box.start("job") as live:
        started.read_line()
        begun = time.monotonic()
        second = box.start("--scheduled", "job")
        until(lambda: waiting_pids().intersection(children(second.process.pid)), "it to wait for the lock")
        go_on.write_line()
        live.wait()
        started.read_line()
        waited = time.monotonic() - begun
        go_on.write_line()
        second.wait()

    by_hand, planned = starts(box)
    assert "late_parts" not in by_hand
    assert 0 < parts_of(planned)["lock"] <= waited


def test_a_run_that_was_lost_keeps_it(box: Box) -> None:
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo up > {started}; exec sleep 1000'\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        started.read_line()
        kill_both(box, "job")
        live.wait()
    for pid in box.processes():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not box.processes(), "the command to end")
    box.job("job", "command: 'true'")
    box.run("job")

    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]
    assert ends(box)[0]["late_parts"] == starts(box)[0]["late_parts"] == box.history("job")[1]["late_parts"]


def test_history_and_audit_show_it(box: Box) -> None:
    box.job("job", f"command: 'true'\n{EVERY_MINUTE}")
    box.run("--scheduled", "job")
    box.run("job")
    [start] = [start for start in starts(box) if start["trigger"] == "cron"]

    by_hand, planned = box.history("job")
    shown = box.process_control("history", "job", "--csv").stdout.splitlines()
    events = box.process_control("audit", "--event", "start", "--json").json()["events"]

    assert (planned["late_seconds"], planned["late_parts"]) == (start["late_seconds"], start["late_parts"])
    assert (by_hand["late_seconds"], by_hand["late_parts"]) == (None, None)
    assert [line.rpartition(",")[2] for line in shown] == ["late_seconds", "", str(start["late_seconds"])]
    assert events[0]["late_parts"] == start["late_parts"]


def test_it_is_a_fact_of_the_line_in_the_syslog() -> None:
    parts = {"trigger": 0.5, "gate": 0.25, "lock": 30.0}
    start = {"event": "start", "job": "purge", "run_id": "1", "late_seconds": 30.75, "late_parts": parts}

    assert invocation(start) == "purge: started, run=1 late_seconds=30.75 late_parts=trigger:0.5,gate:0.25,lock:30.0"
    assert sentence_for_people(start) == "started, 30.8 s late: 30.0 s waiting for its lock"


@pytest.mark.parametrize(
    ("seconds", "parts", "words"),
    [
        (None, None, ""),
        (9.9, {"trigger": 9.9}, ""),
        (
            200.0,
            {"trigger": 50.0, "gate": 0.1, "lock": 149.9},
            "3 min 20 s late: 2 min 30 s waiting for its lock, 50.0 s",
        ),
        (20.0, {"queue": 20.0}, "20.0 s late: 20.0 s waiting for its turn"),
        (20.0, "odd", "20.0 s late"),
    ],
)
def test_only_what_is_worth_saying_is_put_into_words(seconds: object, parts: object, words: str) -> None:
    assert late_in_words(seconds, parts).startswith(words)
    assert bool(late_in_words(seconds, parts)) is bool(words)

"""A failed attempt is tried again inside the same run: one lock, one log, one record, one mail."""

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.answering_disk import OPEN, answering_disk
from kit.harness import SERVICE_USER, Box, Fifo, Storm, children, lives, until, wait_gone
from kit.runs import (
    assert_each_start_has_one_end,
    ends,
    kill_both,
    killers,
    outcomes,
    pause_or_end,
    records,
    script,
    starts,
    the_end,
)

LONG = "retry: {attempts: 3, delay: 1000, jitter: 0%}"
"""A delay that never passes: whoever waits for the test has to be woken."""


def fails_until(box: Box, good: int) -> Path:
    """Return a command that exits with 75 until attempt number `good`."""
    return script(
        box,
        "flaky.sh",
        f'echo "attempt $PROCESS_CONTROL_ATTEMPT"; [ $PROCESS_CONTROL_ATTEMPT -ge {good} ] || exit 75',
    )


def waits_for_the_next_attempt(box: Box, slug: str = "job") -> None:
    until(lambda: box.journal() and records(box, "attempt", slug), "the first attempt to be recorded")


def test_a_run_that_succeeds_at_last_has_succeeded(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 3)}\nretry: {{attempts: 5, delay: 0.05}}")

    result = box.run("job")

    end = the_end(box)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert (end["outcome"], end["reason"], end["verdict"]) == ("succeeded", None, "ignore")
    assert len(starts(box)) == 1
    assert box.log_bytes("job") == b"attempt 1\nattempt 2\nattempt 3\n"
    assert len(box.logs("job")) == 1


def test_each_attempt_has_its_own_record_and_its_own_part_of_the_log(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 3)}\nretry: {{attempts: 5, delay: 0.05}}")

    box.run("job")

    end = the_end(box)
    told = [
        (each["attempt"], each["outcome"], each["reason"], each["exit_code"], each["signal"], each["detail"])
        for each in end["attempts"]
    ]
    assert told == [
        (1, "failed", "exit_code", 75, None, "exited with 75"),
        (2, "failed", "exit_code", 75, None, "exited with 75"),
        (3, "succeeded", None, 0, None, None),
    ]
    assert [each["log_offset"] for each in end["attempts"]] == [0, 10, 20]
    assert [each["stdout_bytes"] for each in end["attempts"]] == [10, 10, 10]
    assert end["stdout_bytes"] == 30
    moments = [each["started_at"] for each in end["attempts"]]
    assert moments == sorted(moments)
    assert end["duration_seconds"] >= 0.09 + sum(each["duration_seconds"] for each in end["attempts"])
    assert box.history("job")[0]["attempts"] == end["attempts"]


def test_the_log_of_one_attempt_can_be_shown(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 3)}\nretry: {{attempts: 5, delay: 0.05}}")
    box.run("job")

    shown = [box.process_control("logs", "job", "--attempt", str(number)) for number in (1, 2, 3, 4)]
    raw = box.process_control("logs", "job", "--attempt", "2", "--raw")
    last = box.process_control("logs", "job", "--attempt", "2", "-n", "5")

    assert [result.stdout for result in shown] == ["attempt 1\n", "attempt 2\n", "attempt 3\n", ""]
    assert (raw.stdout, last.stdout) == ("attempt 2\n", "attempt 2\n")
    run_id = the_end(box)["run_id"]
    assert shown[3].exit_code == 1
    assert shown[3].stderr == f"run {run_id} of job 'job' has no attempt 4: it has 3 attempts\n"


def test_when_no_attempt_is_left_the_run_fails_with_what_the_last_one_came_to(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\nretry: {{attempts: 2, delay: 0.05}}")

    result = box.run("job")

    end = the_end(box)
    assert result.exit_code == 75
    assert (end["outcome"], end["reason"], end["verdict"]) == ("failed", "exit_code", "fail")
    assert result.stderr == (
        f"job: failed: exited with 75 (run {end['run_id']}, log {end['log']})\n  note: 2 attempts\n"
    )


def test_only_the_verdict_retry_is_tried_again(box: Box) -> None:
    rules = "verdicts: [{exit_code: 75, verdict: retry}, {exit_code: 1-255, verdict: fail}]"
    flaky = script(box, "flaky.sh", "[ $PROCESS_CONTROL_ATTEMPT = 1 ] && exit 75; exit 3")
    box.job("job", f"command: {flaky}\nretry: {{attempts: 9, delay: 0.05}}\n{rules}")

    assert box.run("job").exit_code == 3
    assert [each["exit_code"] for each in the_end(box)["attempts"]] == [75, 3]


def test_a_rule_that_says_retry_without_attempts_is_a_failure(box: Box) -> None:
    box.job("job", "command: sh -c 'exit 75'\nverdicts: [{exit_code: 75, verdict: retry}]")

    assert box.run("job").exit_code == 75
    assert (the_end(box)["verdict"], len(the_end(box)["attempts"])) == ("retry", 1)


def test_the_stderr_of_one_attempt_does_not_fail_the_next(box: Box) -> None:
    flaky = script(box, "flaky.sh", "[ $PROCESS_CONTROL_ATTEMPT = 2 ] || echo no luck >&2")
    box.job("job", f"command: {flaky}\nretry: {{attempts: 2, delay: 0.05}}")

    result = box.run("job")

    assert (result.exit_code, result.stderr) == (0, "")
    assert [each["reason"] for each in the_end(box)["attempts"]] == ["stderr", None]
    assert the_end(box)["stderr_bytes"] == len("no luck\n")


def test_the_lines_of_one_attempt_do_not_judge_the_next(box: Box) -> None:
    flaky = script(box, "flaky.sh", "[ $PROCESS_CONTROL_ATTEMPT = 2 ] || echo deadlock; true")
    rules = "verdicts: [{stdout: deadlock, verdict: retry}]"
    box.job("job", f"command: {flaky}\nretry: {{attempts: 3, delay: 0.05}}\n{rules}")

    assert box.run("job").exit_code == 0
    assert [each["reason"] for each in the_end(box)["attempts"]] == ["output", None]
    assert records(box, "attempt")[0]["decided_by"]["line"] == "deadlock"


def test_the_time_limit_is_that_of_each_attempt(box: Box) -> None:
    flaky = script(box, "flaky.sh", "[ $PROCESS_CONTROL_ATTEMPT = 3 ] || exec sleep 1000; sleep 0.2")
    box.job("job", f"command: {flaky}\ntimeout: 3\nkill_grace: 0.1\nretry: {{attempts: 3, delay: 0.05}}")

    assert box.run("job").exit_code == 0
    assert [each["reason"] for each in the_end(box)["attempts"]] == ["timeout", "timeout", None]
    assert box.processes() == []


def test_each_ended_attempt_that_is_followed_by_another_is_in_journal_audit_and_syslog(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 2)}\nretry: {{attempts: 3, delay: 0.05, jitter: 0%}}")

    box.run("job")

    [attempt] = records(box, "attempt")
    assert (attempt["attempt"], attempt["verdict"], attempt["delay_seconds"]) == (1, "retry", 0.05)
    assert attempt["run_id"] == the_end(box)["run_id"]
    shown = [line.split("\t") for line in box.process_control("audit", "job").stdout.splitlines()]
    assert [line[1] for line in shown] == ["start", "version", "attempt", "end"]
    assert "attempt 1 failed: exited with 75; the next one follows in 0.05 s" in "\t".join(shown[2])


def test_on_a_terminal_each_failed_attempt_is_told(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 2)}\nretry: {{attempts: 3, delay: 0.05, jitter: 0%}}")

    shown = box.run("job", tty=True).stdout

    assert "attempt 1 of 3: exited with 75; next in 0.05 s" in shown
    assert shown.index("attempt 1\n") < shown.index("attempt 1 of 3") < shown.index("attempt 2\n")


def test_the_delay_lies_between_the_attempts(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 3)}\nretry: {{attempts: 3, delay: 0.1, factor: 3, jitter: 0%}}")
    began = time.monotonic()

    assert box.run("job").exit_code == 0
    assert time.monotonic() - began >= 0.1 + 0.3
    assert [each["delay_seconds"] for each in records(box, "attempt")] == [0.1, 0.3]


def test_the_lock_is_held_during_the_delay(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        refused = box.run("job")
        live.signal(signal.SIGTERM)
        live.wait()

    assert refused.exit_code == 75
    assert "already running" in refused.stderr


@pytest.mark.parametrize(
    ("number", "exit_code", "detail"),
    [
        (signal.SIGTERM, 143, "stopped: run-job received signal TERM while it waited for attempt 2"),
        (signal.SIGINT, 130, "stopped: run-job received signal INT while it waited for attempt 2"),
        (signal.SIGHUP, 129, "stopped: run-job received signal HUP while it waited for attempt 2"),
    ],
)
def test_a_signal_during_the_delay_stops_the_run_at_once(
    box: Box, number: signal.Signals, exit_code: int, detail: str
) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        live.signal(number)
        result = live.wait()

    end = the_end(box)
    assert result.exit_code == exit_code
    assert (end["outcome"], end["reason"], end["detail"]) == ("failed", "stopped", detail)
    assert [(each["attempt"], each["reason"]) for each in end["attempts"]] == [(1, "exit_code")]


def test_kill_job_during_the_delay_stops_the_run_at_once(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        asked = box.run_job("--kill-job", "job")
        result = live.wait()

    assert (asked.exit_code, result.exit_code) == (0, 143)
    assert outcomes(box) == [("failed", "stopped")]
    assert the_end(box)["detail"] == "stopped on request while it waited for attempt 2"


def test_a_guard_that_is_killed_during_the_delay_ends_the_run(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        guard, runner = killers(box, "job")
        os.kill(guard, signal.SIGKILL)
        wait_gone(runner)
        live.close()

    assert outcomes(box) == [("lost", "runner_killed")]
    assert len(the_end(box)["attempts"]) == 1


def test_a_runner_that_is_killed_during_the_delay_loses_nothing_of_its_attempts(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        until(lambda: box.block("job").get("attempts"), "the block to tell of the attempt")
        os.kill(killers(box, "job")[1], signal.SIGKILL)
        result = live.wait()

    end = the_end(box)
    assert result.exit_code == 137
    assert (end["outcome"], end["reason"]) == ("lost", "runner_killed")
    assert [(each["attempt"], each["exit_code"]) for each in end["attempts"]] == [(1, 75)]


def test_both_killed_during_the_delay_are_told_by_the_next_start_with_their_attempts(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\n{LONG}")
    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        until(lambda: box.block("job").get("attempts"), "the block to tell of the attempt")
        kill_both(box, "job")
        live.close()
    box.job("job", "command: 'true'")

    assert box.run("job").exit_code == 0

    lost, succeeded = ends(box)
    assert (lost["outcome"], [each["attempt"] for each in lost["attempts"]]) == ("lost", [1])
    assert succeeded["outcome"] == "succeeded"


def test_a_runner_that_is_killed_in_the_second_attempt_leaves_no_process(box: Box) -> None:
    started = box.fifo("started")
    flaky = script(
        box, "flaky.sh", f"[ $PROCESS_CONTROL_ATTEMPT = 1 ] && exit 75; echo $$ > {started}; exec sleep 1000"
    )
    box.job("job", f"command: {flaky}\nretry: {{attempts: 3, delay: 0.05}}")

    with box.start("job") as live:
        pid = int(started.read_line())
        os.kill(killers(box, "job")[1], signal.SIGKILL)
        live.wait()

    wait_gone(pid)
    assert outcomes(box) == [("lost", "runner_killed")]
    assert [each["attempt"] for each in the_end(box)["attempts"]] == [1]


def stopped_in_the_second_attempt(box: Box, started: Fifo) -> int:
    with box.start("job") as live:
        pid = int(started.read_line())
        live.signal(signal.SIGTERM)
        code = live.wait().exit_code
    assert not lives(pid)
    return code


def test_a_stop_in_the_second_attempt_is_not_tried_again(box: Box) -> None:
    started = box.fifo("started")
    flaky = script(
        box, "flaky.sh", f"[ $PROCESS_CONTROL_ATTEMPT = 1 ] && exit 75; echo $$ > {started}; exec sleep 1000"
    )
    box.job("job", f"command: {flaky}\nretry: {{attempts: 9, delay: 0.05}}")

    assert stopped_in_the_second_attempt(box, started) == 143
    assert [each["reason"] for each in the_end(box)["attempts"]] == ["exit_code", "stopped"]


def test_what_an_attempt_left_behind_is_gone_before_the_next(box: Box) -> None:
    flaky = script(
        box,
        "flaky.sh",
        f"""
        if [ $PROCESS_CONTROL_ATTEMPT = 1 ]; then
            setsid sleep 1000 > /dev/null 2>&1 & echo $! > {box.root}/left; exit 75
        fi
        ! kill -0 $(cat {box.root}/left) 2> /dev/null
        """,
    )
    box.job("job", f"command: {flaky}\nkill_grace: 0.2\nretry: {{attempts: 2, delay: 0.05}}")

    assert box.run("job").exit_code == 0
    assert box.processes() == []


def test_only_the_run_counts_for_the_health_of_the_job(box: Box) -> None:
    box.job("job", f"command: {fails_until(box, 9)}\nschedule: '* * * * *'\nretry: {{attempts: 4, delay: 0.02}}")

    box.run("job", "--scheduled")

    assert (box.health("job")["state"], box.health("job")["failures_in_row"]) == ("failing", 1)


def test_where_attempts_begin_is_right_when_the_middle_of_the_log_was_dropped(box: Box) -> None:
    printer = script(
        box,
        "print.py",
        """
        import os, sys
        number = os.environ["PROCESS_CONTROL_ATTEMPT"]
        sys.stdout.write(f"begin {number}\\n" + "x" * 1500000 + "\\n" + f"end {number}\\n")
        sys.exit(75 if number != "3" else 0)
        """,
        shell="/usr/bin/python3",
    )
    box.job("job", f"command: {printer}\nretry: {{attempts: 3, delay: 0.02}}\nlimits: {{log_bytes: 3 MB}}")

    assert box.run("job").exit_code == 0

    end, log = the_end(box), box.log_bytes("job")
    first, second, third = (each["log_offset"] for each in end["attempts"])
    assert log[first:].startswith(b"begin 1\n")
    assert log[second:].startswith(b"begin 2\n")
    assert end["log_dropped_bytes"] > 0
    assert third == len(log) - (1 << 20)  # where the third began was dropped: its part begins at the cut
    assert log.endswith(b"end 3\n")
    assert box.process_control("logs", "job", "--attempt", "3", "-n", "1").stdout == "end 3\n"


def test_one_mail_tells_of_the_run_and_none_of_its_attempts(box: Box) -> None:
    mails = box.root / "mails"
    sendmail = script(box, "sendmail", f"cat >> {mails}; echo >> {mails}.count")
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": str(sendmail)})
    rules = "verdicts: [{exit_code: 75, verdict: retry}]"
    box.job("job", f"command: {fails_until(box, 9)}\nretry: {{attempts: 3, delay: 0.02}}\n{rules}")

    box.run("job")

    until(lambda: records(box, "mail"), "the mail to be sent")
    assert Path(f"{mails}.count").read_text() == "\n"
    assert "decided by    rule 1, {exit_code: 75, verdict: retry}" in mails.read_text()
    assert "3 attempts" in mails.read_text()


@pytest.mark.fault("SIGKILL at any moment of three attempts", small=13, full=500, wanted="no lost attempt")
@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_killed_at_any_moment_of_three_attempts_no_attempt_that_ended_is_lost(
    box: Box, victim: str, storm: Storm
) -> None:
    """Each run has one end, with every attempt that the journal has; nothing of it lives on."""
    started, stays = box.fifo("started"), box.root / "stays"
    text = f"[ -e {stays} ] && echo > {started} && exec sleep 1000; sleep 1000 & sleep 0.01; kill $!; exit 75"
    job = script(box, "job.sh", text)
    box.job("job", f"command: {job}\nkill_grace: 0\nretry: {{attempts: 3, delay: 0.02, factor: 1}}")
    chance = random.Random(f"{victim} 4")
    for number in storm.rounds():
        if number % 12 == 1:
            stays.touch()
        with box.start("job", via="stub") as live:
            # However busy the machine is, one of a few comes to its own end, and one is killed with its command.
            if number % 12 == 1:
                started.read_line()
            if not pause_or_end(live, {0: 60.0, 1: 0.0}.get(number % 12, chance.uniform(0.02, 0.25))):
                for pid in [live.pid] if victim == "guard" else children(live.pid)[:1]:
                    os.kill(pid, signal.SIGKILL)
            live.wait()
        stays.unlink(missing_ok=True)
        box.wait_until_all_ended(seconds=15)
    box.job("job", "command: 'true'")
    assert box.run("job").exit_code == 0

    recorded: dict[str, list[int]] = {}
    for attempt in records(box, "attempt"):
        recorded.setdefault(attempt["run_id"], []).append(attempt["attempt"])
    assert_each_start_has_one_end(box)
    for end in ends(box):
        told = [attempt["attempt"] for attempt in end["attempts"]]
        assert told == list(range(1, len(told) + 1))
        lost = [number for number in recorded.get(end["run_id"], []) if number not in told]
        # Killed between the two writes, journal first: then it is in the journal only.
        assert lost in ([], [len(told) + 1])
    assert {"lost", "failed"} <= {outcome for outcome, _ in outcomes(box)}


def test_a_program_that_is_being_written_is_tried_again(box: Box) -> None:
    program = box.root / "tool"
    shutil.copy("/bin/true", program)
    box.job("job", f"command: {program}\nretry: {{attempts: 100, delay: 0.2, factor: 1}}")

    with program.open("r+b") as writer, box.start("job") as live:
        waits_for_the_next_attempt(box)
        writer.close()
        result = live.wait()

    assert (result.exit_code, result.stderr) == (0, "")
    assert {attempt["detail"] for attempt in records(box, "attempt")} == {f"{program}: Text file busy"}


@pytest.mark.needs_root
@pytest.mark.parametrize("numbers", [[errno.EIO], [errno.ENOMEM], [errno.ESTALE] * 2, [errno.EAGAIN]], ids=str)
def test_a_program_that_its_disk_does_not_let_be_read_just_now_is_tried_again(box: Box, numbers: list[int]) -> None:
    """A stale handle is asked for twice by the kernel itself."""
    box.job("job", f"command: {box.root}/disk/tool\nretry: {{attempts: 3, delay: 0.05}}")

    with answering_disk(box.root / "disk", {"tool": b"#!/bin/sh\n"}, fails={(OPEN, "tool"): numbers}) as disk:
        result = box.run("job")

    assert (result.exit_code, result.stderr) == (0, "")
    (attempt,) = records(box, "attempt")
    assert attempt["detail"] == f"{disk}/tool: {os.strerror(numbers[0])}"
    assert len(the_end(box)["attempts"]) == 2


@pytest.mark.needs_root
def test_a_start_for_which_the_user_has_no_process_left_just_now_is_tried_again(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    limit = "[ $PROCESS_CONTROL_ATTEMPT -gt 1 ] || prlimit --pid $PPID --nproc=1:"
    first = script(box, "first.sh", limit)
    box.job("job", f"command: [{first}, 'true']\nretry: {{attempts: 50, delay: 0.2, factor: 1}}")

    with box.start("job") as live:
        waits_for_the_next_attempt(box)
        (runner,) = children(live.pid)
        box.command(["prlimit", "--pid", str(runner), "--nproc=500:"], user=SERVICE_USER)
        result = live.wait()

    assert (result.exit_code, result.stderr) == (0, "")
    told = {attempt["detail"] for attempt in records(box, "attempt")}
    assert told == {"no new process could be made: Resource temporarily unavailable"}


def test_a_program_that_is_not_there_is_not_tried_again(box: Box) -> None:
    box.job("job", "command: no-such-program\nretry: {attempts: 5, delay: 0.05}")

    assert box.run("job").exit_code == 127
    assert len(the_end(box)["attempts"]) == 1

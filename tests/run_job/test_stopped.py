"""Stopping a run: by a signal at any moment, and by --kill-job, which signals nobody but the proved holder."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box, Result, Storm, command_line, lives, state_letter, until, wait_gone
from kit.runs import ONE_SLOT, ends, outcomes, pause_or_end, records, script, starts, the_end, waiting_for_a_lock


@pytest.mark.each_way
@pytest.mark.fault("TERM, INT, HUP at any moment", small=8, full=500, wanted="right exit, right row, no traceback")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=["TERM", "INT", "HUP"])
def test_a_signal_at_any_moment_gives_the_right_exit_and_the_right_row(box: Box, number: int, storm: Storm) -> None:
    chance = random.Random(int(number))
    proof = box.root / "proof"
    stays = box.root / "stays"
    text = f"echo $PROCESS_CONTROL_RUN_ID >> {proof}; [ ! -e {stays} ] || sleep 1000; sleep 0.02; sleep 0.02"
    job = script(box, "job.sh", text)
    box.job("job", f"command: [{job}, 'true', {job}]\nkill_grace: 5")
    proof.touch()
    seen: Counter[int] = Counter()
    took = 0.0
    for round_number in storm.rounds():
        before, began = len(ends(box)), time.monotonic()
        if round_number == 1:  # stopped in a command, however busy the machine is
            stays.touch()
        with box.start("job", via="stub") as live:
            if round_number == 0:  # undisturbed: how long that takes here and now
                live.process.wait()
                took = time.monotonic() - began
            elif round_number == 1:
                until(lambda: len(proof.read_text().split()) > 2, "the second run to begin")
                live.signal(number)
            elif not pause_or_end(live, chance.uniform(0, 1.2 * took)):
                live.signal(number)
            result = live.wait()
        stays.unlink(missing_ok=True)
        rows = ends(box)[before:]
        assert "Traceback" not in result.stderr or met_the_interpreter(result), result
        assert [(pid, command_line(pid), state_letter(pid)) for pid in box.processes()] == [], result
        if result.exit_code == 0:
            assert [(end["outcome"], end["reason"]) for end in rows] == [("succeeded", None)]
        elif result.exit_code == -number or (result.exit_code == 1 and met_the_interpreter(result)):
            assert rows == []  # the interpreter had not got as far as our first line
        else:
            assert result.exit_code == 128 + number, result
            # no row: it was stopped before it had started anything
            assert [(end["outcome"], end["reason"]) for end in rows] in ([("failed", "stopped")], [])
        seen[result.exit_code] += 1

    storm.found(f"{signal.Signals(number).name}: {seen[0]} succeeded, {seen[128 + number]} stopped")
    assert len(starts(box)) == len(ends(box))
    assert set(proof.read_text().split()) <= {start["run_id"] for start in starts(box)}
    assert {0, 128 + number} <= set(seen), seen


def met_the_interpreter(result: Result) -> bool:
    """Whether Control-C met the interpreter's own start, before the stub had taken its handler away.

    Nobody can keep it from saying so. Mostly it ends as Control-C ends a program; where it could not set itself up it
    ends with 1, and what it was asked in a finalizer it says and goes on from.
    """
    ours = set(re.findall(r"process_control/(\S+)\"", result.stderr))
    return "KeyboardInterrupt" in result.stderr and ours <= {"entry/stub.py"}


def test_a_signal_during_a_wait_for_the_lock_ends_the_wait(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}\n{ONE_SLOT}\non_overlap: queue")
    with box.start("job") as first:
        started.read_line()
        with box.start("--wait", "job") as by_hand, box.start("--scheduled", "job") as scheduled:
            for waiting in (by_hand, scheduled):
                until(lambda waiting=waiting: waiting_for_a_lock(waiting.pid), "it to wait for the lock")
                waiting.signal(signal.SIGTERM)
            codes = by_hand.wait().exit_code, scheduled.wait().exit_code
        release.write_line()
        first.wait()

    assert codes == (143, 143)
    assert [(skip["reason"], skip["detail"].split(":")[0]) for skip in records(box, "skip")] == [
        ("overlap", "stopped while it waited")
    ]
    assert len(starts(box)) == 1


@contextmanager
def running(box: Box, slug: str = "job", text: str = "exec sleep 1000", extra: str = "") -> Iterator[Any]:
    started = box.fifo(f"started-{slug}")
    job = script(box, f"{slug}.sh", f"echo $$ > {started}; {text}")
    box.job(slug, f"command: {job}\n{extra}")
    with box.start(slug) as live:
        live.main = int(started.read_line())  # type: ignore[attr-defined]
        yield live


@pytest.mark.each_way
def test_kill_job_stops_the_run_and_waits_until_its_tree_is_gone(box: Box) -> None:
    with running(box, text="setsid sleep 1000 & wait") as live:
        run_id = box.block("job")["run_id"]
        pids = box.run_processes("job")

        killed = box.run_job("--kill-job", "job")

        alive = [pid for pid in pids if lives(pid) and pid != live.pid]
        result = live.wait()

    assert (killed.stdout, killed.stderr, killed.exit_code) == ("", f"job: stopped run {run_id}\n", 0)
    assert alive == []
    assert result.exit_code == 143
    end = the_end(box)
    assert (end["outcome"], end["reason"], end["detail"]) == ("failed", "stopped", "stopped on request")
    (stop,) = records(box, "stop")
    assert (stop["run_id"], stop["job"], stop["by"]) == (run_id, "job", end["by"])


def test_kill_job_with_nothing_running_is_1(box: Box) -> None:
    box.job("never", "command: 'true'")
    box.job("done", "command: 'true'")
    box.run("done")

    results = [box.run_job("-k", slug) for slug in ("never", "done")]

    assert [(result.stderr, result.exit_code) for result in results] == [
        ("never: nothing is running\n", 1),
        ("done: nothing is running\n", 1),
    ]
    assert records(box, "stop") == []


def test_kill_job_of_no_such_job_is_66(box: Box) -> None:
    assert box.run_job("--kill-job", "absent").exit_code == 66
    assert box.run_job("--kill-job", "../../etc/passwd").exit_code == 66


def test_kill_job_works_although_the_job_file_is_gone_or_invalid(box: Box) -> None:
    with running(box) as live:
        box.job("job", "this is not: [a job")
        assert box.run_job("--kill-job", "job").exit_code == 0
        live.wait()
    with running(box, "other") as live:
        (box.job_directory / "other.yaml").unlink()
        assert box.run_job("--kill-job", "other").exit_code == 0
        live.wait()


@pytest.mark.each_way
def test_a_stop_gives_the_grace_and_then_kills(box: Box) -> None:
    with running(
        box, text="trap 'echo asked' TERM; while :; do read x < /dev/zero & wait; done", extra="kill_grace: 0.3"
    ) as live:
        killed = box.run_job("--kill-job", "job")
        result = live.wait()

    assert killed.exit_code == 0
    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped")]


def test_two_kill_jobs_at_once_are_both_answered(box: Box) -> None:
    with running(box) as live:
        killers = [box.start("--kill-job", "job") for _ in range(2)]
        codes = sorted(killer.wait().exit_code for killer in killers)
        live.wait()

    assert codes in ([0, 0], [0, 1])


# --- never a stranger ------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has nothing to do with any job, and that began in another tick of the kernel than any run."""
    process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * ticks > start_time(process.pid) + 1, "the next tick")
        yield process
    finally:
        process.kill()
        process.wait()


def start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])


def forge(box: Box, slug: str, **changes: object) -> None:
    path = box.state_directory / "jobs" / slug / "block"
    block = {**box.block(slug), "end": None, "journaled": False, **changes}
    content = path.read_bytes()
    text = json.dumps(block).encode()
    path.write_bytes(content[:512] + text.ljust(4096 - 512))


FORGERIES = {
    "a foreign pid": {},
    "another start time": {"pid_start": -1},
    "no start time": {"pid_start": None},
    "another boot": {"boot_id": "00000000-0000-4000-8000-000000000000"},
    "another pid namespace": {"pid_ns": "pid:[1]"},
    "no pid": {"pid": None},
    "a pid that is no number": {"pid": "1"},
    "pid 1": {"pid": 1},
    "pid -1": {"pid": -1},
    "pid 0": {"pid": 0},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_kill_job_never_signals_a_pid_that_is_not_proved_to_be_the_holder(
    box: Box, stranger: "subprocess.Popen[bytes]", name: str
) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    forge(box, "job", **{"pid": stranger.pid, **FORGERIES[name]})

    killed = box.run_job("--kill-job", "job")

    assert killed.exit_code == 1, killed
    assert "Traceback" not in killed.stderr
    assert stranger.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        stranger.wait(0.05)


def test_even_a_pid_with_the_right_start_time_is_only_asked_by_our_own_signal(
    box: Box, stranger: "subprocess.Popen[bytes]"
) -> None:
    """Whoever can write the block can name any process of the same user: it is shown alive, and refused to start."""
    box.job("job", "command: 'true'")
    box.run("job")
    forge(box, "job", pid=stranger.pid, pid_start=start_time(stranger.pid))

    refused = box.run("job")

    assert refused.exit_code == 75
    assert f"(pid {stranger.pid})" in refused.stderr
    assert stranger.poll() is None


@pytest.mark.parametrize("name", ["a foreign pid", "another boot", "another start time"])
def test_the_next_start_after_a_forged_block_says_lost_and_runs(
    box: Box, stranger: "subprocess.Popen[bytes]", name: str
) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    forge(box, "job", run_id="0000000000000000", **{"pid": stranger.pid, **FORGERIES[name]})

    result = box.run("job")

    assert (result.stderr, result.exit_code) == ("", 0)
    reason = "host_down" if name == "another boot" else "runner_killed"
    assert outcomes(box) == [("succeeded", None), ("lost", reason), ("succeeded", None)]
    assert stranger.poll() is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4096, b"x" * 4096, b" " * 512 + b'{"run_id": 5}' + b" " * 3571, b"[" * 4096, b"slot x\n" + b"{" * 99],
    ids=["empty", "zeros", "garbage", "wrong type", "brackets", "short"],
)
def test_a_block_that_cannot_be_read_keeps_no_job_from_running(box: Box, content: bytes) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    (box.state_directory / "jobs" / "job" / "block").write_bytes(content)

    killed, status = box.run_job("--kill-job", "job"), box.run("--status", "job")
    results = [box.run("job"), box.run("--scheduled", "job"), box.run("job")]

    assert killed.exit_code == 1
    assert status.exit_code == 0
    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 3
    assert len((box.state_directory / "jobs" / "job" / "block").read_bytes()) == 4096


def test_the_runner_is_told_by_pidfd_that_it_ended(box: Box) -> None:
    with running(box) as live:
        runner = box.block("job")["pid"]
        box.run_job("--kill-job", "job")
        wait_gone(runner, seconds=0)
        live.wait()
    assert not lives(runner)
    assert os.path.exists(box.state_directory)

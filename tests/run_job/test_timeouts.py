"""A timeout ends the whole process tree, and is never a success."""

import os
import random
import time

import pytest

from kit.harness import Box, Storm
from kit.runs import ends, outcomes, script, the_end

PLAIN = "exec sleep 1000"
CHILDREN = "i=0; while [ $i -lt {count} ]; do sleep 1000 & i=$((i+1)); done; wait"
TREES = {
    "plain": PLAIN,
    "a shell and its child": "sleep 1000; true",
    "TERM-ignoring": "trap '' TERM HUP INT; while :; do sleep 1000; done",
    "setsid": "setsid sleep 1000 & wait",
    "double-forked": "( ( setsid sleep 1000 < /dev/null > /dev/null 2>&1 & ) & ); exec sleep 1000",
    "double-forked, descriptors closed, TERM ignored": (
        "( ( trap '' TERM; cd /; exec setsid sleep 1000 0<&- 1>&- 2>&- 3>&- ) & ) & exec sleep 1000"
    ),
    "stopped": "kill -STOP $$",
    "with no name, descriptor, parent or session left": (
        "( ( exec env -i setsid sh -c 'trap : TERM; cd /; exec sleep 1000 0<&- 1>&- 2>&- 3<&-' ) & ) & exec sleep 1000"
    ),
    "without its environment": "env -i setsid sleep 1000 & wait",
}


@pytest.mark.each_way
@pytest.mark.fault(
    "Timeout against plain, TERM-ignoring, setsid, double-forked", small=1, full=1, wanted="all gone in grace + 1 s"
)
@pytest.mark.parametrize("name", TREES)
def test_all_of_the_tree_is_gone_within_the_grace_and_a_second(box: Box, name: str) -> None:
    job = script(box, "job.sh", TREES[name])
    box.job("slow", f"command: {job}\ntimeout: 0.3\nkill_grace: 0.3")
    began = time.monotonic()

    result = box.run("slow")

    took = time.monotonic() - began
    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert took < 0.3 + 0.3 + 1 + 8  # 8 for a busy machine
    assert box.processes() == []
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _sleeps_for_us(int(pid), box)]


def _sleeps_for_us(pid: int, box: Box) -> bool:
    """Whether it is ours though it cleared its environment: its open files tell."""
    try:
        return any(str(box.root) in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")) and (
            pid != os.getpid()
        )
    except OSError:
        return False


@pytest.mark.each_way
@pytest.mark.fault("Timeout against 500 children", small=50, full=500, wanted="all gone")
def test_many_children_are_all_gone(box: Box, storm: Storm) -> None:
    count = storm.size
    job = script(box, "job.sh", f"{CHILDREN.format(count=count)}")
    box.job("many", f"command: {job}\ntimeout: 1\nkill_grace: 2")

    result = box.run("many")

    assert result.exit_code == 124
    assert box.processes() == []


def test_a_tree_that_obeys_term_ends_before_the_grace_is_over(box: Box) -> None:
    box.job("slow", "command: sleep 1000\ntimeout: 0.1\nkill_grace: 60")
    began = time.monotonic()

    assert box.run("slow").exit_code == 124
    assert time.monotonic() - began < 20


@pytest.mark.each_way
def test_what_the_job_says_in_its_grace_is_kept(box: Box) -> None:
    never = box.fifo("never")
    job = script(box, "job.sh", f"trap 'echo last words; exit 0' TERM; read line < {never}")
    box.job("slow", f"command: {job}\ntimeout: 4")

    result = box.run("slow")

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert box.log_bytes("slow") == b"last words\n"


def test_a_timeout_covers_the_whole_list(box: Box) -> None:
    box.job("list", f"command: [sleep 0.3, sleep 0.3, sleep 0.3, touch {box.root}/last]\ntimeout: 0.5")

    result = box.run("list")

    assert result.exit_code == 124
    assert not (box.root / "last").exists()


@pytest.mark.each_way
@pytest.mark.fault("Timeout at 200 moments inside a command list", small=12, full=200, wanted="never success")
def test_a_timeout_at_any_moment_of_a_list_is_never_a_success(box: Box, storm: Storm) -> None:
    """Either all commands ran and it succeeded, or it timed out and the last one did not end well."""
    chance = random.Random(7)
    done = box.root / "done"
    for number in storm.rounds():
        # On a busy machine the list takes longer than any of the short ones: then the long one succeeds.
        timeout = 30.0 if number % 20 == 0 else chance.uniform(0.005, 0.12)
        box.job(
            "list",
            f"command: [sleep 0.02, 'true', sleep 0.02, 'true', touch {done}]\ntimeout: {timeout:.4f}\nkill_grace: 1",
        )
        done.unlink(missing_ok=True)

        result = box.run("list", via="stub")

        end = ends(box)[-1]
        if result.exit_code == 0:
            assert done.exists()
            assert (end["outcome"], end["reason"]) == ("succeeded", None)
        else:
            assert (result.exit_code, end["outcome"], end["reason"]) == (124, "failed", "timeout")
    assert {outcome for outcome, _ in outcomes(box)} == {"succeeded", "failed"}


def test_the_flag_sets_the_timeout_of_one_run(box: Box) -> None:
    box.job("slow", "command: sleep 1000")
    box.job("short", "command: sleep 0.2\ntimeout: 0.1")

    assert box.run("slow", "--timeout", "0.2").exit_code == 124
    assert box.run("short", "--timeout", "0").exit_code == 0
    assert box.run("short", "--timeout", "1m").exit_code == 0


def test_no_timeout_is_no_timeout(box: Box) -> None:
    box.job("free", "command: sleep 0.2\ntimeout: 0")

    assert box.run("free").exit_code == 0
    assert the_end(box)["outcome"] == "succeeded"


def test_the_report_tells_the_reason_first_and_how_to_allow_more(box: Box) -> None:
    box.job("slow", "command: sleep 1000\ntimeout: 2")

    result = box.run("slow")

    end = the_end(box)
    first, *rest = result.stderr.splitlines()
    assert first.startswith("slow: failed: timed out after 2 s ")
    assert first.endswith(f"(all its processes were ended) (run {end['run_id']}, log {end['log']})")
    assert rest == ["  hint: if it may take longer, write in slow.yaml:  timeout: 2h"]


def test_a_job_that_prints_without_end_is_still_timed_out(box: Box) -> None:
    box.job("yes", "command: yes\ntimeout: 0.5\nlimits:\n  log_bytes: 1 MB")

    result = box.run("yes")

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]


def test_a_stdout_file_that_nobody_reads_does_not_hold_a_timeout_up(box: Box) -> None:
    """A FIFO with a reader that has stopped reading takes only so much."""
    reader = box.fifo("reader")
    box.job("prints", f"command: yes\ntimeout: 0.5\nstdout: {reader}\nlimits:\n  log_bytes: 1 MB")

    result = box.run("prints")

    assert result.exit_code == 124


def test_a_run_that_was_suspended_is_still_ended(box: Box) -> None:
    box.job("stopped", f"command: {script(box, 'job.sh', 'kill -STOP $$; sleep 1000')}\ntimeout: 0.5\nkill_grace: 5")

    result = box.run("stopped")

    assert result.exit_code == 124
    assert box.processes() == []

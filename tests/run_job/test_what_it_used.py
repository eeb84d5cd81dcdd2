"""What a run used, CPU and memory: of all its processes where it has a control group, and the record says of what."""

from pathlib import Path

import pytest

from kit.control_groups import WITH, own_group
from kit.harness import Box, Result
from kit.runs import script, the_end
from process_control.core.measures import size

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
NOBODY_WAITS = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # then the kernel reaps, and counts the child nowhere
if os.fork() == 0:
    while time.process_time() < 0.5: pass
    os._exit(0)
try: os.wait()
except ChildProcessError: pass  # it is reaped: wait(2); before that, whoever inherits it would reap and count it
"""
WITHOUT_CLONE3 = """
import ctypes, os, struct, sys
words = [(0x20, 0, 0, 0), (0x15, 0, 1, 435), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *word) for word in words))
filter = ctypes.create_string_buffer(struct.pack("HL", len(words), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):  # no new privileges; seccomp filter
    sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A program that starts another one for which clone3(2) fails with ENOSYS, as on an old kernel or in a container."""


def python(box: Box, name: str, text: str) -> Path:
    return script(box, name, text, shell="/usr/bin/python3 -IS")


def memory_is_told_of_the_tree() -> bool:
    group = own_group()
    return group is not None and "memory" in (group / "cgroup.subtree_control").read_text().split()


@pytest.mark.each_way
def test_what_nobody_waited_for_counts_with_a_group_and_the_record_says_which_it_is(box: Box, way: str) -> None:
    box.job("job", f"command: {python(box, 'job.py', NOBODY_WAITS)}")

    assert box.run("job").exit_code == 0

    end, [told] = the_end(box), box.history("job")
    keys = ("cpu_seconds", "cpu_of", "memory_bytes", "memory_of")
    assert [told[key] for key in keys] == [end[key] for key in keys]
    if way == WITH:
        assert end["cpu_of"] == "tree"
        assert 0.5 <= end["cpu_seconds"] < 60
    else:
        assert (end["cpu_of"], end["memory_of"]) == ("waited_for", "largest_process")
        assert end["cpu_seconds"] < 0.5


@pytest.mark.each_way
def test_all_attempts_count_together(box: Box) -> None:
    burn = python(box, "burn.py", BURN.format(seconds=0.3) + "raise SystemExit(1)")
    box.job("job", f"command: {burn}\nretry: {{attempts: 3, delay: 0.01s}}")

    box.run("job")

    assert len(the_end(box)["attempts"]) == 3
    assert 0.9 <= the_end(box)["cpu_seconds"] < 5


@pytest.mark.each_way
def test_of_a_run_that_was_killed_its_group_tells_what_it_used_all_attempts_together(box: Box, way: str) -> None:
    text = "import os\nif os.environ['PROCESS_CONTROL_ATTEMPT'] == '1': raise SystemExit(1)\nos.kill(os.getppid(), 9)\n"
    job = python(box, "job.py", BURN.format(seconds=0.3) + text + "import signal\nsignal.pause()")
    box.job("job", f"command: {job}\nretry: {{attempts: 2, delay: 0.01s}}")

    assert box.run("job").exit_code == 137

    end, [told] = the_end(box), box.history("job")
    assert (end["outcome"], end["reason"]) == ("lost", "runner_killed")
    assert told["cpu_seconds"] == end.get("cpu_seconds")
    if way == WITH:
        assert end["cpu_of"] == "tree"
        assert 0.6 <= end["cpu_seconds"] < 60
        assert end.get("memory_of") == ("tree" if memory_is_told_of_the_tree() else None)
    else:
        assert {"cpu_seconds", "cpu_of", "memory_bytes", "memory_of"}.isdisjoint(end)


@pytest.mark.each_way
def test_the_memory_of_the_hungriest_attempt_is_told(box: Box) -> None:
    eats = f"import os\nopen('{box.root}/' + os.environ['PROCESS_CONTROL_ATTEMPT'], 'w').close()\n"
    eats += "x = bytearray(60_000_000 if os.environ['PROCESS_CONTROL_ATTEMPT'] == '1' else 10)\nraise SystemExit(1)"
    box.job("job", f"command: {python(box, 'eats.py', eats)}\nretry: {{attempts: 2, delay: 0.01s}}")

    box.run("job")

    assert (box.root / "2").exists()
    assert 60_000_000 < the_end(box)["memory_bytes"] < 120_000_000


@pytest.mark.each_way
def test_a_run_that_was_stopped_between_two_attempts_has_used_what_the_first_did(box: Box) -> None:
    burn = python(box, "burn.py", BURN.format(seconds=0.3) + "raise SystemExit(1)")
    box.job("job", f"command: {burn}\nretry: {{attempts: 2, delay: 1000s}}")
    with box.start("job", tty=True) as live:
        live.wait_for_line("attempt 1 of 2")
        box.run_job("--kill-job", "job")
        live.wait()

    assert the_end(box)["reason"] == "stopped"
    assert 0.3 <= the_end(box)["cpu_seconds"] < 0.6


@pytest.mark.each_way
def test_show_tells_what_the_last_run_used_and_of_what_it_is(box: Box, way: str) -> None:
    box.job("job", "command: 'true'")
    box.run("job")

    screen = box.process_control("show", "job", tty=True, columns=200).stdout
    last = box.process_control("show", "job", "--json").json()["job"]["last"]

    assert (last["cpu_of"] == "tree") == (way == WITH)
    (line,) = [line.strip() for line in screen.splitlines() if line.strip().startswith("last run: ")]
    assert ("without detached children" in line) == (way != WITH)
    if not (way == WITH and memory_is_told_of_the_tree()):
        assert line.endswith(f"{size(last['memory_bytes'])} peak memory (its largest process)")


@pytest.mark.each_way
def test_a_kernel_without_clone3_changes_nothing(box: Box, way: str) -> None:
    """The command then moves itself into the group before it is executed."""
    starts = python(box, "without_clone3.py", WITHOUT_CLONE3)
    box.job("job", f"command: cat /proc/self/cgroup\nworking_directory: {box.root}")

    result = run_through(box, starts, "job")

    assert result.exit_code == 0, result
    own_name = f"process-control.{the_end(box)['run_id']}"
    assert (own_name in box.log_bytes("job").decode()) == (way == WITH)
    assert (the_end(box)["cpu_of"] == "tree") == (way == WITH)


def run_through(box: Box, starts: Path, slug: str) -> Result:
    return box.command([str(starts), str(box.product.run_job), slug])

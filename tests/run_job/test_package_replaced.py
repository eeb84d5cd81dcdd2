"""The package is replaced while a job runs, as an upgrade does: the end is recorded and told all the same."""

import os
import shutil
import signal
import time
from collections.abc import Callable

import pytest

from kit.harness import Box, Product, until
from kit.processes import slept_so_far
from kit.runs import ONE_SLOT, outcomes, script, the_end
from process_control.execution.supervisor import SETTLED_SECONDS

pytestmark = pytest.mark.fault(
    "the package replaced or removed during a run", small=1, full=1, wanted="its end recorded and told"
)


@pytest.fixture
def own_box(make_box: Callable[..., Box], product: Product) -> Box:
    """A box with an installation of its own, that may be destroyed: files are only ever unlinked.

    What only screens import is missing from the beginning: half of the files, and no run may need them.
    """
    box = make_box()
    box.product = product.copy_to(box.root / "installation")
    for name in ("pygments", "rich", "markdown_it", "mdurl"):
        shutil.rmtree(box.product.site_packages / name)
    return box


def destroy(box: Box, how: str) -> None:
    """Replace every module, and every byte code file, of the package and of what it depends on; or one module."""
    garbage = box.root / "garbage"
    garbage.write_bytes(b"\xff garbage: this is no Python (\n")
    if how.endswith(".py"):
        path = box.product.site_packages / "process_control" / how
        path.unlink()
        path.hardlink_to(garbage)
        return
    for folder, _, names in os.walk(box.product.site_packages):
        for path in [f"{folder}/{name}" for name in names]:
            if how == "removed":
                os.unlink(path)
            elif path.endswith((".py", ".pyc", ".so")):
                os.unlink(path)
                os.link(garbage, path)


def wait_until_all_is_imported(box: Box) -> None:
    """Wait until the runner has slept through more time than it ever does before it imports what the end needs.

    Five times as much: where another host takes the processor away, the timer that ends a sleep comes late.
    """
    runner = box.block("job")["pid"]
    sleep, since = None, time.monotonic()

    def has_slept_long_enough() -> bool:
        nonlocal sleep, since
        looked_at = time.monotonic()
        if (now := slept_so_far(runner)) is None or now != sleep:
            sleep, since = now, time.monotonic()
            return False
        return looked_at - since > 5 * SETTLED_SECONDS

    until(has_slept_long_enough, "the runner to have imported what the end needs")


JOBS = {
    "success": ("exit 0", 0, ("succeeded", None), ""),
    "failure": ("exit 3", 3, ("failed", "exit_code"), "exited with 3"),
    "stderr": ("echo oops >&2", 1, ("failed", "stderr"), "stderr: oops"),
    "signal": ("kill -9 $$", 137, ("failed", "signal"), "SIGKILL (signal 9)"),
    "leftover": ("(trap '' TERM; sleep 1000) & exit 0", 0, ("warned", "leftovers"), ""),
}


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize(("how", "via"), [("garbage", "script"), ("removed", "stub")])
def test_the_end_is_recorded_and_told(own_box: Box, how: str, name: str, via: str) -> None:
    box = own_box
    ending, code, outcome, told = JOBS[name]
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}; {ending}")
    box.job("job", f"command: {job}\nkill_grace: 0.1\n{ONE_SLOT}")

    with box.start(*(["--scheduled"] if via == "stub" else []), "job", via=via) as live:
        started.read_line()
        wait_until_all_is_imported(box)
        destroy(box, how)
        release.write_line()
        result = live.wait()

    assert result.exit_code == code
    assert outcomes(box) == [outcome]
    assert told in result.stderr
    assert result.stderr.startswith("job: failed: ") if code else result.stderr == ""
    assert "judged without" not in str(the_end(box)["detail"])
    assert box.block("job")["end"]["outcome"] == outcome[0]
    assert box.health("job")["failures_in_row"] == (1 if code and via == "stub" else 0)


@pytest.mark.parametrize(("how", "via"), [("garbage", "script"), ("removed", "stub")])
def test_a_failure_is_reported_although_nothing_could_be_imported_before(own_box: Box, how: str, via: str) -> None:
    """A busy host: the package is replaced before the runner, which the job stops here, has come to its imports."""
    box = own_box
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"kill -STOP $PPID; echo $PPID > {started}; read line < {release}; exit 3")
    box.job("job", f"command: {job}\n{ONE_SLOT}")

    with box.start(*(["--scheduled"] if via == "stub" else []), "job", via=via) as live:
        runner = int(started.read_line())
        destroy(box, how)
        os.kill(runner, signal.SIGCONT)
        release.write_line()
        result = live.wait()

    end = the_end(box)
    assert result.exit_code == 3
    assert outcomes(box) == [("failed", "exit_code")]
    assert result.stderr.startswith("job: failed: exit"), result  # "exited with 3" where it was faster than the job
    assert result.stderr.endswith(f" (run {end['run_id']}, log {end['log']})\n")


@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "wait"])
@pytest.mark.parametrize(("how", "via"), [("garbage", "script"), ("removed", "stub"), ("core/masking.py", "script")])
def test_what_a_job_leaves_is_ended_although_nothing_could_be_imported_before(
    own_box: Box, how: str, via: str, ending: str
) -> None:
    box = own_box
    started, release = box.fifo("started"), box.fifo("release")
    left = "(trap '' TERM; exec setsid sleep 1000 > /dev/null 2>&1) &"
    job = script(
        box,
        "job.sh",
        f"kill -STOP $PPID; echo $PPID > {started}; read line < {release}; {left} touch {box.root}/left; {ending}",
    )
    timeout = 6 if ending == "wait" else 60  # it counts while the runner is stopped
    box.job("job", f"command: {job}\ntimeout: {timeout}\nkill_grace: 0.1\n{ONE_SLOT}")

    with box.start(*(["--scheduled"] if via == "stub" else []), "job", via=via) as live:
        runner = int(started.read_line())
        destroy(box, how)
        os.kill(runner, signal.SIGCONT)
        release.write_line()
        result = live.wait()

    code, reason = {"exit 0": (1, "output"), "exit 3": (3, "exit_code"), "wait": (124, "timeout")}[ending]
    assert result.exit_code == code
    assert outcomes(box) == [("failed", reason)]
    assert box.processes() == []
    assert result.stderr.startswith("job: failed: "), result


def test_a_fault_of_the_runner_itself_leaves_no_process_of_the_job(own_box: Box) -> None:
    box = own_box
    second = script(box, "second.sh", "exit 0")
    left = "(trap '' TERM; exec setsid sleep 1000 > /dev/null 2>&1) &"
    first = script(box, "first.sh", f"{left} while [ ! -e {box.root}/replaced ]; do sleep 0.02; done; rm {second}")
    box.job("job", f"command:\n- {first}\n- {second}\ntimeout: 60")

    with box.start("job") as live:
        until(box.processes, "the job")
        destroy(box, "execution/not_executed.py")  # what tells why the second command cannot be executed
        (box.root / "replaced").touch()
        result = live.wait()

    assert (result.exit_code, box.processes()) == (70, [])
    assert "not_executed.py" in result.stderr


@pytest.mark.parametrize(("how", "via"), [("garbage", "script"), ("removed", "stub")])
def test_the_guard_ends_what_a_killed_runner_leaves_although_it_could_import_nothing(
    own_box: Box, how: str, via: str
) -> None:
    box = own_box
    started = box.fifo("started")
    job = script(box, "job.sh", f"kill -STOP $PPID; setsid sleep 1000 & echo $PPID > {started}; wait")
    box.job("job", f"command: {job}\n{ONE_SLOT}")

    with box.start(*(["--scheduled"] if via == "stub" else []), "job", via=via) as live:
        runner = int(started.read_line())
        destroy(box, how)
        os.kill(runner, signal.SIGKILL)
        result = live.wait()

    assert result.exit_code == 137
    assert box.processes() == []


def test_a_timeout_ends_the_whole_tree_although_the_package_is_gone(own_box: Box) -> None:
    box = own_box
    started = box.fifo("started")
    job = script(box, "job.sh", f"setsid sleep 1000 & echo started > {started}; wait")
    box.job("job", f"command: {job}\ntimeout: 5\nkill_grace: 0.1")

    with box.start("job") as live:
        started.read_line()
        wait_until_all_is_imported(box)
        destroy(box, "garbage")
        result = live.wait()

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert "job: failed: " in result.stderr


def test_rules_expectations_and_another_attempt_still_hold(own_box: Box) -> None:
    box = own_box
    started, release = box.fifo("started"), box.fifo("release")
    ending = 'echo "attempt $PROCESS_CONTROL_ATTEMPT"; [ $PROCESS_CONTROL_ATTEMPT = 2 ] || exit 75; echo FATAL >&2'
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}; {ending}")
    rules = "verdicts: [{exit_code: 75, verdict: retry}, {stderr: FATAL, verdict: hold}]"
    box.job("job", f"command: {job}\nretry: {{attempts: 3, delay: 0.1}}\nexpect: {{longer_than: 1h}}\n{rules}")

    with box.start("job") as live:
        started.read_line()
        wait_until_all_is_imported(box)
        destroy(box, "garbage")
        release.write_line()
        started.read_line()
        release.write_line()
        result = live.wait()

    end = the_end(box)
    assert result.exit_code == 1
    assert [(each["outcome"], each["reason"]) for each in end["attempts"]] == [
        ("failed", "exit_code"),
        ("failed", "stderr"),
    ]
    assert (end["verdict"], end["decided_by"]["rule"]) == ("hold", 2)
    assert box.health("job")["state"] == "held"


@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_a_killed_runner_or_guard_still_leaves_nothing_behind(own_box: Box, victim: str) -> None:
    box = own_box
    started = box.fifo("started")
    job = script(box, "job.sh", f"setsid sleep 1000 & echo started > {started}; wait")
    box.job("job", f"command: {job}")

    with box.start("job") as live:
        started.read_line()
        wait_until_all_is_imported(box)
        destroy(box, "garbage")
        os.kill(box.block("job")["pid" if victim == "runner" else "guard_pid"], 9)
        result = live.wait()

    assert result.exit_code == (137 if victim == "runner" else -9)
    # nothing left behind: the box demands it when it closes


@pytest.mark.parametrize("name", ["success", "failure"])
def test_on_a_terminal_the_last_line_still_sums_up(own_box: Box, name: str) -> None:
    box = own_box
    ending, code, outcome, _ = JOBS[name]
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}; {ending}")
    box.job("job", f"command: {job}")

    with box.start("job", tty=True) as live:
        started.read_line()
        wait_until_all_is_imported(box)
        destroy(box, "garbage")
        release.write_line()
        result = live.wait()

    assert result.exit_code == code
    assert f"job {outcome[0]}" in result.stdout

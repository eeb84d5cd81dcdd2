"""The control group of a run: there while the run goes on, it hides nothing; afterwards it is gone, kills or not."""

import os
import pwd
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.control_groups import groups_of_runs, own_group
from kit.harness import SERVICE_USER, STRANGER, Box, Live, Storm, lives, until
from kit.runs import ends, kill_both, killers, outcomes, script, starts, the_end

pytestmark = pytest.mark.with_group

ENDS = {
    "succeeded": "command: 'true'",
    "failed": "command: 'false'",
    "not started": "command: /nowhere/at/all",
    "timeout": "command: sleep 1000\ntimeout: 0.2\nkill_grace: 0",
    "leftovers": "command: sh -c 'setsid sleep 1000 & true'\nkill_grace: 0.1",
    "attempts": "command: sh -c 'setsid sleep 1000 & false'\nkill_grace: 0\nretry: {attempts: 2, delay: 0.01s}",
    "a group of its own below": "command: sh -c 'mkdir {group}/below.scope'",
}
OWN_GROUP = "$(grep -h cgroup2 /proc/self/mounts | cut -d' ' -f2)$(sed -n 's/^0:://p' /proc/self/cgroup)"
HIDES = """
    # nothing is left by which it could be found: no name of a run, no descriptor, no parent, no session
    ( ( exec env -i setsid /bin/sh -c 'cd /; echo $$ > {pid}; exec sleep 1000 0<&- 1>&- 2>&- 3<&-' ) & ) &
    wait; exec sleep 1000
"""


@pytest.fixture
def job_that_hides(box: Box) -> Callable[[], int]:
    """Write the job `hides`; return what waits for the pid of what it has hidden."""
    pid = box.fifo("pid")
    box.job("hides", f"command: {script(box, 'hides.sh', HIDES.format(pid=pid))}")

    def wait() -> int:
        hidden = int(pid.read_line())
        until(lambda: Path(f"/proc/{hidden}/comm").read_text() == "sleep\n", "it to be hidden")
        return hidden

    return wait


@pytest.mark.parametrize("name", ENDS)
def test_the_group_is_gone_when_the_run_has_ended(box: Box, name: str) -> None:
    box.job("job", ENDS[name].replace("{group}", OWN_GROUP))

    box.run("job")

    assert box.block("job")["cgroup"].endswith(f"/process-control.{the_end(box)['run_id']}")
    assert groups_of_runs() == []


def test_an_inner_run_has_a_group_in_that_of_the_outer_one(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    inner = script(box, "inner.sh", f"echo > {started}; read line < {release}")
    box.job("inner", f"command: {inner}")
    box.job("outer", "command: run-job inner")
    with box.start("outer") as live:
        started.read_line()
        below, top = groups_of_runs()
        release.write_line()
        assert live.wait().exit_code == 0

    assert below.parent == top
    assert groups_of_runs() == []


# --- after a kill ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_whoever_outlives_the_other_removes_the_group(box: Box, job_that_hides: Callable[[], int], victim: str) -> None:
    with box.start("hides") as live:
        hidden = job_that_hides()
        guard, runner = killers(box, "hides")
        os.kill(runner if victim == "runner" else guard, signal.SIGKILL)
        live.wait()
        until(lambda: not lives(runner), "the runner to end")

    assert not lives(hidden)
    assert groups_of_runs() == []
    assert outcomes(box) == [("lost", "runner_killed")]


def test_with_both_killed_what_hides_from_all_else_is_named_refused_and_ended(
    box: Box, job_that_hides: Callable[[], int]
) -> None:
    with box.start("hides") as live:
        hidden = job_that_hides()
        kill_both(box, "hides")
        live.wait()

    refused = box.run("hides")
    killed = box.run_job("--kill-job", "hides")
    box.job("hides", "command: 'true'")
    works = box.run("hides")

    assert refused.exit_code == 75
    assert f"left processes running: pid {hidden} (sleep 1000)" in refused.stderr
    assert killed.exit_code == 0
    until(lambda: not lives(hidden), "what was killed to be gone", seconds=10)
    assert works.exit_code == 0
    assert groups_of_runs() == []
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]


def test_what_moved_to_a_group_below_that_of_the_run_is_found_too(box: Box) -> None:
    pid = box.fifo("pid")
    moves = f"mkdir {OWN_GROUP}/below; ( exec env -i setsid /bin/sh -c '"
    moves += f"echo $$ > '{OWN_GROUP}'/below/cgroup.procs; exec 3<&-; echo $$ > {pid}; exec sleep 1000' ) & wait"
    box.job("job", f"command: {script(box, 'job.sh', moves)}")
    with box.start("job") as live:
        survivor = int(pid.read_line())
        kill_both(box, "job")
        live.wait()

    refused = box.run("job")
    box.run_job("--kill-job", "job")

    assert refused.exit_code == 75
    assert f"pid {survivor} (" in refused.stderr
    until(lambda: not lives(survivor), "what was killed to be gone", seconds=10)


def test_the_group_that_both_left_is_removed_by_prune_and_no_group_that_is_in_use(
    box: Box, job_that_hides: Callable[[], int]
) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    first = script(box, "first.sh", f"echo > {started}; read line < {release}")
    box.job("goes-on", f"command: [{first}, cat /proc/self/cgroup]\nworking_directory: /")
    with box.start("hides") as live:
        hidden = job_that_hides()
        kill_both(box, "hides")
        live.wait()
    os.kill(hidden, signal.SIGKILL)
    until(lambda: not lives(hidden), "the survivor to end")
    with box.start("goes-on") as live:
        started.read_line()
        before = groups_of_runs()
        box.process_control("prune")
        after = groups_of_runs()
        release.write_line()
        assert live.wait().exit_code == 0

    assert {group.name for group in before} == {f"process-control.{start['run_id']}" for start in starts(box)}
    assert [group.name for group in after] == [f"process-control.{starts(box, 'goes-on')[0]['run_id']}"]
    assert after[0].name in box.log_bytes("goes-on").decode()


@pytest.mark.fault(
    "Forsaken control groups removed while runs begin", small=13, full=1000, wanted="each run keeps its group"
)
def test_whoever_removes_what_is_forsaken_never_takes_the_group_of_a_run_that_begins(box: Box, storm: Storm) -> None:
    box.job("job", "command: [cat /proc/self/cgroup, 'true', cat /proc/self/cgroup]")
    sweeper = script(
        box,
        "sweeper.py",
        f"""
        import sys
        sys.path.insert(0, {str(box.product.site_packages)!r})
        from process_control.execution.groups_of_runs import remove_forsaken
        print("at it", flush=True)
        while True:
            remove_forsaken()
        """,
        shell=f"{box.product.interpreter} -IS",
    )
    with box.start_command([str(sweeper)]) as sweeping:
        sweeping.wait_for_line("at it")
        for _ in storm.rounds():
            assert box.run("job", via="stub").exit_code == 0

    names = {f"process-control.{end['run_id']}" for end in ends(box)}
    logs = [log.read_text().splitlines() for log in box.logs("job")]
    assert len(names) == storm.size
    assert sum(line.rpartition("/")[2] in names for log in logs for line in log) == 2 * storm.size
    assert {end["cpu_of"] for end in ends(box)} == {"tree"}
    storm.found(f"{storm.size} runs, none without its group")


# --- a group that somebody else was given ----------------------------------------------------------------------------


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A control group that the service user may write, as systemd makes it for a unit with Delegate=yes."""
    above = own_group()
    if above is None:
        raise AssertionError("tests with a group run where one can be made")
    given = above / "given"
    given.mkdir()
    for path in (given, given / "cgroup.procs", given / "cgroup.subtree_control", given / "cgroup.threads"):
        os.chown(path, *ids_of(SERVICE_USER))
    yield given
    given.rmdir()


@pytest.fixture
def as_service_user(make_box: Callable[..., Box], delegated: Path) -> Callable[..., Live]:
    """Start `run-job ARGUMENTS…` of a box as the service user, in the group that it was given."""
    enter = ["sh", "-c", f'echo $$ > {delegated}/cgroup.procs && exec "$@"', "sh"]
    become = ["setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--init-groups"]

    def start(box: Box, *arguments: str) -> Live:
        for path in (box.state_directory, box.output_directory):
            path.mkdir(exist_ok=True)
            os.chown(path, *ids_of(SERVICE_USER))
        return box.start_command([*enter, *become, str(box.product.run_job), *arguments])

    return start


def ids_of(user: str) -> tuple[int, int]:
    account = pwd.getpwnam(user)
    return account.pw_uid, account.pw_gid


@pytest.mark.needs_root
def test_the_service_user_makes_groups_in_one_that_was_delegated_to_it(
    box: Box, as_service_user: Callable[..., Live], job_that_hides: Callable[[], int], delegated: Path
) -> None:
    with as_service_user(box, "hides") as live:
        hidden = job_that_hides()
        group = Path(box.block("hides")["cgroup"])
        kill_both(box, "hides")
        live.wait()

    refused = as_service_user(box, "hides").wait()
    killed = as_service_user(box, "--kill-job", "hides").wait()
    box.job("hides", "command: 'true'")
    works = as_service_user(box, "hides").wait()

    assert (group.parent, refused.exit_code, killed.exit_code, works.exit_code) == (delegated, 75, 0, 0), refused
    until(lambda: not lives(hidden), "what was killed to be gone", seconds=10)
    assert groups_of_runs() == []


@pytest.mark.needs_root
def test_in_a_unit_with_a_delegated_subgroup_runs_have_their_groups_beside_it(box: Box, delegated: Path) -> None:
    """As systemd has it with Delegate=yes and DelegateSubgroup=main: where processes are, no controllers can be had."""
    os.setxattr(delegated, "user.delegate", b"1")
    main = delegated / "main"
    main.mkdir()
    inner = f"{box.product.run_job} inner; cat /proc/self/cgroup"
    box.job("outer", f"command: {script(box, 'job.sh', inner)}")
    box.job("inner", "command: cat /proc/self/cgroup")
    enter = ["sh", "-c", f'echo $$ > {main}/cgroup.procs && exec "$@"', "sh"]

    try:
        result = box.command([*enter, str(box.product.run_job), "outer"])
        left = [path.name for path in delegated.iterdir() if path.is_dir()]
    finally:
        main.rmdir()

    assert result.exit_code == 0, result
    outer_group = Path(box.block("outer")["cgroup"])
    assert outer_group.parent == delegated
    assert Path(box.block("inner")["cgroup"]).parent == outer_group
    assert left == ["main"]


@pytest.mark.needs_root
@pytest.mark.parametrize("how", ["timeout", "stop", "runner killed", "guard killed", "both killed, then a stop"])
def test_what_became_root_is_ended_by_a_run_that_may_not_signal_it(
    box: Box, as_service_user: Callable[..., Live], how: str
) -> None:
    pid = box.fifo("pid")
    becomes_root = box.root / "becomes-root"
    shutil.copy("/usr/bin/setpriv", becomes_root)
    becomes_root.chmod(0o4755)
    job = f"{becomes_root} --reuid=0 --regid=0 --clear-groups sh -c 'echo $$ > {pid}; exec sleep 1000' & wait"
    box.job(
        "job", f"command: {script(box, 'job.sh', job)}\ntimeout: {4 if how == 'timeout' else 1000}\nkill_grace: 0.1"
    )
    with as_service_user(box, "job") as live:
        root = int(pid.read_line())
        assert f"Uid:{chr(9)}0{chr(9)}0{chr(9)}0" in Path(f"/proc/{root}/status").read_text()
        guard, runner = killers(box, "job")
        if how == "runner killed":
            os.kill(runner, signal.SIGKILL)
        elif how == "guard killed":
            os.kill(guard, signal.SIGKILL)
        elif how != "timeout" and how != "stop":
            kill_both(box, "job")
        if "stop" in how:
            assert as_service_user(box, "--kill-job", "job").wait().exit_code == 0
        live.wait()
        until(lambda: not lives(runner), "the runner to end")
    is_gone = not lives(root)
    box.job("job", "command: 'true'")

    assert is_gone
    assert as_service_user(box, "job").wait().exit_code == 0
    assert groups_of_runs() == []


LOCKS_EVERY_GROUP = """
import ctypes, fcntl, os, sys
libc, above = ctypes.CDLL(None), sys.argv[1]
watch = libc.inotify_init1(0)
libc.inotify_add_watch(watch, above.encode(), 0x100)  # IN_CREATE
print("ready", flush=True)
while True:
    names = [event[16:].rstrip(b"\\0").decode() for event in [os.read(watch, 4096)]]
    for name in names:
        try:
            fcntl.flock(os.open(f"{above}/{name}", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
            print("locked", name, flush=True)
        except OSError:
            pass
"""


@pytest.mark.needs_root
@pytest.mark.fault("Stranger who locks each group", small=8, full=500, wanted="no run waits, none can be locked")
def test_a_stranger_cannot_lock_the_group_of_a_run_and_no_run_waits_for_it(box: Box, storm: Storm) -> None:
    group = own_group()
    assert group is not None
    program = box.root / "locks.py"
    program.write_text(LOCKS_EVERY_GROUP)
    box.job("job", "command: 'true'")
    codes = set()
    with box.start_command(["/usr/bin/python3", str(program), str(group)], user=STRANGER) as stranger:
        stranger.wait_for_line("ready")
        for _ in storm.rounds():
            codes.add(box.run("job", via="stub").exit_code)
        stranger.signal(signal.SIGTERM)
        locked = stranger.wait().stdout
    assert locked == "ready\n"
    storm.found(f"{storm.size} runs, 0 groups locked")
    assert codes == {0}

"""kill -9 of runner, guard or both, hundreds of times: nothing is left, no record is lost, and no lock is stale."""

import os
import random
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from kit.harness import Box, Storm, children, lives, state_letter, until
from kit.runs import ends, handles, job_with_a_tree, kill_both, killers, outcomes, pause_or_end, records, script, starts

pytestmark = pytest.mark.each_way


@pytest.mark.fault(
    "SIGKILL of the runner or of the guard × 500", small=4, full=250, wanted="SIGKILL sent to all within 50 ms"
)
@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_sigkill_reaches_the_whole_tree_within_50_ms_of_the_killers_end(box: Box, storm: Storm, victim: str) -> None:
    """Until all have ended, which is later than sent, beyond what as many bare processes take on this machine now."""
    pids_of_tree = job_with_a_tree(box)
    took, beyond = [], []
    for _ in storm.rounds():
        with box.start("tree", via="stub") as live:
            pids = pids_of_tree()
            guard, runner = killers(box, "tree")
            with handles(pids) as tree:
                began = time.monotonic()
                os.kill(runner if victim == "runner" else guard, signal.SIGKILL)
                wait_for_all(tree)
                took.append(time.monotonic() - began)
                beyond.append(took[-1] - 5 * seconds_of_a_bare_kill(len(tree)))
            live.wait()
            until(lambda runner=runner: not lives(runner), "the runner to end")

    took.sort()
    in_time = sum(seconds < 0.05 for seconds in took)
    storm.found(f"{victim}: {in_time} of {len(took)} trees ended in 50 ms, the last in {took[-1] * 1000:.0f} ms")
    beyond.sort()
    assert beyond[0] < 0.05, (took, beyond)
    assert beyond[len(beyond) // 2] < 0.5, (took, beyond)
    assert Counter(outcomes(box)) == {("lost", "runner_killed"): storm.size}


def wait_for_all(handles: Iterable[int]) -> None:
    """Wait until every process has ended of which this is a pidfd."""
    waiting = set(handles)
    while waiting:
        waiting -= set(select.select(list(waiting), [], [], 60)[0])


def seconds_of_a_bare_kill(count: int) -> float:
    """Return how long it takes here and now to see one process end, and then to end `count` others."""
    first, *others = processes = [subprocess.Popen(["sleep", "1000"]) for _ in range(count + 1)]
    with handles([process.pid for process in processes]) as (handle, *rest):
        began = time.monotonic()
        first.kill()
        wait_for_all([handle])
        for process in others:
            process.kill()
        wait_for_all(rest)
        took = time.monotonic() - began
    for process in processes:
        process.wait()
    return took


@pytest.mark.fault("Fork-and-exit chain, runner or guard killed", small=2, full=50, wanted="all gone, each lost once")
@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_a_fork_and_exit_chain_is_caught_by_whoever_outlives_the_other(box: Box, storm: Storm, victim: str) -> None:
    """Each link forks the next and ends: no pid lives long enough to be named."""
    started = box.fifo("started")
    chain = f"""
        import os
        with open({str(started)!r}, "w") as fifo:
            fifo.write("started\\n")
        while True:
            if os.fork():
                os._exit(0)
            os.setsid()
    """
    box.job("chain", f"command: {script(box, 'chain.py', chain, shell='/usr/bin/python3 -IS')}")
    for _ in storm.rounds():
        with box.start("chain") as live:
            started.read_line()
            guard, runner = killers(box, "chain")
            os.kill(runner if victim == "runner" else guard, signal.SIGKILL)
            live.wait()
            until(lambda runner=runner: not lives(runner), "the runner to end")
        assert box.processes() == []

    assert Counter(outcomes(box)) == {("lost", "runner_killed"): storm.size}
    storm.found(f"{victim}: {storm.size} chains gone")


def storm_of_kills(victim: str, full: int) -> object:
    """The parameter of one victim: the guard and the runner are ended by each other, both of them by the next start."""
    row = "SIGKILL at any moment of a run"
    mark = pytest.mark.fault(row, small=6, full=full, wanted="no stale lock, no lost row, each lost once")
    return pytest.param(victim, marks=mark, id=victim)


@pytest.mark.parametrize(
    "victim", [storm_of_kills("runner", 500), storm_of_kills("guard", 500), storm_of_kills("both", 200)]
)
def test_killed_at_random_moments_nothing_is_left_behind_and_nothing_recorded_is_lost(
    box: Box, storm: Storm, victim: str
) -> None:
    """Every run that got as far as its command has its start on the disk; each killed one is lost exactly once."""
    proof, stays = job_that_leaves_proof(box), box.root / "stays"
    chance = random.Random(f"{victim} 1")
    box.run("job", via="stub")  # takes longer: nothing is cached, and its version is recorded
    began = time.monotonic()
    box.run("job", via="stub")
    took = time.monotonic() - began
    for number in storm.rounds():
        if number == 0:  # on a host that has become slower since, all others may be killed before they have begun
            stays.touch()
        with box.start("job", via="stub") as live:
            if number == 0:
                until(lambda: len(proof.read_text().split()) == 3, "the command to run")
                stays.unlink()
                kill(live.pid, victim)
            elif not pause_or_end(live, chance.uniform(0, 1.1 * took)):
                kill(live.pid, victim)
            result = live.wait()
        if victim == "both":
            end_survivors(box)
        else:
            until(lambda: not box.processes(), "every process to be gone", seconds=20)
        assert "Traceback" not in result.stderr, result
        assert result.exit_code != 75, f"a stale lock: {result}"

    box.job("job", "command: 'true'")
    assert box.run("job").exit_code == 0
    told = each_start_has_one_end(box)
    assert set(proof.read_text().split()) <= {record["run_id"] for record in starts(box)}
    assert {run["run_id"] for run in box.history("job", flags=["--limit", "0"])} == told.keys()
    lost = sum(outcome == "lost" for outcome in told.values())
    assert lost, told
    storm.found(f"{victim}: {lost} lost, each once; {storm.size - lost} not begun or ended already; no row missing")


def job_that_leaves_proof(box: Box) -> Path:
    """Write the job `job`, which writes its run's id to the file that is returned, and makes and ends processes."""
    proof = box.root / "proof"
    job = script(
        box,
        "job.sh",
        f"""
        echo $PROCESS_CONTROL_RUN_ID >> {proof}
        setsid sleep 1000 3>&- & ( sleep 1000 & ) ; sleep 1000 &
        [ -e {box.root}/stays ] && sleep 1000
        for i in 1 2 3 4 5 6; do {box.product.interpreter} -I -S -c 'pass'; done
        kill %1 %3; pkill -9 -s $$ sleep; echo done; kill -9 $!
        """,
    )
    box.job("job", f"command: {job}\nkill_grace: 0")
    return proof


def each_start_has_one_end(box: Box) -> dict[str, str]:
    """Return the outcome of each run of the journal, which must have one start and one end.

    One that was killed after the block had it, and before the journal did, has no start: its command never ran.
    """
    started = [record["run_id"] for record in starts(box)]
    told = {end["run_id"]: end["outcome"] for end in ends(box)}
    lost_before_their_start = told.keys() - set(started)
    assert len(set(started)) == len(started)
    assert sorted(end["run_id"] for end in ends(box)) == sorted([*started, *lost_before_their_start])
    assert {told[run_id] for run_id in lost_before_their_start} <= {"lost"}
    return told


def kill(guard: int, victim: str) -> None:
    """Kill as far as there is somebody to kill: a start that has not forked yet has no runner."""
    with suppress(ProcessLookupError):
        runners = [child for child in children(guard) if state_letter(child) != "Z"][:1]
        if victim == "both":
            os.kill(guard, signal.SIGSTOP)
            until(lambda: state_letter(guard) in ("T", "Z", ""), "the guard to stop")
            runners = children(guard)
        for pid in {"runner": runners, "guard": [guard], "both": [*runners, guard]}[victim]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def end_survivors(box: Box) -> None:
    """What both killers could not end is told, and ended by --kill-job."""
    for _ in range(50):
        # Looked at twice: the environment of a process is empty while it executes another program, see proc(5).
        if not box.processes() and not box.processes():
            return
        refused = box.run("job", via="stub")
        if refused.exit_code == 75:
            box.run_job("--kill-job", "job")


SURVIVORS = {"that kept their descriptors": "", "that closed every descriptor": "os.closerange(0, 1000)"}
SURVIVOR = """
import os, signal, sys
os.setsid()
os.chdir("/")
os.dup2(os.open(sys.argv[1], os.O_WRONLY), 1000)
{closing}
os.write(1000, b"%d\\n" % os.getpid())
os.close(1000)
while True:
    signal.pause()
"""


@pytest.mark.fault(
    "Runner and guard both killed × 200, half with a survivor that closed every descriptor",
    small=3,
    full=100,
    wanted="no double, survivor named",
)
@pytest.mark.parametrize("kind", SURVIVORS)
def test_with_both_killed_no_start_doubles_the_job_and_each_survivor_is_named_until_it_is_ended(
    box: Box, storm: Storm, kind: str
) -> None:
    pid_of_survivor = job_with_a_survivor(box, SURVIVORS[kind])
    for number in storm.rounds():
        with box.start("job", via="stub") as live:
            survivor = pid_of_survivor()
            kill_both(box, "job")
            live.wait()

        refused = box.run("job", via="stub")
        killed = box.run_job("--kill-job", "job", via="stub")

        assert refused.exit_code == 75, refused
        assert f"pid {survivor} (" in refused.stderr, refused
        assert len(starts(box)) == number + 1
        assert killed.exit_code == 0, killed
        until(lambda survivor=survivor: not lives(survivor), "what was killed to be gone", seconds=10)

    box.job("job", "command: 'true'")
    assert box.run("job").exit_code == 0
    assert Counter(each_start_has_one_end(box).values()) == {"lost": storm.size, "succeeded": 1}
    assert len(records(box, "stop")) == storm.size
    storm.found(f"{storm.size} survivors {kind} named, no double")


def job_with_a_survivor(box: Box, closing: str) -> Callable[[], int]:
    """Write the job `job`, whose child outlives both killers; return what waits for the child's pid."""
    started = box.fifo("started")
    survivor = box.root / "survivor.py"
    survivor.write_text(SURVIVOR.format(closing=closing))
    job = script(box, "job.sh", f"{box.product.interpreter} -I -S {survivor} {started} & wait")
    box.job("job", f"command: {job}")
    return lambda: int(started.read_line())

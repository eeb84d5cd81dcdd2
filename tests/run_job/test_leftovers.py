"""What the job leaves behind: nothing of it is killed in mid-run, and nothing is left when the run has ended."""

import os
import signal
import time
from pathlib import Path

import pytest

from kit.harness import Box, Fifo, Storm, lives, until, wait_gone
from kit.runs import outcomes, script, the_end

IN_MID_RUN = pytest.mark.fault(
    "Bash process substitution, a double fork in mid-run", small=1, full=1, wanted="succeeded, nothing killed"
)


@IN_MID_RUN
@pytest.mark.each_way
def test_bash_process_substitution_succeeds_and_nothing_is_killed(box: Box) -> None:
    """bash ends before the `tee` that it started; its output is still on the way."""
    copy = box.root / "copy"
    job = script(box, "job.sh", f"exec > >(tee {copy})\necho one; echo two\n", shell="/bin/bash")
    box.job("tee", f"command: {job}")

    result = box.run("tee")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert outcomes(box) == [("succeeded", None)]
    assert copy.read_text() == "one\ntwo\n"
    assert box.log_bytes("tee") == b"one\ntwo\n"


def test_process_substitution_on_stderr_keeps_its_text(box: Box) -> None:
    job = script(box, "job.sh", "exec 2> >(sed 's/^/E: /' >&1)\necho one >&2\n", shell="/bin/bash")
    box.job("sed", f"command: {job}")

    result = box.run("sed")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("sed") == b"E: one\n"


@IN_MID_RUN
@pytest.mark.each_way
def test_a_double_fork_in_mid_run_is_left_alone(box: Box) -> None:
    """The worker is adopted by us while the job lives on; it is the job's, and the job waits for its word."""
    words, release = box.fifo("words"), box.fifo("release")
    worker = script(box, "worker.sh", f"echo worker > {words}; read line < {release}; echo worked > {box.root}/result")
    job = script(
        box,
        "job.sh",
        f"( setsid {worker} & )\nwhile ! [ -e {box.root}/result ]; do sleep 0.01; done; cat {box.root}/result",
    )
    box.job("double", f"command: [{job}, echo second]")

    with box.start("double") as live:
        words.read_line()
        release.write_line()
        result = live.wait()

    assert (result.stderr, result.exit_code) == ("", 0)
    assert outcomes(box) == [("succeeded", None)]
    assert box.log_bytes("double") == b"worked\nsecond\n"


@pytest.mark.each_way
def test_between_the_commands_of_a_list_nothing_is_killed(box: Box) -> None:
    ready = box.fifo("ready")
    daemon = script(box, "daemon.sh", f"echo up > {ready}; exec sleep 1000")
    first = script(box, "first.sh", f"{daemon} & echo $! > {box.root}/pid; read line < {ready}")
    last = script(box, "last.sh", f"kill -0 $(cat {box.root}/pid) && kill $(cat {box.root}/pid) && echo alive")
    box.job("list", f"command: [{first}, 'true', {last}]")

    result = box.run("list")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("list") == b"alive\n"
    assert outcomes(box) == [("succeeded", None)]


def test_what_ends_by_itself_within_two_seconds_is_no_leftover_and_its_output_is_kept(box: Box) -> None:
    box.job("late", "command: sh -c '( sleep 0.3; echo late ) & echo early'")

    result = box.run("late")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("late") == b"early\nlate\n"
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.each_way
def test_a_leftover_is_ended_with_term_and_the_run_is_warned(box: Box) -> None:
    pid, go = box.fifo("pid"), box.fifo("go")
    box.fifo("never")
    leftover = script(
        box,
        "leftover.sh",
        f"trap 'echo got TERM; exit' TERM; echo $$ > {pid}; echo trapped > {go}; read x < {box.root}/never",
    )
    box.job("leftover", f"command: sh -c '{leftover} & read x < {go}; echo done'")

    result = box.run("leftover")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert not lives(int(pid.read_line()))
    assert outcomes(box) == [("warned", "leftovers")]
    assert box.log_bytes("leftover") == b"done\ngot TERM\n"
    assert f"(/bin/sh {leftover})" in the_end(box)["detail"]


@pytest.mark.each_way
def test_a_leftover_that_ignores_term_is_killed_after_the_grace(box: Box) -> None:
    pid, go = box.fifo("pid"), box.fifo("go")
    ignores = f"trap '' TERM HUP INT; echo $$ > {pid}; echo trapped > {go}"
    leftover = script(box, "leftover.sh", f"{ignores}; while :; do sleep 0.01; done")
    box.job("leftover", f"command: sh -c 'setsid {leftover} & read x < {go}'\nkill_grace: 0.3")
    began = time.monotonic()

    result = box.run("leftover")

    took = time.monotonic() - began
    assert (result.stderr, result.exit_code) == ("", 0)
    assert not lives(int(pid.read_line()))
    assert outcomes(box) == [("warned", "leftovers")]
    assert took > 2.3


@pytest.mark.fault("A pipe held open by a leftover", small=1, full=1, wanted="ends in drain + grace + 0.5 s")
@pytest.mark.each_way
def test_a_pipe_held_open_by_a_leftover_holds_nothing_up(box: Box, storm: Storm) -> None:
    """The leftover has nothing but the job's stdout: the run ends when the drain and the grace are over."""
    box.job("pipe", "command: sh -c 'trap \"\" TERM; setsid sleep 1000 & echo done'\nkill_grace: 0.2")
    began = time.monotonic()

    result = box.run("pipe")

    took = time.monotonic() - began
    assert result.exit_code == 0
    assert box.log_bytes("pipe") == b"done\n"
    assert 2.0 < took < 2.2 + 5
    assert box.processes() == []
    storm.found(f"ended after {took:.2f} s, of which 2.2 s are drain and grace")


@pytest.mark.parametrize("where", ["on our pipes", "elsewhere"])
def test_leftovers_keep_lets_a_service_live_and_it_does_not_hold_the_lock(box: Box, where: str) -> None:
    pid = box.fifo("pid")
    redirect = "" if where == "on our pipes" else "< /dev/null > /dev/null 2>&1"
    starter = script(box, "start.sh", f"sleep 1000 {redirect} & echo $! > {pid}")
    box.job("service", f"command: {starter}\nleftovers: keep")

    results = [box.run("service") for _ in range(2)]

    services = [int(pid.read_line()) for _ in range(2)]
    alive = [lives(service) for service in services]
    if where == "on our pipes":
        until(lambda: len(readers_of(box)) == 2, "each reader to have its name")
    readers = readers_of(box)
    for service in services:
        os.kill(service, signal.SIGKILL)
    until(lambda: not readers_of(box), "the readers to end with the services")
    assert alive == [True, True]
    assert len(readers) == (2 if where == "on our pipes" else 0)
    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 2, results
    assert outcomes(box) == [("succeeded", None)] * 2


def test_a_kept_service_lives_on_when_the_run_is_over_and_is_no_survivor(box: Box) -> None:
    pid = box.fifo("pid")
    starter = script(box, "start.sh", f"setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $! > {pid}")
    box.job("service", f"command: {starter}\nleftovers: keep")
    box.run("service")
    service = int(pid.read_line())

    killed = box.run_job("--kill-job", "service")

    assert (killed.exit_code, killed.stderr) == (1, "service: nothing is running\n")
    assert lives(service)
    os.kill(service, signal.SIGKILL)
    until(lambda: not lives(service), "the service to end")


def test_leftovers_keep_still_ends_everything_at_a_timeout(box: Box) -> None:
    pid = box.fifo("pid")
    starter = script(box, "start.sh", f"setsid sleep 1000 & echo $! > {pid}; wait")
    box.job("service", f"command: {starter}\nleftovers: keep\ntimeout: 2\nkill_grace: 0.2")

    result = box.run("service")

    assert result.exit_code == 124
    assert not lives(int(pid.read_line()))


def test_a_kept_service_lives_when_its_command_ends_just_before_the_limit_that_the_guard_keeps(box: Box) -> None:
    """The 2 s that late output is given last until after the moment at which the guard ends all of a hanging run.

    As `run-job`, with more than 2 s, so that the command need not end in the last millisecond: a busy host gets 3 s.
    """
    told = box.fifo("told")
    starter = script(box, "start.sh", f"setsid sleep 1000 & echo $! > {told}")
    box.job("service", f"command: {starter}\nleftovers: keep\ntimeout: 3\nkill_grace: 0")
    python = f"import sys; sys.path.insert(0, '{box.product.stub.parents[2]}'); "
    python += "from process_control.execution import time_limits; time_limits.DRAIN_SECONDS = 5.5; "
    python += "from process_control.cli.run_job.main import main; main(['service'])"

    with box.start_command([*box.product.python, "-I", "-S", "-c", python]) as live:
        service = int(told.read_line())
        result = live.wait()

    assert (result.exit_code, outcomes(box)) == (0, [("succeeded", None)])
    assert lives(service)
    os.kill(service, signal.SIGKILL)
    until(lambda: not lives(service), "the service to end")


@pytest.mark.each_way
@pytest.mark.fault("Fork-and-exit chain", small=1, full=100, wanted="all gone")
def test_a_fork_and_exit_chain_is_caught(box: Box, storm: Storm) -> None:
    """Each link forks the next and ends: no pid lives long enough to be named, the loop ends it all the same."""
    chain = box.root / "chain.py"
    chain.write_text("import os\nwhile True:\n    if os.fork():\n        os._exit(0)\n    os.setsid()\n")
    box.job("chain", f"command: /usr/bin/python3 -I -S {chain}\nkill_grace: 0.1")

    for _ in storm.rounds():
        assert box.run("chain").exit_code == 0
        assert box.processes() == []

    assert set(outcomes(box)) == {("warned", "leftovers")}


# --- what a kept service prints when the run is over ------------------------------------------------------------------


def service_that_prints(box: Box, *lines: str) -> tuple[Fifo, Fifo]:
    """Write the job `service`; return the FIFO that tells its pid and `printed`, and the one that lets it print on."""
    told, go = box.fifo("told"), box.fifo("go")
    prints = "\n".join(f"read x < {go}; {line}; echo printed > {told}" for line in lines)
    service = script(box, "service.sh", f"echo $$ > {told}\n{prints}\nread x < {go}")
    box.job(
        "service", f"command: sh -c 'setsid {service} & echo started'\nleftovers: keep\nlimits: {{log_bytes: 4000}}"
    )
    return told, go


def readers_of(box: Box) -> list[int]:
    return [pid for pid in box.processes() if command_name(pid) == "run-job-reader"]


def command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@pytest.mark.needs_root  # it looks into a process of ours, as only root may
def test_a_kept_service_prints_on_and_the_log_of_the_ended_run_has_it(box: Box) -> None:
    told, go = service_that_prints(box, "echo one", "echo two >&2")

    result = box.run("service")
    pid, ended = int(told.read_line()), the_end(box)
    for _ in range(2):
        go.write_line()
        assert told.read_line() == "printed"

    assert (result.exit_code, result.stderr, ended["outcome"]) == (0, "", "succeeded")
    assert lives(pid)
    until(lambda: len(box.log_index("service")) == 3, "its output to be in the log and its index")
    assert box.process_control("logs", "service").stdout == "started\none\ntwo\n"
    assert box.process_control("logs", "service", "--stderr").stdout == "two\n"
    (reader,) = readers_of(box)
    held = [os.readlink(link) for link in Path(f"/proc/{reader}/fd").iterdir()]
    assert not [name for name in held if name.endswith(".lock") or "/jobs/" in name]
    assert len(held) <= 7
    assert box.run_job("--kill-job", "service").stderr == "service: nothing is running\n"
    go.write_line()
    wait_gone(pid)
    until(lambda: not readers_of(box), "the reader to end with the service")


def test_over_the_cap_a_kept_service_lives_on_and_the_log_grows_no_more(box: Box) -> None:
    told, go = service_that_prints(box, "seq 1 100000", "echo still alive")

    box.run("service")
    pid = int(told.read_line())
    for _ in range(2):
        go.write_line()
        assert told.read_line() == "printed"

    assert lives(pid)
    until(lambda: len(box.log_bytes("service")) == 4000, "the log to be full")
    go.write_line()
    wait_gone(pid)
    until(lambda: not readers_of(box), "the reader to end with the service")

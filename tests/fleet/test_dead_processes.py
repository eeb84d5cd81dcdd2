"""Workers, runners, keepers and the server that are killed: what becomes of the processes of a run, and of its fate."""

import json
import os
import signal
import time

import pytest

from kit import fleet_client, fleets
from kit.fleets import LEASE, PATIENT_LEASE, Fleet, ended_runs, result_of, state_of
from kit.harness import Box, children, command_line, until, wait_gone

#: The lease of the tests, and what the server adds to it before it takes a host as dead.
HEARTBEAT_TIMEOUT_SECONDS = 7
#: For a busy host. One with time needs 0.1 s until the processes are gone, and 3 s at most after the timeout until the
#: run is lost, see docs/faults.md.
GONE_WITHIN_SECONDS = 10
LOST_WITHIN_SECONDS = HEARTBEAT_TIMEOUT_SECONDS + 10


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box, lease=LEASE)
    return box


def begun(box: Box, job: str, *keys: str) -> int:
    """Start a run by hand that sleeps, and return the pid of its command."""
    fifo = box.fifo(f"begun-{job}")
    box.job(job, "\n".join([f"command: sh -c 'echo $$ > {fifo}; exec sleep 1000'", *keys]))
    box.process_control("fleet", "apply")
    box.process_control("run", job, "--fleet")
    return int(fifo.read_line())


def test_when_a_worker_is_killed_its_runs_are_gone_at_once_and_lost_soon(host: Box) -> None:
    with fleets.worker(host, "dead1") as worker:
        pid = begun(host, "orphan")
        killed_at = time.monotonic()
        worker.signal(signal.SIGKILL)
        wait_gone(pid)
        gone_after = time.monotonic() - killed_at
        (said,) = until(lambda: list((host.state_directory / "fleet").glob("*.json")), "what its keeper says of it")
        until(lambda: result_of(host, "orphan"), "the verdict", seconds=30)
        lost_after = time.monotonic() - killed_at

    assert gone_after < GONE_WITHIN_SECONDS
    assert json.loads(said.read_text())["killed"] == "its worker died"  # and not: its lease is over
    assert lost_after < LOST_WITHIN_SECONDS
    assert state_of(host, "orphan")["result"] == "lost"
    (run,) = host.process_control("history", "orphan", "--json").json()["runs"]
    assert run["outcome"] == "lost"


@pytest.mark.parametrize("victim", ["keeper", "guard", "runner"])
def test_when_a_process_between_worker_and_command_is_killed_the_run_is_lost_and_gone(host: Box, victim: str) -> None:
    slug = f"{victim}less"
    with fleets.worker(host, f"dead-{victim}"):
        pid = begun(host, slug)
        keeper = next(each for each in host.processes() if "keeper.py" in command_line(each))
        guard = children(keeper)[0]
        victims = {"keeper": keeper, "guard": guard, "runner": children(guard)[0]}
        os.kill(victims[victim], signal.SIGKILL)
        wait_gone(pid)
        until(lambda: result_of(host, slug), "the verdict", seconds=30)

        assert state_of(host, slug)["result"] == "lost"
        assert not any("keeper.py" in command_line(each) for each in host.processes())


def test_when_one_of_two_control_processes_is_killed_the_other_one_has_its_locks(fleet: Fleet, host: Box) -> None:
    fleet.configure(host, lease=PATIENT_LEASE)
    done = host.fifo("done")
    slugs = [f"controlled{number}" for number in range(4)]
    with fleets.control(host) as second, fleets.worker(host, "dead4"):
        for slug in slugs:
            host.job(slug, f"command: sh -c 'read line < {done}'")
        host.process_control("fleet", "apply")
        host.process_control("run", *slugs, "--fleet", "--yes")
        until(lambda: all(state_of(host, slug)["state"] == "running" for slug in slugs), "the runs")
        second.signal(signal.SIGKILL)
        wait_gone(second.pid)
        for _ in slugs:
            done.write_line()
        until(lambda: all(result_of(host, slug) for slug in slugs), "the ends", seconds=60)

    assert [state_of(host, slug)["result"] for slug in slugs] == ["succeeded"] * len(slugs)
    assert fleet.control.process.poll() is None


def test_a_run_survives_the_restart_of_the_server_and_is_reported_to_it(fleet: Fleet, host: Box) -> None:
    fleet.configure(host, lease=PATIENT_LEASE)
    with fleets.worker(host, "away1"):
        done = host.fifo("done")
        host.job("patient", f"command: sh -c 'read line < {done}'")
        host.process_control("fleet", "apply")
        host.process_control("run", "patient", "--fleet")
        until(lambda: state_of(host, "patient")["state"] == "running", "the run")
        fleet.server.kill()
        done.write_line()
        until(lambda: result_of(host, "patient"), "the end", seconds=30)

        assert state_of(host, "patient")["result"] == "succeeded"


def test_a_host_that_cannot_reach_the_server_ends_its_run_when_the_lease_is_over(fleet: Fleet, host: Box) -> None:
    with fleets.worker(host, "away2"):
        pid = begun(host, "alone")
        with fleet.server.away():
            wait_gone(pid, seconds=20)
            (run,) = until(lambda: ended_runs(host, "alone"), "its end in the history")
        until(lambda: result_of(host, "alone"), "the verdict", seconds=30)

    assert run["outcome"] == "lost"
    assert state_of(host, "alone")["result"] == "lost"


def test_a_run_that_was_lost_with_its_worker_is_run_once_more_on_the_same_host(fleet: Fleet, host: Box) -> None:
    begun = host.fifo("begun-again")
    text = f"command: sh -c 'echo $PROCESS_CONTROL_SCHEDULED_AT > {begun}; exec sleep 1000'"
    host.job("again", f"{text}\nrun_on: {{host: same1}}\non_host_loss: rerun")
    with fleets.worker(host, "same1") as worker:
        host.process_control("fleet", "apply")
        fleet_client.start(fleet.server.address, "again", slot=int(time.time()) // 60 * 60)
        first = begun.read_line()
        worker.signal(signal.SIGKILL)
    with fleets.worker(host, "same1"):
        second = begun.read_line(seconds=60)
        stopped = host.process_control("stop", "again", "--fleet")

    assert second == first
    assert stopped.exit_code == 0, stopped
    outcomes = [run["outcome"] for run in host.process_control("history", "again", "--json").json()["runs"]]
    assert outcomes == ["failed", "lost"]

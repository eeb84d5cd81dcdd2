"""`stop --fleet` ends the run of the fleet, wherever it waits on its host, and no other run of the job there."""

import time
from collections.abc import Callable

import pytest

from kit import fleet_client, fleets
from kit.fleets import Fleet, state_of
from kit.harness import Box, until
from kit.runs import script
from process_control.system.lock_waiters import waiting_pids


@pytest.mark.parametrize("waits_for", ["lock", "condition"])
def test_a_stop_before_the_run_has_begun_ends_its_start_and_leaves_a_run_by_hand_alone(
    fleet: Fleet, make_host: Callable[..., Box], waits_for: str
) -> None:
    slug = f"behind-a-{waits_for}"
    box = make_host(slug)
    begun, asked, done = (box.fifo(name) for name in ("begun", "asked", "done"))
    flag = box.root / "is-asked"
    condition = script(box, "condition.sh", f"[ -e {flag} ] || exit 0; echo x > {asked}; exec sleep 1000")
    box.job(
        slug,
        f"command: sh -c 'echo $PROCESS_CONTROL_RUN_ID > {begun}; read line < {done}'\n"
        f"on_overlap: queue\nrun_on: {{host: {slug}}}\nonly_if: {{command: {condition}, timeout: 10m}}",
    )
    box.process_control("fleet", "apply")

    with box.start(slug) as by_hand:
        mine = begun.read_line()
        if waits_for == "condition":
            flag.touch()
        fleet_client.start(fleet.server.address, slug, slot=int(time.time()) // 60 * 60)
        if waits_for == "condition":
            asked.read_line()
        else:
            until(lambda: waiting_pids().intersection(box.processes()), "that the start waits for the lock")
        stopped = box.process_control("stop", slug, "--fleet", "--json")
        is_mine_alive = by_hand.process.poll() is None
        done.write_line()
        result = by_hand.wait()

    (answer,) = stopped.json()["jobs"]
    assert (answer["stopped"], stopped.exit_code) == (True, 0), stopped
    assert answer["why"] == f"stopped run {answer['run_id']} on {slug}"
    assert (is_mine_alive, result.exit_code) == (True, 0), result
    outcomes = {run["run_id"]: run["outcome"] for run in box.process_control("history", slug, "--json").json()["runs"]}
    assert outcomes.pop(mine) == "succeeded"
    assert "succeeded" not in outcomes.values()
    assert state_of(box, slug)["state"] == "idle"


def test_a_stop_that_comes_while_the_run_begins_ends_it(fleet: Fleet, box: Box) -> None:
    fleet.configure(box)
    ran = box.root / "ran"
    box.job("at-once", f"command: sh -c 'sleep 1000; touch {ran}'")
    with fleets.worker(box, "stop3"):
        box.process_control("fleet", "apply")
        for _ in range(3):
            box.process_control("run", "at-once", "--fleet")
            stopped = box.process_control("stop", "at-once", "--fleet", "--json").json()["jobs"][0]
            assert stopped["stopped"], stopped

    assert not ran.exists()

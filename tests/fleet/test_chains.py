"""Jobs of the fleet with `after`: they run on any host when their causes have ended, wherever that was."""

import time
from collections.abc import Callable

import pytest

from kit import fleet_client
from kit.fleets import Fleet, state_of
from kit.harness import Box, until


@pytest.mark.long
def test_a_follower_runs_on_another_host_for_the_planned_time_of_its_cause(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box, other = make_host("chain1"), make_host("chain2")
    for host in (box, other):
        host.job("first", "command: /bin/true\nschedule: '* * * * *'\nrun_on: {host: chain1}\ntime_zone: UTC")
        host.job(
            "second", "command: sh -c 'echo $PROCESS_CONTROL_SCHEDULED_AT'\nafter: [first]\nrun_on: {host: chain2}"
        )
    applied = box.process_control("fleet", "apply")

    until(lambda: state_of(box, "second")["result"], "the end of the follower", seconds=100)

    assert "second\tadded\tsecond\t\n" in applied.stdout, applied
    state = state_of(box, "second")
    assert (state["result"], state["host"]) == ("succeeded", "chain2"), state
    (run,) = other.process_control("history", "second", "--json").json()["runs"][-1:]
    assert run["trigger"] == "fleet"
    assert run["scheduled_at"] in [
        each["scheduled_at"] for each in box.process_control("history", "first", "--json").json()["runs"]
    ]


def test_a_follower_of_a_cause_that_stays_on_its_host_is_refused(fleet: Fleet, box: Box) -> None:
    fleet.configure(box)
    box.job("at-home", "command: /bin/true\nschedule: '0 0 1 1 *'\nrun_on: local")
    box.job("abroad", "command: /bin/true\nafter: [at-home]")

    answer = box.process_control("fleet", "apply")

    assert (
        "abroad\trefused\t\t'after' names 'at-home', but of the two only 'abroad' belongs to the fleet\n"
        in answer.stdout
    )
    assert answer.exit_code == 1


def test_failures_in_a_row_hold_a_job_in_the_whole_fleet_and_not_on_its_host_alone(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("ill1")
    box.job("ill", "command: /bin/false\nschedule: '0 0 1 1 *'\nhold: {after_failures: 2}")
    box.process_control("fleet", "apply")
    minute = int(time.time()) // 60 * 60

    for slot in (minute - 120, minute - 60):
        fleet_client.ends(fleet.server.address, ["ill"], slot=slot)
    state = state_of(box, "ill")
    refused = box.process_control("run", "ill", "--fleet")
    own = box.process_control("list", "ill", "--json").json()

    assert (state["state"], state["why"]) == (
        "held",
        "held by the fleet: 2 failures in a row, the last: exited with 1",
    )
    assert refused.exit_code == 75
    assert own["jobs"][0]["state"] != "held"


def test_a_lock_goes_on_when_the_lock_of_a_follower_is_gone(fleet: Fleet, make_host: Callable[..., Box]) -> None:
    address, minute = fleet.server.address, int(time.time()) // 60 * 60
    box = make_host("deaf1")
    box.job("deaf", "command: /bin/true\nschedule: '0 0 1 1 *'\nrun_on: {host: deaf1}")
    box.process_control("fleet", "apply")
    answer = fleet_client.configure(address, "deaf", generation=minute * 2000)

    ends = [fleet_client.ends(address, ["deaf"], slot=slot)["deaf"] for slot in (minute - 60, minute)]

    assert answer == "applied"
    assert [(end["fate"], end["reason"]) for end in ends] == [("missed", "refused")] * 2

"""Jobs of the fleet: planned times, runs by hand, stops; on a real server, with a real worker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.fleets import state_of
from kit.harness import Box, lives, until

A_MINUTE = timedelta(minutes=1)


def soon() -> datetime:
    """Return the next full minute that is far enough away for a job to be applied before it."""
    return (datetime.now(UTC) + timedelta(seconds=15)).replace(second=0, microsecond=0) + A_MINUTE


@pytest.mark.long
def test_a_planned_time_is_run_once_by_a_host_of_the_fleet(make_host: Callable[..., Box]) -> None:
    box, moment = make_host("plan1"), soon()
    begun = box.fifo("begun")
    box.job("planned", f"command: sh -c 'echo begun > {begun}'\nschedule: '{moment:%M %H * * *}'\ntime_zone: UTC")

    applied = box.process_control("fleet", "apply")
    coming = state_of(box, "planned")
    begun.read_line(seconds=100)
    until(lambda: state_of(box, "planned")["result"], "the end of the run")

    assert "planned\tadded\tplanned\t\n" in applied.stdout, applied
    assert coming["next"] == f"{moment:%Y-%m-%dT%H:%M}:00.000Z"
    state = state_of(box, "planned")
    assert (state["result"], state["host"]) == ("succeeded", "plan1"), state
    assert state["next"] == f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M}:00.000Z"
    runs = box.process_control("history", "planned", "--json").json()["runs"]
    assert [(run["run_id"], run["trigger"], run["scheduled_at"]) for run in runs] == [
        (state["run_id"], "fleet", f"{moment:%Y-%m-%dT%H:%M}:00.000Z")
    ]
    assert -0.001 < runs[0]["late_seconds"] < 10


def test_a_run_by_hand_returns_its_id_at_once_and_a_stop_ends_its_processes(make_host: Callable[..., Box]) -> None:
    box = make_host("hand1")
    begun = box.fifo("begun")
    box.job("by-hand", f"command: sh -c 'echo $$ > {begun}; exec sleep 1000'")
    box.process_control("fleet", "apply")

    started = box.process_control("run", "by-hand", "--fleet")
    pid = int(begun.read_line())
    again = box.process_control("run", "by-hand", "--fleet")
    stopped = box.process_control("stop", "by-hand", "--fleet", "--json")

    job, run_id, why = started.stdout.rstrip("\n").split("\t")
    assert (job, run_id[:2], why, started.exit_code) == ("by-hand", "m-", "", 0)
    assert (again.stdout, again.exit_code) == (f"by-hand\t\tby-hand is running: {run_id}\n", 75)
    (answer,) = stopped.json()["jobs"]
    assert (answer["run_id"], answer["why"], stopped.exit_code) == (run_id, f"stopped run {run_id} on hand1", 0)
    assert not lives(pid)
    assert state_of(box, "by-hand")["state"] == "idle"


def test_a_host_with_another_job_file_refuses_the_run(make_host: Callable[..., Box]) -> None:
    box = make_host("drift1")
    box.job("drifted", "command: /bin/true")
    box.process_control("fleet", "apply")
    box.job("drifted", "command: /bin/false")

    box.process_control("run", "drifted", "--fleet")
    until(lambda: state_of(box, "drifted")["result"], "the refusal")

    state = state_of(box, "drifted")
    assert (state["result"], state["host"]) == ("missed", "drift1")
    assert "was applied: bring the job directory up to date" in state["why"]
    assert box.process_control("history", "drifted", "--json").json()["runs"] == []


def test_a_job_that_is_held_in_the_fleet_refuses_a_run_until_it_is_released(make_host: Callable[..., Box]) -> None:
    box = make_host("hold1")
    box.job("holdable", "command: /bin/true")
    box.process_control("fleet", "apply")

    held = box.process_control("hold", "holdable", "--fleet", "--note", "until monday")
    refused = box.process_control("run", "holdable", "--fleet")
    state = state_of(box, "holdable")
    released = box.process_control("release", "holdable", "--fleet")
    again = box.process_control("release", "holdable", "--fleet")

    assert (held.stdout, held.exit_code) == ("holdable\theld\theld\tuntil monday\n", 0)
    assert refused.exit_code == 75
    assert refused.stdout.startswith("holdable\t\theld by ")
    assert refused.stdout.endswith(": until monday\n")
    assert (state["state"], state["why"].endswith(": until monday")) == ("held", True)
    assert (released.exit_code, again.exit_code) == (0, 1)

"""What ran in the fleet, and why a job does not run: asked from any host, whichever ran it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from kit import fleets
from kit.fleets import Fleet, result_of, state_of
from kit.harness import Box, until
from kit.schedulers import scheduler

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box)
    return box


def test_history_has_the_runs_of_all_hosts_and_why_says_what_is_in_the_way(make_host: Callable[..., Box]) -> None:
    here, there = make_host("past1"), make_host("past2")
    done = here.fifo("done")
    for box in (here, there):
        box.job("here", "command: sh -c 'echo no >&2; exit 3'\nrun_on: {host: past1}\nlock: past")
        box.job("there", f"command: sh -c 'read line < {done}'\nrun_on: {{host: past2}}\nlock: past\non_overlap: queue")
        box.job("nowhere", "command: /bin/true\nrun_on: {host: past3}")
    here.process_control("fleet", "apply")

    here.process_control("run", "here", "--fleet")
    until(lambda: result_of(here, "here"), "the failure")
    there.process_control("run", "there", "--fleet")
    until(lambda: "on host past2" in here.process_control("why", "there", "--fleet").stdout, "the run on past2")
    running = here.process_control("why", "there", "--fleet", "--json").json()
    status = state_of(here, "there")
    rows = [line.split("\t") for line in here.process_control("fleet", "status").stdout.splitlines()]
    on_a_terminal = here.process_control("fleet", "status", tty=True, columns=160).stdout
    blocked = there.process_control("why", "here", "--fleet", "--json").json()
    alone = here.process_control("why", "nowhere", "--fleet")
    done.write_line()
    until(lambda: state_of(here, "there")["result"] == "succeeded", "the end")
    here.process_control("hold", "here", "--fleet", "--note", "until monday")
    held = here.process_control("why", "here", "--fleet", "--json").json()

    runs = there.process_control("history", "here", "there", "--fleet", "--json").json()["runs"]
    assert [(run["job"], run["host"], run["outcome"], run["reason"], run["trigger"]) for run in runs] == [
        ("there", "past2", "succeeded", None, "manual"),
        ("here", "past1", "failed", "exit_code", "manual"),
    ]
    (own,) = here.process_control("history", "here", "--json").json()["runs"]
    assert (own["run_id"], own["started_at"]) == (runs[1]["run_id"], runs[1]["started_at"])
    failed = there.process_control("history", "--fleet", "--failed", "here", "there", "--json").json()["runs"]
    assert [run["job"] for run in failed] == ["here"]
    since = there.process_control("history", "here", "--fleet", "--since", "1h", "--json").json()["runs"]
    assert since == [runs[1]]

    assert (status["state"], status["running_on"], status["host"]) == ("running", "past2", None)
    assert [(row[0], row[1], row[-1]) for row in rows if row[0] == "there"] == [("there", "running", "past2")]
    assert "running on past2" in on_a_terminal
    assert state_of(here, "there")["running_on"] is None
    assert running["now"] == {"runs": True, "blocked_by": []}
    assert running["sentences"][1] == "What it has printed so far: process-control logs there --fleet"
    assert blocked["sentences"][0].startswith("Its lock 'past' is held by run m-")
    assert " of job there, since " in blocked["sentences"][0]
    assert blocked["sentences"][1] == "To stop that run: process-control stop there --fleet"
    assert "No worker is connected that takes jobs for host past3." in alone.stdout
    assert "process-control fleet hosts" in alone.stdout
    (blocker,) = held["now"]["blocked_by"]
    assert (blocker["reason"], blocker["remedy"]) == ("held", "process-control release here --fleet")
    assert held["sentences"][0].endswith(": until monday.")
    assert here.process_control("slots", "here", "--fleet", "--count", "--json").json()["jobs"] == [
        {"job": "here", "planned": 0, "ran": 0, "skipped": 0, "missed": 0, "due": 0}
    ]
    assert here.process_control("why", "never-applied", "--fleet").exit_code == 66


@pytest.mark.long
def test_a_job_goes_to_the_fleet_and_home_again_and_no_slot_is_missed_or_run_twice(fleet: Fleet, box: Box) -> None:
    fleet.configure(box)
    counted = box.root / "counted"
    job = f"command: sh -c 'echo $PROCESS_CONTROL_SCHEDULED_AT $PROCESS_CONTROL_TRIGGER >> {counted}'\n"
    job += "schedule: '* * * * *'\nlock: traveller\n"

    def runs() -> list[str]:
        return counted.read_text().splitlines() if counted.exists() else []

    fleets.wait_for_the_first_half_of_a_minute()
    box.job("traveller", f"{job}run_on: local")
    box.run("traveller", "--scheduled")
    with fleets.worker(box, "trip1"):
        box.job("traveller", f"{job}run_on: any")
        box.job("kept", "command: /bin/true\nschedule: '* * * * *'\nlock: traveller")
        box.process_control("fleet", "apply")
        box.process_control("hold", "kept", "--fleet", "--note", "not yet")
        refused = box.run("traveller", "--scheduled")
        until(lambda: len(runs()) == 2, "the run in the fleet", seconds=100)
        until(lambda: result_of(box, "traveller") == "succeeded", "its end")
        of_fleet = box.process_control("slots", "traveller", "--fleet")
        why = box.process_control("why", "traveller", "--fleet")
        (part,) = fleets.histories(fleet, "traveller")
        box.job("traveller", f"{job}run_on: local")
        removed = box.process_control("fleet", "apply", "--prune")
        again = box.run("traveller", "--scheduled")
        with scheduler(box):
            until(lambda: len(runs()) == 3, "the run at home", seconds=100)

    slots, triggers = zip(*(line.split() for line in runs()), strict=True)
    assert triggers == ("cron", "fleet", "scheduler")
    first, *others = map(datetime.fromisoformat, slots)
    assert others == [first + A_MINUTE, first + 2 * A_MINUTE]
    assert (refused.exit_code, again.exit_code) == (78, 0)
    assert "belongs to the fleet" in refused.stderr
    assert "traveller\tremoved\ttraveller" in removed.stdout
    assert [line.split("\t")[:3] for line in of_fleet.stdout.splitlines()[1:]] == [[slots[1], "traveller", "ran"]]
    assert "on host trip1: succeeded (run " in why.stdout
    moment = others[0].timestamp()
    (ran,), (kept,), (run,) = part["fates"]["traveller"], part["fates"]["kept"], part["runs"]
    assert (ran["slot"], ran["fate"], ran["host"]) == (moment, "ran", "trip1")
    assert (kept["slot"], kept["reason"], kept["detail"].endswith(": not yet")) == (moment, "held", True)
    assert (run["start"]["job"], run["ended"]["outcome"]) == ("traveller", "succeeded")
    home = box.process_control("slots", "traveller", "--json").json()["slots"]
    assert [(each["slot"], each["fate"]) for each in home if each["fate"] != "due"] == [
        (slot, "ran") for slot in reversed(slots)
    ]

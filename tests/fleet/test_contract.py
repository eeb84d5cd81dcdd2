"""The one contract: a run that the fleet has started leaves what a run leaves that cron has started.

All examples run side by side on one worker, started once; each is compared with the same job in a box of its own.
"""

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from kit import fleet_client, fleets
from kit.contract import CASES, left_by
from kit.fleets import Fleet
from kit.harness import Box, Product, wait_gone
from kit.runs import ONE_SLOT, ends, killers, script, skips

#: `fleet apply` refuses them: the fleet never gets to run them.
NEVER_APPLIED = ("an invalid file", "unrecoverable")
#: The lock skips such a planned time by itself: see test_policies.py.
NEVER_STARTED = ("an excluded day",)
IN_FLEET = {name: text for name, text in CASES.items() if name not in (*NEVER_APPLIED, *NEVER_STARTED)}
SLUGS = {name: f"contract-{number}" for number, name in enumerate(IN_FLEET)}


class Host:
    """A host of the fleet, and what the runs there came to."""

    def __init__(self, fleet: Fleet, box: Box) -> None:
        self.fleet = fleet
        self.box = box
        self.ended: dict[str, dict[str, Any]] = {}

    def end(self, *jobs: str) -> dict[str, dict[str, Any]]:
        """Have jobs started for the planned time of ONE_SLOT, and wait for their ends."""
        return fleet_client.ends(self.fleet.server.address, jobs, slot=the_slot())


def the_slot() -> int:
    return int(datetime(datetime.now().year, 1, 1).timestamp())  # noqa: DTZ001, DTZ005  as the host's zone has it


def own(text: str) -> str:
    return f"{text}\n{ONE_SLOT}\nrun_on: {{host: contract1}}"


@pytest.fixture(scope="module")
def host(fleet: Fleet, with_fleet: Product) -> Iterator[Host]:
    box = Box.configured(with_fleet)
    fleet.configure(box, lease="10m")  # a busy host starts all at once
    for name, text in IN_FLEET.items():
        box.job(SLUGS[name], own(text))
    try:
        with fleets.worker(box, "contract1"):
            box.process_control("fleet", "apply")
            host = Host(fleet, box)
            host.ended = host.end(*SLUGS.values())
            yield host
    finally:
        box.close()


@pytest.mark.parametrize("name", IN_FLEET)
def test_a_run_of_the_fleet_leaves_what_a_run_of_cron_leaves(host: Host, box: Box, name: str) -> None:
    box.job("job", own(IN_FLEET[name]))
    box.run("job", "--scheduled", via="stub")

    cold, warm, ended = left_by(box), left_by(host.box, SLUGS[name]), host.ended[SLUGS[name]]

    (last,) = [event for event in cold["journal"] if event["event"] in ("end", "skip")]
    assert of_the_run(warm) == of_the_run(cold), ended
    assert warm["output"] == cold["output"]
    assert ended["reason"] == last["reason"]
    assert (ended["fate"], ended["outcome"]) == (
        ("ran", last["outcome"]) if last["event"] == "end" else ("skipped", None)
    )
    health = ended["health"] or {}
    assert (health.get("state") or "healthy", health.get("failures_in_row") or 0) == (
        cold["health"][0] or "healthy",
        cold["health"][1] or 0,
    )


def of_the_run(left: dict[str, Any]) -> list[Any]:
    """Return the events of the run itself: what a host plans, and what it counts, is the fleet's there."""
    return [
        {name: value for name, value in event.items() if name != "by"}
        for event in left["journal"]
        if event["event"] in ("start", "attempt", "end", "skip", "refusal")
    ]


@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_a_run_of_the_fleet_whose_processes_are_killed_is_lost_as_cron_s_is(host: Host, box: Box, victim: str) -> None:
    left = []
    for each, slug in ((box, "job"), (host.box, f"killed-{victim}")):
        started = box.fifo(f"started-{slug}")
        text = f"command: {script(each, f'{victim}.sh', f'echo x > {started}; exec sleep 600')}"
        each.job(slug, own(text))
        if each is box:
            with each.start(slug, "--scheduled", via="stub") as live:
                started.read_line()
                kill(each, slug, victim)
                live.wait()
            assert each.process_control("watch").exit_code == 0  # it settles a run whose runner could not
        else:
            each.process_control("fleet", "apply")
            fleet_client.start(host.fleet.server.address, slug, slot=the_slot())
            started.read_line()
            kill(each, slug, victim)
            fleet_client.wait(host.fleet.server.address, slug, slot=the_slot())
        (end,) = ends(each, slug)
        left.append((end["outcome"], end["reason"]))

    assert left[1] == left[0]


def kill(box: Box, slug: str, victim: str) -> None:
    guard, runner = killers(box, slug)
    os.kill(runner if victim == "runner" else guard, signal.SIGKILL)
    wait_gone(runner)


def test_a_run_of_the_fleet_is_skipped_while_the_job_runs_on_its_host(host: Host, box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box = host.box
    box.job("taken", own(f"command: {script(box, 'taken.sh', f'echo x > {started}; read line < {release}')}"))
    box.process_control("fleet", "apply")
    with box.start("taken") as live:
        started.read_line()
        ended = host.end("taken")["taken"]
        release.write_line("")
        live.wait()

    (skip,) = skips(box, "taken")
    assert (ended["fate"], ended["reason"]) == ("skipped", "overlap")
    assert skip["reason"] == "overlap"

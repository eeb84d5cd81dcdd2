"""A storm: workers, control process and server are killed while planned times come, and networks of hosts are cut."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from kit import fleets, network
from kit.apart import apart
from kit.fleet_storm import CONTROL, CUT, SERVER, WORKER, Served, Troubles
from kit.fleet_verdicts import MINUTE, HostRun, Verdicts
from kit.fleets import LEASE, Fleet
from kit.harness import Box, Product, Storm, until
from kit.network import Network

HOSTS = ("storm1", "storm2", "storm3")
SECONDS_OF_RUNS = (1, 5, 12)
#: By the policy of their loss: the one has at most one run for a planned time, the other at least one that has begun.
JOBS = {f"storm-{policy}-{seconds}": policy for policy in ("fail", "rerun") for seconds in SECONDS_OF_RUNS}
#: The few rounds of `make test`: one of each.
EACH_ONCE = (WORKER, CUT, CONTROL, SERVER)
#: Many rounds: workers and hosts lose runs, the others delay what is known of that.
OFTEN = {WORKER: 3, CUT: 3, CONTROL: 1, SERVER: 1}
#: In seconds. The lease is shorter than the long ones.
CUTS, LONG_CUTS = (1.0, 15.0), (8.0, 10.0)
SETTLED_WITHIN_SECONDS = 180


@pytest.fixture
def switch() -> Iterator[Network]:
    network.needed()
    with network.network() as found:
        yield found


@pytest.fixture
def stormy(switch: Network, with_fleet: Product) -> Iterator[Fleet]:
    """A fleet of this test alone, whose server all hosts reach: nobody else likes its control process killed."""
    with fleets.fleet(with_fleet, host=switch.add_host()) as fleet:
        yield fleet


@pytest.mark.long
@pytest.mark.needs_root
@pytest.mark.fault(
    "kill -9 of a worker, a control process or the server, and networks cut for 1 to 15 s, around planned times of six "
    "jobs on three hosts, each in a network namespace",
    small=4,
    full=100,
    wanted="no slot twice, no run beside another, no slot without a fate, lost within heartbeat + 3 s",
)
def test_kills_and_cuts_around_planned_times_leave_each_slot_with_one_fate(
    stormy: Fleet, switch: Network, make_box: Callable[..., Box], storm: Storm
) -> None:
    boxes = {name: make_box() for name in HOSTS}
    beside = boxes[HOSTS[0]].root / "beside"
    for box in boxes.values():
        stormy.configure(box, lease=LEASE)
        add_jobs(box, beside)
    with ExitStack() as stack:
        chance = random.Random(storm.size)
        troubles = begun(stormy, switch, boxes, chance=chance, cut_seconds=LONG_CUTS if is_small(storm) else CUTS)
        stack.callback(troubles.close)
        began = int(time.time())
        applied = until(lambda: applied_once(boxes[HOSTS[0]]), "apply")
        assert applied == len(JOBS)
        make_trouble(troubles, storm, chance, begins=(began // MINUTE + 1) * MINUTE)
        last = int(time.time()) // MINUTE * MINUTE
        troubles.calm()
        states = settled(stormy, troubles, last)
    runs = [run for name, box in boxes.items() for run in runs_of(name, box)]
    found = Verdicts(JOBS, states, runs, troubles.outages)
    found.of_slots(last)
    found.of_losses()
    storm.found(str(found))
    assert not found.faults, "\n".join([*found.faults, str(found), *map(str, troubles.outages)])
    assert not beside.exists(), beside.read_text()


def begun(fleet: Fleet, switch: Network, boxes: dict[str, Box], **how: Any) -> Troubles:
    """Start the workers, each in the network of its host, and return what happens to all of it."""
    cables = {name: switch.add_host() for name in boxes}
    workers = [
        Served(
            WORKER,
            name,
            partial(box.serve, "fleet", "worker", "--name", name, network=cables[name].namespace),
            says=f"worker {name} ",
        )
        for name, box in boxes.items()
    ]
    again = partial(fleet.box.serve, "fleet", "control")
    control = Served(CONTROL, "", again, says="control of the fleet", live=fleet.control)
    return Troubles(fleet.server, control, workers, cables, **how)


def make_trouble(troubles: Troubles, storm: Storm, chance: random.Random, *, begins: float) -> None:
    """Do all rounds: the few of `make test` right after the planned times, so that runs are there to be lost."""
    moment = begins
    for number in storm.rounds():
        moment += chance.uniform(0.5, 2.0) if is_small(storm) else chance.uniform(1.0, 7.0)
        troubles.wait_until(moment)
        if is_small(storm):
            troubles.do(EACH_ONCE[number])
            continue
        while not troubles.do(*chance.choices(list(OFTEN), list(OFTEN.values()))):
            pass


def is_small(storm: Storm) -> bool:
    return storm.size <= len(EACH_ONCE)


def add_jobs(box: Box, beside: Path) -> None:
    """Add jobs that come each minute, sleep, and write down when another run is there."""
    for slug, policy in JOBS.items():
        seconds = slug.rpartition("-")[2]
        alone = f"flock -E 99 -n {beside}.{slug} sleep {seconds}; test $? != 99 || echo {slug} >> {beside}"
        keys = f"schedule: '* * * * *'\ntime_zone: UTC\non_host_loss: {policy}\non_partition: kill\non_overlap: queue\n"
        box.job(slug, f'command: sh -c "{alone}"\n{keys}')


def applied_once(box: Box) -> int:
    answer = box.process_control("fleet", "apply", "--json")
    return len(answer.json()["changes"]) if answer.exit_code == 0 else 0


def settled(fleet: Fleet, troubles: Troubles, last: int) -> dict[str, dict[str, Any]]:
    """Wait until every slot up to `last` is dealt with and no run is left; return the state of each lock."""
    found: dict[str, dict[str, Any]] = {}
    next_look = time.monotonic()

    def are_all() -> bool:
        nonlocal next_look
        troubles.look()
        if time.monotonic() >= next_look:
            found.update(
                apart(lambda: asyncio.run(settled_now(fleet, [slug for slug in JOBS if slug not in found], last)))
            )
            next_look = time.monotonic() + 1
        return len(found) == len(JOBS)

    until(are_all, "that all is settled", seconds=SETTLED_WITHIN_SECONDS)
    return found


async def settled_now(fleet: Fleet, slugs: list[str], last: int) -> dict[str, dict[str, Any]]:
    """Return the states of those that are settled; none while the server or a control process just begins."""
    found: dict[str, dict[str, Any]] = {}
    try:
        client = await Client.connect(fleet.server.address)
        for slug in slugs:
            state = await client.get_workflow_handle(f"job/{slug}").query("state")
            fates = state["jobs"][slug]["fates"]
            if state["running"] is None and not state["queue"] and fates and fates[-1]["slot"] >= last:
                found[slug] = state
    except (RPCError, RuntimeError):
        pass
    return found


def runs_of(host: str, box: Box) -> list[HostRun]:
    runs = box.process_control("history", "--json", "--limit", "5000").json()["runs"]
    return [HostRun.of(host, run) for run in runs if run["scheduled_at"] and run["outcome"] != "skipped"]

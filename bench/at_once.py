"""Many cold runs in one instant, as at the full hour: against as many bare interpreters in one instant."""

from cold import BARE, SCHEDULED
from measuring import CPU, WALL, Costs, Found, add_round, cost_at_once, ratios, row_of

from bench import Bench

FAMILY = "at-once"


def measure(bench: Bench) -> Found:
    count, rounds = bench.sizes.at_once, bench.sizes.rounds_at_once
    with bench.host(FAMILY) as host:
        steps = bench.steps("jobs to run at once", count * rounds)
        slugs = [host.add_healthy_job(f"job-{number:05}") for number in steps]
        costs: Costs = {}
        cost_at_once([host.bare_interpreter()] * count)
        for number in bench.steps(f"{count} at once", rounds):
            commands = [host.scheduled(slug) for slug in slugs[number * count : (number + 1) * count]]
            contenders = {
                SCHEDULED: lambda commands=commands: cost_at_once(commands),
                BARE: lambda: cost_at_once([host.bare_interpreter()] * count),
            }
            add_round(costs, contenders, number)
        host.check_that_all_ran(slugs)
    rows = [
        row_of(
            ratios(costs, SCHEDULED, BARE, measure),
            family=FAMILY,
            what=f"{count} × {SCHEDULED} at once, all recorded",
            against=f"{count} × {BARE} at once",
            measure=measure,
            goal=2.6 if measure == WALL else None,
        )
        for measure in (WALL, CPU)
    ]
    return Found(rows=rows, costs={f"{count} × {name}": each for name, each in costs.items()})

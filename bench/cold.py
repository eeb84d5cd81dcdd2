"""A cold `run-job` of /bin/true: against the bare interpreter, and against the tools of a classic crontab line."""

from pathlib import Path

from host import Host
from measuring import CPU, WALL, Costs, Found, Row, WorthNothing, add_round, cost_of, ratios, row_of, timed

from bench import Bench

FAMILY = "cold"
SCHEDULED, BY_HAND, BARE = "run-job --scheduled JOB", "run-job JOB", "python3 -I -S -c pass"
CLASSIC, CHRONIC = "flock FILE timeout 60 /bin/true", "flock FILE timeout 60 chronic /bin/true"
GOALS = {
    (SCHEDULED, BARE, WALL): 2.1,
    (SCHEDULED, BARE, CPU): 2.1,
    (SCHEDULED, CLASSIC, CPU): 8.0,
    (BY_HAND, BARE, WALL): 2.6,
}
PRINTS = "echo to stdout; echo to stderr >&2; exit 3"


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host:
        tools = contenders_besides(bench, host)
        check_that_they_do_the_same(host, tools)
        slugs = [host.add_healthy_job(f"round-{number:03}") for number in bench.steps("jobs", bench.sizes.rounds)]
        hand = host.add_healthy_job("by-hand")
        costs: Costs = {}
        for command in tools.values():
            cost_of([*command, "/bin/true"] if command != host.bare_interpreter() else command)
        for number in bench.steps("cold runs", bench.sizes.rounds):
            commands = {SCHEDULED: host.scheduled(slugs[number]), BY_HAND: host.by_hand(hand)}
            commands |= {name: _of_true(host, command) for name, command in tools.items()}
            add_round(costs, timed(commands), number)
        host.check_that_all_ran(slugs)
    return Found(rows=rows(costs), costs=costs)


def contenders_besides(bench: Bench, host: Host) -> dict[str, list[str]]:
    classic = ["/usr/bin/flock", str(host.directory / "lock"), "/usr/bin/timeout", "60"]
    found = {BARE: host.bare_interpreter(), CLASSIC: classic}
    if bench.peers.chronic:
        found[CHRONIC] = [*classic, bench.peers.chronic]
    return found


def _of_true(host: Host, command: list[str]) -> list[str]:
    return command if command == host.bare_interpreter() else [*command, "/bin/true"]


def check_that_they_do_the_same(host: Host, tools: dict[str, list[str]]) -> None:
    """Raise unless each one hands exit code 3 on and keeps what a failing command printed on both streams."""
    script = host.directory / "prints.sh"
    script.write_text(PRINTS)
    wanted = {"o": b"to stdout\n", "e": b"to stderr\n"}
    host.add_job("prints", f"name: prints\ncommand: /bin/sh {script}\n")
    cost_of(host.by_hand("prints"), code=3, fault=host.directory / "told")
    if host.streams("prints") != wanted:
        raise WorthNothing(f"{BY_HAND} kept {host.streams('prints')}")
    for name, command in tools.items():
        if name == BARE:
            continue
        output, fault = Path(f"{script}.o"), Path(f"{script}.e")
        cost_of([*command, "/bin/sh", str(script)], output=output, fault=fault, code=3)
        if {"o": output.read_bytes(), "e": fault.read_bytes()} != wanted:
            raise WorthNothing(f"{name} kept {output.read_bytes()!r} and {fault.read_bytes()!r}")


def rows(costs: Costs) -> list[Row]:
    return [
        row_of(
            ratios(costs, ours, theirs, measure),
            family=FAMILY,
            what=f"{ours}, a plain success",
            against=theirs,
            measure=measure,
            goal=GOALS.get((ours, theirs, measure)),
        )
        for ours, others in ((SCHEDULED, (BARE, CLASSIC, CHRONIC)), (BY_HAND, (BARE,)))
        for theirs in others
        for measure in (WALL, CPU)
        if theirs in costs
    ]

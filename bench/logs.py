"""A log of 10 GB: how soon its last lines are there, and what a search of a gibibyte keeps in memory."""

import os
from pathlib import Path

from host import Host
from measuring import WALL, Cost, Costs, Found, Row, WorthNothing, beyond, cost_of, row_of

from bench import Bench

FAMILY = "logs"
ENTRY_BYTES = 4096
LINE = b"x" * 99 + b"\n"
LAST = b"the last line\n"
OPENED, START_UP = "logs -n 10 of a long log", "logs -n 10 of a short log"
PEAK_OF = (
    "import os, sys; child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); "
    "_, status, usage = os.wait4(child, 0); os.write(2, b'%d' % usage.ru_maxrss); sys.exit(status != 0)"
)
"""The kernel counts what the parent had before the exec: a small one has to start it."""
GOAL_SECONDS = 0.5
GOAL_MEBIBYTES = 32.0


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host:
        for slug in ("long", "short", "searched"):
            host.add_job(slug, f"name: {slug}\ncommand: echo begun\n")
            cost_of(host.by_hand(slug))
        size = bench.sizes.log_bytes
        grow(host.log("long"), size)
        costs: Costs = {}
        for _ in bench.steps(f"logs of {size / 1e9:g} GB", bench.sizes.rounds_of_commands):
            for name, slug in ((OPENED, "long"), (START_UP, "short")):
                costs.setdefault(name, []).append(opened(host, slug))
        row = row_of(
            beyond(costs, OPENED, START_UP),
            family=FAMILY,
            what=f"process-control logs -n 10, a log of {size / 1e9:g} GB",
            against="its start-up, taken off",
            measure=WALL,
            unit="s",
            goal=GOAL_SECONDS,
        )
        return Found(rows=[row, searched(bench, host)], costs=costs)


def grow(log: Path, size: int) -> None:
    """Make a log of `size` bytes, nearly all of it a hole, with an entry of the index for each 4 KiB."""
    with open(log, "wb") as file:
        file.truncate(size - len(LAST) - ENTRY_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" * ENTRY_BYTES + LAST)
    with open(f"{log}.idx", "w") as index:
        index.writelines(f"{number} o {ENTRY_BYTES}\n" for number in range(size // ENTRY_BYTES))
        if size % ENTRY_BYTES:
            index.write(f"{size} o {size % ENTRY_BYTES}\n")


def opened(host: Host, slug: str) -> Cost:
    output = host.directory / "shown"
    cost = cost_of(host.process_control("logs", slug, "-n", "10"), output=output)
    if slug == "long" and not output.read_bytes().endswith(LAST):
        raise WorthNothing(f"its last line was not shown: {output.read_bytes()[-100:]!r}")
    output.unlink()
    return cost


def searched(bench: Bench, host: Host) -> Row:
    """Search a log line by line, with a regex that matches only the last one."""
    size = bench.sizes.capture_bytes
    with open(host.log("searched"), "wb") as file:
        file.writelines(LINE * 1000 for _ in range(size // (len(LINE) * 1000)))
        file.write(LAST)
    command = host.process_control("logs", "searched", "--grep", "the l.st")
    command = [*host.bare_interpreter()[:-1], PEAK_OF, *command]
    output, peak = host.directory / "found", host.directory / "peak"
    peaks = []
    for _ in bench.steps("logs --grep", min(3, bench.sizes.rounds_of_gibibytes)):
        cost_of(command, output=output, fault=peak)
        if output.read_bytes() != LAST:
            raise WorthNothing("the line was not found")
        peaks.append(int(peak.read_text()) / 1024)
        output.unlink()
        peak.unlink()
    return row_of(
        peaks, family=FAMILY, what=f"process-control logs --grep, a log of {size >> 20:,} MiB", against="",
        measure="peak RSS", unit="MiB", goal=GOAL_MEBIBYTES,
    )  # fmt: skip

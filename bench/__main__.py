"""`make bench`: every speed promise that one host can show, measured, compared with its goal, and drawn.

make bench                        all rows, at the size of the goals: three quarters of an hour
make bench ONLY='cold at-once'    some families of rows
make bench KEEP=1                 write table, plot and waterfall into docs/ too
python bench --quick              small and soon done: shows that it works, no figure of it counts
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import at_once
import capture
import changes
import cold
import heartbeat
import hosts
import ledger
import listing
import logs
import memory
import others
import page
import records
import schedulers
import telling
import ticks
import warm
import waterfall
from host import installed_product
from machine import describe_machine
from measuring import Found
from peers import installed_peers, peers_at_hand
from results import Results, keep_json, print_table
from results_page import write_page
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import fleet
import history
from bench import QUICK, Bench, Sizes

FAMILIES: dict[str, Callable[[Bench], Found]] = {
    module.FAMILY: module.measure
    for module in (
        cold,
        waterfall,
        at_once,
        warm,
        schedulers,
        ticks,
        records,
        memory,
        capture,
        listing,
        logs,
        heartbeat,
        history,
        ledger,
        changes,
        telling,
        page,
        hosts,
        fleet,
        others,
    )
}
#: They look into guard, runner or server, whose memory and system calls only root may see.
OF_ROOT = {module.FAMILY for module in (waterfall, warm, schedulers, page)}


def main() -> int:
    options = read_options()
    screen = Console(stderr=True)
    sizes = QUICK if options.quick else Sizes()
    if options.rounds is not None:
        sizes = replace(sizes, rounds=options.rounds, rounds_of_commands=options.rounds)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        installed_product() as product,
        tempfile.TemporaryDirectory(prefix="process-control-bench-", dir=options.directory) as name,
        Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress,
    ):
        peers = peers_at_hand() if options.quick else installed_peers()
        directory = Path(name)
        bench = Bench(product=product, directory=directory, sizes=sizes, progress=progress, peers=peers)
        found = {family: FAMILIES[family](bench) for family in bench.each(options.only or list(FAMILIES))}
        machine = describe_machine(directory)

    results = Results(machine=machine, found=found, is_quick=options.quick, peers=peers.versions(), notes=peers.notes)
    print_table(results)
    keep_json(results, options.results)
    if options.keep:
        write_page(results, options.page, whole=FAMILIES)
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, metavar="FAMILY", help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--rounds", type=int, help="of what takes less than a second (60 and 30)")
    parser.add_argument("--quick", action="store_true", help="two rounds of little: never kept")
    parser.add_argument("--keep", action="store_true", help="write into docs/performance.md, its plot and waterfall")
    parser.add_argument("--directory", help="where jobs, state and logs lie (default: a temporary one)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the JSON file")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page of --keep")
    options = parser.parse_args()
    if options.quick and options.keep and options.page == PAGE:
        parser.error("figures of --quick are not kept")
    if os.geteuid() != 0 and (of_root := [name for name in options.only or FAMILIES if name in OF_ROOT]):
        parser.error(f"only root may look into processes of a run, as these do: {', '.join(of_root)}\n  hint: {HINT}")
    if options.rounds is not None and options.rounds < 30 and not options.quick:
        parser.error("at least 30 rounds")
    return options


HINT = "sudo make bench, or the others by make bench ONLY='cold at-once'"
PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "bench" / "results" / "bench.json"
PAGE = PROJECT / "docs" / "performance.md"

if __name__ == "__main__":
    sys.exit(main())

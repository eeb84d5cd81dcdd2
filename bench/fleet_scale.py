"""What a fleet needs beyond one machine: measured costs, multiplied. Writes the tables of docs/explanation/scale.md.

    PYTHONPATH=src:tests:. python -m bench.fleet_scale [--keep]

A model, not a measurement: it takes costs as proportional, which holds until the database is the limit.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COSTS = Path(__file__).parent / "fleet_costs.json"
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "scale.md"
MARK, END_MARK = "<!-- the tables: written by `python -m bench.fleet_scale --keep` -->", "<!-- end of the tables -->"
HOSTS, JOBS, WEEK = 200, 5_000, 7 * 86_400
#: How often a job runs, and for how long, in seconds.
LOADS = {
    "each day, 10 min": (86_400, 600),
    "each hour, 1 min": (3_600, 60),
    "each 15 min, 30 s": (900, 30),
    "each 5 min, 10 s": (300, 10),
    "each minute, 5 s": (60, 5),
}
START_WITHIN, CORES = 600.0, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of the server but for `control_run`: CPU seconds, bytes of its file."""

    idle: float
    idle_job: float
    run: float
    control_run: float
    running_second: float
    bytes_run: float
    events_run: float
    mb_job: float
    starts_second: float

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Costs":
        """Return the costs of one job, run or second, from what was measured. Runs: those of the largest herd."""
        idle = found["nothing"]["server"] / found["nothing"]["clock"]
        with_jobs = found["idle"]["server"] / found["idle"]["clock"]
        beating = found["sleeping"]["server"] / found["sleeping"]["clock"]
        herd = found["herds"][-1]
        size = herd["size"]
        return cls(
            idle=idle,
            idle_job=max(0.0, with_jobs - idle) / found["idle"]["jobs"],
            run=max(0.0, herd["server"] - with_jobs * herd["clock"]) / size,
            control_run=herd["control"] / size,
            running_second=max(0.0, beating - with_jobs) / found["sleeping"]["runs"],
            bytes_run=herd["bytes"] / size,
            events_run=herd["events_of_a_run"],
            mb_job=found["idle"]["server_mb_more"] / found["idle"]["jobs"],
            starts_second=CORES / max(0.001, herd["server"] - with_jobs * herd["clock"]) * size,
        )

    def cores(self, every: float, seconds: float) -> float:
        """Return the cores of the server for JOBS jobs that run so often and so long."""
        runs = JOBS / every
        return self.idle + JOBS * self.idle_job + runs * (self.run + seconds * self.running_second)


def tables(found: dict[str, Any]) -> list[str]:
    costs = Costs.of(found)
    at = found["machine"]
    where = f"{at['processor']}, {at['cpus']} CPUs"
    return [
        f"Measured {at['date']} on {where}. Other work took most of them, so the times are long:",
        "",
        *_table(("what", "server CPU", "besides"), _measured(costs, found)),
        "",
        f"{HOSTS} hosts with {JOBS:,} jobs for a week:",
        "",
        *_table(("each job runs", "runs", "events", "at once", "server cores", "control cores", "disk"), _week(costs)),
        "",
        "Jobs that fall due in the same second:",
        "",
        *_table(("jobs", "last start after, at least", "spread over an hour"), _herds(costs)),
        "",
        *_breaks(costs),
    ]


def _measured(costs: Costs, found: dict[str, Any]) -> list[Sequence[str]]:
    herds = "; ".join(
        f"{each['size']}: {each['began_p50']:.1f} s, {each['began_p99']:.1f} s" for each in found["herds"]
    )
    jobs = found["apply"]["jobs"]
    of_a_run = f"{costs.events_run:.0f} events, {costs.bytes_run / 1000:.0f} KB"
    return [
        ("nothing to do", f"{costs.idle * 1000:.0f} ms a second", f"{found['nothing_mb']:.0f} MB"),
        ("a job that waits", f"{costs.idle_job * 1e6:.0f} µs a second", f"{costs.mb_job * 1000:.0f} KB of memory"),
        (
            "a planned run",
            f"{costs.run * 1000:.0f} ms",
            f"{of_a_run}; control {costs.control_run * 1000:.0f} ms",
        ),
        ("a second of a run", f"{costs.running_second * 1000:.1f} ms", "a beat"),
        (f"`fleet apply` of {jobs} new jobs", f"{found['apply']['server']:.1f} s", f"{found['apply']['clock']:.0f} s"),
        ("herds: half, 99 % have begun after", "", herds),
    ]


def _week(costs: Costs) -> list[Sequence[str]]:
    rows = []
    for words, (every, seconds) in LOADS.items():
        runs = JOBS * WEEK / every
        cores = costs.cores(every, seconds)
        rows.append(
            (
                words,
                f"{runs:,.0f}",
                f"{runs * costs.events_run / 1e6:,.1f} M",
                f"{JOBS / every * seconds:,.0f}",
                f"{cores:.2f}",
                f"{JOBS / every * costs.control_run:.2f}",
                f"{runs * costs.bytes_run / 1e9:,.1f} GB",
            )
        )
    return rows


def _herds(costs: Costs) -> list[Sequence[str]]:
    return [
        (f"{size:,}", f"{size / costs.starts_second:,.0f} s", f"{size / 3600:.2f} a second")
        for size in (20, 200, 1_000, JOBS)
    ]


def _breaks(costs: Costs) -> list[str]:
    limit = costs.starts_second
    alike = int(limit * START_WITHIN)
    often = JOBS / limit
    beats = (CORES - costs.idle - JOBS * costs.idle_job) / costs.running_second
    return [
        "It breaks, with this server alone on two such cores:",
        "",
        f"- at {limit:.0f} starts a second, beats not counted: {JOBS:,} jobs that each run every {often:,.0f} s;",
        f"- with {alike:,} jobs in the same second: the last begin after `start_within: 10m`, and are `missed`;",
        f"- with {beats:,.0f} runs in flight: their beats alone take both cores.",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def main() -> int:
    lines = tables(json.loads(COSTS.read_text()))
    if "--keep" in sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(MARK)
        _, _, after = rest.partition(END_MARK)
        PAGE.write_text("\n".join([f"{before}{MARK}", "", *lines, "", END_MARK]) + after)
    else:
        print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())

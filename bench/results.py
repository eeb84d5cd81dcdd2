"""The outcome of a bench: the table on the terminal, and all figures as JSON."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import in_words
from measuring import Cost, Found, Row
from rich.console import Console
from rich.table import Table
from rich.text import Text

NAME_WIDTH = 58
VERDICT_STYLES = {"reached": "green", "missed": "bold red", "": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    machine: dict[str, object]
    found: dict[str, Found]
    is_quick: bool
    peers: dict[str, str]
    notes: list[str]

    @property
    def rows(self) -> list[Row]:
        return [row for found in self.found.values() for row in found.rows]

    @property
    def all_notes(self) -> list[str]:
        return [*self.notes, *(note for found in self.found.values() for note in found.notes)]


def amount(value: float, unit: str) -> str:
    """Return a figure with its unit, with as many digits as it can bear."""
    if unit == "MiB":
        return f"{value:.1f} MiB"
    if unit == "s":
        return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"
    return f"{value:.2f}{unit}"


def goal_of(row: Row) -> str:
    if row.goal is None:
        return ""
    sign, digits = ("≥", 2) if row.at_least else ("≤", 1 if row.goal >= 1 or row.goal * 10 % 1 == 0 else 2)
    unit = row.unit if row.unit == "×" else f" {row.unit}"
    return f"{sign} {row.goal:.{digits}f}{unit}"


def spread_of(row: Row) -> str:
    return f"{amount(row.p10, row.unit).removesuffix(row.unit).strip()} – {amount(row.p90, row.unit)}"


def print_table(results: Results) -> None:
    screen = Console(width=None if sys.stdout.isatty() else 200)
    rounds = "rounds"
    table = Table(title=None, box=None, header_style="bold", pad_edge=False)
    for name in ("what", "against", "measure", "median", "p10 – p90", rounds, "goal", ""):
        table.add_column(name, justify="right" if name in ("median", rounds) else "left")
    for row in results.rows:
        verdict = Text(row.verdict, style=VERDICT_STYLES[row.verdict])
        table.add_row(
            row.what, row.against, row.measure, amount(row.median, row.unit), spread_of(row), str(row.rounds),
            goal_of(row), verdict,
        )  # fmt: skip
    if results.is_quick:
        screen.print("QUICK: shows that the bench works; no figure below means anything\n", style="bold yellow")
    screen.print(in_words(results.machine), style="dim", highlight=False)
    screen.print(table, highlight=False)
    for line in in_milliseconds(results):
        screen.print(line, style="dim", highlight=False)
    for note in results.all_notes:
        screen.print(f"note: {note}", highlight=False)


def in_milliseconds(results: Results) -> list[str]:
    """Return what each contender took, for people who want milliseconds."""
    return [
        f"{name:<{NAME_WIDTH}} {_median(costs, 'wall'):>9,.1f} ms wall {_median(costs, 'cpu'):>9,.1f} ms CPU"
        for found in results.found.values()
        for name, costs in found.costs.items()
    ]


def _median(costs: list[Cost], name: str) -> float:
    """Return the median in milliseconds."""
    values = sorted(getattr(cost, name) for cost in costs)
    return 1000 * float(values[len(values) // 2])


def keep_json(results: Results, path: Path) -> None:
    """Write every figure, each round of each contender, and tell where."""
    path.parent.mkdir(exist_ok=True, parents=True)
    value = {
        "version": 2,
        "quick": results.is_quick,
        "machine": results.machine,
        "peers": results.peers,
        "rows": [asdict(row) | {"verdict": row.verdict} for row in results.rows],
        "costs": {
            family: {name: [asdict(cost) for cost in costs] for name, costs in found.costs.items()}
            for family, found in results.found.items()
        },
        "steps": {family: found.steps for family, found in results.found.items() if found.steps},
        "notes": results.all_notes,
    }
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    print(f"\nall figures: {path}")

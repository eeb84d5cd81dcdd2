"""`make faults`: every storm of the tests at full size, with a progress bar and one table at its end.

    python tests/faults.py [--only WORDS] [--size small|full|FRACTION] [--list] [--keep]

Exit code 1 when a promise was not held. All that a failing test said stands below the table, and in bench/results/.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

from storms import LISTENER, SIZE_VARIABLE, storm_of, storm_size  # noqa: E402

RESULTS = PROJECT / "bench" / "results" / "faults.json"
PAGE = PROJECT / "docs" / "faults.md"
MARK, END_MARK = "<!-- the table: written by `make faults KEEP=1` -->", "<!-- end of the table -->"


@dataclass(slots=True, kw_only=True)
class Row:
    """One promise: what its tests have found so far. `size` in repetitions, `seconds` by the clock."""

    row: str
    wanted: str
    size: int = 0
    seconds: float = 0.0
    found: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return "NOT HELD" if self.faults else "not tried" if self.not_tried and not self.found else "held"

    @property
    def told(self) -> str:
        """What was found, each thing once."""
        if self.faults:
            return first_line(self.faults[0])
        return "; ".join(dict.fromkeys(self.found)) or "; ".join(dict.fromkeys(self.not_tried))


class Rows:
    """A pytest plugin: takes the tests that are storms, follows them, and keeps what they found by row."""

    def __init__(self, only: str | None, progress: Progress, console: Console) -> None:
        self.rows: dict[str, Row] = {}
        self.texts: list[str] = []
        self._only = only.lower() if only else None
        self._progress = progress
        self._console = console
        self._all = progress.add_task("all", total=None)
        self._one = progress.add_task("", total=None, visible=False)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        storms = [item for item in items if self._is_wanted(item)]
        items[:] = storms
        config.stash[LISTENER] = self._move
        self._progress.update(self._all, total=len(storms))

    def _is_wanted(self, item: pytest.Item) -> bool:
        storm = storm_of(item)
        if storm is None:
            return False
        return self._only is None or self._only in storm.row.lower() or self._only in item.nodeid.lower()

    def _move(self, item: pytest.Item, done: int) -> None:
        self._progress.update(self._one, completed=done)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):  # type: ignore[no-untyped-def]
        storm = storm_of(item)
        if storm is None:
            raise pytest.UsageError(f"{item.nodeid} is no storm")
        self._progress.update(self._all, description=storm.row[:60])
        self._progress.update(self._one, description="", completed=0, total=storm.size, visible=storm.size > 1)
        began = time.monotonic()
        result = yield
        row = self.rows.setdefault(storm.row, Row(row=storm.row, wanted=storm.wanted))
        row.size += storm.size
        row.seconds += time.monotonic() - began
        if storm.told is not None:
            row.found.append(storm.told)
        self._progress.advance(self._all)
        if not self._console.is_terminal:
            self._console.print(f"{row.verdict:<9} {storm.row} ({item.name}, {time.monotonic() - began:.1f} s)")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):  # type: ignore[no-untyped-def]
        report = yield
        storm = storm_of(item)
        if storm is not None and (report.failed or report.skipped):
            row = self.rows.setdefault(storm.row, Row(row=storm.row, wanted=storm.wanted))
            if report.failed:
                row.faults.append(str(report.longrepr))
                self.texts.append(f"--- {item.nodeid}\n{report.longreprtext}")
            else:
                row.not_tried.append(f"not tried: {report.longrepr[2].removeprefix('Skipped: ')}")
        elif storm is not None and report.when == "call" and storm.told is None:
            storm.told = "as wanted"
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.texts.append(f"--- {report.nodeid}\n{report.longreprtext}")


def first_line(text: str) -> str:
    """Return what pytest marks as the error: its first line that begins with E."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
    return re.sub(r"\s+", " ", lines[0] if lines else text.strip().splitlines()[-1])[:160]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", metavar="WORDS", help="rows or tests whose name has these words")
    parser.add_argument("--size", default="full", help="small, full (default), or a fraction of the full size")
    parser.add_argument("--list", action="store_true", help="tell the rows and their sizes, and run none")
    parser.add_argument("--keep", action="store_true", help=f"write the table into {PAGE.relative_to(PROJECT)}")
    options = parser.parse_args()
    if options.keep and (options.only or options.size != "full"):
        parser.error("only a whole run at full size is kept")
    os.environ[SIZE_VARIABLE] = options.size
    try:
        storm_size(1, 1)
    except ValueError as error:
        parser.error(str(error))

    console = Console()
    columns = TextColumn("[bold]{task.description:<60}"), BarColumn(20), TextColumn("{task.completed}/{task.total}")
    began = time.monotonic()
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        rows = Rows(options.only, progress, console)
        code = pytest.main(
            _arguments(collect_only=options.list), plugins=[rows] if not options.list else [_Lister(rows)]
        )
    if options.list:
        return 0
    took = time.monotonic() - began
    for text in rows.texts:
        console.print(text, markup=False, highlight=False)
    console.print(as_table(list(rows.rows.values())))
    console.print(in_sum(list(rows.rows.values()), took, options.size))
    keep_results(list(rows.rows.values()), options.size, took)
    if options.keep and code == 0:
        write_page(list(rows.rows.values()), took)
    return 0 if code == 0 and not rows.texts else 1


def _arguments(*, collect_only: bool) -> list[str]:
    quiet = [
        "-p",
        "no:terminal",
        "--rootdir",
        str(PROJECT),
        "-c",
        str(PROJECT / "pyproject.toml"),
        str(PROJECT / "tests"),
    ]
    return [*quiet, "--collect-only"] if collect_only else quiet


class _Lister:
    """A pytest plugin that tells the rows instead of running them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            storm = storm_of(item)
            if storm is not None and self._rows._is_wanted(item):
                print(f"{storm.size:>9,}  {storm.row}: {storm.wanted}  ({item.name})")


def as_table(rows: list[Row]) -> Table:
    """Return the table for people."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("row", "size", "found", "wanted", ""):
        table.add_column(column, justify="right" if column == "size" else "left")
    colour = {"held": "green", "NOT HELD": "bold red", "not tried": "yellow"}
    for row in rows:
        verdict = f"[{colour[row.verdict]}]{row.verdict}[/]"
        table.add_row(_escaped(row.row), f"{row.size:,}", _escaped(row.told), _escaped(row.wanted), verdict)
    return table


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def in_sum(rows: list[Row], took: float, size: str) -> str:
    held = sum(row.verdict == "held" for row in rows)
    return f"\n{held} of {len(rows)} rows held, size {size}, {took / 60:.0f} min {took % 60:.0f} s"


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
    }


def keep_results(rows: list[Row], size: str, took: float) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    told = [{**asdict(row), "verdict": row.verdict} for row in rows]
    result = {"version": 1, "machine": machine(), "size": size, "seconds": round(took, 1), "rows": told}
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"all figures: {RESULTS.relative_to(PROJECT)}")


def write_page(rows: list[Row], took: float) -> None:
    """Put the table into the page, in the place of the last one."""
    at = machine()
    lines = [
        MARK,
        (
            f"{at['date']}, as {at['user']}, on {at['processor']}, {at['cpus']} CPUs, Python {at['python']}, "
            f"Linux {at['kernel']}; {took / 60:.0f} minutes:"
        ),
        "",
        "| what was done | times | found | wanted | |",
        "|---|---:|---|---|---|",
    ]
    for row in rows:
        cells = (row.row, f"{row.size:,}", row.told, row.wanted, row.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append(END_MARK)
    before, _, rest = PAGE.read_text().partition(MARK)
    _, _, after = rest.partition(END_MARK)
    PAGE.write_text(before + "\n".join(lines) + after)


if __name__ == "__main__":
    raise SystemExit(main())

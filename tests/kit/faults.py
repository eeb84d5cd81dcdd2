"""`make faults`: every storm of the tests at full size, with a progress bar and one table at its end.

    python tests/kit/faults.py [--only WORDS] [--file PATH] [--size small|full|FRACTION] [--list] [--keep]

Exit code 1 when a promise was not held, 2 for wrong usage. What a failing test said stands above the table; all
figures are in bench/results/faults.json.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))

from kit.storms import LISTENER, SIZE_VARIABLE, Storm, storm_of, storm_size  # noqa: E402

RESULTS = PROJECT / "bench" / "results" / "faults.json"
PAGE = PROJECT / "docs" / "faults.md"
MARK, END_MARK = "<!-- the table: written by `make faults KEEP=1` -->", "<!-- end of the table -->"
COLOURS = {"held": "green", "NOT HELD": "bold red", "not tried": "yellow"}


@dataclass(slots=True, kw_only=True)
class Row:
    """One promise, and what its tests have found so far. `size` in repetitions, `seconds` by the clock."""

    row: str
    wanted: str
    size: int = 0
    seconds: float = 0.0
    found: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.faults:
            return "NOT HELD"
        return "not tried" if self.not_tried else "held"

    @property
    def told(self) -> str:
        """What was found, each thing once; of a promise that was not held what failed first."""
        if self.faults:
            return self.faults[0]
        words = list(dict.fromkeys([*self.not_tried, *self.found]))
        if len(words) > 1 and "as wanted" in words:
            words.remove("as wanted")
        return "; ".join(words)


class Rows:
    """A pytest plugin: takes the tests that are storms, follows them, and keeps what they found, row by row."""

    def __init__(self, only: str | None, progress: Progress) -> None:
        self.by_name: dict[str, Row] = {}
        self.texts: list[str] = []
        self._only = only.lower() if only else None
        self._progress = progress
        self._all = progress.add_task("all storms", total=None)
        self._one = progress.add_task("", total=None, visible=False)

    @property
    def told(self) -> list[Row]:
        return list(self.by_name.values())

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._is_wanted(item)]
        config.stash[LISTENER] = self._move
        self._progress.update(self._all, total=len(items))

    def _is_wanted(self, item: pytest.Item) -> bool:
        storm = storm_of(item)
        if storm is None:
            return False
        names = f"{storm.row} {item.nodeid} {item.name.replace('_', ' ')}"
        return self._only is None or self._only in names.lower()

    def _move(self, done: int) -> None:
        self._progress.update(self._one, completed=done)

    def _row_of(self, storm: Storm) -> Row:
        return self.by_name.setdefault(storm.row, Row(row=storm.row, wanted=storm.wanted))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        storm = _the_storm(item)
        row = self._row_of(storm)
        self._progress.update(self._one, description=storm.row, completed=0, total=storm.size, visible=True)
        began = time.monotonic()
        result = yield
        took = time.monotonic() - began
        row.size += storm.size
        row.seconds = round(row.seconds + took, 3)
        if storm.told is not None:
            row.found.append(_with_its_way(storm.told, item.name))
        self._progress.advance(self._all)
        if self._progress.disable:
            told = storm.told if not row.faults and storm.told else row.told
            verdict = f"{row.verdict:<9} {row.row}: {told} ({item.name}, {storm.size:,}, {took:.1f} s)"
            self._progress.console.print(verdict, markup=False, highlight=False, soft_wrap=True)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report: Any = yield
        storm = _the_storm(item)
        row = self._row_of(storm)
        if report.failed:
            row.faults.append(first_line(report.longreprtext))
            self.texts.append(f"--- {item.nodeid}\n{report.longreprtext}")
        elif report.skipped:
            row.not_tried.append(f"not tried: {report.longrepr[2].removeprefix('Skipped: ')}")
        elif report.when == "call" and storm.told is None:
            storm.found("as wanted")
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.texts.append(f"--- {report.nodeid}\n{report.longreprtext}")


class Lister(Rows):
    """A pytest plugin that tells the rows instead of running their tests."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        super().pytest_collection_modifyitems(config, items)
        for storm in map(_the_storm, items):
            self._row_of(storm).size += storm.size
        for row in self.told:
            line = f"{row.size:>12,}  {row.row}: {row.wanted}"
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
        items.clear()


def _the_storm(item: pytest.Item) -> Storm:
    storm = storm_of(item)
    if storm is None:
        raise pytest.UsageError(f"{item.nodeid} is no storm")
    return storm


def _with_its_way(told: str, test: str) -> str:
    """Return what was found; of a test that is tried both ways, with a control group and without, which one it was."""
    way = re.search(r"\b(with|without)_group\b", test)
    return f"{way[1]} a group, {told}" if way and told != "as wanted" else told


def first_line(text: str) -> str:
    """Return the first line of what failed, as pytest marks it with an E; without one the last line."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E  ")]
    return re.sub(r"\s+", " ", (lines or text.strip().splitlines()[-1:] or ["no words"])[0])[:160]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    os.environ[SIZE_VARIABLE] = options.size
    # Of our own: pytest takes the standard output away from its tests and their plugins.
    with open(os.dup(1), "w", encoding="utf-8") as output:
        console = Console(file=output)
        began = time.monotonic()
        rows, code = run(options, console)
        if options.list:
            return code
        took = time.monotonic() - began
        for text in rows.texts:
            console.print(text, markup=False, highlight=False)
        if not rows.told and not rows.texts:
            console.print(f"no row and no test of a storm has the words '{options.only or options.file}'", markup=False)
            return 2
        console.print(as_table(rows.told))
        console.print(in_sum(rows.told, took, options.size), highlight=False)
        keep_results(rows.told, options.size, took)
        console.print(f"all figures: {RESULTS.relative_to(PROJECT)}", highlight=False)
        if options.keep and code == 0:
            write_page(rows.told, took, is_whole=options.only is None and options.file is None)
    return int(code != 0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults.py", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", metavar="WORDS", help="rows or tests that have these words in their name")
    parser.add_argument("--size", default="full", help="small, full (default), or a fraction of the full size")
    parser.add_argument("--list", action="store_true", help="tell the rows and their sizes, and run none")
    parser.add_argument("--file", type=Path, metavar="PATH", help="the storms of one file of tests")
    parser.add_argument("--keep", action="store_true", help=f"write the table into {PAGE.relative_to(PROJECT)}")
    options = parser.parse_args(arguments)
    if options.keep and options.size != "full" and options.only is None and options.file is None:
        parser.error("the whole table is kept at full size only; of --only, each row has the size that it was run at")
    try:
        storm_size(1, 1, asked=options.size)
    except ValueError as error:
        parser.error(f"--size {options.size}: {error}")
    return options


def run(options: argparse.Namespace, console: Console) -> tuple[Rows, int]:
    """Run the storms that were asked for; return what they found, and pytest's exit code."""
    columns = TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn()
    hidden = options.list or not console.is_terminal
    with Progress(
        *columns, console=console, disable=hidden, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        rows = (Lister if options.list else Rows)(options.only, progress)
        where = ["--rootdir", str(PROJECT), "-c", str(PROJECT / "pyproject.toml")]
        files = [str(options.file)] if options.file else files_with_storms()
        code = pytest.main(["-p", "no:terminal", *where, *files], plugins=[rows])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and options.list:
        return rows, 0
    return rows, int(code)


def files_with_storms() -> list[str]:
    """Return the files of tests that have storms: a quarter of all, so that the others need not be collected."""
    return [str(path) for path in sorted((PROJECT / "tests").rglob("test_*.py")) if "fault(" in path.read_text()]


def as_table(rows: Sequence[Row]) -> Table:
    """Return the table for people."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("what was done", "times", "found", "wanted", ""):
        table.add_column(
            column, justify="right" if column == "times" else "left", no_wrap=column in ("times", ""), overflow="fold"
        )
    for row in rows:
        verdict = f"[{COLOURS[row.verdict]}]{row.verdict}[/]"
        table.add_row(escape(row.row), f"{row.size:,}", escape(row.told), escape(row.wanted), verdict)
    return table


def in_sum(rows: Sequence[Row], took: float, size: str) -> str:
    """Return the last line: how many rows were held, in how much time (`took` in seconds)."""
    held = sum(row.verdict == "held" for row in rows)
    return f"\n{held} of {len(rows)} rows held, size {size}, {took // 60:.0f} min {took % 60:.0f} s"


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": names[0] if names else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
    }


def keep_results(rows: Sequence[Row], size: str, took: float) -> None:
    """Write all figures as JSON. `took` in seconds."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    told = [{**asdict(row), "verdict": row.verdict} for row in rows]
    result = {"version": 1, "machine": machine(), "size": size, "seconds": round(took, 1), "rows": told}
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def write_page(rows: Sequence[Row], took: float, *, is_whole: bool, page: Path = PAGE) -> None:
    """Put the table into the page, in place of the last one; of a part, its rows only: the others keep their date."""
    before, _, rest = page.read_text().partition(MARK)
    table, _, after = rest.partition(END_MARK)
    new = {row.row: _as_line(row, str(machine()["date"])) for row in rows}
    if is_whole:
        lines = _head(took)
    else:
        lines = table.strip("\n").split("\n") if "|---" in table else _head(took)
        lines = [new.pop(_name_in(line), line) for line in lines]
    page.write_text("\n".join([f"{before}{MARK}", *lines, *new.values(), END_MARK]) + after)


def _head(took: float) -> list[str]:
    at = machine()
    where = f"{at['processor']}, {at['cpus']} CPUs, Python {at['python']}, Linux {at['kernel']}"
    return [
        f"{at['date']}, as {at['user']}, on {where}; {took / 60:.0f} minutes:",
        "",
        "| what was done | times | found | wanted | | last run |",
        "|---|---:|---|---|---|---|",
    ]


def _as_line(row: Row, date: str) -> str:
    cells = (row.row, f"{row.size:,}", row.told, row.wanted, row.verdict, date)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _name_in(line: str) -> str:
    return line.removeprefix("| ").partition(" | ")[0]


if __name__ == "__main__":
    raise SystemExit(main())

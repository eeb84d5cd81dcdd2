"""`make bench` works: in a small form its table, its JSON, its page and its drawings come out and agree."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.harness import PROJECT, Product

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True)
class Benched:
    """What one quick bench left."""

    shown: str
    figures: dict[str, Any]
    page: str
    goals: ElementTree.Element
    waterfall: ElementTree.Element | None


def bench(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "bench"), "--quick", "--directory", str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def benched(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Benched:
    directory = tmp_path_factory.mktemp("bench")
    page, results = directory / "performance.md", directory / "bench.json"
    page.write_bytes((PROJECT / "docs" / "performance.md").read_bytes())
    result = bench(directory, "--keep", "--page", str(page), "--results", str(results))
    if result.returncode:
        pytest.fail(f"{result.stdout}{result.stderr}")
    drawing = page.with_name("performance-waterfall.svg")
    return Benched(
        shown=result.stdout,
        figures=json.loads(results.read_text()),
        page=page.read_text(),
        goals=ElementTree.fromstring(page.with_suffix(".svg").read_text()),
        waterfall=ElementTree.fromstring(drawing.read_text()) if drawing.exists() else None,
    )


def texts(drawing: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in drawing.iter(f"{SVG}text")]


@pytest.mark.long
@pytest.mark.needs_root
def test_table_json_page_and_drawings_of_a_bench_agree(benched: Benched) -> None:
    rows = benched.figures["rows"]
    with_goal = [row for row in rows if row["goal"] is not None]

    assert {row["family"] for row in with_goal} == {
        "cold", "at-once", "records", "memory", "capture", "listing", "logs", "watch", "history", "ledger",
        "telling", "warm", "ticks", "page", "hosts", "fleet",
    }  # fmt: skip
    assert benched.figures["quick"] is True
    assert "QUICK" in benched.shown
    assert "QUICK" in benched.page
    table = [line for line in benched.page.splitlines() if re.search(r"\| (\*\*missed\*\*|reached|) \|$", line)]
    assert len(table) == len(rows)
    for row, line in zip(rows, table, strict=True):
        told = row["verdict"] or ""
        assert [cell.strip(" *") for cell in line.split("|")][-2] == told
        assert f" {row['rounds']} " in line
    bars = [bar.get("class") for bar in benched.goals.iter(f"{SVG}rect") if bar.get("class") != "track"]
    assert bars == [row["verdict"] for row in with_goal]
    for row in with_goal:
        assert row["what"] in benched.shown


@pytest.mark.needs_root
def test_a_verdict_is_what_median_and_goal_say(benched: Benched) -> None:
    for row in benched.figures["rows"]:
        if row["goal"] is None:
            assert row["verdict"] == ""
        else:
            kept = row["median"] >= row["goal"] if row["at_least"] else row["median"] <= row["goal"]
            assert row["verdict"] == ("reached" if kept else "missed")
        assert row["p10"] <= row["median"] <= row["p90"]


@pytest.mark.needs_root
def test_the_steps_of_a_cold_run_add_up_to_it(benched: Benched) -> None:
    if benched.waterfall is None:
        assert any("strace is not here" in note for note in benched.figures["notes"])
        return
    steps = benched.figures["steps"]["waterfall"]
    whole = sum(step["milliseconds"] for step in steps)

    assert f"| **all** | **{whole:.2f}** |" in benched.page
    assert all(0 <= step["imports"] <= step["milliseconds"] for step in steps)
    shown = texts(benched.waterfall)
    assert [step["step"] for step in steps if step["step"] in shown] == [step["step"] for step in steps]
    assert steps[0]["milliseconds"] > 0, "the interpreter has to start"


@pytest.mark.needs_root
def test_plan_and_lint_are_multiples_of_a_list_of_the_same_jobs(benched: Benched) -> None:
    rows = [row for row in benched.figures["rows"] if row["family"] == "plan-lint"]

    assert [row["what"].split(",")[0] for row in rows] == ["process-control plan", "process-control lint"]
    assert {(row["unit"], row["measure"]) for row in rows} == {("×", "CPU")}
    assert all(row["median"] > 0.5 for row in rows)


def test_figures_of_a_quick_bench_are_not_kept(tmp_path: Path) -> None:
    before = (PROJECT / "docs" / "performance.md").read_bytes()

    result = bench(tmp_path, "--keep", "--results", str(tmp_path / "bench.json"))

    assert result.returncode == 2
    assert "figures of --quick are not kept" in result.stderr
    assert (PROJECT / "docs" / "performance.md").read_bytes() == before


def test_a_part_that_is_kept_leaves_the_other_rows_as_they_were(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_bytes((PROJECT / "docs" / "performance.md").read_bytes())
    others = [line for line in page.read_text().splitlines() if "process-control list" not in line]
    options = "--only", "listing", "--keep", "--page", str(page), "--results", str(tmp_path / "bench.json")

    for _ in range(2):
        (tmp_path / "hosts").mkdir(exist_ok=True)
        result = bench(tmp_path / "hosts", *options)
        assert result.returncode == 0, result.stderr

    lines = page.read_text().splitlines()
    listing = [line for line in lines if line.startswith("| process-control list, 20 job files")]
    assert len(listing) == len(set(listing)) == 3
    assert [line for line in lines if "process-control list" not in line and not line.startswith("list, ")] == [
        line for line in others if not line.startswith("list, ")
    ]

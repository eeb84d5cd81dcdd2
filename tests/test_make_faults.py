"""`make faults` tells in one table what every storm found, and its exit code says whether all was held."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit import faults
from kit.faults import Row, write_page
from kit.harness import PROJECT

LOCKS = "tests/run_job/test_lock_file.py"
"""One file of storms: all of them take seconds to collect."""
FAULTS = [sys.executable, str(PROJECT / "tests" / "kit" / "faults.py")]


def run(*arguments: str, tests: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*FAULTS, *arguments], capture_output=True, text=True, check=False, cwd=tests or PROJECT)


def test_a_row_is_told_with_its_size_what_was_found_and_what_was_wanted() -> None:
    result = run("--only", "lock file unlinked", "--size", "small", "--file", LOCKS)

    assert (result.returncode, result.stderr) == (0, "")
    assert "1 of 1 rows held, size small" in result.stdout
    told = json.loads((PROJECT / "bench/results/faults.json").read_text())
    assert [(row["row"], row["size"], row["verdict"]) for row in told["rows"]] == [
        ("Lock file unlinked while held", 5, "held")
    ]


@pytest.mark.long
def test_the_list_tells_every_row_and_runs_none() -> None:
    result = run("--list", "--only", "starters")

    assert result.returncode == 0
    assert "1,000 simultaneous starters" in result.stdout
    assert "held" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--size", "huge"], ["--size", "2"], ["--keep", "--size", "0.1"], ["--only", "x y z", "--file", LOCKS]],
)
def test_what_cannot_be_done_is_said_with_2(arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_promise_that_was_not_held_is_told_with_what_failed() -> None:
    row = Row(row="Two starters", wanted="no double", size=2, found=["as wanted"], faults=["assert 2 == 1"])

    assert (row.verdict, row.told) == ("NOT HELD", "assert 2 == 1")


def test_of_a_part_only_its_rows_change_on_the_page_with_their_date(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text(f"before\n{faults.MARK}\n{faults.END_MARK}\nafter\n")
    one, two = Row(row="one", wanted="w", size=1, found=["old"]), Row(row="two", wanted="w", size=2, found=["old"])

    write_page([one, two], 60.0, is_whole=True, page=page)
    today = str(faults.machine()["date"])
    page.write_text(page.read_text().replace(f"| held | {today} |", "| held | 2026-01-02 |"))
    write_page(
        [Row(row="two", wanted="w", size=3, found=["new"]), Row(row="new", wanted="w", size=4)],
        1.0,
        is_whole=False,
        page=page,
    )

    lines = page.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert [line for line in lines if line.startswith("| ")][1:] == [
        "| one | 1 | old | w | held | 2026-01-02 |",
        f"| two | 3 | new | w | held | {today} |",
        f"| new | 4 |  | w | held | {today} |",
    ]
    assert "1 minutes:" in lines[2]
    assert lines[3] == ""

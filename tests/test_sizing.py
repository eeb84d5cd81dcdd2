"""The page about sizes says what a run really leaves on the disk."""

import re

import pytest

from kit.harness import PROJECT, Box
from kit.runs import ONE_SLOT

PAGE = PROJECT / "docs" / "how-to" / "sizing.md"
RUNS = 5


def said(pattern: str) -> float:
    found = re.search(pattern, PAGE.read_text())
    if found is None:
        raise AssertionError(f"the page does not say {pattern}")
    return float(found[1])


def test_a_run_leaves_as_much_in_the_journal_as_the_page_says(box: Box) -> None:
    for number in range(RUNS):
        box.job(f"job-{number}", f"command: echo hello\n{ONE_SLOT}")
        assert box.run(f"job-{number}", "--scheduled").exit_code == 0

    lines = [line for path in (box.state_directory / "journal").iterdir() for line in path.read_bytes().split(b"\n")]
    of_runs = [line for line in lines if b'"event":"start"' in line or b'"event":"end"' in line]

    assert len(of_runs) == 2 * RUNS
    assert sum(map(len, of_runs)) / RUNS / 1024 == pytest.approx(said(r"journal ([\d.]+) KiB"), rel=0.2)


def test_a_run_has_two_files_of_logs_and_a_job_the_files_that_the_page_says(box: Box) -> None:
    box.job("job", f"command: echo hello\n{ONE_SLOT}")
    assert box.run("job", "--scheduled").exit_code == 0

    state = [*(box.state_directory / "jobs" / "job").iterdir(), box.state_directory / "versions" / "job.json"]

    assert len(list((box.output_directory / "job").iterdir())) == 2
    assert len([path for path in state if path.stat().st_size]) <= said(r"(\d) files, 2 directories")

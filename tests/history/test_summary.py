"""A stored summary is what the runs themselves amount to, whatever was folded, deleted or rebuilt."""

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from kit.builders import NOON, State
from kit.harness import Storm
from process_control.history.index.summary import RECENT_RUNS, JobSummary, summarize
from process_control.state.past_runs import open_index

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOBS = ("a", "b", "c")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def kept(state: State, *jobs: str) -> dict[str, JobSummary]:
    with open_index(str(state)) as index:
        return index.summaries(jobs)


def looked_at(state: State, job: str) -> JobSummary:
    """Return what the runs say, read one by one."""
    with open_index(str(state)) as index:
        runs = index.runs(jobs=[job])
        latest = index.latest([job], count=RECENT_RUNS)[job]
    ended = [run.run_id for run in runs if run.outcome not in (None, "skipped")]
    return summarize(latest, older=ended[0] if ended else None)


def test_a_glance_has_the_outcomes_the_median_and_the_last_run(state: State) -> None:
    state.run("a", NOON, seconds=1.0)
    state.run("a", NOON + HOUR, outcome="warned", reason="stderr", seconds=4.0)
    last = state.failure("a", NOON + 2 * HOUR, seconds=900.0)
    state.skip("a", NOON + 3 * HOUR)

    assert kept(state, "a") == {"a": JobSummary(("succeeded", "warned", "failed", "skipped"), 2.5, last)}


def test_the_last_run_is_found_behind_any_number_of_skips(state: State) -> None:
    last = state.run("a", NOON)
    for hour in range(1, 2 * RECENT_RUNS):
        state.skip("a", NOON + hour * HOUR)

    assert kept(state, "a")["a"] == JobSummary(("skipped",) * RECENT_RUNS, None, last)


def test_a_run_that_goes_on_is_no_matter_of_a_glance(state: State) -> None:
    start = state.start("a", NOON, alive=True)
    before = kept(state, "a")
    state.write(state.end_of(start))

    assert before == {}
    assert kept(state, "a")["a"].outcomes == ("succeeded",)


def test_looking_again_writes_nothing(state: State) -> None:
    state.run("a")
    state.start("b", alive=True)
    kept(state, "a")
    before = os.stat(f"{state}/history.sqlite")

    kept(state, "a")

    assert os.stat(f"{state}/history.sqlite").st_mtime_ns == before.st_mtime_ns


def test_a_day_that_is_forgotten_is_forgotten_here_too(state: State) -> None:
    old = state.run("a", NOON - 40 * DAY)
    state.run("b", NOON)
    assert kept(state, "a")["a"].last_run == old

    (state.journal / f"{NOON - 40 * DAY:%Y-%m-%d}.jsonl").unlink()

    assert set(kept(state, *JOBS)) == {"b"}


@pytest.mark.fault("random histories, folded piece by piece", small=13, full=400, wanted="status as counted by hand")
def test_any_history_is_told_as_it_is_however_it_was_folded(state: State, storm: Storm) -> None:
    dice = random.Random(20)
    open_starts = []
    moment = NOON
    for _ in storm.rounds():
        for _ in range(dice.randint(1, 12)):
            moment += timedelta(minutes=dice.randint(1, 300))
            job, event = dice.choice(JOBS), dice.choice(("run", "run", "fail", "skip", "start", "end", "late"))
            if event == "run":
                state.run(job, moment, seconds=dice.random() * 9)
            elif event == "fail":
                state.failure(job, moment)
            elif event == "skip":
                state.skip(job, moment)
            elif event == "start":
                open_starts.append(state.start(job, moment, alive=True))
            elif event == "late":  # a clock that was wrong: between runs that are known
                state.run(job, moment - 2 * DAY)
            elif open_starts:
                state.write(state.end_of(open_starts.pop(dice.randrange(len(open_starts)))), day=f"{moment:%Y-%m-%d}")
        if dice.random() < 0.2:
            days = sorted(state.journal.iterdir())
            days[0].unlink()
            open_starts = [start for start in open_starts if start["at"][:10] > days[0].name[:10]]
        if dice.random() < 0.1:
            os.unlink(f"{state}/history.sqlite")

        summaries = kept(state, *JOBS)

        for job in JOBS:
            seen = looked_at(state, job)
            if None in seen.outcomes:
                assert job not in summaries
            elif seen.outcomes:
                assert summaries[job] == seen

"""One day as lanes: overlaps, the peak, quiet times, and what each column of a lane shows."""

import random
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from process_control.core.day import Planned, Stretch, cells, clock_changes, collisions, day_of, load, peak, quiet

HOUR = 3600.0
DAY = 24 * HOUR


def run(job: str, begin: float, hours: float, kind: str = "succeeded") -> Stretch:
    return Stretch(job, begin * HOUR, (begin + hours) * HOUR, kind)


def test_runs_of_one_lock_collide_and_those_of_a_job_alone_do_not() -> None:
    runs = [run("a", 1, 2), run("b", 2, 1), run("c", 2, 1), run("d", 2, 4), run("d", 3, 1)]

    [found] = collisions(runs, {"a": "db", "b": "db"})

    assert (found.begin, found.end, found.lock, found.jobs) == (2 * HOUR, 3 * HOUR, "db", ("a", "b"))


def test_one_that_begins_when_the_other_ends_does_not_collide() -> None:
    assert collisions([run("a", 1, 1), run("b", 2, 1)], {"a": "db", "b": "db"}) == []


def test_the_peak_counts_jobs_and_not_the_runs_of_one() -> None:
    runs = [run("a", 1, 3), run("a", 2, 3), run("b", 3, 1)]

    day = day_of(runs, begin=0, end=DAY, now=0, locks={}, zone=UTC)

    assert day.peak == (2, 3 * HOUR)
    assert peak([]) is None


def test_quiet_times_are_half_an_hour_and_more_the_longest_first() -> None:
    runs = [run("a", 0.25, 1), run("b", 2, 1), run("c", 3.5, 20)]

    spans = [(each.begin, each.end) for each in runs]

    assert quiet(spans, 0, DAY) == [
        (1.25 * HOUR, 2 * HOUR),
        (3 * HOUR, 3.5 * HOUR),
        (23.5 * HOUR, DAY),
    ]


def test_a_column_shows_the_worst_that_is_in_it() -> None:
    lane = [run("a", 0, 1), run("a", 1, 0, "missed"), run("a", 1.5, 1.5, "warned")]

    assert cells(lane, 0, HOUR, 4) == ["succeeded", "missed", "warned", None]
    assert load(lane, 0, HOUR, 4) == [1, 1, 1, 0]


def test_an_unknown_outcome_is_no_success() -> None:
    lane = [run("a", 0, 1), run("a", 0, 1, "exploded"), run("a", 1, 1, "exploded"), run("a", 1, 1, "failed")]

    assert cells(lane, 0, HOUR, 2) == ["exploded", "failed"]


def test_troubles_come_first_then_the_busiest() -> None:
    runs = [run("idle", 1, 1), run("busy", 1, 5), run("bad", 1, 0.1, "failed"), run("missed", 1, 0, "missed")]

    day = day_of(runs, begin=0, end=DAY, now=0, locks={}, zone=UTC)

    assert [lane.job for lane in day.lanes] == ["bad", "missed", "busy", "idle"]


@pytest.mark.parametrize(("begin", "changes"), [(1774738800, [(1774746000, 3600)]), (1774652400, [])])
def test_a_clock_change_is_found_to_the_quarter_of_an_hour(begin: int, changes: list[tuple[float, int]]) -> None:
    assert clock_changes(begin, begin + 23 * HOUR, ZoneInfo("Europe/Berlin")) == changes


@pytest.mark.parametrize("seed", range(20))
def test_planned_runs_that_share_their_times_are_as_if_each_stood_alone(seed: int) -> None:
    dice = random.Random(seed)
    shared = [tuple(sorted(dice.sample(range(21600, int(DAY), 600), dice.randint(1, 40)))) for _ in range(3)]
    lengths = [1.0, 30, 600, 700, 9000]
    planned = [Planned(f"job-{each}", dice.choice(shared), dice.choice(lengths)) for each in range(12)]
    past = [run(f"job-{dice.randint(0, 14)}", dice.random() * 6, dice.random() * 4) for _ in range(8)]
    alone = [Stretch(job, at, at + seconds, "planned") for job, begins, seconds in planned for at in begins]
    how: dict[str, Any] = {"begin": 0, "end": DAY, "now": 21600, "zone": UTC}
    how["locks"] = {"job-1": "db", "job-2": "db", "job-3": "db"}

    found, wanted = day_of(past, planned=planned, **how), day_of([*past, *alone], **how)

    assert (found.peak, found.quiet, found.collisions) == (wanted.peak, wanted.quiet, wanted.collisions)
    assert [lane.job for lane in found.lanes] == [lane.job for lane in wanted.lanes]
    assert [cells(lane.stretches, 0, 300, 288) for lane in found.lanes] == [
        cells(lane.stretches, 0, 300, 288) for lane in wanted.lanes
    ]

"""Chains: what becomes of a follower, circles, whose schedule it has, against a second, naive writing."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.chain import (
    CONDITIONS,
    ENDED,
    NO_RUN,
    PENDING,
    SKIP,
    START,
    WAIT,
    CauseFate,
    below,
    circle,
    decide,
    delay,
    differing,
    is_met,
    origins,
)

OUTCOMES = ("succeeded", "warned", "failed", "lost")
NAMES = "abcdef"

graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
fates = st.lists(
    st.tuples(
        st.sampled_from(CONDITIONS),
        st.one_of(
            st.just((PENDING, None)), st.just((NO_RUN, None)), st.tuples(st.just(ENDED), st.sampled_from(OUTCOMES))
        ),
    ),
    min_size=1,
    max_size=4,
)

MEANT = {
    "success": {"succeeded", "warned"},
    "failure": {"failed", "lost"},
    "always": {"succeeded", "warned", "failed", "lost"},
}


@pytest.mark.parametrize(("on", "outcome"), list(product(CONDITIONS, (*OUTCOMES, "skipped", None))))
def test_how_a_cause_must_end(on: str, outcome: str | None) -> None:
    assert is_met(on, outcome) == (outcome in MEANT[on])


@given(fates)
def test_the_fate_of_a_follower_is_that_of_the_naive_writing(found: list[tuple[str, tuple[str, str | None]]]) -> None:
    causes = [CauseFate(f"c{n}", on, state, "did", outcome) for n, (on, (state, outcome)) in enumerate(found)]

    what, detail = decide(causes)

    hopeless = [n for n, (on, (state, outcome)) in enumerate(found) if state != PENDING and outcome not in MEANT[on]]
    waiting = [n for n, (_, (state, _)) in enumerate(found) if state == PENDING]
    assert what == (SKIP if hopeless else WAIT if waiting else START)
    named = hopeless or waiting
    assert detail.startswith(f"c{named[0]} did" if hopeless else f"for c{named[0]}, which did" if named else "")


def reaches(graph: dict[str, list[str]], start: str) -> set[str]:
    """Return what can be reached from `start` by one step or more, the naive way: as many passes as there are names."""
    found = set(graph.get(start, ()))
    for _ in NAMES:
        found |= {cause for job in found for cause in graph.get(job, ())}
    return found


@given(graphs, st.sampled_from(NAMES))
def test_a_circle_is_found_when_a_job_that_is_reached_reaches_itself(graph: dict[str, list[str]], start: str) -> None:
    path = circle(start, lambda job: graph.get(job, []))

    in_one = {job for job in {start} | reaches(graph, start) if job in reaches(graph, job)}
    assert (path is not None) == bool(in_one)
    if path is not None:
        assert path[0] == path[-1]
        assert len(set(path)) == len(path) - 1
        assert all(before in graph[job] for before, job in pairwise(path))


@given(graphs, st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES))
def test_the_schedule_comes_from_the_nearest_planned_jobs_on_every_way_back(
    graph: dict[str, list[str]], planned: set[str], start: str
) -> None:
    if circle(start, lambda job: graph.get(job, [])) is not None:
        return

    def naive(job: str) -> tuple[set[str], set[str]]:
        found: set[str] = set()
        without: set[str] = set()
        for cause in graph.get(job, ()):
            if cause in planned:
                found.add(cause)
            elif graph.get(cause):
                found |= naive(cause)[0]
                without |= naive(cause)[1]
            else:
                without.add(cause)
        return found, without

    found, unplanned = origins(start, lambda job: graph.get(job, []), lambda job: job in planned)

    assert (set(found), unplanned is not None) == (naive(start)[0], bool(naive(start)[1]))
    assert unplanned is None or unplanned in naive(start)[1]
    assert len(found) == len(set(found))


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 2)), max_size=5))
def test_jobs_differ_when_any_two_plans_do(jobs: list[tuple[str, int]]) -> None:
    plans = dict(jobs)

    two = differing(list(plans), plans.__getitem__)

    assert (two is not None) == (len(set(plans.values())) > 1)
    assert two is None or plans[two[0]] != plans[two[1]]


@given(graphs, st.sampled_from(NAMES))
def test_what_comes_after_a_job_is_what_reaches_it(graph: dict[str, list[str]], start: str) -> None:
    found = below(start, lambda job: sorted(follower for follower, its in graph.items() if job in its))

    assert set(found) == {job for job in NAMES if start in reaches(graph, job)} - {start}
    assert len(found) == len(set(found))


def test_a_follower_begins_when_the_longest_way_to_it_has_ended() -> None:
    causes = {"load": ["extract"], "report": ["load", "stock"], "mail": ["report"]}
    usual = {"extract": 10.0, "load": 20.0, "stock": 25.0, "report": 1.0}

    assert [delay(job, causes, usual) for job in ("extract", "load", "report", "mail")] == [0.0, 10.0, 30.0, 31.0]


def test_chains_of_thousands_of_jobs_and_circles_of_them_are_found() -> None:
    """Neither is recursive: a long chain must not end a start."""
    causes = {f"j{n}": [f"j{n - 1}"] for n in range(1, 3000)}

    assert circle("j2999", lambda job: causes.get(job, [])) is None
    assert origins("j2999", lambda job: causes.get(job, []), lambda job: job == "j0") == (["j0"], None)
    assert delay("j2999", causes, dict.fromkeys(causes, 1.0) | {"j0": 1.0}) == 2999.0
    causes["j0"] = ["j2999"]
    assert len(circle("j5", lambda job: causes.get(job, [])) or ()) == 3001

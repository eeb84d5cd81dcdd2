"""Versions as their records describe them: what makes no sense, what two recorded at once, what came back."""

from typing import Any

import pytest

from process_control.core.schedule.version_records import moment_in, version_of, versions_of
from process_control.system.clock import iso

T = 1_773_144_000.0


def record(hash_: str, since: float, *, at: float | None = None, **other: Any) -> dict[str, Any]:
    at = since if at is None else at
    state = "gone" if hash_ == "gone" else "valid"
    plan = {"schedule": ["0 * * * *"], "time_zone": None, "start_within": 600}
    return {"at": iso(T + at), "since": iso(T + since), "hash": hash_, "state": state, **plan, **other}


def with_odd(odd: dict[str, Any]) -> dict[str, Any]:
    return record("b", 9) | odd


def found(*records: dict[str, Any]) -> list[tuple[str, float]]:
    return [(version.hash, version.since - T) for version in versions_of(records)]


def test_versions_rise_by_the_moment_they_came_into_force() -> None:
    assert found(record("a", 0), record("b", 9), record("gone", 20)) == [("a", 0), ("b", 9), ("gone", 20)]


def test_what_two_recorded_at_once_is_one_version() -> None:
    assert found(record("a", 0, at=1), record("a", 0, at=2), record("b", 9), record("b", 9.5)) == [("a", 0), ("b", 9)]


def test_a_file_that_was_only_touched_is_the_same_version() -> None:
    assert found(record("a", 0), record("a", 50)) == [("a", 0)]


def test_a_version_never_begins_before_the_one_before_was_seen_last() -> None:
    assert found(record("a", 0, at=30), record("b", 9, at=40)) == [("a", 0), ("b", 30)]
    assert found(record("a", 0), record("a", 0, at=30), record("b", 9, at=40)) == [("a", 0), ("b", 30)]


def test_a_file_that_comes_back_as_it_was_is_a_version_of_its_own() -> None:
    assert found(record("a", 0), record("gone", 5), record("a", 9)) == [("a", 0), ("gone", 5), ("a", 9)]
    assert found(record("a", 0), record("b", 5), record("a", 9)) == [("a", 0), ("b", 5), ("a", 9)]


@pytest.mark.parametrize(
    "odd",
    [
        {"since": None},
        {"since": "yesterday"},
        {"since": 5},
        {"state": "odd"},
        {"state": ["valid"]},
        {"hash": None},
        {"schedule": 5},
        {"start_within": "soon"},
        {"start_within": [1]},
        {"exclude": 5},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_none(odd: dict[str, Any]) -> None:
    assert version_of(with_odd(odd)) is None
    assert found(record("a", 0), with_odd(odd), record("c", 20)) == [("a", 0), ("c", 20)]


def test_odd_values_that_decide_nothing_are_left_out() -> None:
    version = version_of(record("a", 0, commit=7, author=["me"], dirty="yes", detail={"a": 1}))

    assert version is not None
    assert (version.commit, version.author, version.dirty, version.detail) == (None, None, None, None)


@pytest.mark.parametrize("value", [None, 5, "", "noon", "2026-02-30T00:00:00Z", "99999-01-01"])
def test_a_time_that_makes_no_sense_is_none(value: object) -> None:
    assert moment_in({"at": value}, "at") is None

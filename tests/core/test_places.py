"""Places in a pool and on the host: what a start does that finds none, and the words for it."""

from process_control.core.facts import JOB, MANUAL, SKIPPED
from process_control.core.places import (
    beside_a_waiting_start,
    place_in_words,
    taken_in_words,
    waits_for_a_place,
    waits_in_words,
    what_is_full,
)
from process_control.core.skips import unplanned_skips_in_words


def test_only_who_can_choose_is_refused() -> None:
    assert not waits_for_a_place(scheduled=False, wait=False, trigger=MANUAL)
    assert waits_for_a_place(scheduled=False, wait=True, trigger=MANUAL)
    assert waits_for_a_place(scheduled=True, wait=False, trigger="cron")
    assert waits_for_a_place(scheduled=False, wait=False, trigger=JOB)


def test_beside_a_start_that_waits_a_replacing_one_is_skipped() -> None:
    assert [beside_a_waiting_start(how) for how in ("skip", "queue", "replace", "fail")] == [
        "skip",
        "queue",
        "skip",
        "fail",
    ]


def test_places_are_put_into_words() -> None:
    assert (what_is_full("db"), place_in_words("db")) == ("pool db", "a place in pool db")
    assert place_in_words(None) == "a place on this host (max_concurrent)"
    assert taken_in_words(4, ["a", "b", "c", "d"]) == "4 of 4 taken by a, b, c, d"
    assert taken_in_words(2, []) == "2 of 2 taken"
    assert taken_in_words(20, [f"j{n}" for n in range(20)]).endswith("by j0, j1, j2, j3, j4, j5, j6, j7 and 12 more")
    assert waits_in_words("a place in pool db: 1 of 1 taken by a") == "waits for a place in pool db: 1 of 1 taken by a"
    assert waits_in_words("run 1m8 since 2026") == "waits: run 1m8 since 2026"


def test_starts_that_got_no_place_are_not_explained_by_a_run_that_hangs() -> None:
    detail = "waited 3600 s for a place in pool db: 1 of 1 taken by a"
    words = unplanned_skips_in_words([(SKIPPED, "overlap", detail)] * 3) or ""
    assert words.startswith(f"the last 3 scheduled starts got no place to run ({detail}): its pool or the host is full")
    words = unplanned_skips_in_words([(SKIPPED, "overlap", "run 1m8")] * 3) or ""
    assert "found the previous run still running" in words

"""The books of a job of the fleet, put together from the state of its lock and the server's histories."""

from process_control.core.fleet.books import HistoryPart, books_of, needs_history
from process_control.core.fleet.lock_state import (
    KEPT_FATES,
    Fate,
    JobSpec,
    JobState,
    LockState,
    PlannedSlots,
    Start,
    with_fates,
)

MINUTE = 60
BEGIN = 1_800_000_000


def fate(number: int, what: str = "ran", **facts: object) -> Fate:
    return Fate(slot=BEGIN + number * MINUTE, fate=what, **facts)  # type: ignore[arg-type]  # as given


def lock(*fates: Fate, since: float = BEGIN, planned: tuple[int, ...] = ()) -> LockState:
    slots = PlannedSlots(planned_to=BEGIN, slots=planned)
    job = JobState(spec=JobSpec(job="a", hash="1"), generation=1, planned=slots, since=since)
    job.fates = with_fates((), fates)
    return LockState(lock="a", jobs={"a": job})


def test_the_state_alone_is_enough_until_its_places_for_fates_are_full() -> None:
    few = lock(*(fate(number) for number in range(1, KEPT_FATES)))
    many = lock(*(fate(number) for number in range(1, 200)))

    assert not needs_history(few.jobs["a"], BEGIN)
    assert books_of("a", few, [], BEGIN + 9000).begins == BEGIN
    assert needs_history(many.jobs["a"], BEGIN)
    assert not needs_history(many.jobs["a"], BEGIN + 199 * MINUTE)
    assert books_of("a", many, [], BEGIN + 20000).begins == BEGIN + 150 * MINUTE


def test_histories_bring_back_what_the_state_has_lost_and_nothing_is_counted_twice() -> None:
    fates = [fate(number, "missed" if number % 7 == 0 else "ran") for number in range(1, 200)]
    now = BEGIN + 200 * MINUTE
    parts = [
        HistoryPart(began=BEGIN, state=LockState(lock="a"), fates={"a": fates[:100]}),
        HistoryPart(began=BEGIN + 100 * MINUTE, state=lock(*fates[:100]), fates={"a": fates[100:]}),
    ]

    books = books_of("a", lock(*fates), parts, now)

    assert books.begins == BEGIN
    missed = len(range(7, 200, 7))
    assert books.counts(BEGIN, now) == {"planned": 199, "ran": 199 - missed, "skipped": 0, "missed": missed, "due": 0}
    only_the_newer = books_of("a", lock(*fates), parts[1:], now)
    assert only_the_newer.begins == BEGIN + 51 * MINUTE
    assert only_the_newer.counts(BEGIN, now)["planned"] == 149


def test_what_has_no_fate_yet_is_due_or_runs_and_a_range_counts_all_its_times() -> None:
    missed = fate(1, "missed", until=BEGIN + 300 * MINUTE, count=300)
    state = lock(missed, planned=(BEGIN + 303 * MINUTE, BEGIN + 304 * MINUTE))
    state.running = Start(run_id="r", job="a", slot=BEGIN + 301 * MINUTE, arrived=0)
    state.running_since = BEGIN + 301 * MINUTE + 2
    state.queue = (Start(run_id="q", job="a", slot=BEGIN + 302 * MINUTE, arrived=0),)

    books = books_of("a", state, [], BEGIN + 303 * MINUTE)

    assert [(each.fate, each.outcome) for each in books.fates] == [
        ("missed", None),
        ("ran", None),
        ("due", None),
        ("due", None),
    ]
    assert books.counts(0, BEGIN + 400 * MINUTE) == {"planned": 303, "ran": 1, "skipped": 0, "missed": 300, "due": 2}
    assert books.fates[1].late_seconds == 2

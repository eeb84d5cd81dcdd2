"""What the clocks in the journal's records show: boots, steps, and the true time of what a wrong clock dated."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from kit.builders import NOON, State, iso
from process_control.core import layout
from process_control.history.index.index import Index
from process_control.history.index.ledger import LedgerIndex
from process_control.state.past_runs import open_index

T = NOON.timestamp()


class Told(State):
    """A state directory whose records have clocks."""

    def see(self, at: float, up: float, *, boot: str = "a", **other: object) -> None:
        moment = NOON + timedelta(seconds=at)
        record = {"event": "hold", "at": iso(moment), "job": "purge", "boot_id": boot, "up": up, "by": "svc", **other}
        self.write(record)

    def index(self) -> Index:
        return open_index(str(self))


@pytest.fixture
def state(tmp_path: Path) -> Told:
    return Told(tmp_path / "state")


def asked(state: Told, question: Callable[[LedgerIndex], list[tuple[float, float]]]) -> list[tuple[float, float]]:
    with state.index() as index:
        return [(round(first - T, 3), round(last - T, 3)) for first, last in question(index.ledger)]


def boots(state: Told) -> list[tuple[float, float]]:
    return asked(state, lambda ledger: ledger.boots())


def steps(state: Told) -> list[tuple[float, float]]:
    return asked(state, lambda ledger: ledger.clock_steps())


def test_boots_are_known_by_their_beginning_and_their_last_record(state: Told) -> None:
    state.see(0, 100)
    state.see(60, 160)
    state.see(600, 20, boot="b")

    assert boots(state) == [(-100, 60), (580, 600)]
    assert steps(state) == []


@pytest.mark.parametrize(("by", "is_step"), [(3600, True), (6, True), (4, False)])
def test_a_step_of_the_clock_is_seen_between_two_records(state: Told, by: float, is_step: bool) -> None:
    state.see(0, 100)
    state.see(60 + by, 160)

    assert steps(state) == ([(0, 60 + by)] if is_step else [])


def test_a_record_written_later_than_its_time_shows_no_step(state: Told) -> None:
    state.see(0, 100)
    state.see(-3000, 160, written_at=iso(NOON + timedelta(seconds=60)))
    state.see(120, 220)

    assert steps(state) == []


def test_two_that_wrote_at_once_show_no_step(state: Told) -> None:
    state.see(59.9, 159.9)
    state.see(60.1, 160.1)
    state.see(60.0, 160.0)
    state.see(120, 220)

    assert (boots(state), steps(state)) == ([(-100, 120)], [])


def test_records_of_two_boots_may_be_mixed(state: Told) -> None:
    for number in range(4):
        state.see(60 * number, 1000 + 60 * number)
        state.see(60 * number + 1, 60 * number + 1, boot="b")
    state.see(3600 + 240, 1240)

    assert sorted(last for _, last in boots(state)) == [181, 3840]
    [(_, after)] = steps(state)
    assert after == 3840


def test_lines_folded_again_after_a_reboot_change_nothing(state: Told) -> None:
    state.see(0, 100)
    state.see(60, 160)
    state.see(600, 20, boot="b")
    before = boots(state)
    state.compress(f"{NOON:%Y-%m-%d}")
    assert boots(state) == before

    path = state.journal / f"{NOON:%Y-%m-%d}.jsonl.gz"
    path.write_bytes(path.read_bytes() + b"\0" * 8)  # another size: it is read again

    assert (boots(state), steps(state)) == (before, [])


def test_a_clock_that_is_set_after_the_start_tells_a_boot_by_its_later_time_and_steps_over_nothing_before_it(
    state: Told,
) -> None:
    state.see(0, 5000, boot="a")
    state.see(-400, 10, boot="b")
    state.see(3600, 20, boot="b")

    assert boots(state) == [(-5000, 0), (3580, 3600)]
    assert steps(state) == [(3580, 3600)]


def test_records_of_earlier_versions_and_odd_ones_show_nothing(state: Told) -> None:
    state.see(0, 100)
    state.write({"event": "hold", "at": iso(NOON + timedelta(hours=3)), "job": "purge"})
    for odd in ({"up": "150"}, {"up": None}, {"boot_id": 7}, {"boot_id": ""}, {"at": "noon"}, {"written_at": 5}):
        state.write(
            {"event": "hold", "at": iso(NOON), "job": "purge", "boot_id": "a", "up": 150.0, **odd}, day="2026-03-10"
        )
    state.see(60, 160)

    assert (boots(state), steps(state)) == ([(-100, 60)], [])


def test_what_a_wrong_clock_dated_has_its_true_time_once_the_clock_was_set_right(state: Told) -> None:
    state.see(0, 100, note="right")
    state.see(7260, 160, note="ahead", until=iso(NOON + timedelta(seconds=7300)))
    state.see(7320, 220, note="of before", until=iso(NOON + timedelta(seconds=30)))
    state.see(180, 280, note="right again", until=iso(NOON + timedelta(seconds=200)))

    with state.index() as index:
        clock = index.ledger.true_clock()
        found = {
            event["note"]: [
                None if (at := clock.moment(event, key)) is None else round(at - T, 3) for key in ("at", "until")
            ]
            for event in index.ledger.events("hold")
        }

    assert found == {"right": [0, None], "ahead": [60, 100], "of before": [120, 30], "right again": [180, 200]}


def test_a_guest_that_was_paused_has_dated_its_records_right(state: Told) -> None:
    state.see(0, 100, note="before")
    state.see(3660, 160, note="after")

    with state.index() as index:
        clock = index.ledger.true_clock()
        found = [round((clock.moment(event, "at") or 0) - T) for event in index.ledger.events("hold")]

    assert found == [0, 3660]
    assert boots(state) == [(-100, 3660)]


def test_a_clock_that_was_ahead_since_the_boot_and_set_back_is_corrected(state: Told) -> None:
    state.see(3600, 100)
    state.see(3660, 160)
    state.see(120, 220)

    with state.index() as index:
        clock = index.ledger.true_clock()
        found = [round((clock.moment(event, "at") or 0) - T) for event in index.ledger.events("hold")]

    assert sorted(found) == [0, 60, 120]
    assert boots(state) == [(-100, 120)]


def test_boots_and_steps_of_days_that_are_gone_are_forgotten(state: Told) -> None:
    state.see(-86400, 5, boot="old")
    state.see(-86000, 5000, boot="old")
    state.see(0, 100)
    assert len(boots(state)) == 2
    assert len(steps(state)) == 1

    (state.journal / f"{NOON - timedelta(days=1):%Y-%m-%d}.jsonl").unlink()

    known = boots(state), steps(state)
    os.unlink(layout.index(str(state)))
    assert known == (boots(state), steps(state)) == ([(-100, 0)], [])

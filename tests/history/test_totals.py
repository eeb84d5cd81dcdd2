"""What metrics count of planned times: each once, when it is settled, whatever the clock does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from process_control.core.schedule.slots import DUE, MISSED, RAN, SKIPPED, Slot
from process_control.core.tally import SlotTotals
from process_control.state.totals import may_change, read_slot_totals
from process_control.views.totals import count_slots

NOON = 1_795_867_200


@dataclass
class Ledger:
    """The slots of jobs with their fates, as known at `now`."""

    now: float = NOON
    slots: dict[str, dict[int, tuple[str, str | None]]] = field(default_factory=dict)
    asked: list[tuple[list[str], float]] = field(default_factory=list)

    def slots_with_causes(self, jobs: Sequence[str], *, after: float, until: float) -> Iterator[Slot]:
        self.asked.append((list(jobs), after))
        for job in jobs:
            for slot, (fate, why) in sorted(self.slots.get(job, {}).items()):
                if after < slot <= until:
                    yield Slot(job=job, slot=slot, fate=fate, reason=why, cause=why if fate == MISSED else None)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def count(ledger: Ledger, directory: Path, *jobs: str, keep: bool = True) -> SlotTotals:
    settings: Any = SimpleNamespace(state_directory=str(directory))
    known: Any = ledger
    return count_slots(settings, known, jobs or ("backup",), keep=keep)


def test_a_slot_counts_once_with_its_first_fate(ledger: Ledger, tmp_path: Path) -> None:
    ledger.slots["backup"] = {NOON - 60: (MISSED, "trigger_dead"), NOON - 30: (SKIPPED, "held")}
    count(ledger, tmp_path)
    ledger.slots["backup"][NOON - 60] = RAN, None

    found = count(ledger, tmp_path).jobs["backup"]

    assert found == {(MISSED, "trigger_dead"): 1, (SKIPPED, "held"): 1}


def test_a_due_slot_keeps_the_later_ones_of_its_job_waiting_and_no_other(ledger: Ledger, tmp_path: Path) -> None:
    both: dict[int, tuple[str, str | None]] = {NOON - 120: (DUE, None), NOON - 60: (RAN, None)}
    ledger.slots = {"backup": both, "report": {NOON - 60: (RAN, None)}}
    first = count(ledger, tmp_path, "backup", "report")
    both[NOON - 120] = MISSED, "unknown"
    ledger.now += 60

    second = count(ledger, tmp_path, "backup", "report")

    assert (first.jobs, first.waiting) == ({"report": {(RAN, ""): 1}}, {"backup": NOON - 121.0})
    assert second.jobs == {"backup": {(MISSED, "unknown"): 1, (RAN, ""): 1}, "report": {(RAN, ""): 1}}
    assert ledger.asked[-2:] == [(["report"], NOON), (["backup"], NOON - 121.0)]


def test_a_clock_that_was_ahead_stops_no_counting(ledger: Ledger, tmp_path: Path) -> None:
    ledger.now = NOON + 365 * 86400
    count(ledger, tmp_path)
    ledger.now = NOON
    count(ledger, tmp_path)
    ledger.now = NOON + 120
    ledger.slots["backup"] = {NOON + 60: (RAN, None)}

    assert count(ledger, tmp_path).jobs == {"backup": {(RAN, ""): 1}}


def test_a_quiet_host_writes_once_an_hour(ledger: Ledger, tmp_path: Path) -> None:
    written = []
    for minutes in range(0, 125, 5):
        ledger.now = NOON + 60.0 * minutes
        count(ledger, tmp_path)
        kept = read_slot_totals(str(tmp_path))
        written.append(kept.until if kept else None)

    assert sorted(set(written), key=str) == [NOON, NOON + 65 * 60.0]


def test_who_may_not_keep_counts_all_the_same(ledger: Ledger, tmp_path: Path) -> None:
    ledger.slots["backup"] = {NOON - 60: (RAN, None)}

    found = [count(ledger, tmp_path, keep=False).jobs for _ in range(2)]

    assert found == [{"backup": {(RAN, ""): 1}}] * 2
    assert list(tmp_path.iterdir()) == []


def test_only_one_process_keeps_counts_at_a_time(tmp_path: Path) -> None:
    with may_change(str(tmp_path)) as first, may_change(str(tmp_path)) as second:
        pass
    with may_change(str(tmp_path)) as third, may_change(str(tmp_path / "nowhere")) as fourth:
        pass

    assert (first, second, third, fourth) == (True, False, True, False)

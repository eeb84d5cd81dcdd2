"""Which missed times get a run, decided from fates alone; and what the clocks of two looks say."""

import pytest

from process_control.core.heartbeat import Gap, Look, gap_between
from process_control.core.schedule.catch_up import to_catch_up
from process_control.core.schedule.slots import DUE, MISSED, RAN, SKIPPED, Slot, SlotRun

HOUR = 3600
NOW = 10 * HOUR + 60.0


def slot(hour: int, fate: str, outcome: str | None = "succeeded", late: float = 0.0) -> Slot:
    run = SlotRun("r", outcome, None, "", late, {"trigger": late}) if fate == RAN else None
    return Slot(job="job", slot=hour * HOUR, fate=fate, run=run)


def chosen(which: str, *slots: Slot, next_in: float = 3540, ended_at: float | None = None) -> list[int]:
    found = to_catch_up(
        slots, which=which, within=6 * HOUR, start_within=600, now=NOW, next_slot=NOW + next_in, ended_at=ended_at
    )
    return [each // HOUR for each in found]


@pytest.mark.parametrize(
    ("slots", "latest", "every"),
    [
        ([slot(8, MISSED), slot(9, MISSED)], [9], [8, 9]),
        ([slot(8, MISSED), slot(9, MISSED), slot(10, DUE)], [], [8, 9]),
        ([slot(8, MISSED), slot(9, MISSED), slot(10, RAN)], [], [8, 9]),
        ([slot(8, MISSED), slot(9, SKIPPED)], [8], [8]),
        ([slot(3, MISSED), slot(8, SKIPPED)], [], []),
        ([slot(7, MISSED), slot(8, RAN), slot(9, MISSED)], [9], [7, 9]),
        ([slot(7, RAN, "failed", late=3 * HOUR - 10), slot(8, MISSED), slot(9, MISSED)], [], []),
        ([slot(7, RAN, "failed"), slot(8, MISSED)], [8], [8]),
        ([slot(7, RAN, "lost", late=2 * HOUR - 10), slot(8, MISSED), slot(9, MISSED)], [9], [9]),
        ([slot(7, RAN, None, late=3 * HOUR), slot(8, MISSED)], [8], [8]),
        ([], [], []),
    ],
)
def test_what_is_run_follows_from_the_fates(slots: list[Slot], latest: list[int], every: list[int]) -> None:

    assert chosen("latest", *slots) == latest
    assert chosen("all", *slots) == every
    assert chosen("none", *slots) == []


def test_the_latest_waits_for_a_planned_time_that_is_near() -> None:
    assert chosen("latest", slot(9, MISSED), next_in=59) == []
    assert chosen("latest", slot(9, MISSED), next_in=61) == [9]
    assert chosen("all", slot(9, MISSED), next_in=59) == [9]


def test_what_was_missed_before_a_hold_or_a_refusal_is_left() -> None:
    assert chosen("all", slot(8, MISSED), slot(9, MISSED), ended_at=8.5 * HOUR) == [9]


@pytest.mark.parametrize(
    ("now", "gap"),
    [
        (Look(at=1180, boot_id="a", up=280, mono=280), None),
        (Look(at=1181, boot_id="a", up=281, mono=281), Gap(since=1000, boot=False)),
        (Look(at=2000, boot_id="a", up=1100, mono=150), Gap(since=1000, boot=False, suspended=950)),
        (Look(at=2000, boot_id="a", up=160, mono=160), Gap(since=1000, boot=False, stepped=940)),
        (Look(at=900, boot_id="a", up=1100, mono=100), Gap(since=1000, boot=False, suspended=1000, stepped=-1100)),
        (Look(at=1060, boot_id="b", up=5, mono=5), None),
        (Look(at=1181, boot_id="b", up=5, mono=5), Gap(since=1000, boot=True)),
    ],
)
def test_a_gap_is_known_by_three_clocks(now: Look, gap: Gap | None) -> None:
    assert gap_between(Look(at=1000, boot_id="a", up=100, mono=100), now) == gap

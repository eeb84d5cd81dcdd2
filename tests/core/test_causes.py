"""Why a planned time was missed: each cause by its evidence, and the first one that fits."""

from typing import Any

import pytest

from process_control.core.schedule.causes import CAUSES, Absence, Down, Host, SchedulerTime, Step, cause_of
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import Record, Slot
from process_control.core.schedule.version import Version

NOON = 1_773_144_000
WITHIN = 600.0
PLAN = Plan(schedule=("0 * * * *",), time_zone="UTC", start_within=WITHIN)


def slot(**other: Any) -> Slot:
    valid = Version(since=0.0, state="valid", hash="a", plan=PLAN)
    return Slot(**{"job": "purge", "slot": NOON, "fate": "missed", "plan": PLAN, "version": valid} | other)


def refused(reason: str) -> Record:
    return Record("2026-03-10T12:00:03.000Z", reason, "why")


INVALID = Version(since=NOON - 90.0, state="invalid", hash="b", plan=None, detail="no command")
SOMEBODY_WAS_DUE = {"was_due": lambda *_: "backup", "last_start": lambda before: before - 60}
NOBODY_CAME = {"gaps": [(NOON - 60.0, NOON + WITHIN + 1)]}
OTHERS_CAME = {"first_start": lambda since, _: since + 2}
OFF = {"downs": [Down(NOON - 7200.0, NOON - 3600.0, "asleep"), Down(NOON - 30.0, NOON + 30.0, "off")]}
STEPPED = {"steps": [Step(NOON - 30.0, NOON + 900.0)]}
ABSENT = [Absence(NOON - 30.0, NOON + 30.0, "removed")]


def cause(slot: Slot, absences: list[Absence] | None = None, **host: Any) -> str:
    return cause_of(slot, Host(**host), absences or ())[0]


def test_each_cause_is_shown_by_its_evidence() -> None:
    found = {
        cause(slot(), **OFF),
        cause(slot(), **STEPPED),
        cause(slot(version=INVALID)),
        cause(slot(record=refused("runner_killed_before_start"))),
        cause(slot(), ABSENT),
        cause(slot(), **NOBODY_CAME),
        cause(slot()),
    }

    assert found == set(CAUSES) - {"no_worker"}


def test_the_first_cause_that_fits_is_given() -> None:
    everything = {**OFF, **STEPPED, **NOBODY_CAME, **SOMEBODY_WAS_DUE}
    invalid = slot(version=INVALID)

    assert cause(slot(record=refused("bad")), ABSENT, **everything) == "refused"
    assert cause(invalid, ABSENT, **everything) == "host_down"
    del everything["downs"]
    assert cause(invalid, ABSENT, **everything) == "clock_stepped"
    del everything["steps"]
    assert cause(invalid, ABSENT, **everything) == "refused"
    assert cause(slot(), ABSENT, **everything) == "not_in_crontab"
    assert cause(slot(), **everything) == "trigger_dead"
    assert cause(slot(), **OTHERS_CAME, **everything) == "unknown"


@pytest.mark.parametrize(
    ("since", "until", "fits"),
    [(-30, 30, True), (-30, 0, True), (0, 30, False), (-30, -1, False), (1, 30, False)],
    ids=["around it", "until it", "from it on", "before it", "after it"],
)
def test_a_host_was_down_after_its_last_sign_of_life_until_the_first_moment_of_the_next(
    since: float, until: float, fits: bool
) -> None:
    down = Down(NOON + since, NOON + until, "off")
    stepped = Step(NOON + since, NOON + until)

    assert (cause(slot(), downs=[down]) == "host_down") is fits
    assert (cause(slot(), steps=[stepped]) == "clock_stepped") is fits


def test_a_clock_that_was_set_back_stepped_over_nothing() -> None:
    assert cause(slot(), steps=[Step(NOON + 900.0, NOON - 900.0)]) == "unknown"


@pytest.mark.parametrize(
    ("since", "until", "fits"),
    [(0, 30, True), (-30, 0, False), (1, 30, False)],
    ids=["from it on", "until it", "later"],
)
def test_a_line_was_absent_from_its_removal_until_it_was_written(since: float, until: float, fits: bool) -> None:
    found = cause(slot(), [Absence(NOON + since, NOON + until, "removed")])

    assert (found == "not_in_crontab") is fits


def test_a_gap_of_the_watch_has_to_hold_the_slot_and_all_of_start_within() -> None:
    assert cause(slot(), gaps=[(NOON - 60.0, NOON + WITHIN)]) == "unknown"
    assert cause(slot(), gaps=[(NOON + 1.0, NOON + 9000.0)]) == "unknown"
    assert cause(slot(), gaps=[(NOON - 9000.0, NOON - 8000.0), (float(NOON), NOON + 9000.0)]) == "trigger_dead"


def test_the_host_is_asked_about_the_time_in_which_the_start_was_to_come() -> None:
    asked: list[Any] = []

    def nobody(*window: Any) -> None:
        asked.append(window)

    assert cause(slot(), first_start=nobody, was_due=nobody) == "unknown"
    assert asked == [(NOON, NOON + WITHIN), ("purge", NOON, NOON + WITHIN)]


def test_evidence_says_what_and_when() -> None:
    assert cause_of(slot(), Host(**OFF))[1:] == (
        "the host was off: it left no record from 2026-03-10T11:59:30.000Z to 2026-03-10T12:00:30.000Z",
        NOON - 30.0,
    )  # type: ignore[arg-type]
    assert cause_of(slot(version=INVALID), Host())[1:] == (
        "the job's file was invalid since 2026-03-10T11:58:30.000Z: no command",
        NOON - 90.0,
    )
    assert cause_of(slot(record=refused("bad")), Host())[1] == "why"
    what, at = cause_of(slot(), Host(**SOMEBODY_WAS_DUE))[1:]  # type: ignore[arg-type]
    assert "backup was due too" in what
    assert at == NOON - 60


# --- under the scheduler ---------------------------------------------------------------------------------------------

FOREVER = float("inf")


def test_no_crontab_is_needed_while_the_scheduler_is_in_charge() -> None:
    alive = [SchedulerTime(NOON - 7200.0, FOREVER, FOREVER)]

    assert cause(slot(), ABSENT) == "not_in_crontab"
    assert cause(slot(), ABSENT, scheduler_times=alive) == "unknown"
    assert cause(slot(), ABSENT, scheduler_times=alive, **SOMEBODY_WAS_DUE) == "trigger_dead"


@pytest.mark.parametrize(
    ("since", "until", "alive_until", "expected"),
    [
        (-7200.0, FOREVER, -60.0, "trigger_dead"),
        (-7200.0, FOREVER, 0.0, "unknown"),
        (-7200.0, -10.0, -60.0, "not_in_crontab"),
        (10.0, FOREVER, 20.0, "not_in_crontab"),
    ],
    ids=["it died before", "it still lived", "its time was over", "it came later"],
)
def test_what_was_planned_after_the_schedulers_death_was_missed_for_that(
    since: float, until: float, alive_until: float, expected: str
) -> None:
    times = [SchedulerTime(NOON + since, NOON + until, NOON + alive_until)]
    found, evidence, at = cause_of(slot(), Host(scheduler_times=times), ABSENT)

    assert found == expected
    if expected == "trigger_dead":
        assert (evidence, at) == ("the scheduler died: it was last seen at 2026-03-10T11:59:00.000Z", NOON - 60.0)


def test_what_a_draining_scheduler_did_not_start_was_missed_for_that_also_when_it_died_then() -> None:
    drained = SchedulerTime(NOON - 7200.0, FOREVER, NOON - 900.0, drains_since=NOON - 600.0, drained_by="ann")
    not_yet = SchedulerTime(NOON - 7200.0, FOREVER, FOREVER, drains_since=NOON + 1.0)

    found = cause_of(slot(), Host(scheduler_times=[drained]), ABSENT)

    what = "the scheduler started nothing more: it drained from 2026-03-10T11:50:00.000Z on, by order of ann"
    assert found == ("trigger_dead", what, NOON - 600.0)
    assert cause(slot(), scheduler_times=[not_yet]) == "unknown"


def test_what_was_planned_after_a_stop_was_missed_for_that_unless_something_else_starts_jobs() -> None:
    stopped = [SchedulerTime(NOON - 7200.0, NOON - 60.0, NOON - 60.0, was_stopped=True)]

    found = cause_of(slot(), Host(scheduler_times=stopped), ABSENT)

    what = "the scheduler was stopped at 2026-03-10T11:59:00.000Z, and nothing was started after that"
    assert found == ("trigger_dead", what, NOON - 60.0)
    host = Host(scheduler_times=stopped, first_start=lambda _since, _until: NOON - 30.0)
    assert cause_of(slot(), host, ABSENT)[0] == "not_in_crontab"


def test_a_host_that_was_down_explains_a_dead_scheduler() -> None:
    assert cause(slot(), scheduler_times=[SchedulerTime(0.0, FOREVER, NOON - 60.0)], **OFF) == "host_down"

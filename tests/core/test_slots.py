"""The fate of a planned time: each rule, and that the first one that fits decides."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import (
    Hold,
    JobHistory,
    Record,
    Refusal,
    SlotRun,
    count,
    plan_in_force,
    slots_of,
)
from process_control.core.schedule.version import Version

HOURLY = Plan(schedule=("0 * * * *",), time_zone="UTC")
DAY = int(datetime(2026, 3, 10, tzinfo=UTC).timestamp())
NOON, ONE = DAY + 12 * 3600, DAY + 13 * 3600
LATER = DAY + 86400


def version(since: float = DAY, state: str = "valid", plan: Plan | None = HOURLY) -> Version:
    return Version(since=since, state=state, hash=f"{state}-{since}", plan=plan if state == "valid" else None)


def history(*versions: Version, **known: Any) -> JobHistory:
    return JobHistory(job="purge", versions=versions or (version(),), begins=known.pop("begins", DAY), **known)


def fates(history: JobHistory, *, after: float = NOON - 1, until: float = NOON, now: float = LATER) -> list[list[Any]]:
    return [[each.slot, each.fate, each.reason] for each in slots_of(history, after=after, until=until, now=now)]


def run(run_id: str = "1", outcome: str | None = "succeeded") -> SlotRun:
    return SlotRun(run_id, outcome, "exit_code" if outcome == "failed" else None, "2026-03-10T12:00:01.000Z")


def record(reason: str | None = None, detail: str | None = None) -> Record:
    return Record("2026-03-10T12:00:02.000Z", reason, detail)


def planned_by(plan: Plan) -> dict[str, Any]:
    return {"versions": [version(plan=plan)]}


MARK = {"marks": {NOON: record("marked", "done by hand")}}
RUN = {"runs": {NOON: [run()]}}
SKIP = {"skips": {NOON: record("overlap")}}
REFUSAL = {"refusals": [Refusal(NOON + 3.0, NOON, record("refused"))]}
DISABLED = planned_by(HOURLY._replace(disabled=True))
EXCLUDED = planned_by(HOURLY._replace(exclude=("2026-03-09..2026-03-11",)))
HELD = {"holds": [Hold(NOON - 60, NOON + 60, record(detail="disk"))]}
WAITING = {"waiting": {NOON: "a place in the pool"}}
IN_ORDER = [
    (MARK, "skipped", "marked"),
    (RUN, "ran", None),
    (SKIP, "skipped", "overlap"),
    (REFUSAL, "missed", None),
    (DISABLED, "skipped", "disabled"),
    (EXCLUDED, "skipped", "excluded"),
    (HELD, "skipped", "held"),
    (WAITING, "due", None),
    ({}, "missed", None),
]
KNOWN = ["mark", "run", "skip", "refusal", "disabled", "excluded", "held", "waiting", "nothing"]


def made_of(*known: dict[str, Any]) -> JobHistory:
    values: dict[str, Any] = {"versions": [version()]}
    for each in known:
        values |= each
    return history(*values.pop("versions"), **values)


@pytest.mark.parametrize(("known", "fate", "reason"), IN_ORDER, ids=KNOWN)
def test_what_is_known_of_a_slot_decides_its_fate(known: dict[str, Any], fate: str, reason: str | None) -> None:
    assert fates(made_of(known)) == [[NOON, fate, reason]]


@pytest.mark.parametrize("first", range(len(IN_ORDER) - 1), ids=KNOWN[:-1])
def test_the_first_rule_that_fits_decides(first: int) -> None:
    known = [each for each, _, _ in IN_ORDER[first:] if each not in (DISABLED, EXCLUDED)]
    plans = [each for each, _, _ in IN_ORDER[first:] if each in (DISABLED, EXCLUDED)][:1]
    _, fate, reason = IN_ORDER[first]

    assert fates(made_of(*known, *plans)) == [[NOON, fate, reason]]


@pytest.mark.parametrize(("age", "fate"), [(0, "due"), (600, "due"), (601, "missed")])
def test_a_slot_is_due_until_it_is_older_than_start_within(age: int, fate: str) -> None:
    assert fates(history(), now=NOON + age) == [[NOON, fate, None]]


@pytest.mark.parametrize(
    ("hold", "is_held"),
    [
        ((NOON, None), True),
        ((NOON - 9, NOON + 1), True),
        ((NOON + 1, None), False),
        ((NOON - 9, NOON), False),
    ],
    ids=["from then on", "around it", "after it", "until it"],
)
def test_a_hold_skips_the_slots_within_it(hold: tuple[float, float | None], is_held: bool) -> None:
    fate = ["skipped", "held"] if is_held else ["missed", None]

    assert fates(history(holds=[Hold(*hold, record())])) == [[NOON, *fate]]


def test_of_several_runs_for_a_slot_the_last_one_counts_and_the_others_are_kept() -> None:
    runs = [run("1", "failed"), run("2", "lost"), run("3", None)]

    [slot] = slots_of(history(runs={NOON: runs}), after=NOON - 1, until=NOON, now=LATER)

    assert (slot.fate, slot.run, list(slot.others)) == ("ran", runs[2], runs[:2])
    assert slot.run is not None
    assert slot.run.outcome is None


def test_a_run_that_failed_ran_and_says_why() -> None:
    assert fates(history(runs={NOON: [run(outcome="failed")]})) == [[NOON, "ran", "exit_code"]]


def test_a_window_ends_with_its_last_moment_begins_after_its_first_and_never_reaches_into_the_future() -> None:
    both = [NOON, ONE]

    assert [slot for slot, _, _ in fates(history(), after=NOON - 1, until=ONE)] == both
    assert [slot for slot, _, _ in fates(history(), after=NOON, until=ONE)] == [ONE]
    assert [slot for slot, _, _ in fates(history(), after=NOON - 0.5, until=ONE - 0.5)] == [NOON]
    assert [slot for slot, _, _ in fates(history(), until=ONE + 7200, now=ONE)] == both
    assert fates(history(), after=ONE, until=NOON) == []


def test_nothing_is_counted_before_the_books_begin() -> None:
    runs = {NOON: [run()], ONE: [run()]}

    assert [slot for slot, _, _ in fates(history(begins=ONE, runs=runs), until=ONE)] == [ONE]


def test_slots_before_the_first_version_are_not_planned_but_one_that_ran_counts() -> None:
    late = version(since=NOON + 0.25)

    assert fates(history(late), until=ONE) == [[ONE, "missed", None]]
    assert fates(history(late, **RUN)) == [[NOON, "ran", None]]


def test_an_edited_schedule_makes_no_past_time_due() -> None:
    daily, hourly = Plan(schedule=("30 6 * * *",), time_zone="UTC"), version(since=NOON + 1800)
    edited = history(version(plan=daily), hourly)

    found = fates(edited, after=DAY - 1, until=ONE, now=ONE + 60)

    assert found == [[DAY + 6 * 3600 + 1800, "missed", None], [ONE, "due", None]]


def test_a_version_plans_from_its_moment_until_that_of_the_next() -> None:
    other = Plan(schedule=("0,30 * * * *",), time_zone="UTC")
    versions = [version(), version(since=NOON, plan=other), version(since=ONE, state="gone")]

    slots = slots_of(history(*versions), after=NOON - 3601, until=ONE, now=LATER)

    assert [(each.slot, each.plan) for each in slots] == [(NOON - 3600, HOURLY), (NOON, other), (NOON + 1800, other)]


@pytest.mark.parametrize(
    ("versions", "plans"),
    [
        ([version(), version(NOON - 9, "invalid")], True),
        ([version(), version(NOON - 9, "invalid"), version(NOON - 5, "invalid")], True),
        ([version(NOON - 9, "invalid")], False),
        ([version(), version(NOON - 9, "gone")], False),
        ([version(), version(NOON - 9, "gone"), version(NOON - 5, "invalid")], False),
        ([version(), version(NOON - 9, "gone"), version(NOON - 5)], True),
        ([], False),
    ],
    ids=["invalid", "invalid twice", "never valid", "gone", "came back invalid", "came back", "none"],
)
def test_an_invalid_version_plans_what_the_last_valid_one_did_and_a_gone_one_nothing(
    versions: list[Version], plans: bool
) -> None:
    known = JobHistory(job="purge", versions=versions, begins=DAY)

    assert bool(fates(known)) is plans
    assert (plan_in_force(versions, NOON) is not None) is plans


def test_a_refusal_that_knows_no_slot_is_of_the_one_before_it_within_start_within() -> None:
    def refused(at: float) -> list[Any]:
        known = history(refusals=[Refusal(at, None, record(detail="bad key"))])
        return [each.slot for each in slots_of(known, after=NOON - 1, until=ONE, now=LATER) if each.detail == "bad key"]

    assert refused(NOON + 600) == [NOON]
    assert refused(NOON + 601) == []
    assert refused(NOON - 1) == []
    assert refused(ONE) == [ONE]


def test_a_refusal_belongs_to_its_slot_whatever_window_is_asked_for() -> None:
    minutely = version(plan=Plan(schedule=("* * * * *",), time_zone="UTC"))
    known = history(minutely, refusals=[Refusal(NOON + 305.0, None, record(detail="bad key"))])

    def refused(until: float) -> list[int]:
        return [each.slot for each in slots_of(known, after=NOON - 1, until=until, now=LATER) if each.record]

    assert refused(NOON) == []
    assert refused(NOON + 600) == [NOON + 300]


@pytest.mark.parametrize("known", [MARK, RUN, SKIP, REFUSAL], ids=KNOWN[:4])
def test_whatever_left_a_record_for_a_time_that_nothing_planned_counts(known: dict[str, Any]) -> None:
    (kind, what) = next(iter(known.items()))
    at = NOON + 60
    moved: Any = [replace(what[0], slot=at)] if kind == "refusals" else {at: what[NOON]}

    slots = slots_of(history(**{kind: moved}), after=NOON, until=NOON + 90, now=LATER)

    assert [each.slot for each in slots] == [at]
    assert count(slots)["planned"] == 1


def test_planned_is_the_sum_of_the_fates() -> None:
    known = history(runs={NOON: [run()]}, skips={ONE: record("overlap")})

    counted = count(slots_of(known, after=NOON - 3601, until=ONE + 3600, now=ONE + 3601))

    assert counted == {"planned": 4, "ran": 1, "skipped": 1, "missed": 1, "due": 1}


# --- chains ----------------------------------------------------------------------------------------------------------

FOLLOWING = HOURLY._replace(after=(("load", "success"),), schedule_of="load")
AT_ONE = {"now": NOON + 3600.0}
OF_CAUSE: dict[str, tuple[dict[str, Any], tuple[str, str | None, str | None]]] = {
    "skipped": (SKIP, ("skipped", "cause_missing", "load was skipped (overlap)")),
    "missed": ({}, ("skipped", "cause_missing", "load was missed")),
    "running": (
        {"runs": {NOON: [run(outcome=None)]}},
        ("due", None, "for load, which runs since 2026-03-10T12:00:01.000Z (run 1)"),
    ),
    "waiting": (WAITING, ("due", None, "for load, which waits a place in the pool")),
    "failed": (
        {"runs": {NOON: [run(outcome="failed")]}},
        ("skipped", "cause_missing", "load failed at 2026-03-10T12:00:01.000Z (run 1, exit_code)"),
    ),
    "ended long ago": (RUN, ("missed", None, None)),
    "ended just now": (
        {"runs": {NOON: [replace(run(), ended_at="2026-03-10T12:59:01.000Z")]}},
        ("due", None, "for its start, as its causes have ended"),
    ),
}


@pytest.mark.parametrize(("known", "expected"), OF_CAUSE.values(), ids=OF_CAUSE)
def test_without_a_record_the_causes_decide_what_became_of_a_follower(
    known: dict[str, Any], expected: tuple[str, str | None, str | None]
) -> None:
    follower = history(version(plan=FOLLOWING), causes={"load": history(**known)})

    [slot] = slots_of(follower, after=NOON - 1, until=NOON, **AT_ONE)

    assert (slot.fate, slot.reason, slot.detail) == expected


def test_a_follower_of_a_follower_is_skipped_with_it() -> None:
    report = HOURLY._replace(after=(("load", "always"),), schedule_of="extract")
    load = history(version(plan=FOLLOWING._replace(after=(("extract", "success"),))), causes={"extract": history()})

    [slot] = slots_of(
        history(version(plan=report), causes={"load": load}), after=NOON - 1, until=NOON, now=NOON + 3600.0
    )

    assert slot.detail == "load was skipped (cause_missing: extract was missed)"


def test_a_cause_that_did_not_plan_the_time_is_missing() -> None:
    daily = HOURLY._replace(schedule=("0 3 * * *",))

    follower = history(version(plan=FOLLOWING), causes={"load": history(version(plan=daily))})

    assert fates(follower, now=NOON + 3600.0) == [[NOON, "skipped", "cause_missing"]]


def test_files_that_were_a_circle_for_a_moment_are_no_endless_question() -> None:
    one = history(version(plan=FOLLOWING))
    other = history(version(plan=FOLLOWING._replace(after=(("one", "success"),))), causes={"one": one})
    one.causes = {"load": other}

    assert fates(one, now=NOON + 3600.0) == [[NOON, "skipped", "cause_missing"]]


def test_a_follower_with_a_schedule_is_missed_like_any_job() -> None:
    plan = FOLLOWING._replace(schedule_of=None)

    assert fates(history(version(plan=plan), causes={"load": history()}), **AT_ONE) == [[NOON, "missed", None]]

"""The books close: fates and counts are those of a second, naive implementation, over random histories."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.builders import State
from kit.ledger_stories import Edit, Happening, Story, naive_books, random_story
from kit.storms import Storm
from process_control.core import layout
from process_control.core.run_id import run_id
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.slots import Hold, JobHistory, Record, Refusal, Slot, SlotRun, count, slots_of
from process_control.core.schedule.version import Version
from process_control.state.past_runs import open_index
from process_control.system.clock import day, iso
from process_control.views.slots import Ledger

JOB = "purge"
Books = dict[int, tuple[str, str | None]]


# --- what the pure rules are given -----------------------------------------------------------------------------------


def history_of(story: Story) -> JobHistory:
    happened = story.happenings
    with_slot = [(each, each.slot) for each in happened if each.slot is not None]
    runs: dict[int, list[SlotRun]] = {}
    for each, slot in with_slot:
        if each.kind == "run":
            runs.setdefault(slot, []).append(SlotRun("id", "succeeded", None, iso(each.at)))
    return JobHistory(
        job=JOB,
        versions=[version_of(edit, story.zone) for edit in story.edits],
        begins=story.begins,
        runs=runs,
        skips={slot: record(each) for each, slot in with_slot if each.kind == "skip"},
        refusals=[Refusal(each.at, each.slot, record(each)) for each in happened if each.kind == "refusal"],
        marks={slot: record(each) for each, slot in with_slot if each.kind == "mark"},
        holds=holds_of([each for each in happened if each.kind in ("hold", "release")]),
    )


def version_of(edit: Edit, zone: str) -> Version:
    plan = Plan.from_record(plan_record(edit, zone)) if edit.state == "valid" else None
    return Version(since=edit.since, state=edit.state, hash=edit.hash, plan=plan)


def plan_record(edit: Edit, zone: str) -> dict[str, object]:
    return {
        "schedule": list(edit.schedule), "time_zone": zone, "disabled": edit.disabled, "exclude": list(edit.exclude),
        "start_within": edit.start_within, "catch_up": None,
    }  # fmt: skip


def record(each: Happening) -> Record:
    return Record(iso(each.at), each.reason, None)


def holds_of(changes: list[Happening]) -> list[Hold]:
    ends = [*(each.at for each in changes[1:]), None][: len(changes)]
    return [
        Hold(each.at, min((at for at in (each.until, end) if at is not None), default=None), record(each))
        for each, end in zip(changes, ends, strict=True)
        if each.kind == "hold"
    ]


# --- what is compared ------------------------------------------------------------------------------------------------


def fates(slots: list[Slot]) -> Books:
    return {each.slot: (each.fate, each.reason if each.fate == "skipped" else None) for each in slots}


def counted(books: Books) -> dict[str, int]:
    found = [fate for fate, _ in books.values()]
    by_fate = {fate: found.count(fate) for fate in ("ran", "skipped", "missed", "due")}
    return {"planned": len(found), **by_fate}


def windows(story: Story, number: int) -> list[tuple[float, float]]:
    whole = (story.first - 2 * 3600.0, float(story.now))
    part = (story.first + number % 40 * 3600.0 + 0.5, story.first + number % 40 * 3600.0 + 20000)
    return [whole, part]


@pytest.mark.fault("Random histories, counted minute by minute too", small=75, full=1000, wanted="0 differ")
def test_fates_and_counts_are_those_of_a_naive_count(storm: Storm) -> None:
    for number in storm.rounds():
        story = random_story(number)
        for after, until in windows(story, number):
            expected = naive_books(story, after, until)

            slots = slots_of(history_of(story), after=after, until=until, now=story.now)

            assert fates(slots) == expected, number
            assert count(slots) == counted(expected)
            assert len(slots) == len(expected)
    storm.found("0 differ")


# --- the same through the journal's files, the index and the ledger --------------------------------------------------


@dataclass
class Where:
    """The settings that the ledger asks for."""

    state_directory: str
    job_directory: str
    path: str | None = None


class Writer:
    """Writes a story into a state directory, as the product writes its records."""

    def __init__(self, directory: Path, story: Story) -> None:
        self.state = State(directory)
        self._story = story
        self._count = 0

    def write_all(self, part: slice = slice(None)) -> None:
        things = [(edit.seen, edit) for edit in self._story.edits]
        things += [(each.at, each) for each in self._story.happenings]  # type: ignore[misc]
        for _, thing in sorted(things, key=lambda each: each[0])[part]:
            if isinstance(thing, Edit):
                self._write_edit(thing)
            else:
                self._write_happening(thing)

    def _write(self, at: float, **fields: object) -> None:
        boot, began = max((began, number) for number, began in enumerate(self._story.boots) if began <= at)[::-1]
        shown = self._story.shown(at)
        clocks = {"at": iso(shown), "boot_id": f"boot-{boot}", "up": round(at - began, 3), "host": "db1", "by": "svc"}
        self.state.write({**clocks, "job": JOB, **fields}, day=day(shown))

    def _write_edit(self, edit: Edit) -> None:
        shown = self._story.shown(edit.since)
        fields = {"hash": edit.hash, "since": iso(min(shown, self._story.shown(edit.seen))), "state": edit.state}
        plan = plan_record(edit, self._story.zone) if edit.state == "valid" else {}
        for _ in range(1 + int(edit.since) % 2):  # now and then by two at once
            self._write(edit.seen, event="version", **fields, **plan)

    def _write_happening(self, each: Happening) -> None:
        self._count += 1
        shown = self._story.shown(each.at)
        slot = {"scheduled_at": iso(each.slot)} if each.slot is not None else {}
        run = {"run_id": run_id(shown, self._count.to_bytes(5, "big")), "trigger": "cron", "started_at": iso(shown)}
        if each.kind in ("run", "other"):
            job = {} if each.kind == "run" else {"job": "other"}
            end = {"event": "end", "outcome": "succeeded", "duration_seconds": 0.2}
            if self._count % 3:
                self._write(each.at, event="start", **run, **slot, **job)
            self._write(each.at + 0.2, **end, **run, **slot, **job)
        elif each.kind == "skip":
            self._write(each.at, event="skip", outcome="skipped", reason=each.reason, **run, **slot)
        else:
            until = {"until": iso(self._story.shown(each.at) + each.until - each.at)} if each.until is not None else {}
            self._write(each.at, event=each.kind, trigger="cron", **slot, **until)


def read(state: State, story: Story, after: float, until: float) -> tuple[Books, dict[str, int]]:
    settings = Where(str(state), str(state.directory / "jobs.d"))
    with open_index(str(state)) as index:
        ledger = Ledger(settings, [], index, now=float(story.now))  # type: ignore[arg-type]
        slots = [account.slot for account in ledger.accounts([JOB], after=after, until=until)]
        return fates(slots), ledger.counts([JOB], after=after, until=until).get(JOB, counted({}))


def begin_of(state: State) -> float:
    days = sorted(path.name[:10] for path in state.journal.iterdir())
    return seconds(days[0])


def seconds(day: str) -> float:
    from datetime import UTC, datetime

    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def the_present_is_settled(state: State, story: Story) -> None:
    """Say that the ledger's own look records nothing: the job is gone from the directory, and a story knows no such."""
    last = story.edits[-1]
    if last.state != "gone":
        story.edits.append(Edit(since=story.now - 2.0, seen=story.now - 2.0, state="gone"))


@pytest.mark.fault("Random histories through journal and index", small=10, full=200, wanted="0 differ")
def test_the_ledger_reads_the_same_from_files_however_they_were_folded(storm: Storm, tmp_path: Path) -> None:
    for number in storm.rounds():
        story = random_story(number)
        writer = Writer(tmp_path / str(number), story)
        state = writer.state
        the_present_is_settled(state, story)
        half = len(story.happenings) // 2
        writer.write_all(slice(0, half))
        with open_index(str(state)):
            pass  # folded so far
        writer.write_all(slice(half, None))
        story.begins = begin_of(state)
        for after, until in windows(story, number):
            expected = naive_books(story, after, until)
            wanted = expected, counted(expected)
            assert read(state, story, after, until) == wanted, f"{number}: folded twice"
            if number % 3 == 0:
                oldest = min(path.name[:10] for path in state.journal.iterdir())
                if (state.journal / f"{oldest}.jsonl").exists():
                    state.compress(oldest)
                assert read(state, story, after, until) == wanted, f"{number}: a day compressed"
            Path(layout.index(str(state))).unlink()
            assert read(state, story, after, until) == wanted, f"{number}: folded in one go"
        if number % 2:
            lose_the_oldest_day(state)
            story.begins = begin_of(state)
            forget_what_only_that_day_knew(state, story)
            if not story.edits:
                continue  # nobody knows of such a job
            whole = windows(story, number)[0]
            expected = naive_books(story, *whole)
            assert read(state, story, *whole) == (expected, counted(expected)), f"{number}: a day less"
            Path(layout.index(str(state))).unlink()
            assert read(state, story, *whole) == (expected, counted(expected)), f"{number}: a day less, folded anew"
    storm.found("0 differ")


def lose_the_oldest_day(state: State) -> None:
    paths = sorted(state.journal.iterdir())
    for path in paths[:1] if len(paths) > 1 else []:
        os.unlink(path)


def forget_what_only_that_day_knew(state: State, story: Story) -> None:
    """Take out of the story what was recorded in the day that is gone."""

    def is_kept(at: float) -> bool:
        return seconds(day(story.shown(at))) >= story.begins

    story.edits = [edit for edit in story.edits if is_kept(edit.seen)]
    story.happenings = [each for each in story.happenings if is_kept(each.at)]

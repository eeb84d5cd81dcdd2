"""The scheduler's note and records: who is it, since when, and has it ended in good order."""

import json
import os
import stat

import pytest

from kit.desk import Desk
from kit.harness import Box
from kit.plays_scheduler import plays_scheduler
from process_control.core import layout
from process_control.state.block import Identity
from process_control.state.scheduler_note import SchedulerNote, lives, note_end, read_note, write_note
from process_control.system.clock import iso

NOW = 1_773_144_000.25


def note_of(desk: Desk) -> SchedulerNote:
    note = read_note(str(desk.state))
    if note is None:
        raise AssertionError("no note")
    return note


def test_the_note_names_the_process_until_it_notes_its_end(desk: Desk) -> None:
    write_note(str(desk.state), identity=Identity(), now=NOW)
    note = note_of(desk)
    assert (note.pid, note.started_at, note.ended_at) == (os.getpid(), iso(NOW), None)
    assert lives(note)

    note_end(str(desk.state), NOW + 60)

    ended = note_of(desk)
    assert (ended.pid, ended.started_at, ended.ended_at) == (os.getpid(), iso(NOW), iso(NOW + 60))
    assert not lives(ended)


def test_a_killed_scheduler_is_dead_and_has_no_end(desk: Desk) -> None:
    with plays_scheduler(desk.configuration) as scheduler:
        note = note_of(desk)
        assert (note.pid, lives(note, Identity())) == (scheduler.pid, True)
        scheduler.kill()

    assert note_of(desk).ended_at is None
    assert not lives(note_of(desk), Identity())


@pytest.mark.parametrize(
    ("other", "is_alive"),
    [
        ({}, True),
        ({"pid_start": 1}, False),
        ({"boot_id": "another"}, False),
        ({"pid_ns": "pid:[1]"}, True),
        ({"pid_ns": "pid:[1]", "boot_id": "another"}, False),
        ({"pid_ns": "pid:[1]", "ended_at": iso(NOW)}, False),
        ({"pid": 1 << 30}, False),
    ],
    ids=["itself", "a reused pid", "another boot", "a container", "that is gone", "that has ended", "no process"],
)
def test_a_process_is_compared_as_a_runner_is(desk: Desk, other: dict[str, object], is_alive: bool) -> None:
    write_note(str(desk.state), identity=Identity(), now=NOW)
    path = desk.root / "state" / "scheduler.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | other))

    assert lives(note_of(desk)) is is_alive


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"pid": "1"}', '{"pid": true, "boot_id": "x", "started_at": "y"}', '{"pid": 1}', "\xff\0"],
)
def test_a_note_that_makes_no_sense_is_none(desk: Desk, text: str) -> None:
    (desk.root / "state" / "scheduler.json").write_text(text, encoding="latin-1")

    assert read_note(str(desk.state)) is None
    note_end(str(desk.state), NOW)
    assert (desk.root / "state" / "scheduler.json").read_text(encoding="latin-1") == text


def test_it_is_readable_as_other_files_of_the_state(desk: Desk) -> None:
    write_note(str(desk.state), identity=Identity(), now=NOW)

    path = layout.scheduler_note(str(desk.state))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert not os.path.exists(f"{path}.new")


def test_audit_shows_start_and_end(box: Box) -> None:
    with plays_scheduler(box.configuration) as scheduler:
        scheduler.end()

    events = box.process_control("audit", "--event", "scheduler", "--json").json()["events"]
    assert [event["sentence"] for event in events] == [
        "the scheduler started",
        "the scheduler ended",
    ]
    assert {(event["pid"], event["by"], event["host"]) for event in events} == {
        (scheduler.pid, "root", os.uname().nodename)
    }

"""Blocks and healths of thousands of jobs, read in one go, say what each of them says when it is read alone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kit.builders import State
from process_control.state.all_jobs import AllJobs, health_record
from process_control.state.block import run_in, runner_is_alive, slot_in
from process_control.state.job_state import JobRecord

HEALTHS: dict[str, bytes | None] = {
    "none": None,
    "healthy": b'{"state":"healthy","failures_in_row":0}\n',
    "held, at length": json.dumps({"state": "held", "why": "x" * 9000, "by": "ann"}).encode(),
    "garbage": b"\0\xff{{{",
    "a list": b"[1, 2]",
    "a state of a later version": b'{"state":"dreaming"}',
    "empty": b"",
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def alone(state: State, slug: str) -> object:
    try:
        return JobRecord(str(state), slug).read_health()
    except ValueError as error:
        return str(error)


def in_one_go(state: State, slug: str) -> object:
    with AllJobs(str(state)) as all_jobs:
        try:
            text = all_jobs.health(slug)
            return None if text is None else health_record(text)
        except ValueError as error:
            return str(error)


@pytest.mark.parametrize("text", HEALTHS.values(), ids=HEALTHS)
def test_a_health_is_the_same(state: State, text: bytes | None) -> None:
    directory = state.directory / "jobs" / "purge"
    directory.mkdir(parents=True)
    if text is not None:
        (directory / "health.json").write_bytes(text)

    assert in_one_go(state, "purge") == alone(state, "purge")


def test_a_health_behind_a_link_is_not_read(state: State, tmp_path: Path) -> None:
    directory = state.directory / "jobs" / "purge"
    directory.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text('{"state":"healthy"}')
    (directory / "health.json").symlink_to(tmp_path / "elsewhere")

    assert in_one_go(state, "purge") == alone(state, "purge") == os.strerror(40)


def test_healths_that_cannot_be_reached_are_told_never_taken_for_good(state: State) -> None:
    (state.directory / "jobs").write_text("")

    assert in_one_go(state, "purge") == alone(state, "purge") == "Not a directory"


def running_alone(state: State, slug: str) -> tuple[int | None, dict[str, Any] | None]:
    path = state.directory / "jobs" / slug / "block"
    content = path.read_bytes() if path.exists() else b""
    slot, block = slot_in(content), run_in(content)
    goes_on = block is not None and block.get("end") is None and runner_is_alive(block)
    return slot, block if goes_on else None


@pytest.mark.parametrize("kind", ["alive", "dead", "ended", "garbled", "torn", "none", "says it has ended"])
def test_a_block_is_the_same(state: State, kind: str) -> None:
    start = state.start("purge", alive=kind != "dead")
    if kind == "ended":
        state.block(start, slot=1_800_000_000, end=state.end_of(start))
    elif kind == "says it has ended":
        state.block(start, slot=1_800_000_000, log='/log/"end":{')
    elif kind != "none":
        state.block(start, slot=1_800_000_000)
    path = state.directory / "jobs" / "purge" / "block"
    if kind == "garbled":
        path.write_bytes(path.read_bytes().replace(b'"run_id"', b'"run_id'))
    if kind == "torn":
        path.write_bytes(path.read_bytes()[:700])

    with AllJobs(str(state)) as all_jobs:
        seen = all_jobs.slot_and_running("purge")

    assert seen == running_alone(state, "purge")
    assert (seen[1] is not None) == (kind in ("alive", "says it has ended"))

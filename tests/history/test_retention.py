"""Retention: what goes, what stays, and that nothing is lost on the way."""

import fcntl
import gzip
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.builders import State
from process_control.history.journal_reader import backwards, records
from process_control.history.retention import Pruned, apply_retention, compress
from process_control.state.all_jobs import live_blocks
from process_control.state.past_runs import open_index

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Limits:
    """The settings that retention asks for."""

    state_directory: str
    output_directory: str
    retention_runs: int = 1000
    retention_days: int = 90
    retention_log_bytes: int = 10**9


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state", logs=tmp_path / "log")


def prune(state: State, *, dry_run: bool = False, now: datetime = NOW, **limits: int) -> Pruned:
    settings = Limits(str(state.directory), str(state.logs), **limits)
    return apply_retention(settings, dry_run, live_blocks=live_blocks, now=now.timestamp())  # type: ignore[arg-type]


def log(state: State, job: str, at: datetime, size: int = 10) -> str:
    return state.log(job, (0.0, "o", b"x" * size), at=at, name=state.new_id(at))


def logs(state: State) -> list[str]:
    return sorted(str(path) for path in state.logs.rglob("*.log"))


def test_logs_within_all_limits_stay(state: State) -> None:
    kept = [log(state, "purge", NOW - n * DAY) for n in range(5)]

    pruned = prune(state)

    assert logs(state) == sorted(kept)
    assert (pruned.logs, pruned.faults) == ([], [])


def test_logs_beyond_the_number_of_runs_go_oldest_first(state: State) -> None:
    made = [log(state, "purge", NOW - n * DAY) for n in range(5)]
    other = log(state, "other", NOW - 80 * DAY)

    pruned = prune(state, retention_runs=2)

    assert logs(state) == sorted([*made[:2], other])
    assert {removal.why for removal in pruned.logs} == {"more than 2 runs"}


def test_logs_past_their_days_go(state: State) -> None:
    young, old = log(state, "purge", NOW - 89 * DAY), log(state, "purge", NOW - 91 * DAY)

    pruned = prune(state)

    assert logs(state) == [young]
    assert [(removal.path, removal.why) for removal in pruned.logs] == [(old, "older than 90 days")]


def test_logs_beyond_their_bytes_go_with_their_index(state: State) -> None:
    made = [log(state, "purge", NOW - n * DAY, size=1000) for n in range(4)]

    pruned = prune(state, retention_log_bytes=2500)

    assert logs(state) == sorted(made[:2])
    assert pruned.freed_bytes == sum(1000 + len("0 o 1000\n") for _ in range(2))
    assert sorted(state.logs.rglob("*.idx")) == sorted(Path(path + ".idx") for path in made[:2])


def test_the_newest_log_stays_whatever_its_size(state: State) -> None:
    newest = log(state, "purge", NOW, size=9000)
    log(state, "purge", NOW - DAY, size=9000)

    prune(state, retention_log_bytes=100)

    assert logs(state) == [newest]


def test_the_log_of_a_run_that_goes_on_is_never_removed(state: State) -> None:
    old = log(state, "purge", NOW - 200 * DAY)
    state.block(state.start("purge", NOW - 200 * DAY, alive=True, log=old))

    prune(state)

    assert logs(state) == [old]


def test_the_log_of_a_run_that_is_gone_is_no_exception(state: State) -> None:
    old = log(state, "purge", NOW - 200 * DAY)
    state.block(state.start("purge", NOW - 200 * DAY, log=old))
    state.run("purge", NOW - DAY)

    prune(state)

    assert logs(state) == []


def test_what_is_no_log_of_ours_is_left_alone(state: State) -> None:
    directory = state.logs / "purge"
    directory.mkdir(parents=True)
    foreign = directory / "notes-20200101-000000.log"
    foreign.write_text("mine")
    elsewhere = state.directory / "elsewhere"
    elsewhere.write_text("precious")
    (directory / "purge-20200101-000000-0123456789abcdef.log").symlink_to(elsewhere)

    prune(state)

    assert foreign.exists()
    assert elsewhere.read_text() == "precious"


def test_a_dry_run_tells_the_same_and_touches_nothing(state: State) -> None:
    log(state, "purge", NOW - 91 * DAY)
    state.run("purge", NOW - 91 * DAY)
    state.run("purge", NOW - 5 * DAY)
    before = sorted(state.directory.parent.rglob("*"))

    told = prune(state, dry_run=True)

    assert sorted(state.directory.parent.rglob("*")) == before
    done = prune(state)
    assert (told.logs, told.days, told.compressed) == (done.logs, done.days, done.compressed)
    assert len(done.logs) == len(done.days) == len(done.compressed) == 1


# --- journal -------------------------------------------------------------------------------------------------------


def journal_days(state: State) -> list[str]:
    return sorted(path.name for path in state.journal.iterdir())


def test_journal_days_are_removed_compressed_and_made(state: State) -> None:
    for days in (91, 90, 3, 2, 1, 0):
        state.run("purge", NOW - days * DAY)

    prune(state)

    assert journal_days(state) == [
        "2026-03-03.jsonl.gz",
        "2026-05-29.jsonl.gz",
        "2026-05-30.jsonl",
        "2026-05-31.jsonl",
        "2026-06-01.jsonl",
        "2026-06-02.jsonl",
    ]


def test_a_clock_that_jumped_a_year_ahead_removes_nothing_on_its_first_day(state: State) -> None:
    kept = log(state, "purge", NOW - 80 * DAY)
    for days in (80, 5, -365):
        state.run("purge", NOW - days * DAY)

    pruned = prune(state, now=NOW + 365 * DAY)

    assert (pruned.logs, pruned.days) == ([], [])
    assert logs(state) == [kept]
    assert [name.partition(".")[0] for name in journal_days(state)[:2]] == ["2026-03-13", "2026-05-27"]


def test_a_host_that_slept_for_a_year_loses_what_is_too_old_on_its_second_day(state: State) -> None:
    log(state, "purge", NOW - 80 * DAY)
    for days in (80, 5, -365, -366):
        state.run("purge", NOW - days * DAY)

    prune(state, now=NOW + 366 * DAY)

    assert logs(state) == []
    assert journal_days(state)[:1] == ["2027-06-01.jsonl"]


def test_compressing_loses_no_run(state: State) -> None:
    for days in range(6):
        state.run("purge", NOW - days * DAY)
    with open_index(str(state)) as index:
        before = index.runs()

    prune(state)

    with open_index(str(state)) as index:
        assert index.runs() == before
    for file in state.directory.glob("history.sqlite*"):
        file.unlink()
    with open_index(str(state)) as index:
        assert index.runs() == before


@pytest.mark.parametrize("read", [records, backwards], ids=["from the first day", "backwards"])
def test_who_reads_the_journal_meanwhile_misses_no_day(state: State, read: Callable[[str], Iterator[Any]]) -> None:
    for days in range(6):
        state.run("purge", NOW - days * DAY)
    known = list(read(str(state)))
    reading = read(str(state))
    found = [next(reading)]

    prune(state)

    assert [*found, *reading] == known
    assert len(list(state.journal.glob("*.gz"))) > 2


def test_a_day_on_which_a_run_began_that_goes_on_is_kept(state: State) -> None:
    state.block(state.start("long", NOW - 100 * DAY, alive=True))
    state.run("purge", NOW - 101 * DAY)
    state.run("purge", NOW - DAY)

    prune(state)

    assert journal_days(state)[:1] == ["2026-02-21.jsonl.gz"]


def test_a_compression_that_was_killed_halfway_is_finished(state: State) -> None:
    state.run("purge", NOW - 5 * DAY)
    plain = state.journal / "2026-05-27.jsonl"
    content = plain.read_bytes()
    compress(str(plain))
    plain.write_bytes(content)  # killed after the rename, before the removal
    (state.journal / "2026-05-27.jsonl.gz.new").write_bytes(b"half")

    compress(str(plain))

    assert not plain.exists()
    assert gzip.decompress((state.journal / "2026-05-27.jsonl.gz").read_bytes()) == content


def test_lines_that_came_after_the_compression_are_added(state: State) -> None:
    state.run("purge", NOW - 5 * DAY)
    plain = state.journal / "2026-05-27.jsonl"
    first = plain.read_bytes()
    compress(str(plain))
    state.run("late", NOW - 5 * DAY)
    second = plain.read_bytes()

    compress(str(plain))

    assert gzip.decompress((state.journal / "2026-05-27.jsonl.gz").read_bytes()) == first + second
    with open_index(str(state)) as index:
        assert index.jobs() == ["late", "purge"]


def test_a_torn_compressed_day_keeps_its_plain_lines(state: State) -> None:
    state.run("purge", NOW - 5 * DAY)
    plain = state.journal / "2026-05-27.jsonl"
    (state.journal / "2026-05-27.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes())[:-20])

    compress(str(plain))

    with open_index(str(state)) as index:
        assert index.jobs() == ["purge"]


def test_an_empty_old_day_is_removed(state: State) -> None:
    (state.journal / "2026-05-20.jsonl").touch()

    prune(state)

    assert journal_days(state) == ["2026-06-02.jsonl"]


# --- once a day, one at a time -------------------------------------------------------------------------------------


def test_the_stamp_says_the_day(state: State) -> None:
    prune(state)

    assert (state.directory / "prune.stamp").read_text() == "2026-06-01\n"


def test_two_do_not_work_at_once(state: State) -> None:
    log(state, "purge", NOW - 91 * DAY)
    with open(state.directory / "prune.stamp", "w") as stamp:
        fcntl.flock(stamp, fcntl.LOCK_EX)

        assert prune(state).is_running_elsewhere

    assert len(logs(state)) == 1


def test_nothing_to_prune_is_fine(tmp_path: Path) -> None:
    settings = Limits(str(tmp_path / "no-state"), str(tmp_path / "no-logs"))

    assert apply_retention(settings, live_blocks=live_blocks) == Pruned()  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_a_log_that_cannot_be_removed_is_told_and_the_others_go(state: State) -> None:
    old = log(state, "purge", NOW - 91 * DAY)
    (state.journal / "2020-01-01.jsonl.gz.new").mkdir()
    (state.journal / "2026-05-20.jsonl").write_bytes(b"\n{}")
    (state.journal / "2026-05-20.jsonl.gz.new").mkdir()

    pruned = prune(state)

    assert not Path(old).exists()
    assert pruned.faults == [f"{state.journal}/2026-05-20.jsonl: Is a directory"]

"""The index of the journal: what it tells, and that it is never trusted more than the journal."""

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from kit.builders import NOON, State, iso
from kit.harness import IS_ROOT, STRANGER, Box, Live, Storm
from process_control.history.index.index import Garbled, Index
from process_control.history.index.past_run import Run
from process_control.state.block import read_block, runner_is_alive
from process_control.state.past_runs import open_index

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.fixture
def unwritable(state: State) -> Iterator[State]:
    """A state directory into which nobody may write, root neither (a directory where the seal belongs)."""
    (state.directory / "history.sqlite.seal").mkdir()
    return state


def all_runs(state: State, **question: object) -> list[Run]:
    with open_index(str(state)) as index:
        return index.runs(**question)  # type: ignore[arg-type]


def outcomes(state: State, **question: object) -> list[tuple[str, str | None, str | None]]:
    return [(run.job, run.outcome, run.reason) for run in all_runs(state, **question)]


# --- what it tells -------------------------------------------------------------------------------------------------


def test_nothing_ran_and_nothing_is_made(tmp_path: Path) -> None:
    with open_index(str(tmp_path)) as index:
        assert index.runs() == []

    assert list(tmp_path.iterdir()) == []


def test_a_run_comes_back_with_all_that_its_end_says(state: State) -> None:
    identity = state.run("purge", outcome="failed", reason="exit_code", exit_code=3, detail="exited with 3", log="/l")

    assert [run.to_json() for run in all_runs(state)] == [
        {
            "run_id": identity,
            "job": "purge",
            "trigger": "cron",
            "scheduled_at": "2026-03-10T12:00:00.000Z",
            "late_seconds": None,
            "late_parts": None,
            "started_at": "2026-03-10T12:00:00.000Z",
            "ended_at": "2026-03-10T12:00:01.500Z",
            "outcome": "failed",
            "reason": "exit_code",
            "exit_code": 3,
            "signal": None,
            "duration_seconds": 1.5,
            "detail": "exited with 3",
            "attempts": [
                {
                    "attempt": 1,
                    "started_at": "2026-03-10T12:00:00.000Z",
                    "duration_seconds": 1.5,
                    "outcome": "failed",
                    "reason": "exit_code",
                    "exit_code": 3,
                    "signal": None,
                }
            ],
            "stdout_bytes": 0,
            "stderr_bytes": 0,
            "log_dropped_bytes": 0,
            "cpu_seconds": 0.25,
            "cpu_of": "tree",
            "memory_bytes": 4096000,
            "memory_of": "largest_process",
            "read_bytes": 8192,
            "written_bytes": 512,
            "log": "/l",
            "slow_start": False,
            "by": "svc",
            "host": "db1",
            "version": "0123456789ab",
            "verdict": None,
            "decided_by": None,
            "log_error": None,
            "record_fault": None,
            "health_fault": None,
            "pid": None,
        }
    ]


def test_a_fault_that_came_to_light_after_the_end_belongs_to_the_run(state: State) -> None:
    identity = state.run("purge")
    state.write({"event": "fault", "at": iso(NOON), "run_id": identity, "job": "purge", "health_fault": "no space"})
    state.run("purge", NOON + HOUR, log_error="cut", record_fault="late")

    found = [(run.outcome, run.log_error, run.record_fault, run.health_fault) for run in all_runs(state)]

    assert found == [("succeeded", "cut", "late", None), ("succeeded", None, None, "no space")]


def test_a_skip_is_a_run_that_began_and_ended_in_that_moment(state: State) -> None:
    state.skip("purge", reason="held", detail="held by anna")

    [run] = all_runs(state)

    assert (run.outcome, run.reason, run.detail) == ("skipped", "held", "held by anna")
    assert run.started_at == run.ended_at == iso(NOON)


def test_runs_come_newest_first_over_all_days_and_jobs(state: State) -> None:
    state.run("a", NOON)
    state.run("b", NOON - DAY)
    state.run("a", NOON + HOUR)

    assert [(run.job, run.started_at) for run in all_runs(state)] == [
        ("a", iso(NOON + HOUR)),
        ("a", iso(NOON)),
        ("b", iso(NOON - DAY)),
    ]


@pytest.fixture
def mixed(state: State) -> State:
    for hour in range(3):
        state.run("backup-db", NOON + hour * HOUR)
        state.failure("backup-web", NOON + hour * HOUR)
    state.skip("purge", NOON)
    return state


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ({}, 7),
        ({"limit": 2}, 2),
        ({"limit": 0}, 0),
        ({"jobs": ["backup-db"]}, 3),
        ({"jobs": ["backup-*"]}, 6),
        ({"jobs": ["backup-*"], "limit": 4}, 4),
        ({"jobs": ["backup-db", "purge", "backup-db"]}, 4),
        ({"jobs": ["nosuch"]}, 0),
        ({"jobs": []}, 0),
        ({"outcomes": ["failed"]}, 3),
        ({"outcomes": ["failed", "skipped"]}, 4),
        ({"outcomes": ["failed"], "limit": 2}, 2),
        ({"since": iso(NOON + HOUR)}, 4),
        ({"since": iso(NOON + HOUR), "jobs": ["backup-web"], "outcomes": ["failed"]}, 2),
    ],
)
def test_questions(mixed: State, question: dict[str, object], count: int) -> None:
    assert len(all_runs(mixed, **question)) == count


def test_jobs_with_a_limit_give_the_newest_of_all_of_them(mixed: State) -> None:
    newest = all_runs(mixed, jobs=["backup-*"], limit=2)

    assert {run.job for run in newest} == {"backup-db", "backup-web"}
    assert {run.started_at for run in newest} == {iso(NOON + 2 * HOUR)}


def test_the_runs_of_one_job_are_found_without_a_look_at_all_jobs(mixed: State) -> None:
    """Whoever asks for each job one after the other must not read all of them each time."""
    asked: list[str] = []
    with open_index(str(mixed)) as index:
        slug = index.runs()[0].job
        index._database.connection().set_trace_callback(asked.append)

        found = index.runs(jobs=[slug])
        by_name = list(asked)
        by_glob = index.runs(jobs=[f"{slug[:-1]}?", slug])

    assert found
    assert {run.job for run in found} == {slug}
    assert {run.run_id for run in found} <= {run.run_id for run in by_glob}
    assert [statement for statement in by_name if "FROM job" in statement] == []


def test_latest_gives_the_last_runs_of_each_job(mixed: State) -> None:
    with open_index(str(mixed)) as index:
        latest = index.latest(["backup-web", "purge", "nosuch"], count=2)

    assert [[outcome for _, outcome, _ in latest[job]] for job in latest] == [["failed", "failed"], ["skipped"], []]


def test_a_run_is_found_by_the_beginning_of_its_id(mixed: State) -> None:
    identity = mixed.run("other", NOON + 9 * DAY)

    with open_index(str(mixed)) as index:
        assert [run.run_id for run in index.find(identity[:12])] == [identity]
        assert [run.run_id for run in index.find(identity)] == [identity]
        assert index.find("zzz") == []
        assert len(index.find("", limit=3)) == 3


def test_jobs_are_those_of_the_history(mixed: State) -> None:
    with open_index(str(mixed)) as index:
        assert index.jobs() == ["backup-db", "backup-web", "purge"]
        assert index.matching(["backup-*", "purge"]) == ["backup-db", "backup-web", "purge"]


# --- runs without a recorded end -----------------------------------------------------------------------------------


def test_a_run_whose_runner_lives_goes_on(state: State) -> None:
    state.start("purge", alive=True)

    [run] = all_runs(state)

    assert (run.outcome, run.ended_at, run.pid) == (None, None, os.getpid())


def test_a_run_whose_runner_is_gone_is_lost(state: State) -> None:
    state.start("purge")

    [run] = all_runs(state)

    assert (run.outcome, run.reason, run.detail, run.pid) == (
        "lost",
        "runner_killed",
        "its runner was killed before it could record the end",
        None,
    )


def test_a_run_that_ends_during_the_look_is_not_lost_though_the_next_one_has_its_block(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'")
    with ExitStack() as until_the_end:
        first, second = until_the_end.enter_context(box.start("job")), list[Live]()
        started.read_line()

        def alive(run: dict[str, object]) -> bool:
            is_alive = runner_is_alive(run)
            if not second:
                go_on.write_line()
                first.wait()
                second.append(until_the_end.enter_context(box.start("job")))
                started.read_line()
            return is_alive

        with Index.open(str(box.state_directory), read_block=read_block, runner_is_alive=alive) as index:
            [run] = index.runs()
        go_on.write_line()
        second[0].wait()

    assert run.outcome is None


def test_a_run_of_another_boot_was_lost_with_the_host(state: State) -> None:
    state.start("purge", boot_id="another")

    assert outcomes(state) == [("purge", "lost", "host_down")]


def test_lost_and_running_runs_can_be_asked_for(state: State) -> None:
    state.start("gone")
    state.start("alive", alive=True)
    state.run("fine", NOON + HOUR)

    assert outcomes(state, outcomes=["lost"], limit=1) == [("gone", "lost", "runner_killed")]
    assert outcomes(state, outcomes=["running"], limit=1) == [("alive", None, None)]
    assert outcomes(state, outcomes=["succeeded"], limit=1) == [("fine", "succeeded", None)]


def test_an_end_that_is_only_in_the_block_counts(state: State) -> None:
    start = state.start("purge")
    state.block(start, end=state.end_of(start, outcome="warned", reason="stderr"))

    assert outcomes(state) == [("purge", "warned", "stderr")]


def test_the_block_of_another_run_does_not_count(state: State) -> None:
    start = state.start("purge")
    later = state.start("purge", NOON + HOUR)
    state.block(later, end=state.end_of(later))

    assert [run.outcome for run in all_runs(state)] == ["succeeded", "lost"]
    assert all_runs(state)[1].run_id == start["run_id"]


def test_an_end_that_comes_while_we_look_is_seen(state: State) -> None:
    start = state.start("purge")

    with open_index(str(state)) as index:
        state.write(state.end_of(start))

        assert [run.outcome for run in index.runs()] == ["succeeded"]


def test_a_later_end_replaces_an_earlier_one(state: State) -> None:
    start = state.start("purge")
    state.write(state.end_of(start, outcome="lost", reason="runner_killed"))
    assert outcomes(state) == [("purge", "lost", "runner_killed")]

    state.write(state.end_of(start))

    assert outcomes(state) == [("purge", "succeeded", None)]


# --- the journal as it may be found --------------------------------------------------------------------------------


def test_an_end_without_its_start_is_a_whole_run(state: State) -> None:
    start = state.start("purge")
    for file in state.journal.iterdir():
        file.unlink()
    state.write(state.end_of(start))

    assert outcomes(state) == [("purge", "succeeded", None)]


def test_a_record_folded_twice_is_one_run(state: State) -> None:
    start = state.start("purge")
    for _ in range(3):
        state.write(state.end_of(start))

    assert len(all_runs(state)) == 1


GARBAGE = {
    "torn": b'{"event":"start","at":"2026-03-10T12:0',
    "not JSON": b"\x00\xff\xfe hello",
    "not an object": b"[1, 2]",
    "no event": b'{"at": "2026-03-10T12:00:00.000Z"}',
    "no run id": b'{"event":"skip","at":"2026-03-10T12:00:00.000Z","job":"x","outcome":"skipped"}',
    "a list where a text belongs": (
        b'{"event":"skip","at":"t","job":"x","run_id":"r","outcome":"skipped","reason":["a"]}'
    ),
    "a number too large": (
        b'{"event":"end","at":"t","started_at":"t","job":"x","run_id":"r","outcome":"o","exit_code":%s}' % (b"9" * 80)
    ),
    "half a surrogate pair": (
        b'{"event":"skip","at":"t","job":"x","run_id":"r","outcome":"skipped","reason":"\\ud800"}'
    ),
    "too deep": b"[" * 100_000,
}


@pytest.mark.fault("a garbled tail or line of the journal", wanted="the rest is read, told")
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_garbled_line_is_passed_over_and_counted(state: State, garbage: bytes) -> None:
    state.run("before")
    state.write(garbage)
    state.run("after")

    with open_index(str(state)) as index:
        assert sorted(run.job for run in index.runs()) == ["after", "before"]
        assert index.garbled() == [Garbled("2026-03-10.jsonl", 1)]


def test_an_unknown_event_is_not_garbage(state: State) -> None:
    state.write({"event": "release", "at": iso(NOON), "job": "purge"})
    state.run("purge")

    with open_index(str(state)) as index:
        assert len(index.runs()) == 1
        assert index.garbled() == []


def test_a_line_still_in_the_writing_is_read_when_it_is_complete(state: State) -> None:
    start = state.start("purge", alive=True)
    whole = f"\n{json.dumps(state.end_of(start))}".encode("ascii")
    file = state.journal / "2026-03-10.jsonl"
    with open(file, "ab") as today:
        today.write(whole[:50])
    with open_index(str(state)) as index:
        assert [run.outcome for run in index.runs()] == [None]
        assert index.garbled() == []

    with open(file, "ab") as today:
        today.write(whole[50:])

    assert outcomes(state) == [("purge", "succeeded", None)]


@pytest.mark.fault("a garbled tail or line of the journal", wanted="the rest is read, told")
def test_a_torn_end_of_an_old_day_is_told(state: State) -> None:
    state.run("purge", NOON)
    state.write(b'{"event":"end","at"', day="2026-03-10")
    state.run("purge", NOON + DAY)
    state.run("purge", NOON + 2 * DAY)

    with open_index(str(state)) as index:
        assert len(index.runs()) == 3
        assert index.garbled() == [Garbled("2026-03-10.jsonl", 1)]


@pytest.mark.fault("a garbled tail or line of the journal", wanted="the rest is read, told")
def test_a_huge_line_without_an_end_is_passed_over(state: State) -> None:
    state.run("purge", NOON)
    state.write(b"x" * (17 << 20))
    state.run("purge", NOON + HOUR)

    with open_index(str(state)) as index:
        assert len(index.runs()) == 2
        assert index.garbled()


def test_zeros_that_a_crash_left_are_nothing(state: State) -> None:
    state.run("purge", NOON)
    state.write(b"\0" * 5000)
    state.run("purge", NOON + HOUR)

    with open_index(str(state)) as index:
        assert len(index.runs()) == 2
        assert index.garbled() == []


def test_compressed_days_are_read(state: State) -> None:
    state.run("purge", NOON - DAY)
    state.run("purge", NOON)
    state.compress("2026-03-09")

    assert len(all_runs(state)) == 2


def test_a_day_compressed_after_it_was_folded_is_not_read_again(state: State) -> None:
    state.run("purge", NOON - DAY)
    before = all_runs(state)
    state.compress("2026-03-09")
    packed = state.journal / "2026-03-09.jsonl.gz"
    content = packed.read_bytes()
    packed.write_bytes(b"not read" + content[-4:])  # its length is still told by the last four bytes

    with open_index(str(state)) as index:
        assert index.runs() == before
        assert index.garbled() == []


def test_lines_written_to_a_day_after_it_was_compressed_are_read(state: State) -> None:
    state.run("purge", NOON - DAY)
    state.compress("2026-03-09")
    all_runs(state)

    state.run("purge", NOON - DAY + HOUR)

    assert len(all_runs(state)) == 2


@pytest.mark.fault("a garbled tail or line of the journal", wanted="the rest is read, told")
def test_a_torn_compressed_day_gives_what_it_has(state: State) -> None:
    for minute in range(5000):
        state.skip("purge", NOON - DAY + timedelta(seconds=minute))
    state.compress("2026-03-09")
    packed = state.journal / "2026-03-09.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:-2000])

    with open_index(str(state)) as index:
        assert 1000 < len(index.runs()) < 5000
        assert [garbled.file for garbled in index.garbled()] == ["2026-03-09.jsonl.gz"]


def test_days_that_were_removed_are_forgotten(state: State) -> None:
    state.run("old", NOON - DAY)
    state.run("purge", NOON)
    all_runs(state)

    (state.journal / "2026-03-09.jsonl").unlink()

    with open_index(str(state)) as index:
        assert [run.job for run in index.runs()] == ["purge"]
        assert index.jobs() == ["purge"]


def test_a_run_over_midnight_is_kept_when_the_day_of_its_start_goes(state: State) -> None:
    state.write(state.end_of(state.start("purge", NOON - DAY), seconds=86400))
    before = all_runs(state)

    (state.journal / "2026-03-09.jsonl").unlink()

    assert all_runs(state) == before
    assert built_again(state) == before


def test_a_journal_that_was_replaced_is_read_anew(state: State) -> None:
    state.run("old", NOON)
    all_runs(state)
    for file in state.journal.iterdir():
        file.rename(file.with_suffix(".away"))

    state.run("new", NOON)
    state.run("new", NOON + HOUR)

    assert [run.job for run in all_runs(state)] == ["new", "new"]


def test_a_journal_that_lost_its_end_in_a_power_cut_and_went_on_is_read_anew(state: State) -> None:
    """Somebody had looked before the record was on the disk; what came after the boot is longer."""
    state.run("kept", NOON)
    (day,) = state.journal.iterdir()
    before = day.stat().st_size
    state.run("gone", NOON + HOUR)
    all_runs(state)

    os.truncate(day, before)
    for number in range(3):
        state.run("a-job-with-a-longer-name", NOON + (2 + number) * HOUR)

    assert [run.job for run in all_runs(state)] == ["a-job-with-a-longer-name"] * 3 + ["kept"]


# --- it can be deleted at any time ---------------------------------------------------------------------------------


def built_again(state: State) -> list[Run]:
    for file in state.directory.glob("history.sqlite*"):
        file.unlink()
    return all_runs(state)


def corrupt(path: Path, dice: random.Random) -> None:
    how = dice.choice(["delete", "truncate", "empty", "garbage", "header", "bytes", "append", "not a database"])
    content = bytearray(path.read_bytes())
    place = dice.randrange(max(1, len(content)))
    if how == "delete":
        path.unlink()
        return
    if how == "truncate":
        del content[place:]
    elif how == "empty":
        content.clear()
    elif how == "garbage":
        content[place : place + 300] = dice.randbytes(300)
    elif how == "header":
        content[:100] = dice.randbytes(100)
    elif how == "bytes":
        content[place : place + 1] = dice.randbytes(1)
    elif how == "append":
        content += dice.randbytes(5000)
    else:
        content = bytearray(b"hello")
    path.write_bytes(content)


@pytest.mark.fault("SQLite deleted or corrupted", small=20, full=100, wanted="built again, equal")
def test_a_deleted_or_corrupted_index_is_built_again_and_equal(state: State, storm: Storm) -> None:
    dice = random.Random(7)
    for hour in range(40):
        state.run("purge", NOON + hour * HOUR, detail="x" * 50)
    before = all_runs(state)

    for _ in storm.rounds():
        corrupt(state.directory / "history.sqlite", dice)
        assert all_runs(state) == before


def test_an_index_of_another_version_is_built_again(state: State) -> None:
    state.run("purge")
    all_runs(state)
    with sqlite3.connect(state.directory / "history.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
        database.execute("DELETE FROM run")
    database.close()
    reseal(state)

    assert outcomes(state) == [("purge", "succeeded", None)]


def reseal(state: State) -> None:
    status = (state.directory / "history.sqlite").stat()
    text = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n"
    (state.directory / "history.sqlite.seal").write_text(text)


def test_a_malformed_index_with_a_good_seal_is_built_again(state: State) -> None:
    for hour in range(40):
        state.run("purge", NOON + hour * HOUR, detail="x" * 500)
    before = all_runs(state)
    path = state.directory / "history.sqlite"
    path.write_bytes(path.read_bytes()[:8192] + b"\xa5" * (path.stat().st_size - 8192))
    reseal(state)

    assert all_runs(state) == before


def test_an_index_deleted_while_it_is_open_still_answers(state: State) -> None:
    state.run("purge", NOON)
    with open_index(str(state)) as index:
        (state.directory / "history.sqlite").unlink()
        state.run("purge", NOON + HOUR)
        assert len(all_runs(state)) == 2

        assert len(index.runs()) == 1


def test_many_readers_at_once_agree(state: State) -> None:
    for hour in range(200):
        state.run("purge", NOON + hour * HOUR)

    readers = [reader_of(state) for _ in range(6)]

    assert [reader.communicate() for reader in readers] == [(b"200\n", b"")] * 6


@pytest.mark.fault("SQLite corrupted under its readers", small=6, full=200, wanted="all others answer right")
def test_readers_survive_whatever_happens_to_the_index_while_they_read(state: State, storm: Storm) -> None:
    dice = random.Random(11)
    for hour in range(400):
        state.run(f"job-{hour % 7}", NOON + hour * HOUR)
    answers = []

    for _ in storm.rounds():
        readers = [reader_of(state) for _ in range(3)]
        with suppress(FileNotFoundError):
            corrupt(state.directory / "history.sqlite", dice)
        readers[0].kill()
        answers += [reader.communicate() for reader in readers][1:]

    assert set(answers) == {(b"400\n", b"")}


def reader_of(state: State) -> "subprocess.Popen[bytes]":
    script = (
        "import sys; from process_control.state.past_runs import open_index\n"
        "with open_index(sys.argv[1]) as index: print(len(index.runs()))"
    )
    command = [sys.executable, "-c", script, str(state)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_who_may_not_write_gets_an_index_in_memory(unwritable: State) -> None:
    unwritable.run("purge")

    assert outcomes(unwritable) == [("purge", "succeeded", None)]
    assert not (unwritable.directory / "history.sqlite").exists()


def test_an_index_in_memory_sees_what_comes_later(unwritable: State) -> None:
    start = unwritable.start("purge")
    with open_index(str(unwritable)) as index:
        unwritable.write(unwritable.end_of(start))

        assert [run.outcome for run in index.runs()] == ["succeeded"]


@pytest.mark.parametrize("is_known", [True, False], ids=["an index is there", "none is there"])
def test_a_reader_of_a_read_only_state_sees_everything(make_box: Callable[..., Box], is_known: bool) -> None:
    box = make_box()
    state = State(box.state_directory)
    state.run("purge", NOON)
    reader = STRANGER if IS_ROOT else None
    box.give(box.state_directory, reader)
    if is_known:
        box.process_control("history", user=reader)
    state.run("purge", NOON + HOUR)
    box.give(box.state_directory, reader)
    box.state_directory.chmod(0o500)

    result = box.process_control("history", "--no-header", user=reader)

    box.state_directory.chmod(0o700)
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [
        [iso(NOON + HOUR), "purge"],
        [iso(NOON), "purge"],
    ]
    assert (box.state_directory / "history.sqlite").exists() == is_known


@pytest.mark.needs_root
@pytest.mark.parametrize("is_known", [True, False], ids=["an index is there", "none is there"])
def test_a_full_disk_does_not_hide_the_history(make_box: Callable[..., Box], is_known: bool) -> None:
    box = make_box()
    box.mount_small(box.state_directory, kilobytes=512)
    state = State(box.state_directory)
    state.run("purge", NOON)
    if is_known:
        all_runs(state)
    for hour in range(1, 100):
        state.run("purge", NOON + hour * HOUR)
    with suppress(OSError), open(box.state_directory / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)

    assert len(all_runs(state)) == 100

    (box.state_directory / "filler").unlink()
    assert len(all_runs(state)) == 100
    assert (box.state_directory / "history.sqlite").exists()


def test_a_link_in_the_place_of_the_index_is_not_followed(state: State, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (state.directory / "history.sqlite").symlink_to(victim)
    state.run("purge")

    assert outcomes(state) == [("purge", "succeeded", None)]
    assert victim.read_text() == "precious"


def test_only_its_owner_writes_the_index_and_others_cannot_read_it(state: State) -> None:
    state.run("purge")
    all_runs(state)

    modes = {file.name: file.stat().st_mode & 0o777 for file in state.directory.glob("history.sqlite*")}
    assert modes == {"history.sqlite": 0o640, "history.sqlite.seal": 0o640, "history.sqlite.lock": 0o600}


def test_a_copy_of_a_file_that_changed_meanwhile_is_not_believed(state: State) -> None:
    """A reader takes no lock: a seal that fits no more means to read the journal instead."""
    state.run("purge")
    all_runs(state)
    with sqlite3.connect(state.directory / "history.sqlite") as database:
        database.execute("DELETE FROM run")
    database.close()
    (state.directory / "history.sqlite.lock").unlink()
    (state.directory / "history.sqlite.lock").mkdir()  # nobody may write

    assert outcomes(state) == [("purge", "succeeded", None)]

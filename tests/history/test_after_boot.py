"""After a boot the journal decides: what blocks and healths had in memory only is put right, once for all jobs."""

import json
import os
import time
from pathlib import Path

import pytest

from kit.harness import Box
from kit.runs import ONE_SLOT, ends, outcomes, starts
from process_control.core.gate import STATES
from process_control.history import journal, journal_reader
from process_control.state.after_boot import recover
from process_control.state.block import read_block
from process_control.state.job_state import JobRecord
from process_control.system import proc
from process_control.system.clock import iso

ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def boot_again(box: Box) -> None:
    """Make what this boot has written look as if another one had."""
    ours = proc.boot_id().encode()
    for path in [*box.state_directory.glob("journal/*.jsonl"), *box.state_directory.glob("jobs/*/block")]:
        path.write_bytes(path.read_bytes().replace(ours, ANOTHER_BOOT.encode()))
    (box.state_directory / "recovered").unlink()


def block_of(box: Box) -> Path:
    return box.state_directory / "jobs/job/block"


def test_a_slot_that_the_block_forgot_gets_no_second_run(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    block_of(box).write_bytes(b"slot 5 5\n".ljust(4096))
    boot_again(box)

    result = box.run("--scheduled", "job")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert len(starts(box)) == 1


@pytest.mark.parametrize("block", [b"", b" " * 4096, b"\0" * 4096], ids=["empty", "blank", "zeros"])
def test_a_run_without_an_end_is_lost_though_the_block_knows_nothing_of_it(box: Box, block: bytes) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    without_its_end(box)
    block_of(box).write_bytes(block)
    boot_again(box)

    assert [box.run("job").exit_code for _ in range(2)] == [0, 0]

    assert outcomes(box) == [("lost", "host_down"), ("succeeded", None), ("succeeded", None)]
    assert ends(box)[0]["log"] == starts(box)[0]["log"]


def test_an_end_that_the_block_forgot_is_counted_once_and_recorded_no_second_time(box: Box) -> None:
    box.job("job", f"command: 'false'\n{ONE_SLOT}\nhold: {{after_failures: 2}}")
    box.run("--scheduled", "job")
    health = box.state_directory / "jobs/job/health.json"
    health.unlink()
    block_of(box).write_bytes(b"")
    boot_again(box)

    box.run("job")

    assert box.health("job")["failures_in_row"] == 1
    assert len(ends(box)) == 2


def test_a_held_job_has_its_lost_run_told_though_nothing_starts(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    without_its_end(box)
    block_of(box).write_bytes(b"")
    boot_again(box)
    box.process_control("hold", "job")

    assert box.run("--scheduled", "job").exit_code == 0

    assert outcomes(box) == [("lost", "host_down")]


def test_many_first_starts_at_once_tell_each_lost_run_once(box: Box) -> None:
    slugs = [f"job-{number}" for number in range(8)]
    for slug in slugs:
        box.job(slug, "command: 'true'")
        box.run(slug)
        without_its_end(box)
        (box.state_directory / "jobs" / slug / "block").write_bytes(b"")
    boot_again(box)

    lives = [box.start(slug, via="stub") for slug in slugs]

    assert [live.wait().exit_code for live in lives] == [0] * 8
    assert {slug: [end["outcome"] for end in ends(box, slug)] for slug in slugs} == {
        slug: ["lost", "succeeded"] for slug in slugs
    }


@pytest.mark.parametrize("verb", ["release", "hold"])
def test_a_change_that_the_journal_has_and_the_health_has_not_counts(box: Box, verb: str) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    path = box.state_directory / "jobs/job/health.json"
    for step in ("hold", "release", "hold")[: 3 if verb == "hold" else 2]:
        before = path.read_bytes() if path.exists() else b""
        box.process_control(step, "job")
    path.write_bytes(before)
    boot_again(box)

    assert box.run("job").exit_code == (75 if verb == "hold" else 0)


def test_a_hold_that_the_journal_would_not_take_stays(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.process_control("hold", "job")
    box.process_control("release", "job")
    (day,) = (box.state_directory / "journal").glob("*.jsonl")
    day.rename(day.with_suffix(".kept"))
    day.mkdir()
    refused = box.process_control("hold", "job")
    day.rmdir()
    day.with_suffix(".kept").rename(day)
    boot_again(box)

    assert refused.exit_code == 74
    assert box.run("job").exit_code == 75
    assert box.health("job")["state"] in STATES


def test_a_hundred_jobs_read_the_end_of_the_journal_once(tmp_path: Path) -> None:
    """Not a day of it for each: a thousand jobs would not all start within their `start_within`."""
    state = str(tmp_path)
    os.makedirs(f"{state}/journal")
    long_ago = {"event": "mail", "at": iso(1_000_000_000), "job": "other", "detail": "x" * 1000}
    line = ("\n" + json.dumps(long_ago)).encode()
    day = Path(f"{state}/journal/2026-11-28.jsonl")
    day.write_bytes(line * 30_000)
    for number in range(100):
        start = {"run_id": f"{number:016d}", "job": f"job-{number}", "boot_id": ANOTHER_BOOT, "event": "start"}
        with day.open("ab") as file:
            file.write(("\n" + json.dumps({**start, "at": iso(1_800_000_000 + number)})).encode())
    before = read_so_far()

    for number in range(100):
        store = JobRecord(state, f"job-{number}")
        store.open_since_boot(proc.boot_id(), recover)
        assert (store.previous_run() or {})["run_id"] == f"{number:016d}"
        store.close()

    assert day.stat().st_size > 30e6
    assert read_so_far() - before < 8e6


def test_a_start_long_before_the_cut_is_not_looked_for(tmp_path: Path) -> None:
    """Its block was written back long ago: what it says counts."""
    state = str(tmp_path)
    os.makedirs(f"{state}/journal")
    old = {"run_id": "1", "job": "old", "boot_id": ANOTHER_BOOT, "event": "start", "at": iso(1_000_000)}
    journal.append(state, old, now=1_000_000)
    for number in range(4000):
        late = {"event": "skip", "run_id": "2", "job": "late", "at": iso(1_002_000 + number / 100)}
        day = Path(f"{state}/journal/1970-01-12.jsonl")
        with day.open("ab") as file:
            file.write(("\n" + json.dumps(late)).encode())

    recover(state, proc.boot_id())

    assert not Path(f"{state}/jobs/old").exists()
    assert Path(f"{state}/recovered").read_text() == proc.boot_id()


def test_what_was_refused_or_mailed_since_the_boot_does_not_hide_what_came_before_it(tmp_path: Path) -> None:
    state, now = str(tmp_path), time.time()
    os.makedirs(f"{state}/journal")
    lost = {"run_id": "1", "job": "lost", "boot_id": ANOTHER_BOOT, "event": "start", "at": iso(now - 86_000)}
    journal.append(state, lost, now=now)
    for number in range(4000):
        refusal = {"event": "refusal", "job": "typo", "at": iso(now + number / 100)}
        with journal_day(state, now).open("ab") as file:
            file.write(("\n" + json.dumps(refusal)).encode())

    recover(state, proc.boot_id())

    run = read_block(state, "lost")
    assert run is not None
    assert (run["run_id"], run["end"]) == ("1", None)


def test_the_journal_backwards_is_the_journal_forwards_the_other_way_round(tmp_path: Path) -> None:
    state = str(tmp_path)
    os.makedirs(f"{state}/journal")
    for number in range(5000):
        with Path(f"{state}/journal/2026-01-0{1 + number // 2000}.jsonl").open("ab") as file:
            file.write(("\n" + json.dumps({"event": "skip", "number": number, "pad": "x" * (number % 977)})).encode())

    assert list(journal_reader.backwards(state)) == list(journal_reader.records(state))[::-1]
    assert next(journal_reader.backwards(state, since="2026-01-03"))["number"] == 4999


def journal_day(state: str, moment: float) -> Path:
    return Path(f"{state}/journal/{iso(moment)[:10]}.jsonl")


def read_so_far() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


def without_its_end(box: Box) -> None:
    """Take the last end out of the journal, and what came after it, as if the power had been cut before."""
    (day,) = (box.state_directory / "journal").glob("*.jsonl")
    content = day.read_bytes()
    day.write_bytes(content[: content.rindex(b'\n{"event":"end"')])

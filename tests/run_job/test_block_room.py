"""What the block keeps of a run fits whatever people write: it is cut by values, and the block always reads."""

import json
from pathlib import Path

import pytest

from kit.harness import Box, lives, until
from kit.runs import kill_both, outcomes, records, starts
from process_control.errors import CannotRecord
from process_control.state.block import read_block
from process_control.state.job_state import JobRecord
from process_control.state.shortened_block import cut

WIDE = "\N{GRINNING FACE}"  # twelve bytes of JSON
START = {
    "run_id": "1m8gdedn3zszm8yy",
    "job": "j" * 64,
    "trigger": "cron",
    "scheduled_at": "2026-01-01T00:00:00.000Z",
    "slow_start": False,
    "by": WIDE * 64,
    "host": "h" * 64,
    "version": "d796986b34c8",
    "note": WIDE * 500,
    "lock": "l" * 64,
    "pid": 4194304,
    "pid_start": 99999999999,
    "boot_id": "9d8865ec-a36a-49d5-8f84-7aa41c3906e3",
    "pid_ns": "pid:[4026531836]",
    "guard_pid": 4194303,
    "kill_grace_seconds": 315360000.0,
    "started_at": "2026-11-28T06:28:24.867Z",
    "log": "/l" * 2000,
    "cgroup": f"/sys/fs/cgroup/{'g' * 400}/process-control.1m8gdedn3zszm8yy",
    "limits": {"memory": 1 << 40, "required": False},
    "end": None,
    "journaled": False,
    "left": [],
}


def a_run_is_safe(box: Box, *flags: str, slug: str = "job") -> None:
    """Run it with these flags: its block reads, no second run begins though the lock file is gone, it can be lost."""
    started = box.fifo(f"started-{slug[:9]}")
    box.job(slug, f"command: sh -c 'echo up > {started}; exec sleep 1000'\nlock: {'l' * 64}")
    with box.start(slug, *flags) as live:
        started.read_line()
        (box.state_directory / "run" / f"{'l' * 64}.lock").unlink()
        second = box.run(slug)
        block = box.block(slug)
        kill_both(box, slug)
        live.wait()
    until(lambda: not lives(block["pid"]), "the runner to end")
    for pid in box.processes(block["run_id"]):
        import os
        import signal

        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: not lives(pid), "the survivor to end")
    box.job(slug, f"command: 'true'\nlock: {'l' * 64}")

    assert second.exit_code == 75
    assert f"already running: run {block['run_id']}" in second.stderr
    assert box.run(slug).exit_code == 0
    assert outcomes(box, slug) == [("lost", "runner_killed"), ("succeeded", None)]


@pytest.mark.parametrize("note", ["x" * 4000, WIDE * 1000], ids=["4,000 letters", "1,000 of twelve bytes"])
def test_a_run_with_a_long_note_is_no_less_safe(box: Box, note: str) -> None:
    a_run_is_safe(box, "--note", note)

    assert starts(box)[0]["note"] == note[:500]


def test_the_longest_names_and_long_paths_are_no_less_safe(box: Box) -> None:
    deep = box.root / "/".join(["d" * 200] * 14)
    box.configure(output_directory=str(deep))
    box.output_directory = deep

    a_run_is_safe(box, "--note", "x" * 500, slug="j" * 64)

    assert [end["log"] for end in records(box, "end")] == [start["log"] for start in starts(box)]
    assert Path(starts(box)[0]["log"]).is_relative_to(deep)


def test_a_detail_of_wide_characters_does_not_keep_the_end_from_the_block(box: Box) -> None:
    box.job("job", f"command: {WIDE * 250}\nenvironment: {{PATH: '/{WIDE * 900}'}}")

    box.run("job", "--note", WIDE * 400)

    block = box.block("job")
    assert (block["end"]["outcome"], block["end"]["reason"]) == ("failed", "not_started")
    assert box.run("job").exit_code == 127
    assert outcomes(box) == [("failed", "not_started")] * 2


def test_whatever_a_run_and_its_end_say_both_fit_and_what_safety_needs_is_whole(tmp_path: Path) -> None:
    store = JobRecord(str(tmp_path), "job")
    store.open()
    (tmp_path / "journal").mkdir()
    end = {
        **{name: START[name] for name in ("run_id", "job", "trigger", "scheduled_at", "by", "host", "note", "log")},
        "event": "end",
        "at": START["started_at"],
        "outcome": "failed",
        "reason": "exit_code",
        "exit_code": 255,
        "detail": WIDE * 300,
        "attempts": [{"detail": WIDE * 300}] * 99,
        "decided_by": {"line": WIDE * 99},
        "log_error": WIDE * 99,
        "held": WIDE * 300,
        "some_later_text": WIDE * 99,
        "duration_seconds": 31536000.999,
        "stdout_bytes": 1 << 60,
        "stderr_bytes": 1 << 60,
        "log_dropped_bytes": 1 << 60,
        "memory_bytes": 1 << 60,
        "read_bytes": 1 << 60,
        "written_bytes": 1 << 60,
        "cpu_seconds": 31536000.999999,
        "cpu_of": "tree",
    }

    store.write_start(dict(START))
    at_first = read_block(str(tmp_path), "job")
    store.record_end(dict(START), end, left=[[4194304, 99999999999]] * 500)
    at_last = read_block(str(tmp_path), "job")
    store.close()

    whole = ("run_id", "job", "lock", "pid", "pid_start", "boot_id", "pid_ns", "cgroup", "kill_grace_seconds")
    for block in (at_first, at_last):
        assert block is not None
        assert {name: block[name] for name in whole} == {name: START[name] for name in whole}
    assert at_last is not None
    last = at_last["end"]
    assert isinstance(last, dict)
    assert (last["outcome"], last["run_id"], last["exit_code"]) == ("failed", START["run_id"], 255)
    assert len(json.dumps(at_last["left"])) > 20


def test_what_even_then_does_not_fit_is_refused_before_the_start(tmp_path: Path) -> None:
    store = JobRecord(str(tmp_path), "job")
    store.open()

    with pytest.raises(CannotRecord, match="bytes of the job's block"):
        store.write_start({**START, "cgroup": "/c" * 1500})
    store.close()


@pytest.mark.parametrize("text", ["", "abc", "a" * 20, WIDE * 9, 'a"\\\n' * 9, "é" * 50, "\ud800" * 9])
def test_a_text_is_cut_by_what_it_takes_as_json(text: str) -> None:
    for longest in range(6, 60):
        short = cut(text, longest)
        assert len(json.dumps(short)) - 2 <= longest
        assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
        assert short == text or len(json.dumps(text)) - 2 > longest

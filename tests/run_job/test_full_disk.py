"""A disk that is full before, during or after a run: never a wrong verdict, never a start without a record."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import Box, Fifo, Storm, until
from kit.runs import ONE_SLOT, ends, outcomes, pause_or_end, script, starts, the_end

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.fault(
        "disk full before, during, after a run", small=1, full=1, wanted="the right final status once there is space"
    ),
]


def small_box(make_box: Callable[..., Box], *, state: int | None = None, logs: int | None = None) -> Box:
    """A box whose state, or logs, lie on a small disk of so many kilobytes."""
    box = make_box()
    if state is not None:
        box.mount_small(box.state_directory, kilobytes=state)
        box.state_directory.chmod(0o700)
    if logs is not None:
        box.mount_small(box.output_directory, kilobytes=logs)
    return box


def fill(directory: Path) -> Path:
    """Write until nothing more fits; return the file, whose removal frees the space again."""
    path = directory / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while os.write(descriptor, b"x" * size):
                    pass
            except OSError:
                continue
    finally:
        os.close(descriptor)
    assert shutil.disk_usage(directory).free == 0
    return path


def test_full_before_a_run_nothing_runs_and_it_is_told_with_74(make_box: Callable[..., Box]) -> None:
    box = small_box(make_box, state=400)
    box.job("hello", f"command: touch {box.root}/ran\n{ONE_SLOT}")
    fill(box.state_directory)

    by_hand, scheduled = box.run("hello"), box.run("--scheduled", "hello")

    assert (by_hand.exit_code, scheduled.exit_code) == (74, 74), (by_hand, scheduled)
    assert "No space left on device" in by_hand.stderr
    assert not (box.root / "ran").exists()
    assert box.logs("hello") == []


def test_full_before_a_run_of_a_job_that_ran_before(make_box: Callable[..., Box]) -> None:
    """The block has its place, the journal's reserve is used up: nothing runs, and nobody calls it lost later."""
    box = small_box(make_box, state=300)
    box.job("hello", f"command: touch {box.root}/ran\n{ONE_SLOT}")
    assert box.run("hello").exit_code == 0
    (box.root / "ran").unlink()
    use_up_the_reserve(box)
    filler = fill(box.state_directory)

    by_hand, scheduled = box.run("hello"), box.run("--scheduled", "hello")
    filler.unlink()
    again = box.run("--scheduled", "hello")

    assert (by_hand.exit_code, scheduled.exit_code) == (74, 74), (by_hand, scheduled)
    assert again.exit_code == 0
    assert (box.root / "ran").exists()
    assert outcomes(box) == [("succeeded", None), ("succeeded", None)]
    assert {end["run_id"] for end in ends(box)} == {start["run_id"] for start in starts(box)}


def use_up_the_reserve(box: Box) -> None:
    (journal,) = (box.state_directory / "journal").iterdir()
    with journal.open("ab") as file:
        size = os.fstat(file.fileno())
        reserved = size.st_blocks * 512 - size.st_size
        if reserved > 0:
            file.write(b"\n" + b" " * (reserved - 1))


def test_full_during_a_run_the_verdict_and_the_exit_code_are_as_ever(make_box: Callable[..., Box]) -> None:
    box = small_box(make_box, state=300, logs=300)
    started, release = box.fifo("started"), box.fifo("release")
    for slug, code in (("fails", 3), ("works", 0)):
        job = script(
            box, f"{slug}.sh", f"echo before; echo > {started}; read line < {release}; echo after; exit {code}"
        )
        box.job(slug, f"command: {job}")

    for slug, code in (("fails", 3), ("works", 0)):
        with box.start(slug) as live:
            started.read_line()
            until(lambda slug=slug: is_logged(box, slug), "its first line to be in the log and its index")
            use_up_the_reserve(box)
            fillers = [fill(directory) for directory in (box.state_directory, box.output_directory)]
            release.write_line()
            result = live.wait()
        assert result.exit_code == code
        assert "Traceback" not in result.stderr
        assert box.block(slug)["end"]["outcome"] == ("failed" if code else "succeeded")
        if code:
            assert result.stderr.startswith(f"{slug}: failed: exited with 3 (run ")
            assert "note: " in result.stderr
            assert "the journal cannot be written: No space left on device" in result.stderr
        else:
            assert result.stderr.startswith("works: succeeded (run ")
            assert "the journal cannot be written: No space left on device" in result.stderr
        assert box.log_bytes(slug).startswith(b"before\n")
        for filler in fillers:
            filler.unlink()

    assert ends(box) == []
    release_twice(release)
    assert [box.run(slug).exit_code for slug in ("fails", "works")] == [3, 0]
    told = [(end["job"], end["outcome"], end["reason"]) for end in ends(box)]
    assert told == [
        ("fails", "failed", "exit_code"),
        ("fails", "failed", "exit_code"),
        ("works", "succeeded", None),
        ("works", "succeeded", None),
    ]
    assert [end["run_id"] for end in ends(box)] == [
        start["run_id"] for start in sorted(starts(box), key=lambda r: r["job"])
    ]


def is_logged(box: Box, slug: str) -> bool:
    """Whether a line is in the log and then in its index, which nothing is written to after the disk is full."""
    index = Path(f"{box.logs(slug)[-1]}.idx")
    return index.exists() and index.read_text().endswith("\n")


def release_twice(release: Fifo) -> None:
    for _ in range(2):
        release.write_line()


def test_the_reserve_of_the_journal_takes_the_end_although_the_disk_is_full(make_box: Callable[..., Box]) -> None:
    box = small_box(make_box, state=4000)
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}; exit 3")
    box.job("job", f"command: {job}")

    with box.start("job") as live:
        started.read_line()
        fill(box.state_directory)
        release.write_line()
        result = live.wait()

    assert result.exit_code == 3
    assert "the journal" not in result.stderr
    assert outcomes(box) == [("failed", "exit_code")]


def test_a_log_that_cannot_be_written_any_more_is_reported_and_its_tail_is_kept_when_there_is_space(
    make_box: Callable[..., Box],
) -> None:
    box = small_box(make_box, logs=300)
    started, release = box.fifo("started"), box.fifo("release")
    job = script(
        box,
        "job.sh",
        f"echo before; echo > {started}; read x < {release}; echo while full; echo > {started}; read x < {release}",
    )
    box.job("job", f"command: {job}")

    with box.start("job") as live:
        started.read_line()
        until(lambda: is_logged(box, "job"), "its first line to be in the log and its index")
        filler = fill(box.output_directory)
        release.write_line()
        started.read_line()
        filler.unlink()
        release.write_line()
        result = live.wait()

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("job") == b"before\nwhile full\n"
    assert outcomes(box) == [("succeeded", None)]


def test_a_job_that_fills_the_disk_of_its_logs_is_judged_by_its_own_end(make_box: Callable[..., Box]) -> None:
    box = small_box(make_box, logs=1000)
    box.job("prints", "command: head -c 5000000 /dev/zero")

    result = box.run("prints")

    end = the_end(box)
    why = f"{end['log_dropped_bytes']:,} bytes of output are missing in the log: No space left on device"
    assert result.exit_code == 0
    assert result.stderr == f"prints: warned: {why} (run {end['run_id']}, log {end['log']})\n"
    assert (end["outcome"], end["reason"], end["stdout_bytes"]) == ("warned", "output_cut", 5_000_000)
    assert (end["detail"], end["log_error"]) == (why, why)
    assert end["log_dropped_bytes"] > 3_000_000
    assert len(box.log_bytes("prints")) + end["log_dropped_bytes"] == 5_000_000


def test_the_job_that_cleans_the_disk_runs_unlogged_and_is_warned(make_box: Callable[..., Box]) -> None:
    box = small_box(make_box, state=300)
    box.job("hello", "command: 'true'")
    assert box.run("hello").exit_code == 0
    use_up_the_reserve(box)
    filler = fill(box.state_directory)
    box.job("clean", f"command: [rm {filler}, head -c 3000000 /dev/zero]\nrun_unlogged: true\n{ONE_SLOT}")

    result = box.run("--scheduled", "clean")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert not filler.exists()
    assert [end["outcome"] for end in ends(box, "clean")] == ["warned"]


@pytest.mark.parametrize("unlogged", [False, True])
def test_no_log_file_no_run_unless_the_job_may_run_unlogged(box: Box, unlogged: bool) -> None:
    box.job("hello", f"command: [touch {box.root}/ran, echo printed]\nrun_unlogged: {str(unlogged).lower()}")
    box.output_directory.mkdir(mode=0o750)
    (box.output_directory / "hello").write_text("a file where the directory of the logs should be")

    result = box.run("hello")

    assert (box.root / "ran").exists() is unlogged
    if unlogged:
        assert (result.stderr, result.exit_code) == ("", 0)
        assert outcomes(box) == [("warned", "output")]
        assert the_end(box)["log"] is None
    else:
        assert result.exit_code == 74
        assert ends(box) == starts(box) == []


def test_when_there_is_space_again_a_reader_and_the_next_start_know_the_right_end(
    make_box: Callable[..., Box],
) -> None:
    box = small_box(make_box, state=300)
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}; exit 3")
    box.job("job", f"command: {job}")
    with box.start("job") as live:
        started.read_line()
        use_up_the_reserve(box)
        filler = fill(box.state_directory)
        release.write_line()
        live.wait()
    status_while_full = box.run("--status", "job")
    filler.unlink()
    box.job("job", "command: 'true'")

    codes = [box.run("job").exit_code for _ in range(2)]

    assert status_while_full.stdout.startswith("job\tfailed\t")
    assert codes == [0, 0]
    assert outcomes(box) == [("failed", "exit_code"), ("succeeded", None), ("succeeded", None)]


@pytest.mark.fault(
    "disk filled and emptied at any moment", small=5, full=150, wanted="the right final status once there is space"
)
def test_filled_and_emptied_at_any_moment_the_final_status_is_right(make_box: Callable[..., Box], storm: Storm) -> None:
    """State and logs share a small disk. A start that the disk refuses is told with 74, and nothing ran then."""
    box = make_box()
    box.mount_small(box.root / "disk", kilobytes=600)  # no space for the reserve of the journal
    box.configure(state_directory=str(box.root / "disk/state"), output_directory=str(box.root / "disk/log"))
    box.state_directory, box.output_directory = box.root / "disk/state", box.root / "disk/log"
    job = script(box, "job.sh", f"echo $PROCESS_CONTROL_RUN_ID $1 >> {box.root}/ran; head -c 50000 /dev/zero; exit $1")
    for slug, code in (("works", 0), ("fails", 3)):
        box.job(slug, f"command: {job} {code}")
    (box.root / "ran").touch()
    dice, met, refused = random.Random(8), 0, 0
    for _ in storm.rounds():
        slug, code = dice.choice([("works", 0), ("fails", 3)])
        before = (box.root / "ran").read_text()
        with box.start(slug, via="stub") as live:
            met += not pause_or_end(live, dice.uniform(0, 0.04))
            filler = fill(box.root / "disk")
            pause_or_end(live, dice.uniform(0, 0.08))
            filler.unlink()
            result = live.wait()
        has_run = (box.root / "ran").read_text() != before
        assert result.exit_code == (code if has_run else 74), result
        assert "Traceback" not in result.stderr
        refused += not has_run
        for log in box.root.glob("disk/log/*/*"):  # they are of no matter here, and the disk is small
            log.unlink()

    assert [box.run(slug).exit_code for slug in ("works", "fails")] == [0, 3]
    wanted = dict(line.split() for line in (box.root / "ran").read_text().splitlines())
    runs = box.history(flags=["--limit", "0"])  # a record that the disk took half of is passed over
    assert {
        run["run_id"]: {"succeeded": "0", "warned": "0", "failed": "3"}.get(run["outcome"], run) for run in runs
    } == wanted
    assert len(runs) == len(wanted)
    assert refused or storm.size < 50
    storm.found(f"{met} runs met a full disk, {refused} of them were refused with 74, all told right")

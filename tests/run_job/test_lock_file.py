"""The lock is the kernel's: what lies in the lock file means nothing, and what is no plain file is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, STRANGER, Box, Storm, lives
from kit.runs import ONE_SLOT, outcomes, script, skips, starts


def lock_path(box: Box, slug: str) -> Path:
    path = box.state_directory / "run" / f"{slug}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    box.state_directory.chmod(0o700)
    path.parent.chmod(0o700)
    return path


@pytest.mark.fault("Lock file empty, garbage, huge, foreign pid", wanted="it runs, the file stays as it is")
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00garbage\n" * 99, b"1\n", b"4194305\n", b"x" * (16 << 20)],
    ids=["empty", "garbage", "pid of process 1", "pid of nobody", "huge"],
)
def test_what_lies_in_the_lock_file_means_nothing(box: Box, content: bytes) -> None:
    box.job("hello", "command: echo Hello")
    path = lock_path(box, "hello")
    path.write_bytes(content)

    result = box.run("hello")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert path.read_bytes() == content


def _symlink(path: Path) -> None:
    path.with_name("elsewhere").write_text("")
    path.symlink_to("elsewhere")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _hard_link(path: Path) -> None:
    path.with_name("elsewhere").write_text("")
    path.hardlink_to(path.with_name("elsewhere"))


def _foreign(path: Path) -> None:
    if not IS_ROOT:
        pytest.skip("needs root")
    import pwd

    path.write_text("")
    path.chmod(0o666)
    os.chown(path, pwd.getpwnam(STRANGER).pw_uid, -1)


@pytest.mark.fault("Lock file a symlink, FIFO, directory, or not ours", wanted="77, nothing runs")
@pytest.mark.parametrize(
    "make",
    [_symlink, _dangling, os.mkfifo, Path.mkdir, _hard_link, _foreign],
    ids=["symlink", "dangling symlink", "FIFO", "directory", "hard link", "foreign owner"],
)
def test_a_lock_that_is_no_plain_file_of_ours_is_refused(box: Box, make: Callable[[Path], None]) -> None:
    box.job("hello", "command: echo Hello")
    path = lock_path(box, "hello")
    make(path)

    result = box.run("hello")

    assert result.exit_code == 77
    assert result.stderr.startswith(f"{path}: the lock file is ")
    assert f"hint: remove it, after a look at it: ls -ld {path}" in result.stderr
    assert starts(box) == []
    assert not path.with_name("nowhere").exists()


@pytest.mark.fault("Lock file unlinked while held", small=5, full=200, wanted="no double")
def test_a_lock_that_was_unlinked_while_held_doubles_nothing(box: Box, storm: Storm) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo ran; echo started > {started}; read line < {release}")
    box.job("hello", f"command: {job}\n{ONE_SLOT}")

    with box.start("hello") as first:
        started.read_line()
        for _ in storm.rounds():
            lock_path(box, "hello").unlink()
            refused = box.run("hello", via="stub")
            assert (refused.exit_code, refused.stderr.split(": ")[1]) == (75, "already running"), refused
        scheduled = box.run("--scheduled", "hello", via="stub")
        release.write_line()
        assert first.wait().exit_code == 0

    assert (scheduled.stdout, scheduled.stderr, scheduled.exit_code) == ("", "", 0)
    assert [skip["reason"] for skip in skips(box)] == ["overlap"]
    assert outcomes(box) == [("succeeded", None)]
    assert len(starts(box)) == 1


def test_the_lock_is_let_go_when_the_run_has_ended_and_its_file_stays(box: Box) -> None:
    box.job("hello", "command: echo Hello")

    codes = [box.run("hello").exit_code for _ in range(3)]

    assert codes == [0, 0, 0]
    assert lock_path(box, "hello").stat().st_size == 0


def test_a_job_whose_lock_key_changes_while_it_runs_is_still_not_run_twice(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}")
    box.job("hello", f"command: {job}")

    with box.start("hello") as first:
        started.read_line()
        box.job("hello", f"command: {job}\nlock: another")
        second = box.run("hello")
        release.write_line()
        assert first.wait().exit_code == 0

    assert second.exit_code == 75, second
    assert outcomes(box) == [("succeeded", None)]


def test_the_message_names_the_run_that_holds_the_lock_and_the_ways_out(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo started > {started}; read line < {release}")
    box.job("hello", f"command: {job}\nlock: shared")
    box.job("other", "command: echo other\nlock: shared")

    with box.start("hello") as first:
        started.read_line()
        block = box.block("hello")
        own, others = box.run("hello"), box.run("other")
        release.write_line()
        first.wait()

    since = f"since {block['started_at']} (pid {block['pid']})"
    assert own.stderr == (
        f"hello: already running: run {block['run_id']} {since}\n"
        "  hint: wait for it with run-job --wait hello, or stop it: run-job --kill-job hello\n"
    )
    assert others.stderr == (
        f"other: not started: job hello holds the shared lock 'shared': run {block['run_id']} {since}\n"
        "  hint: wait for it with run-job --wait other, or stop it: run-job --kill-job hello\n"
    )


@pytest.mark.fault("Readers in the instant of a start", small=5, full=100, wanted="no start refused")
def test_readers_never_take_the_lock(box: Box, storm: Storm) -> None:
    """A list or a status in the instant of a start cannot make that start fail."""
    box.job("hello", "command: echo Hello")
    box.run("hello")

    for _ in storm.rounds():
        readers = [box.start(flag, via="stub") for flag in ("--list-jobs", "--status")]
        result = box.run("hello", via="stub")
        assert (result.stderr, result.exit_code) == ("", 0)
        assert [reader.wait().exit_code for reader in readers] == [0, 0]


def test_a_job_that_keeps_its_lock_descriptor_in_a_child_is_not_doubled(box: Box) -> None:
    """`leftovers: keep` starts a service: that one does not get the lock, and the next run is free."""
    service = box.fifo("service")
    job = script(box, "job.sh", f"sleep 1000 > /dev/null 2>&1 & echo $! > {service}")
    box.job("hello", f"command: {job}\nleftovers: keep")

    first, second = box.run("hello"), box.run("hello")

    pids = [int(service.read_line()) for _ in range(2)]
    alive = [lives(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, 9)
    assert [first.exit_code, second.exit_code] == [0, 0], second
    assert alive == [True, True]

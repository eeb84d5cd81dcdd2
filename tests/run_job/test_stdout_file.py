"""The file of `stdout`: all that was printed, or people are told how much of it is missing; nobody waits for it."""

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.hanging_disk import hanging_disk
from kit.harness import SERVICE_USER, STRANGER, Box, Fifo, lives, until
from kit.other_seconds import run_job_with
from kit.runs import outcomes, script, starts, the_end

PRINTED = b"".join(b"%d\n" % number for number in range(1, 200_001))


def copied(path: Path) -> bytes:
    """Return what follows the header in the file of `stdout`."""
    return path.read_bytes().partition(b"===\n")[2]


@pytest.mark.needs_root
def test_output_that_does_not_fit_on_the_disk_of_its_file_makes_a_success_warned(
    make_box: Callable[..., Box],
) -> None:
    box = make_box()
    box.mount_small(box.root / "small", kilobytes=64)
    path = box.root / "small" / "export.csv"
    box.job("export", f"command: seq 1 200000\nstdout: {path}")

    result = box.run("export")

    missing = len(PRINTED) - len(copied(path))
    why = f"{missing:,} of 1,288,895 bytes of stdout are missing in {path}: No space left on device"
    assert (outcomes(box), result.exit_code) == ([("warned", "output_cut")], 0)
    assert PRINTED.startswith(copied(path))
    assert result.stderr == f"export: warned: {why} (run {the_end(box)['run_id']}, log {box.logs('export')[0]})\n"
    assert box.log_bytes("export") == PRINTED
    (run,) = box.history("export")
    assert (run["detail"], run["log_error"]) == (why, why)
    checked = box.process_control("check", "export")
    assert (checked.exit_code, why in checked.stdout) == (1, True)
    assert why in box.process_control("status", "export").stdout
    assert why in box.process_control("history", "export", "--csv").stdout


@pytest.mark.needs_root
def test_what_was_cut_has_no_hole_though_space_comes_back(make_box: Callable[..., Box]) -> None:
    box = make_box()
    box.mount_small(box.root / "small", kilobytes=64)
    path, filler = box.root / "small" / "copy", box.root / "small" / "filler"
    filler.write_bytes(b"x" * 40_000)
    cut, go = box.fifo("cut"), box.fifo("go")
    job = script(box, "job.sh", f"seq 1 200000; echo > {cut}; read x < {go}; seq 1 10")
    box.job("export", f"command: {job}\nstdout: {path}")

    with box.start("export") as live:
        cut.read_line()
        until(lambda: os.statvfs(path.parent).f_bfree == 0, "the disk to be full")
        filler.unlink()
        go.write_line()
        live.wait()

    assert outcomes(box) == [("warned", "output_cut")]
    assert PRINTED.startswith(copied(path))


def fifo_nobody_reads(box: Box) -> Fifo:
    """A FIFO that is open, so that it can be written, with a reader that takes nothing."""
    return box.fifo("pipe")


def test_a_slow_reader_gets_all_of_it_without_holes(box: Box) -> None:
    pipe = box.root / "pipe"
    os.mkfifo(pipe)
    copy, opened, go = box.root / "copy", box.fifo("opened"), box.fifo("go")
    reader = script(box, "reader.sh", f"exec < {pipe}; echo > {opened}; read x < {go}; cat > {copy}; echo > {opened}")
    job = script(box, "job.sh", f"seq 1 200000; echo > {go}")
    box.job("export", f"command: {job}\nstdout: {pipe}")

    there = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO without any reader is refused, and that one may be late
    with box.start_command([str(reader)]):
        result = box.run("export")
        opened.read_line()
        opened.read_line()
    os.close(there)

    assert (outcomes(box), result.stderr) == ([("succeeded", None)], "")
    assert copied(copy) == PRINTED


def test_a_job_that_prints_faster_than_the_disk_takes_it_loses_nothing(box: Box) -> None:
    path = box.root / "copy"
    box.job("export", f"command: head -c 60000000 /dev/zero\nstdout: {path}\nlimits: {{log_bytes: 1 MB}}")

    assert box.run("export").stderr == ""
    assert len(copied(path)) == 60_000_000
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.needs_root
def test_files_that_hang_hold_nothing_up_for_more_than_five_seconds_and_are_told(make_box: Callable[..., Box]) -> None:
    """All in one: one after the other they would take five times as long."""
    box = make_box()
    disk = box.root / "disk"
    box.job("fifo", f"command: seq 1 200000\nstdout: {fifo_nobody_reads(box)}")
    box.job("appends", f"command: touch {box.root}/ran\nstdout: {disk}/copy\n")
    box.job("expects", f"command: 'true'\nexpect: {{file: {{path: {disk}/file}}}}")
    box.job("secrets", f"command: 'true'\nenvironment_file: {disk}/secrets")
    box.job("new", f"command: program\nenvironment: {{PATH: '{disk}/bin'}}\nslow_start: {{after: [change]}}")
    started = time.monotonic()

    with hanging_disk(disk):
        lives_ = [box.start(slug) for slug in ("fifo", "appends", "expects", "secrets", "new")]
        fifo, appends, expects, secrets, new = [live.wait() for live in lives_]
        box.wait_until_all_ended(seconds=5)

    assert time.monotonic() - started < 22
    assert (fifo.exit_code, outcomes(box, "fifo")) == (0, [("warned", "output_cut")])
    assert "nothing could be written for 5 s" in fifo.stderr
    assert (appends.exit_code, starts(box, "appends"), box.logs("appends")) == (74, [], [])
    assert f"{disk}/copy: cannot append stdout to this file: no answer within 5 s" in appends.stderr
    assert not (box.root / "ran").exists()
    assert secrets.exit_code == new.exit_code == 78
    assert (
        f"{disk}/secrets: environment_file: no answer within 5 s\n  hint: check that its disk is mounted"
        in secrets.stderr
    )
    assert (
        "new: its programs cannot be looked up: no answer within 5 s\n  hint: check that the directories" in new.stderr
    )
    assert (expects.exit_code, outcomes(box, "expects")) == (0, [("warned", "expectation")])
    assert the_end(box, "expects")["detail"].endswith("disk/file: it cannot be looked at: no answer within 5 s")


@pytest.mark.needs_root  # it looks into a process of ours, as only root may
def test_the_writer_of_the_file_is_no_leftover_and_holds_no_lock(box: Box) -> None:
    started, go = box.fifo("started"), box.fifo("go")
    job = script(box, "job.sh", f"echo out; echo $$ > {started}; read x < {go}")
    box.job("job", f"command: {job}\nstdout: {box.root}/copy")

    drain = 60.0
    words = run_job_with(box, "process_control.execution.time_limits", DRAIN_SECONDS=drain)
    with box.start_command([*words, "job"]) as live:
        started.read_line()
        runner = box.block("job")["pid"]
        ours = [pid for pid in box.processes() if pid != runner and Path(f"/proc/{pid}/exe").exists()]
        locks = [pid for pid in ours if any(_is_lock(link) for link in Path(f"/proc/{pid}/fd").iterdir())]
        holders = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in locks}
        go.write_line()
        began = time.monotonic()
        result = live.wait()

    assert time.monotonic() - began < drain / 2  # it was not waited for
    assert (len(ours), holders) == (3, {"job.sh"})  # guard, writer, command
    assert (outcomes(box), result.stderr) == ([("succeeded", None)], "")


def _is_lock(link: Path) -> bool:
    try:
        return os.readlink(link).endswith("/job.lock")
    except OSError:
        return False


@pytest.mark.parametrize("victim", ["pid", "guard_pid"])
def test_the_writer_of_the_file_ends_with_runner_or_guard(box: Box, victim: str) -> None:
    pipe, started = fifo_nobody_reads(box), box.fifo("started")
    job = script(box, "job.sh", f"seq 1 200000; echo $$ > {started}; sleep 1000")
    box.job("job", f"command: {job}\nstdout: {pipe}")

    with box.start("job") as live:
        command = int(started.read_line())
        os.kill(box.block("job")[victim], 9)
        live.wait()
        until(lambda: not lives(command), "the tree to end")
        until(lambda: box.processes() == [], "all of ours to end")


# --- root appends nothing where others lead it -----------------------------------------------------------------------


def stranger_directory(box: Box) -> Path:
    directory = box.root / "pub"
    directory.mkdir()
    box.give(directory, STRANGER)
    return directory


@pytest.mark.needs_root
@pytest.mark.parametrize("what", ["link", "fifo", "plain", "nothing"])
def test_root_appends_to_nothing_in_a_directory_of_somebody_else(make_box: Callable[..., Box], what: str) -> None:
    box = make_box()
    victim, directory = box.root / "victim", stranger_directory(box)
    victim.write_text("mine\n")
    path = directory / "out.log"
    if what == "link":
        path.symlink_to(victim)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "plain":
        path.touch()
    box.job("job", f"command: echo out\nstdout: {path}")

    result = box.run("job")
    linted = box.process_control("lint")

    assert linted.exit_code == 1
    assert f"stdout: {directory} is owned by '{STRANGER}', must be owned by 'root'" in linted.stdout
    assert result.exit_code == 77
    assert f"{directory}: owned by '{STRANGER}', must be owned by 'root'" in result.stderr
    assert f"hint: chown root {directory}" in result.stderr
    assert victim.read_text() == "mine\n"
    assert starts(box) == []


@pytest.mark.needs_root
@pytest.mark.parametrize("what", ["link", "fifo", "file"])
def test_root_appends_to_nothing_of_somebody_else_in_a_sticky_directory(
    make_box: Callable[..., Box], what: str
) -> None:
    box = make_box()
    directory = box.root / "tmp"
    directory.mkdir()
    directory.chmod(0o1777)
    path = directory / "out.log"
    if what == "link":
        path.symlink_to(box.root / "victim")
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.touch()
    account = pwd.getpwnam(STRANGER)
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    box.job("job", f"command: echo out\nstdout: {path}")

    assert box.run("job").exit_code in (74, 77)
    assert not (box.root / "victim").exists()


@pytest.mark.needs_root
def test_root_appends_through_its_own_links(make_box: Callable[..., Box]) -> None:
    box = make_box()
    (box.root / "real").mkdir()
    (box.root / "logs").symlink_to("real")
    (box.root / "real" / "current").symlink_to("../real/out.log")
    box.job("job", f"command: echo out\nstdout: {box.root}/logs/current")

    assert box.run("job").stderr == ""
    assert copied(box.root / "real" / "out.log") == b"out\n"


@pytest.mark.needs_root
def test_the_service_user_appends_through_links_as_ever(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    directory = stranger_directory(box)
    directory.chmod(0o777)
    (directory / "link").symlink_to(directory / "out.log")
    box.job("job", f"command: echo out\nstdout: {directory}/link")

    assert box.run("job").exit_code == 0
    assert copied(directory / "out.log") == b"out\n"

"""The log holds what the job printed, byte for byte; an index beside it tells when, and on which stream."""

import errno
import hashlib
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from kit.answering_disk import ANY, FSYNC, answering_disk
from kit.harness import Box, Storm, children, state_letter, until
from kit.runs import ends, outcomes, script, the_end

MEBIBYTE = 1 << 20


@pytest.mark.fault("All 256 bytes", wanted="bytes identical")
def test_all_256_byte_values_arrive_as_they_are_on_both_streams(box: Box) -> None:
    data = bytes(range(256)) * 3
    (box.root / "data").write_bytes(data)
    box.job("bytes", f"command: [cat {box.root}/data, sh -c 'cat {box.root}/data >&2']\nstderr: ignore")

    result = box.run("bytes")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("bytes") == data + data
    assert [(stream, length) for _, stream, length in box.log_index("bytes")] == [("o", 768), ("e", 768)]


def streams(box: Box, slug: str) -> dict[str, bytes]:
    """Return what the index says was printed on each stream."""
    log, at = box.log_bytes(slug), 0
    found = {"o": b"", "e": b""}
    for _, stream, length in box.log_index(slug):
        if stream != "x":
            found[stream] += log[at : at + length]
            at += length
    assert at == len(log)
    return found


@pytest.mark.fault(
    "1,000,000 lines/s on both streams", small=10_000, full=1_000_000, wanted="none lost, bytes identical"
)
def test_two_streams_are_told_apart_and_none_loses_a_byte(box: Box, storm: Storm) -> None:
    count = storm.size
    script_path = box.root / "both.py"
    script_path.write_text(
        "import os\n"
        f"for number in range(0, {count}, 100):\n"
        "    lines = ''.join('%d\\n' % each for each in range(number, number + 100)).encode()\n"
        "    os.write(1, lines); os.write(2, lines)\n"
    )
    box.job("both", f"command: /usr/bin/python3 {script_path}\nstderr: ignore")

    began = time.monotonic()

    result = box.run("both")

    took = time.monotonic() - began
    expected = "".join(f"{number}\n" for number in range(count)).encode()
    assert result.exit_code == 0
    assert streams(box, "both") == {"o": expected, "e": expected}
    assert (the_end(box)["stdout_bytes"], the_end(box)["stderr_bytes"]) == (len(expected), len(expected))
    storm.found(f"{2 * count:,} lines in {took:.1f} s, identical")


def test_with_time_between_writes_the_order_of_the_streams_holds(box: Box) -> None:
    seen = box.fifo("seen")
    turn = f"echo out $i; read x < {seen}; echo err $i >&2; read x < {seen}"
    job = script(box, "job.sh", f"for i in 1 2 3; do {turn}; done")
    box.job("turns", f"command: {job}\nstderr: ignore")
    expected = [f"{stream} {i}\n".encode() for i in (1, 2, 3) for stream in ("out", "err")]

    with box.start("turns", via="stub") as live:
        for count in range(1, 7):
            so_far = b"".join(expected[:count])
            until(lambda so_far=so_far: box.logs("turns") and box.log_bytes("turns") == so_far, f"line {count}")
            seen.write_line()
        live.wait()

    index = box.log_index("turns")
    assert [stream for _, stream, _ in index] == ["o", "e"] * 3
    moments = [moment for moment, _, _ in index]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("ends", [False, True], ids=["lives", "ends"])
@pytest.mark.parametrize("printed_before", ["", "out", "err"])
@pytest.mark.parametrize("written", ["out err out", "err err out"])
def test_what_is_read_at_once_is_logged_by_which_stream_was_written_first(
    box: Box, written: str, printed_before: str, ends: bool
) -> None:
    # Whoever reads for the job is stopped while it writes: afterwards it finds bytes in both pipes.
    ready, release, done = box.fifo("ready"), box.fifo("release"), box.fifo("done")
    before, lines = (
        "; ".join(f"echo {word}{' >&2' if word == 'err' else ''}" for word in words.split()) or ":"
        for words in (printed_before, written)
    )
    last = f"{lines}; echo > {done}" + ("" if ends else f"; read x < {release}")
    job = script(box, "job.sh", f"{before}; echo > {ready}; read x < {release}; {last}")
    box.job("burst", f"command: {job}\nstderr: ignore")

    with box.start("burst", via="stub") as live:
        ready.read_line()
        until(lambda: box.log_bytes("burst") == f"{printed_before}\n".lstrip().encode(), "what came before to be read")
        runner = children(live.pid)[0]
        for pid in (live.pid, runner):  # in this order neither can continue the other
            os.kill(pid, signal.SIGSTOP)
            until(lambda pid=pid: state_letter(pid) == "T", "it to be stopped")
        release.write_line()
        done.read_line()
        if ends:
            until(lambda: "Z" in {state_letter(pid) for pid in children(runner)}, "the job to have ended")
        for pid in (runner, live.pid):
            os.kill(pid, signal.SIGCONT)
        if not ends:
            release.write_line()
        live.wait()

    first, second = dict.fromkeys(written.split())
    expected = [printed_before] * bool(printed_before)
    expected += [word for word in (first, second) for _ in range(written.split().count(word))]
    assert box.log_bytes("burst").decode().split() == expected


@pytest.mark.fault("1,024 MiB in one line", small=64, full=1024, wanted="at most 40 MiB of memory, none lost")
def test_a_huge_line_costs_the_runner_little_memory_and_loses_nothing(box: Box, storm: Storm) -> None:
    size = storm.size * MEBIBYTE
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"head -c {size} /dev/zero; echo > {started}; read line < {release}")
    box.job("huge", f"command: {job}\nlimits:\n  log_bytes: {2 * size}")

    with box.start("huge", via="stub") as live:
        started.read_line()
        until(lambda: box.logs("huge")[0].stat().st_size == size, "all of it to be in the log")
        status = Path(f"/proc/{box.block('huge')['pid']}/status").read_text()
        release.write_line()
        result = live.wait()

    assert result.exit_code == 0
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    assert peak <= 40 * 1024, f"{peak} KiB"
    storm.found(f"{peak / 1024:.0f} MiB of memory, none lost")
    digest = hashlib.sha256()
    with box.logs("huge")[0].open("rb") as file:
        while chunk := file.read(MEBIBYTE):
            digest.update(chunk)
    zeros = hashlib.sha256()
    for _ in range(size // MEBIBYTE):
        zeros.update(bytes(MEBIBYTE))
    assert digest.digest() == zeros.digest()
    assert the_end(box)["log_dropped_bytes"] == 0
    for path in box.logs("huge"):
        path.unlink()


def test_over_the_cap_the_beginning_and_the_last_mebibyte_are_kept_and_the_cut_is_told(box: Box) -> None:
    printer = box.root / "print.py"
    printer.write_text("import os\nfor number in range(100000): os.write(1, b'%0127d\\n' % number)\n")
    box.job("large", f"command: /usr/bin/python3 {printer}\nlimits:\n  log_bytes: 4 MB")

    result = box.run("large")

    printed = b"".join(b"%0127d\n" % number for number in range(100000))
    log = box.log_bytes("large")
    end = the_end(box)
    dropped = end["log_dropped_bytes"]
    assert (result.stderr, result.exit_code, end["outcome"]) == ("", 0, "succeeded")
    assert len(log) <= 4_000_000
    assert len(log) + dropped == len(printed)
    assert end["stdout_bytes"] == len(printed)
    head = 4_000_000 - MEBIBYTE
    assert log == printed[:head] + printed[head + dropped :]
    assert len(log) - head > MEBIBYTE - 65536
    assert [(stream, length) for _, stream, length in box.log_index("large") if stream == "x"] == [("x", dropped)]
    at = 0
    for _, stream, length in box.log_index("large"):
        if stream == "x":
            assert at == head
            break
        at += length


def test_the_report_of_a_failed_run_tells_the_cut(box: Box) -> None:
    box.job("large", "command: sh -c 'head -c 5000000 /dev/zero; exit 3'\nlimits:\n  log_bytes: 2 MB")

    result = box.run("large")

    dropped = the_end(box)["log_dropped_bytes"]
    assert result.exit_code == 3
    assert f"  note: {dropped} bytes of output were dropped from the middle of the log\n" in result.stderr


@pytest.mark.parametrize("size", [4_000_000 - 1, 4_000_000])
def test_below_the_cap_nothing_is_lost(box: Box, size: int) -> None:
    box.job("fits", f"command: head -c {size} /dev/zero\nlimits:\n  log_bytes: 4 MB")

    box.run("fits")

    assert len(box.log_bytes("fits")) == size
    assert the_end(box)["log_dropped_bytes"] == 0


def test_a_tiny_cap_keeps_something_of_both_ends(box: Box) -> None:
    box.job("tiny", "command: sh -c 'echo first; head -c 100000 /dev/zero; echo last'\nlimits:\n  log_bytes: 1000")

    assert box.run("tiny").exit_code == 0
    log = box.log_bytes("tiny")
    assert len(log) <= 1000
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")


def test_stdout_is_also_appended_to_a_file_below_a_header_for_each_run(box: Box) -> None:
    path = box.root / "copy"
    box.job("copied", f"command: sh -c 'echo out; echo err >&2'\nstdout: {path}\nstderr: ignore")

    for _ in range(2):
        assert box.run("copied").exit_code == 0

    told = [(end["run_id"], end["started_at"]) for end in ends(box)]
    assert path.read_text() == "".join(f"=== copied {run_id} {at} ===\nout\n" for run_id, at in told)
    assert box.log_bytes("copied") in (b"out\nerr\n", b"err\nout\n")


def test_a_stdout_file_that_cannot_be_opened_is_74_and_nothing_runs(box: Box) -> None:
    box.job("copied", f"command: touch {box.root}/ran\nstdout: {box.root}/nowhere/copy")

    result = box.run("copied")

    assert result.exit_code == 74
    assert f"{box.root}/nowhere/copy: cannot append stdout to this file: No such file or directory" in result.stderr
    assert not (box.root / "ran").exists()
    assert box.logs("copied") == []


def test_a_job_cannot_forge_its_index_or_write_to_its_log_by_descriptor(box: Box) -> None:
    box.job(
        "forger",
        "command: sh -c 'ls -l /proc/self/fd; for fd in 4 5 6 7 8 9; do eval \"echo x >&$fd\"; done'\nstderr: ignore",
    )

    box.run("forger")

    assert b".log" not in box.log_bytes("forger")
    assert b".idx" not in box.log_bytes("forger")


def test_logs_are_named_by_job_time_and_run_and_not_for_everybody(box: Box) -> None:
    box.job("hello", "command: echo Hello")

    box.run("hello")

    (path,) = box.logs("hello")
    end = the_end(box)
    moment = end["started_at"].replace("-", "").replace(":", "").replace("T", "-")[:15]
    assert path.name == f"hello-{moment}-{end['run_id']}.log"
    assert str(path) == end["log"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert Path(f"{path}.idx").exists()


def test_a_job_that_closes_its_streams_goes_on(box: Box) -> None:
    box.job("silent", f"command: sh -c 'echo before; exec >&- 2>&-; sleep 0.1; touch {box.root}/ran; exit 4'")

    assert box.run("silent").exit_code == 4
    assert (box.root / "ran").exists()
    assert box.log_bytes("silent") == b"before\n"


def test_megabytes_on_stderr_are_judged_counted_and_kept(box: Box) -> None:
    box.job("noisy", "command: sh -c 'head -c 3000000 /dev/zero >&2'")

    result = box.run("noisy")

    assert result.exit_code == 1
    assert outcomes(box) == [("failed", "stderr")]
    assert the_end(box)["stderr_bytes"] == 3_000_000
    assert len(box.log_bytes("noisy")) == 3_000_000
    assert len(result.stderr) < 70_000


def test_a_job_that_prints_nothing_has_an_empty_log_and_no_file_more(box: Box) -> None:
    box.job("silent", "command: 'true'")

    box.run("silent")

    assert box.log_bytes("silent") == b""
    assert [path.suffix for path in (box.output_directory / "silent").iterdir()] == [".log"]


@pytest.mark.needs_root
def test_a_log_that_its_disk_could_not_keep_is_reported(box: Box) -> None:
    box.configure(output_directory=str(box.root / "disk"))
    box.job("job", "command: echo printed")

    with answering_disk(box.root / "disk", {}, fails={(FSYNC, ANY): [errno.EIO] * 9}):
        result = box.run("job")
        checked = box.process_control("check", "job")

    words = "the log may not be on the disk: Input/output error"
    assert (result.exit_code, outcomes(box)) == (0, [("succeeded", None)])
    assert result.stderr.rstrip("\n").endswith(f"; {words}")
    assert the_end(box)["log_error"] == words
    assert (checked.exit_code, f"its last run: {words}" in checked.stdout) == (1, True)

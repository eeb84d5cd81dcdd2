"""Ten gibibytes without a newline, on a real disk: all of it is in the log, in little memory."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.harness import Box, Storm
from kit.runs import script, the_end

MEBIBYTE = 1 << 20
TO_SPARE = 2048 * MEBIBYTE
PRINTER = """
import os, sys
block = open(sys.argv[1], "rb").read()
for number in range(int(sys.argv[2])):
    # Each MiB is another: what is lost, doubled or in another order shows.
    piece = memoryview(b"%016d" % number + block)
    while piece:
        piece = piece[os.write(1, piece):]
"""


@contextmanager
def removed_at_once(box: Box) -> Iterator[None]:
    """Give the space back to the disk before the box is closed."""
    try:
        yield
    finally:
        for path in box.logs("endless"):
            path.unlink()


@pytest.mark.fault("10 GiB without a newline", small=64, full=10_240, wanted="bytes identical, ≤ 40 MiB of memory")
def test_gibibytes_without_a_newline_arrive_byte_for_byte(box: Box, storm: Storm) -> None:
    """`storm.size` in MiB. Needs so much free space below /tmp, and 2 GiB to spare for whoever else writes there."""
    needed, free = storm.size * MEBIBYTE, shutil.disk_usage(box.root).free
    if free < needed + TO_SPARE:
        pytest.skip(f"{needed / 2**30:.1f} GiB and 2 to spare are wanted, {free / 2**30:.1f} GiB are free")
    block = os.urandom(MEBIBYTE - 16).replace(b"\n", b"\r")
    (box.root / "block").write_bytes(block)
    printer = box.root / "printer.py"
    printer.write_text(PRINTER)
    peak = box.root / "peak"
    print_all = f"{box.product.interpreter} -I -S {printer} {box.root}/block {storm.size}"
    # $PPID is the runner, which by then has taken all but what a pipe holds
    job = script(box, "job.sh", f"{print_all}; grep VmHWM /proc/$PPID/status > {peak}")
    box.job("endless", f"command: {job}\nlimits:\n  log_bytes: {2 * needed}")
    began = time.monotonic()

    with removed_at_once(box):
        result = box.run("endless", via="stub", seconds=1800)

        took = time.monotonic() - began
        (log,) = box.logs("endless")
        assert (result.stderr, result.exit_code) == ("", 0)
        assert log.stat().st_size == needed
        wrong = next((number for number, piece in pieces(log) if piece != expected(number, block)), None)
        assert wrong is None, f"MiB {wrong} is another"
    end = the_end(box)
    memory = int(peak.read_text().split()[1])
    assert (end["stdout_bytes"], end["log_dropped_bytes"]) == (needed, 0)
    assert memory <= 40 * 1024, f"{memory} KiB"
    storm.found(f"{storm.size / 1024:g} GiB in {took:.0f} s, identical, {memory / 1024:.0f} MiB of memory")


def pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """Read a file by the MiB: (number, bytes)."""
    with path.open("rb", buffering=0) as file:
        number = 0
        while piece := file.read(MEBIBYTE):
            yield number, piece
            number += 1


def expected(number: int, block: bytes) -> bytes:
    return b"%016d" % number + block

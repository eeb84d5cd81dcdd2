"""Who looks at processes is not held up by one whose memory lock a disk that hangs keeps."""

import time
from pathlib import Path

import pytest

from kit.harness import Box
from kit.held_memory_lock import held_memory_lock
from process_control.execution import describe, stop, tree
from process_control.system import proc

pytestmark = pytest.mark.needs_root
BUSY = 6.0
"""What a busy machine may take besides; they would answer when the disk is gone, after 12 s at least."""


def test_the_readers_of_processes_are_not_held_up(box: Box) -> None:
    """Of survivors, of inner runs and of names: in one test, since every `ps` on the host waits meanwhile."""
    took: dict[str, float] = {}
    with held_memory_lock(box.root / "disk") as pid:
        since = proc.start_time(pid)
        block: dict[str, object] = {"run_id": "none-of-ours", "boot_id": proc.boot_id(), "pid_start": since}
        began = time.monotonic()
        survivors = stop.survivors(block)
        took["survivors"] = time.monotonic() - began
        inner = tree.inner_runs(proc.parent_of(pid), lambda _: None)
        took["inner runs"] = time.monotonic() - began - sum(took.values())
        names = describe.describe([pid], [])
        took["names"] = time.monotonic() - began - sum(took.values())
        name = Path(f"/proc/{pid}/comm").read_text().strip()

    assert (survivors, inner, names) == ([], {}, [f"pid {pid} ({name})"])
    assert took["survivors"] < stop.LOOK_SECONDS + 0.2 + BUSY, took
    assert took["inner runs"] < tree.LOOK_SECONDS + BUSY, took
    assert took["names"] < describe.ANSWER_SECONDS + BUSY, took

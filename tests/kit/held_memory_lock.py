"""A process whose memory lock is held while its disk does not answer: who reads its environment or command line waits.

Root only. Every reader of those on the host waits meanwhile (ps, top): so it lasts for some seconds at most.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.answering_disk import WRITE, answering_disk
from kit.events import TookTooLong, until

MAX_SECONDS = 22
_NAME = "mapped"
_HOLDER = """
import ctypes, mmap, os, sys, threading
file = os.open(sys.argv[1], os.O_RDWR)
memory = mmap.mmap(file, 4096)
place, libc = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory))), ctypes.CDLL(None)
memory[0] = 1
def start_and_see_it_wait(*what):
    thread = threading.Thread(target=what[0], args=what[1:], daemon=True)
    thread.start()
    stat = f"/proc/self/task/{thread.native_id}/stat"
    while thread.is_alive() and open(stat).read().rpartition(") ")[2][0] != "D":
        os.sched_yield()
start_and_see_it_wait(os.fdatasync, file)  # the disk takes the page, and does not answer
start_and_see_it_wait(libc.memset, place, 1, 1)  # a page fault: waits for the disk
libc.mprotect(place, 4096, 1)  # takes the lock, and waits for the page fault
"""


@contextlib.contextmanager
def held_memory_lock(directory: Path) -> Iterator[int]:
    """Yield the pid of such a process, with a disk of its own at `directory`. It is gone after this context."""
    disk = answering_disk(
        directory, {_NAME: bytes(4096)}, hangs=frozenset({(WRITE, _NAME)}), longest_seconds=MAX_SECONDS
    )
    holder = None
    try:
        with disk as path:
            words = [sys.executable, "-I", "-c", _HOLDER, str(path / _NAME)]
            holder = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            try:
                until(lambda: _waits_with_the_lock(holder.pid), "it to hold the lock", seconds=10)
            except TookTooLong:
                pytest.skip("this kernel holds no memory lock while a disk hangs")
            yield holder.pid
    finally:  # the disk is gone: it can end now
        if holder is not None:
            holder.kill()
            holder.wait()


def _waits_with_the_lock(pid: int) -> bool:
    try:
        return "vma_start_write" in Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return False

"""Which processes are waiting for a lock, from /proc/locks; see proc(5). Reading it locks nothing."""

import os
import re

_WAITING = re.compile(rb"^[0-9]+: +-> FLOCK +\S+ +\S+ +([0-9]+) ", re.MULTILINE)
_HELD = re.compile(rb"^[0-9]+: +FLOCK +\S+ +\S+ +-?[0-9]+ [0-9a-f]+:[0-9a-f]+:([0-9]+) ", re.MULTILINE)


def waiting_pids() -> set[int]:
    """Return the pids that are waiting for a flock(2); none where /proc/locks cannot be read."""
    try:
        with open("/proc/locks", "rb") as file:
            return {int(pid) for pid in _WAITING.findall(file.read())}
    except OSError:
        return set()


def queue_of(path: str) -> list[int]:
    """Return the processes that wait for the lock on this file, in the order in which they came."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", "rb") as file:
            text = file.read()
    except OSError:
        return []
    of_file = re.compile(rb"^[0-9]+: +-> FLOCK +\S+ +\S+ +([0-9]+) \S+:%d " % inode, re.MULTILINE)
    return [int(pid) for pid in of_file.findall(text)]


def locked_inodes() -> set[int]:
    """Return the inodes of all files that somebody holds a flock(2) on; none where /proc/locks cannot be read."""
    try:
        with open("/proc/locks", "rb") as file:
            return {int(inode) for inode in _HELD.findall(file.read())}
    except OSError:
        return set()

"""Which files below a directory are opened, by whichever process: the kernel says it (inotify)."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_OPEN, _IN_ISDIR = 0x20, 0x40000000
_EVENT = struct.Struct("iIII")


@contextmanager
def opened_in(*directories: Path) -> Iterator[list[str]]:
    """Fill the list, at the end, with the names of the files in these directories that were opened meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        for directory in directories:
            if libc.inotify_add_watch(descriptor, os.fsencode(directory), _IN_OPEN) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(directory))
        names: list[str] = []
        yield names
        names += _names(descriptor)
    finally:
        os.close(descriptor)


def _names(descriptor: int) -> Iterator[str]:
    while True:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        while data:
            _, mask, _, length = _EVENT.unpack_from(data)
            name, data = data[_EVENT.size : _EVENT.size + length], data[_EVENT.size + length :]
            if name and not mask & _IN_ISDIR:
                yield os.fsdecode(name.rstrip(b"\0"))

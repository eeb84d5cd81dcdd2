"""A disk that hangs: a FUSE file system whose server never answers, as a network file system whose server is gone."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_UMOUNT_LAZILY = 2  # MNT_DETACH of umount2(2)


@contextlib.contextmanager
def hanging_disk(path: Path) -> Iterator[Path]:
    """Mount it at `path`: whoever looks below waits until it is killed, or until this context ends. Root only."""
    path.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"/dev/fuse cannot be opened here: {error.strerror}")
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"hanging", os.fsencode(path), b"fuse", 0, options):
        os.close(server)
        pytest.skip(f"FUSE cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield path
    finally:
        os.close(server)  # who waits gets ENOTCONN
        libc.umount2(os.fsencode(path), _UMOUNT_LAZILY)

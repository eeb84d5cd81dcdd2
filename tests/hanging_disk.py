"""A disk that hangs: a FUSE mount whose server never answers, as a network disk whose server is gone."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def hanging_disk(place: Path) -> Iterator[Path]:
    """Mount one at `place`, which is made: whatever looks below it waits until it is killed. Root only."""
    place.mkdir()
    try:
        server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error.strerror}")
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other"
    mount = ["mount", "-i", "-t", "fuse", "-o", options, "process-control-test", str(place)]
    try:
        if subprocess.run(mount, pass_fds=[server], capture_output=True, check=False).returncode:
            pytest.skip("mounts are not permitted here")
        yield place
    finally:
        os.close(server)  # who waits there gets ENOTCONN now
        subprocess.run(["umount", str(place)], capture_output=True, check=False)

"""State on a network file system is refused, with the keys to set."""

import os
from pathlib import Path

import pytest

from kit.harness import Box
from process_control.system import linux

MAGIC = {"NFS": 0x6969, "SMB": 0x517B, "CIFS": 0xFF534D42, "SMB2": 0xFE534D42, "9p": 0x01021997, "FUSE": 0x65735546}


@pytest.mark.parametrize("name", MAGIC)
def test_the_table_knows_what_statfs_says_of_a_network_disk(name: str) -> None:
    assert linux._NETWORK_FILE_SYSTEMS[MAGIC[name]] == name


@pytest.mark.parametrize("path", ["/tmp", "/proc", "/dev/shm", "/"])
def test_the_disks_of_this_host_are_local(path: str) -> None:
    if not os.path.isdir(path):
        pytest.skip(f"no {path} here")
    assert linux.network_file_system(path) is None


def a_fuse_mount() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        source, place, kind, *_ = line.split()
        if source in ("hanging", "answering"):  # those of other tests, see hanging_disk.py and answering_disk.py
            continue
        if (kind.startswith("fuse") and kind != "fusectl") or kind in ("9p", "nfs", "nfs4", "cifs"):
            return Path(place)
    return None


def test_a_network_disk_that_is_mounted_here_is_refused(box: Box) -> None:
    place = a_fuse_mount()
    if place is None:
        return  # the table above is all that can be tried on this host
    box.configure(state_directory=str(place))
    box.job("job", "command: 'true'")

    result = box.run("job")

    assert result.exit_code in (77, 78)

"""Power cuts: a file system in a file, which is copied at any moment and mounted elsewhere under another boot id.

What was not synced by then is in the memory of the kernel only, and not in the copy. `Disk.copying` has a command of
the product copy it before each of its own writes: every moment that a power cut can tell apart.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.harness import Box

MEGABYTES = 12
DRIVER = """\
import json, os, posix, stat, sys

plan = json.loads(os.environ.pop("CRASH"))
NAMES = "open write pwrite fdatasync fsync rename mkdir unlink"
real = {name: getattr(posix, name) for name in NAMES.split()}
count, written = 0, None

def size(path):
    try:
        return posix.stat(path).st_size
    except FileNotFoundError:
        return 0

def copy():
    # A copy that is the same as the last one takes its place: what happened meanwhile is all that differs.
    global count, written
    descriptor = real["open"](plan["writes"], posix.O_RDONLY)
    now = posix.read(descriptor, 400).split()[4]
    posix.close(descriptor)
    name = f"{plan['to']}/{plan['act']:02d}-{posix.getpid()}-{count:03d}"
    if now == written:
        posix.rename(last(), f"{name}.img")
        real["unlink"](last()[:-4] + ".json")
    else:
        copy_sparse(plan["image"], f"{name}.img")
    written, plan["last"] = now, f"{name}.img"
    note = real["open"](f"{name}.json", posix.O_WRONLY | posix.O_CREAT, 0o644)
    real["write"](note, json.dumps({path: size(path) for path in plan["watched"]}).encode())
    posix.close(note)
    count += 1
    if count == plan["sync_at"]:
        import ctypes
        where = real["open"](plan["mount"], posix.O_RDONLY)
        ctypes.CDLL(None).syncfs(where)
        posix.close(where)

def last():
    return plan["last"]

def copy_sparse(source, target):
    one, other = real["open"](source, posix.O_RDONLY), real["open"](target, posix.O_WRONLY | posix.O_CREAT, 0o600)
    end = posix.fstat(one).st_size
    posix.ftruncate(other, end)
    place = 0
    while place < end:
        try:
            place = posix.lseek(one, place, 3)  # SEEK_DATA
        except OSError:
            break
        stop = posix.lseek(one, place, 4)  # SEEK_HOLE
        posix.lseek(other, place, 0)
        while place < stop:
            place += posix.sendfile(other, one, place, stop - place)
    posix.close(one), posix.close(other)

def is_there(name, arguments):
    if name == "open":
        return bool(arguments[1] & posix.O_CREAT) and str(arguments[0]).startswith(plan["mount"])
    if name in ("rename", "mkdir", "unlink"):
        return str(arguments[0]).startswith(plan["mount"])
    return posix.readlink(f"/proc/self/fd/{arguments[0]}").startswith(plan["mount"])

def guarded(name):
    def call(*arguments, **others):
        if is_there(name, arguments):
            copy()
        return real[name](*arguments, **others)
    return call

for name in real:
    setattr(posix, name, guarded(name))
    setattr(os, name, getattr(posix, name))
sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
import importlib
importlib.import_module(sys.argv.pop(1)).main()
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """A copy of the disk: taken during which act, and how long the watched files outside of it were then."""

    image: Path
    act: int
    sizes: dict[str, int]

    def forget(self) -> None:
        self.image.unlink()
        self.image.with_suffix(".json").unlink(missing_ok=True)


class Disk:
    """A small ext4 in a file in memory, mounted; nothing is written back to it but what is synced."""

    def __init__(self, place: Path, mount: Path) -> None:
        self._place = place
        self.image = place / "disk.img"
        self.mount = mount
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("mkfs.ext4 is not installed (Debian: e2fsprogs)")
        mount.mkdir()
        with self.image.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "1024", "-J", "size=1", str(self.image)], check=True)
        mounted(self.image, mount, "commit=300")
        source = subprocess.run(
            ["findmnt", "-n", "-o", "SOURCE", str(mount)], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._writes = f"/sys/block/{source.removeprefix('/dev/')}/stat"
        self._copies = 0

    def empty(self) -> None:
        """Remove all that is there, durably."""
        for path in self.mount.iterdir():
            if path.name != "lost+found":
                shutil.rmtree(path)
        subprocess.run(["sync", "--file-system", str(self.mount)], check=True)

    def cut_now(self) -> Path:
        """Return what would be there after a power cut in this moment."""
        self._copies += 1
        image = self._place / f"cut-{self._copies}.img"
        subprocess.run(["cp", "--sparse=always", str(self.image), str(image)], check=True)
        return image

    def copying(
        self, box: Box, module: str, *arguments: str, act: int = 0, watched: tuple[Path, ...] = (), sync_at: int = 0
    ) -> list[Moment]:
        """Run `main` of a module of the product with these arguments; return the moments of its writes, and the last.

        `sync_at`: before its so manieth write everything is written back, as the kernel may do whenever it likes.
        """
        driver = box.root / "driver.py"
        driver.write_text(DRIVER)
        to = self._place / "moments"
        to.mkdir(exist_ok=True)
        plan = {
            "image": str(self.image),
            "mount": str(self.mount),
            "writes": self._writes,
            "to": str(to),
            "act": act,
            "watched": [str(path) for path in watched],
            "sync_at": sync_at,
        }
        words = [*box.product.python, "-I", str(driver), str(box.product.site_packages), module, *arguments]
        result = box.command(words, env={"CRASH": json.dumps(plan)})
        assert "Traceback" not in result.stderr, result
        end = to / f"{act:02d}-end.img"
        self.cut_now().rename(end)
        moments = [
            Moment(image, act, json.loads(image.with_suffix(".json").read_text()))
            for image in sorted(to.glob(f"{act:02d}-*-*.img"))
        ]
        return [*moments, Moment(end, act + 1, {str(path): _size(path) for path in watched})]


@contextlib.contextmanager
def disk_of(box: Box) -> Iterator[Disk]:
    """Put the state and the logs of the box on a disk of their own. Root only."""
    mount_namespaces.needed()
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else box.root
    place = Path(tempfile.mkdtemp(prefix="process-control-disk-", dir=memory))
    mount = box.root / "disk"
    try:
        disk = Disk(place, mount)
        box.configure(state_directory=str(mount / "state"), output_directory=str(mount / "log"))
        box.state_directory, box.output_directory = mount / "state", mount / "log"
        try:
            yield disk
        finally:
            _unmount(mount)
    finally:
        shutil.rmtree(place)


@contextlib.contextmanager
def booted_from(box: Box, image: Path) -> Iterator[Box]:
    """Mount a copy of the disk; yield the box as the host finds it after its next boot."""
    mount = box.root / "after-the-cut"
    mount.mkdir(exist_ok=True)
    boot_id = box.root / "boot-id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    mounted(image, mount)
    before = box.state_directory, box.output_directory, box._namespace
    script = f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec "$@"'
    try:
        box.state_directory, box.output_directory = mount / "state", mount / "log"
        box.configure(state_directory=str(mount / "state"), output_directory=str(mount / "log"))
        box._namespace = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh"]
        yield box
    finally:
        box.state_directory, box.output_directory, box._namespace = before
        box.configure(state_directory=str(before[0]), output_directory=str(before[1]))
        _unmount(mount)


def mounted(image: Path, mount: Path, *options: str) -> None:
    words = ["mount", "-t", "ext4", "-o", ",".join(["loop", "noatime", *options]), str(image), str(mount)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system in a file can be mounted here: {done.stderr.strip()}")


def _unmount(mount: Path) -> None:
    if os.path.ismount(mount):
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

"""A clean Debian 12 for tests: what mmdebstrap makes, with an overlay, so that nothing that a test does there stays.

It has its own mounts and processes; the network is that of the host, and nothing here needs it. Root only. The tree is
made once, by `make test` or the first test, and kept in .venv.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from kit import mount_namespaces
from kit.events import PATIENCE_SECONDS, until
from kit.harness import IS_ROOT, PROJECT
from kit.processes import children

BASE = PROJECT / ".venv" / "debian"
MAKE_BASE = PROJECT / "tests" / "kit" / "make_debian_tree"
#: The first process: reaps what is orphaned, and has no other task.
FIRST = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True: signal.pause()"
BOOT = """
mount -t tmpfs tmpfs {top}
mkdir {top}/changes {top}/work {top}/root
mount -t overlay overlay -o lowerdir={lower},upperdir={top}/changes,workdir={top}/work {top}/root
mount -t proc proc {top}/root/proc
mkdir -p {top}/root/given
mount --bind {given} {top}/root/given
exec chroot {top}/root /usr/bin/python3 -I -c '{first}'
"""
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def needed() -> Path:
    """Return the directory of the tree, and make it when it is not there; skip the test where it cannot be made."""
    if not IS_ROOT:
        pytest.skip("needs root")
    mount_namespaces.needed()
    if not BASE.is_dir():
        if shutil.which("mmdebstrap") is None:
            pytest.skip("mmdebstrap is not installed here")
        BASE.parent.mkdir(exist_ok=True)
        done = subprocess.run([MAKE_BASE, BASE], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mmdebstrap could not make a tree: {done.stderr[-500:]}")
    return BASE


@dataclass(slots=True)
class DebianTree:
    """One host of Debian 12. What lies in `given` is there as /given."""

    top: Path
    given: Path
    root: Path
    _beneath: "DebianTree | None" = None
    _namespace: "subprocess.Popen[bytes] | None" = None
    _first: int = 0

    @classmethod
    def below(cls, directory: Path, *, like: "DebianTree | None" = None) -> Self:
        """Return one that has its place below a directory. Enter it by `with`.

        `like`: it begins as that one was when it was kept, which has to be there as long.
        """
        top, given = directory / "tree", directory / "given"
        top.mkdir()
        given.mkdir()
        return cls(top=top, given=given, root=top / "root", _beneath=like)

    def __enter__(self) -> Self:
        like, lower = self._beneath, str(needed())
        if like is not None:
            lower = f"{like.top}/kept:{lower}"
        script = BOOT.format(top=self.top, lower=lower, given=self.given, first=FIRST)
        ends_with_us = ["setpriv", "--pdeathsig", "KILL", *(like.mounts() if like else ())]
        command = [*ends_with_us, *mount_namespaces.IN_ONE, "--pid", "--fork", "--kill-child", "sh", "-e", "-c", script]
        self._namespace = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        (self._first,) = until(lambda: children(self._namespace.pid) if self._namespace else [], "the first process")
        until(lambda: os.readlink(f"/proc/{self._first}/root") == str(self.root), "the tree to be entered")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._namespace is not None:
            self._namespace.kill()
            self._namespace.wait()

    def mounts(self) -> list[str]:
        """Return what begins a command that sees the mounts of this host, as its builder does: from outside of it."""
        return ["nsenter", f"--target={self._first}", "--mount"]

    def keep(self) -> None:
        """Keep what was changed up to now, for others that begin alike."""
        command = [*self.mounts(), "cp", "--archive", f"{self.top}/changes", f"{self.top}/kept"]
        subprocess.run(command, env=ENVIRONMENT, check=True)

    def words(self, command: str) -> list[str]:
        """Return what runs a command line of a shell there."""
        return [*self.mounts(), "--pid", "chroot", str(self.root), "/bin/sh", "-c", command]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line there as root."""
        return subprocess.run(
            self.words(command),
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
        )

    def must(self, command: str) -> str:
        """Run a command line there, which has to succeed, and return what it printed."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}: {done}"
        return done.stdout

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Begin a command line there; to be used by `with`."""
        return subprocess.Popen(
            self.words(command),
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def path(self, name: str) -> Path:
        """Return where the test itself sees a file of the tree."""
        return Path(f"/proc/{self._first}/root{name}")

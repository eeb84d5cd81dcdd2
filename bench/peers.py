"""The tools and programs of others that do a part of the same work, found or installed.

As root the Debian packages are installed when they are missing; yacron and cronstable go from PyPI into a virtual
environment below bench/results. What cannot be had is told, and its rows are left out.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from measuring import ENVIRONMENT

PLACE = Path(__file__).resolve().parent / "results" / "peers"
PROGRAMS = ("yacron", "cronstable")
PACKAGES = {
    "flock": "util-linux",
    "timeout": "coreutils",
    "chronic": "moreutils",
    "ts": "moreutils",
    "strace": "strace",
}


@dataclass(slots=True)
class Peers:
    """Paths of what is there; None for what is not."""

    chronic: str | None = None
    ts: str | None = None
    strace: str | None = None
    schedulers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def versions(self) -> dict[str, str]:
        """Return what each one calls itself."""
        found = {}
        for name, path in self.schedulers.items():
            told = subprocess.run([path, "--version"], capture_output=True, text=True, env=ENVIRONMENT, check=False)
            found[name] = (told.stdout or told.stderr).strip().split()[-1]
        return found


def peers_at_hand() -> Peers:
    """Return what is there already, and install nothing."""
    peers = Peers(chronic=shutil.which("chronic"), ts=shutil.which("ts"), strace=shutil.which("strace"))
    peers.schedulers = {name: str(PLACE / "bin" / name) for name in PROGRAMS if (PLACE / "bin" / name).exists()}
    return peers


def installed_peers() -> Peers:
    notes = [*_install_packages(), *(note for name in PROGRAMS for note in _install_program(name))]
    peers = peers_at_hand()
    peers.notes = notes
    return peers


def _install_packages() -> list[str]:
    missing = sorted({package for tool, package in PACKAGES.items() if shutil.which(tool) is None})
    if not missing:
        return []
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return [f"missing, and its rows are left out (as root on Debian: apt-get install): {', '.join(missing)}"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", "-qq", *words], capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            return [f"{', '.join(missing)} could not be installed, rows are left out: {_last_line(done.stderr)}"]
    return []


def _install_program(name: str) -> list[str]:
    if (PLACE / "bin" / name).exists():
        return []
    if not (PLACE / "bin" / "python").exists():
        subprocess.run([os.path.realpath(sys.executable), "-m", "venv", str(PLACE)], check=True, capture_output=True)
    pip = [str(PLACE / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = subprocess.run([*pip, name], capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"{name} could not be installed, its rows are left out: {_last_line(done.stderr)}"]
    return []


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason was told"])[-1]

"""The package for Debian that tests install: built once for each state of the sources, beside the installed product."""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kit.installation import PROJECT, Product

GIVEN = os.environ.get("PROCESS_CONTROL_DEB")
"""A package that is tested instead of one built here: see `make deb-check`."""

#: A commit between two builds does not change them.
TIME_OF_THE_SOURCES = "1700000000"


def package_of(product: Product) -> Path:
    """Return the package; build it when it is not there."""
    if GIVEN:
        return Path(GIVEN).resolve()
    digest = hashlib.sha256()
    for path in sorted(path for path in (PROJECT / "contrib").rglob("*") if path.is_file()):
        digest.update(f"{path}\n".encode() + path.read_bytes())
    directory = product.prefix / f"deb-{digest.hexdigest()[:12]}"
    directory.mkdir(exist_ok=True)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = list(directory.glob("*.deb"))
        return found[0] if found else build(directory)


def build(directory: Path, *, umask: int = 0o022, environment: Mapping[str, str] | None = None) -> Path:
    """Build one as `make deb` does, only quicker."""
    command = [sys.executable, "-m", "tools.deb", "--quick", "--directory", str(directory)]
    where = {**os.environ, "SOURCE_DATE_EPOCH": TIME_OF_THE_SOURCES, **(environment or {})}
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, umask=umask, env=where)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def repacked(package: Path, directory: Path, version: str) -> Path:
    """Return the same package as another version: the number differs, and what the commands say of it."""
    root = directory / f"root-{version}"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(root)], check=True)
    control = root / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    (init,) = root.glob("opt/process-control/lib/python3.11/site-packages/process_control/__init__.py")
    init.write_text(re.sub(r'__version__ = "[^"]+"', f'__version__ = "{version}"', init.read_text()))
    changed = directory / f"process-control_{version}.deb"
    subprocess.run(["dpkg-deb", "--build", "-Zgzip", "-z1", str(root), str(changed)], check=True, capture_output=True)
    return changed

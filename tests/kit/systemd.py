"""Programs of systemd: the host's own, or those that `make test` has unpacked beside a host without systemd."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from kit.harness import PROJECT

JOURNALD = "lib/systemd/systemd-journald"
UNPACKED = PROJECT / ".venv/systemd"
_ELAPSE = re.compile(r"(?:Next elapse|Iter\. #[0-9]+|\(in UTC\)): \w{3} ([0-9-]+ [0-9:]+) UTC")


def has_systemd_analyze() -> bool:
    return shutil.which("systemd-analyze") is not None or UNPACKED.is_dir()


def systemd_analyze(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run it with these words."""
    command: Sequence[str | os.PathLike[str]] = ["systemd-analyze"]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    if shutil.which("systemd-analyze") is None:
        command = [UNPACKED / "usr/bin/systemd-analyze"]
        [library] = UNPACKED.glob("usr/lib/*/systemd/libsystemd-shared-*.so")
        environment |= {"LD_LIBRARY_PATH": str(library.parent), "SYSTEMD_UNIT_PATH": f"{UNPACKED}/lib/systemd/system:"}
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=environment)


def journald_environment() -> tuple[str, dict[str, str]]:
    """Return the path of systemd-journald, and the variables with which it and journalctl run; skip without them."""
    if os.path.exists(f"/{JOURNALD}") and shutil.which("journalctl"):
        return f"/{JOURNALD}", {}
    if not (UNPACKED / JOURNALD).exists():
        pytest.skip("systemd-journald is not installed here: apt-get install systemd")
    [library] = UNPACKED.glob("usr/lib/*/systemd/libsystemd-shared-*.so")
    path = os.pathsep.join((str(UNPACKED / "bin"), os.environ.get("PATH", "/usr/bin:/bin")))
    return str(UNPACKED / JOURNALD), {"LD_LIBRARY_PATH": str(library.parent), "PATH": path}


def elapses(line: str, base: int, *, iterations: int) -> list[int]:
    """Return the next moments (UTC seconds) of an `OnCalendar=` after `base`, as systemd-analyze names them.

    As its timers do, one that fails is left out: the moments before the failure count.
    """
    since = datetime.fromtimestamp(base, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    done = systemd_analyze("calendar", f"--iterations={iterations}", f"--base-time={since}", line)
    return [int(_moment(text).timestamp()) for text in _ELAPSE.findall(done.stdout)]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)

"""systemd-analyze: the host's own, or the one that `make test` has unpacked beside a host without systemd."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from kit.harness import PROJECT

UNPACKED = PROJECT / ".venv/systemd"


def has_systemd_analyze() -> bool:
    return shutil.which("systemd-analyze") is not None or UNPACKED.is_dir()


def systemd_analyze(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run it with these words."""
    command: Sequence[str | os.PathLike[str]] = ["systemd-analyze"]
    environment = dict(os.environ)
    if shutil.which("systemd-analyze") is None:
        command = [UNPACKED / "usr/bin/systemd-analyze"]
        [library] = UNPACKED.glob("usr/lib/*/systemd/libsystemd-shared-*.so")
        environment |= {"LD_LIBRARY_PATH": str(library.parent), "SYSTEMD_UNIT_PATH": f"{UNPACKED}/lib/systemd/system:"}
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=environment)

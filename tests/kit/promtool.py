"""promtool of Prometheus: the host's own, or the one that `make test` has unpacked from Debian."""

import os
import shutil
import subprocess

import pytest

from kit.harness import PROJECT

UNPACKED = PROJECT / ".venv/prometheus/usr/bin/promtool"


def promtool(*words: str | os.PathLike[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it with these words; skip the test where there is none."""
    command = shutil.which("promtool") or (str(UNPACKED) if UNPACKED.is_file() else None)
    if command is None:
        pytest.skip("promtool is not installed here: apt-get install prometheus")
    return subprocess.run([command, *words], input=stdin, capture_output=True, text=True, check=False)

"""A kernel of its own for a test: User Mode Linux, a process that boots on the host's files, as root only.

For what the host's kernel cannot do: it has cgroup v2 with all controllers, whatever the host mounts. What runs there
sees the same paths; what it writes is there when it has ended.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence

import pytest

from harness import Box
from runs import script

BOOT = """
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export PATH={prefix}/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 PROCESS_CONTROL_CONFIG={configuration}
{commands}
echo o > /proc/sysrq-trigger
sleep 60
"""
SECONDS = 180.0


def run_there(box: Box, commands: Sequence[str], *, megabytes: int = 768) -> None:
    """Boot, run the commands one after the other as root, and power off. Raises AssertionError with what it printed."""
    kernel = shutil.which("linux.uml")
    if kernel is None:
        pytest.skip("linux.uml is not installed (Debian: user-mode-linux)")
    text = BOOT.format(prefix=box.product.prefix, configuration=box.configuration, commands="\n".join(commands))
    first = script(box, "init.sh", text)
    words = [kernel, f"mem={megabytes}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={first}"]
    words += ["con=null", "con0=null", f"uml_dir={box.root}/uml", "quiet"]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as booted:
        try:
            printed, _ = booted.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(booted.pid, signal.SIGKILL)
            raise AssertionError(f"the kernel did not power off within {SECONDS:g} s") from None
    if b"Power Off" not in printed and b"System halted" not in printed and booted.returncode not in (0, 1):
        raise AssertionError(f"the kernel ended with {booted.returncode}: {printed[-2000:]!r}")

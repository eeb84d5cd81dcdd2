"""A kernel of its own for a test: User Mode Linux, a process that boots on the host's files, as root only.

For what the host's kernel cannot do: it has cgroup v2 with all controllers, whatever the host mounts. What runs there
sees the same paths; what it writes is there when it has ended.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from kit.harness import PROJECT, Box
from kit.installation import PYTHON_FLAGS
from kit.runs import script

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


TESTS = """
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount --bind {results} /media
mount --bind {prefix} /mnt
mount --bind {project} /srv
mount -t tmpfs tmpfs /tmp
mkdir -p {prefix} {project}
mount --bind /mnt {prefix}
mount -o remount,bind,ro {prefix}
mount --bind /srv {project}
cd {project}
export PROCESS_CONTROL_PYTHON_FLAGS='{flags}' PROCESS_CONTROL_STARTS={starts}
{python} -m pytest -q -p no:cacheprovider --junitxml=/media/results.xml {arguments} > /media/printed 2>&1
"""
"""Its /tmp is its own: the locks that keep tests on one host apart do not reach from kernel to kernel. What is needed
of the host's, which may hold the clone too, is put back in its place."""


def run_tests_there(box: Box, arguments: str, *, seconds: float, starts: str = "") -> tuple[int, str]:
    """Run these tests in the other kernel; return how many passed, and all that pytest printed, "" when none failed.

    `starts`: "cold" when they start so few commands that a warm process costs more than it saves.
    """
    results = box.root / "results"
    results.mkdir()
    commands = TESTS.format(
        results=results,
        prefix=box.product.prefix,
        project=PROJECT,
        flags=" ".join(PYTHON_FLAGS),
        starts=starts,
        python=sys.executable,
        arguments=arguments,
    )
    run_there(box, commands.splitlines(), seconds=seconds)
    printed = (results / "printed").read_text()
    (suite,) = ElementTree.parse(results / "results.xml").getroot().iter("testsuite")
    bad = sum(int(suite.get(word, "1")) for word in ("failures", "errors", "skipped"))
    return int(suite.get("tests", "0")) - bad, printed if bad else ""


def run_there(box: Box, commands: Sequence[str], *, megabytes: int = 768, seconds: float = SECONDS) -> None:
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
            printed, _ = booted.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(booted.pid, signal.SIGKILL)
            raise AssertionError(f"the kernel did not power off within {seconds:g} s") from None
    if b"Power Off" not in printed and b"System halted" not in printed and booted.returncode not in (0, 1):
        raise AssertionError(f"the kernel ended with {booted.returncode}: {printed[-2000:]!r}")

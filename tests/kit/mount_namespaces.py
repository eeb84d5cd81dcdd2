"""Mounts of a test's own, which nobody else on the host sees. Root only, and not in a chroot nor in most containers."""

import functools
import subprocess

import pytest

IN_ONE = ["unshare", "--mount", "--propagation", "private"]
"""Begins a command that runs with mounts of its own."""


@functools.cache
def may_be_made() -> bool:
    return subprocess.run([*IN_ONE, "true"], capture_output=True, check=False).returncode == 0


def needed() -> None:
    """Skip the test where they cannot be made. To be called before it makes anything."""
    if not may_be_made():
        pytest.skip("mount namespaces are not permitted here")

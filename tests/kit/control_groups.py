"""The control groups (cgroup v2) of these tests: where runs can have one of their own, and what is left of them.

The tests run in a group that was made for them, so that what is found in it is theirs and nobody else's.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from kit import mount_namespaces
from kit.events import until
from kit.processes import lives

WITH, WITHOUT = "with a control group", "without a control group"
"""Both ways in which the promises about a run's processes are kept: see the mark `each_way`."""
PREFIX = "process-control."


@cache
def mounts() -> list[Path]:
    """Return where control groups of version 2 are mounted."""
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(words[1]) for words in lines if words[2] == "cgroup2"]


def own_group() -> Path | None:
    """Return the directory of the group that this process is in, when it may make others there and fill them."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            for mount in mounts():
                directory = Path(f"{mount}{line[3:].rstrip('/')}")
                if os.access(directory / "cgroup.procs", os.W_OK) and os.access(directory, os.W_OK):
                    return directory
    return None


@contextlib.contextmanager
def group_of_this_session() -> Iterator[Path | None]:
    """Make a group and be in it until the end, when whatever is left in it is killed; None where that cannot be."""
    outer = own_group()
    if outer is None:
        yield None
        return
    for left in outer.glob("process-control-tests.*"):  # of a session that was killed; one with a process in it stays
        if not lives(int(left.suffix[1:])):
            with contextlib.suppress(OSError):
                left.rmdir()
    inner = outer / f"process-control-tests.{os.getpid()}"
    inner.mkdir()
    try:
        (inner / "cgroup.procs").write_text(str(os.getpid()))
        yield inner
    finally:
        (outer / "cgroup.procs").write_text(str(os.getpid()))
        (inner / "cgroup.kill").write_text("1")
        for parent, _, _ in os.walk(inner, topdown=False):
            until(lambda group=parent: _is_removed(group), f"the group {parent} to be empty")


def _is_removed(group: str) -> bool:
    with contextlib.suppress(OSError):
        os.rmdir(group)
        return True
    return False


def groups_of_runs() -> list[Path]:
    """Return the groups of runs below that of this process, inner ones first."""
    top = own_group()
    if top is None:
        return []
    found = [Path(parent) / name for parent, names, _ in os.walk(top) for name in names if name.startswith(PREFIX)]
    return sorted(found, reverse=True)


def without_groups() -> list[str]:
    """Return a command that starts another one where no group can be made: as in most containers, all are read-only."""
    mount_namespaces.needed()
    script = " && ".join(f"mount -o remount,bind,ro {mount}" for mount in mounts())
    return [*mount_namespaces.IN_ONE, "sh", "-c", f'{script} && exec "$@"', "sh"]

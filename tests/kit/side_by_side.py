"""Which tests one worker has to run when several run side by side (pytest-xdist): those that share a fixture.

A pytest plugin. Every other test goes to whichever worker is free.

PYTEST_DONT_REWRITE: nothing is asserted here.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling


NEEDS_A_DEBIAN = "package"
SHARED = {"fleet": 4, "web": 4}
"""Folders whose tests share what is costly to start (a server, a browser), and how many workers have one."""
SHARE_BEFORE = 0.7
SHARE_WITH_LONG = 0.8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Deal out groups of tests. Not `--dist loadgroup`: its groups do not reach pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid, config.rootpath)

    return Groups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Spread what takes long: most of it waits, others have work meanwhile, and the last worker is not alone with it.

    What needs a clean Debian comes later: it is being made meanwhile. Groups of many tests come before all others.
    """
    if not hasattr(config, "workerinput"):
        return
    late = [item for item in items if item.path.parent.name == NEEDS_A_DEBIAN]
    parts: dict[str, list[pytest.Item]] = {"": []}
    for item in items:
        group = group_of(item.nodeid, config.rootpath)
        if item.path.parent.name in SHARED and group != item.nodeid:
            parts.setdefault(group, []).append(item)
        elif item.path.parent.name != NEEDS_A_DEBIAN:
            parts[""].append(item)
    others = _spread(parts.pop(""), SHARE_WITH_LONG)
    place = int(len(others) * SHARE_BEFORE)
    others[place:place] = late
    items[:] = [*(item for part in parts.values() for item in _spread(part, 1.0)), *others]


def _spread(items: list[pytest.Item], share: float) -> list[pytest.Item]:
    """Return the tests with the long ones among the others, at equal distances, in the first `share` of them."""
    long = [item for item in items if item.get_closest_marker("long") is not None]
    others = [item for item in items if item not in long]
    step = max(1, int(len(others) * share) // max(1, len(long)))
    for number, item in enumerate(long):
        others.insert(number * step, item)
    return others


def group_of(nodeid: str, root: Path) -> str:
    """Return the folder, file or subject of a test that shares something costly with others; else the test itself."""
    file = root / nodeid.partition("::")[0]
    folder = file.parent
    if _has(folder / "conftest.py", 'scope="package"'):
        return str(folder)
    if folder.name in SHARED and not _has(file, "pytest.mark.any_worker"):
        return f"{folder.name} {_place(file) % SHARED[folder.name]}"
    if _has(file, "from kit.sources import"):
        return "kit.sources"
    if _has(file, "pytest.mark.one_worker"):
        return str(file)
    if any(_has(each, 'scope="module"') for each in (file, folder / "conftest.py")) or _has(file, 'scope="class"'):
        return str(file)
    return nodeid


@cache
def _place(file: Path) -> int:
    return sorted(file.parent.glob("test_*.py")).index(file)


@cache
def _has(file: Path, words: str) -> bool:
    return file.exists() and words in file.read_text()

"""Fixtures for every test, and what they demand of each: no process, descriptor or file left behind.

A promise that cannot be tried here is named at the end of the session; with CI=true it fails.
"""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import (
    IS_ROOT,
    Box,
    Product,
    children,
    command_line,
    installed_product,
    state_letter,
    system_cache_as_it_was,
)

CI = os.environ.get("CI") == "true"
pytest_plugins = ["storms"]


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """The package, installed as users have it."""
    with installed_product() as product, system_cache_as_it_was():
        yield product


@pytest.fixture
def make_box(product: Product) -> Iterator[Callable[..., Box]]:
    """Make boxes: `make_box(service_user="games", retention={...})`, `make_box(configured=False, user="games")`."""
    boxes: list[Box] = []

    def make(*, configured: bool = True, **how: object) -> Box:
        box = (Box.configured if configured else Box.without_configuration)(product, **how)  # type: ignore[arg-type]
        boxes.append(box)
        return box

    yield make
    left = [process for box in boxes for process in box.close()]
    if left:
        pytest.fail(f"left behind by the test: {left}")


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A host of its own for one test."""
    return make_box()


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail a test after which this process has more descriptors, children, or /tmp more of our files than before."""
    before = _descriptors(), _children(), _droppings()
    yield
    after = _descriptors(), _children(), _droppings()
    if after != before:
        gc.collect()  # what only waits for the collector is not a leak
        after = _descriptors(), _children(), _droppings()
    for name, was, is_now in zip(("descriptors", "children", "files in /tmp"), before, after, strict=True):
        if new := is_now - was:
            pytest.fail(f"{name} left behind by the test: {sorted(new)}")


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} -> {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return found


def _children() -> set[str]:
    return {f"{pid} {state_letter(pid)} {command_line(pid)}" for pid in children(os.getpid())}


def _droppings() -> set[str]:
    return {path.name for path in Path("/tmp").glob("process-control-box-*") if _is_ours(path)}


def _is_ours(path: Path) -> bool:
    # Somebody else may test on this host at the same time.
    return path.name in Box.roots_of_this_process


def pytest_configure() -> None:
    os.umask(0o022)  # whatever the tester's is: other accounts have to read what tests write


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if IS_ROOT:
        return
    for item in items:
        if item.get_closest_marker("needs_root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"with CI=true nothing may be skipped: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    if not skipped:
        return
    terminalreporter.section("Promises not tried here", sep="-")
    for report in skipped:
        promise = report.nodeid.split("::")[-1].removeprefix("test_").replace("_", " ")
        terminalreporter.line(f"  {promise} ({_reason(report)})")


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)

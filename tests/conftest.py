"""Fixtures for every test, and what they demand of each: no process, descriptor, file or control group left behind.

A promise that cannot be tried here is named at the end of the session; with CI=true it fails. `make test` runs several
workers side by side (pytest-xdist): each has a control group, boxes and children of its own; the installed product and
the host's cache are shared.
"""

import contextlib
import ctypes
import gc
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time

import hypothesis
import pytest

from kit.control_groups import WITH, WITHOUT, group_of_this_session, groups_of_runs, own_group
from kit.harness import (
    IS_ROOT,
    Box,
    Product,
    TookTooLong,
    children,
    command_line,
    installed_product,
    state_letter,
    system_cache_as_it_was,
    until,
)
from kit.warm_commands import running, warm_commands
from process_control.core.schedule.schedule import is_zone_of_host
from process_control.execution.groups_of_runs import remove_forsaken

pytest_plugins = ["kit.side_by_side", "kit.storms"]
# 200 ms an example are exceeded by whatever else a busy host does; what has a limit of time has a test that says so.
hypothesis.settings.register_profile(
    "busy host", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy host")
WAY_BY_MARK = {"with_group": WITH, "without_group": WITHOUT}
CI = os.environ.get("CI") == "true"
PR_SET_CHILD_SUBREAPER = 36
DAY_SECONDS, MIDNIGHT_SECONDS = 86_400, 45
SETTLING_SECONDS = 10.0
"""How long what a test leaves may take to go by itself; only a test that leaks waits so long."""


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """The package, installed as users have it."""
    with installed_product() as product, warm_commands(product):
        yield product


@pytest.fixture(scope="session", autouse=True)
def own_control_group() -> Iterator[None]:
    """Run all tests in a control group that was made for them, where one can be made."""
    with group_of_this_session():
        yield


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str | None:
    """The way in which a test marked `each_way` is run; None for every other test: as the host has it."""
    return getattr(request, "param", None)


@pytest.fixture
def make_box(product: Product, way: str | None) -> Iterator[Callable[..., Box]]:
    """Make boxes: `make_box(service_user="games", retention={...})`, `make_box(configured=False, user="games")`."""
    boxes: list[Box] = []
    if way == WITH and own_group() is None:
        pytest.skip("no control group (cgroup v2) may be made here")

    def make(*, configured: bool = True, **how: object) -> Box:
        box = (Box.configured if configured else Box.without_configuration)(product, **how)  # type: ignore[arg-type]
        boxes.append(box)
        if way == WITHOUT:
            box.make_control_groups_read_only()
        return box

    yield make
    had_groups = {has_group for box in boxes for has_group in box.had_control_groups()}
    unknown = sorted({words for box in boxes for words in box.unknown_fields()})
    left = [process for box in boxes for process in box.close()]
    if left:
        pytest.fail(f"left behind by the test: {left}")
    if unknown:
        pytest.fail(f"fields of records that are not in core/records.py: {unknown}")
    if way is not None and (way == WITH) not in (had_groups or {way == WITH}):
        pytest.fail(f"no run of this test was one {way}")


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A host of its own for one test."""
    return make_box()


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail a test after which there are more descriptors, processes, files or control groups of ours than before."""
    before = _counted()
    yield
    remove_forsaken()  # what killed runs leave, the product removes once a day: what it cannot remove is a leak
    after = _counted()
    if after != before:
        gc.collect()  # what only waits for the collector is not a leak
        after = _settled(before)
        gc.freeze()  # what stayed is looked at no more: trees of all modules, 0.4 s behind each test that comes here
    for name, is_now in after.items():
        if new := is_now - before[name]:
            _end_orphans(new if name == "processes" else set())
            pytest.fail(f"{name} left behind by the test: {sorted(new)}")


def _counted() -> dict[str, set[str]]:
    return {
        "descriptors": _descriptors(),
        "processes": _children(),
        "files in /tmp": _droppings(),
        "control groups": {str(path) for path in groups_of_runs()},
    }


def _descriptors() -> set[str]:
    found = set()
    of_helpers = {str(each.descriptor) for each in running}
    for name in os.listdir("/proc/self/fd"):
        if name in of_helpers:
            continue
        try:
            found.add(f"{name} -> {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return found


def _children() -> set[str]:
    """Return our children, zombies too, and what anybody below us has orphaned: we are their subreaper."""
    helpers = {each.process.pid for each in running if each.process is not None}
    ours = [pid for pid in children(os.getpid()) if pid not in helpers]
    return {f"{pid} {'Z ' if state_letter(pid) == 'Z' else ''}{command_line(pid)}" for pid in ours}


def _settled(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what there is once nothing is new, or after a while all the same.

    Whole trees end one process after the other, and what they held goes with them. Orphans are reaped as process 1
    does it; what a test has started, by what it was started with.
    """
    commands = [one for one in gc.get_objects() if isinstance(one, subprocess.Popen) and one.returncode is None]

    def is_settled() -> bool:
        for command in commands:
            command.poll()
        for pid in [int(words.split()[0]) for words in _children() - before["processes"]]:
            if state_letter(pid) == "Z":
                with contextlib.suppress(ChildProcessError):  # somebody else has just reaped it
                    os.waitpid(pid, 0)
        for root in Box.roots_of_closed & _droppings():
            # A process that was just being forked when its box was closed had no mark yet to be found by.
            shutil.rmtree(Path("/tmp") / root, ignore_errors=True)
        remove_forsaken()
        # A thread that has just read the end of a connection closes it a moment later; without one nobody does.
        may_close = threading.active_count() > 1
        new = [name for name, now in _counted().items() if now - before[name]]
        return new == [] or (new == ["descriptors"] and not may_close)

    with contextlib.suppress(TookTooLong):
        until(is_settled, "what the test left to end", seconds=SETTLING_SECONDS)
    return _counted()


def _end_orphans(described: set[str]) -> None:
    for words in described:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(words.split()[0]), signal.SIGKILL)


def _droppings() -> set[str]:
    # Ours only: somebody else may test on this host at the same time.
    return Box.roots_of_this_process.intersection(os.listdir("/tmp"))


def pytest_configure(config: pytest.Config) -> None:
    os.umask(0o022)  # whatever the tester's is: other accounts have to read what tests write
    if not hasattr(config, "workerinput"):  # workers share the cache: whoever started them looks after it
        cleaning = system_cache_as_it_was()
        cleaning.__enter__()
        config.add_cleanup(lambda: cleaning.__exit__(None, None, None))
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        # A shell ignores them for what it starts in the background, nohup HUP. We still do; what we start does not.
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test just before midnight (UTC): its yesterday would be another day in the middle of it.

    What the product does over a midnight has tests of its own, under a clock of their own.
    """
    until(lambda: DAY_SECONDS - time() % DAY_SECONDS > MIDNIGHT_SECONDS, "the next day")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    ways = WAY_BY_MARK if "each_way" in marks else {mark: WAY_BY_MARK[mark] for mark in WAY_BY_MARK if mark in marks}
    if ways:
        metafunc.parametrize("way", list(ways.values()), ids=list(ways), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_zone_of_host("UTC"):
        for item in items:
            if item.get_closest_marker("needs_utc"):
                item.add_marker(pytest.mark.skip(reason="needs a host whose time zone is UTC"))
    if IS_ROOT:
        if own_group() is None and shutil.which("linux.uml") is not None:
            # They are run by tests/system/test_control_groups_of_another_kernel.py.
            there = [item for item in items if isinstance(item, pytest.Function) and _way_of(item) == WITH]
            items[:] = [item for item in items if item not in there]
            config.hook.pytest_deselected(items=there)
        return
    for item in items:
        if item.get_closest_marker("needs_root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_collection_finish() -> None:
    # Thousands of tests and all modules stay to the end: collecting looked at each of them, 0.1 s behind many tests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # memory is not scarce here, time is


def _way_of(item: pytest.Function) -> object:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("way")


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

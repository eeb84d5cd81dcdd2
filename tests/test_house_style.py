"""What the house style forbids and a machine can see: in `src` and in the tests themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import PROJECT
from process_control.errors import EXIT_CODES, NO_COMMAND, NOT_EXECUTABLE

SOURCES = sorted((PROJECT / "src").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
NAMES_WITHOUT_A_THING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def short(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_check_vanishes_with_pythonoptimize(path: Path) -> None:
    asserts = [f"{short(path)}:{node.lineno}" for node in nodes(path) if isinstance(node, ast.Assert)]

    assert not asserts, f"`if … raise`, never `assert`: {asserts}"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_a_file_is_named_for_the_one_thing_in_it(path: Path) -> None:
    assert path.stem not in NAMES_WITHOUT_A_THING


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    tree = ast.parse(path.read_text())

    assert not tree.body or ast.get_docstring(tree), f"{short(path)} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_nothing_unfinished_is_left_in_src(path: Path) -> None:
    # A TODO needs the name of a condition, such as: TODO when Python 3.11 is dropped
    marks = re.findall(r"NotImplementedError|FIXME|XXX|TODO(?! when )", path.read_text())

    assert not marks, f"{short(path)}: {marks}"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_module_does_more_than_define_things_when_it_is_imported(path: Path) -> None:
    if path.name in ("stub.py", "__main__.py"):
        return  # programs
    loose = [
        f"{short(path)}:{node.lineno}"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.For | ast.While | ast.With) or (isinstance(node, ast.Expr) and _is_call(node))
    ]

    assert not loose, f"work at import: {loose}"


def _is_call(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call)


@pytest.mark.parametrize("path", TESTS, ids=short)
def test_tests_patch_nothing_and_sleep_never(path: Path) -> None:
    banned = {("time", "sleep"), ("mock", "patch"), ("unittest", "mock"), ("asyncio", "sleep")}
    faults = [
        f"{short(path)}:{node.lineno}: {node.value.id}.{node.attr}"
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in banned
    ]
    faults += [
        f"{short(path)}:{node.lineno}: import of {node.module}"
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and (node.module == "unittest.mock" or _takes_sleep(node))
    ]

    assert not faults, f"wait for an event (harness.until, Fifo, wait_gone): {faults}"


def _takes_sleep(node: ast.ImportFrom) -> bool:
    return node.module == "time" and any(alias.name == "sleep" for alias in node.names)


@pytest.mark.parametrize("path", [path for path in TESTS if path.name.startswith("test_")], ids=short)
def test_the_name_of_a_test_is_a_promise(path: Path) -> None:
    names = [node.name for node in nodes(path) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]

    assert [name for name in names if len(name.split("_")) < 2] == []
    assert len(names) == len(set(names)), "two tests of one name: the first never runs"


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=short)
def test_every_open_has_an_owner(path: Path) -> None:
    """`open(…).read()` leaves the closing to the collector, and a warning in every user's log."""
    loose = [
        f"{short(path)}:{node.lineno}"
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "open"
    ]

    assert not loose, f"use `with`: {loose}"


def test_every_exit_code_is_written_once() -> None:
    """In the table of `errors.py`: help, man pages, verdict and processes name it from there."""
    codes = {code for code, *_ in EXIT_CODES if code is not None and code > 2} | {NOT_EXECUTABLE, NO_COMMAND}
    faults = [
        f"{short(path)}:{node.lineno}: {node.value}"
        for path in SOURCES
        if path.name != "errors.py"
        for node in nodes(path)
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in codes
    ]

    assert not faults, f"name the code, from process_control.errors: {faults}"


def test_the_version_is_told_in_one_place_and_has_a_changelog_entry() -> None:
    namespace: dict[str, str] = {}
    exec((PROJECT / "src/process_control/__init__.py").read_text(), namespace)

    assert f"## {namespace['__version__']}" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_core_dependencies_are_the_five_that_were_weighed() -> None:
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    names = {re.match(r"[A-Za-z0-9-]+", text)[0] for text in project["dependencies"]}  # type: ignore[index]
    assert names == {"PyYAML", "msgspec", "click", "cronsim", "rich"}

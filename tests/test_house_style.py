"""What the house style forbids and a machine can see: in `src` and in the tests themselves."""

import ast
import re
from pathlib import Path

from kit.sources import PRODUCT, PROJECT, TESTS, TOOLS, nodes_of, place, short, tree_of
from process_control.errors import EXIT_CODES, NO_COMMAND, NOT_EXECUTABLE

SOURCES = [*PRODUCT, *TOOLS]
PROGRAMS = {"stub.py", "__main__.py"}
BANNED = {("time", "sleep"), ("mock", "patch"), ("unittest", "mock"), ("asyncio", "sleep")}
NAMES_WITHOUT_A_THING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def test_no_check_vanishes_with_pythonoptimize() -> None:
    asserts = [place(path, node) for path in SOURCES for node in nodes_of(path) if isinstance(node, ast.Assert)]

    assert not asserts, f"`if … raise`, never `assert`: {asserts}"


def test_a_file_is_named_for_the_one_thing_in_it() -> None:
    assert [short(path) for path in SOURCES if path.stem in NAMES_WITHOUT_A_THING] == []


def test_a_module_says_what_is_in_it() -> None:
    silent = [short(path) for path in SOURCES if tree_of(path).body and not ast.get_docstring(tree_of(path))]

    assert not silent, f"without a docstring: {silent}"


def test_nothing_unfinished_is_left_in_src() -> None:
    # A TODO needs the name of a condition, such as: TODO when Python 3.11 is dropped
    unfinished = re.compile(r"NotImplementedError|FIXME|XXX|TODO(?! when )")

    assert [(short(path), mark) for path in SOURCES for mark in unfinished.findall(path.read_text())] == []


def test_no_module_does_more_than_define_things_when_it_is_imported() -> None:
    loose = [
        place(path, node)
        for path in SOURCES
        if path.name not in PROGRAMS
        for node in tree_of(path).body
        if isinstance(node, ast.For | ast.While | ast.With) or _is_call(node)
    ]

    assert not loose, f"work at import: {loose}"


def _is_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def test_tests_patch_nothing_and_sleep_never() -> None:
    faults = [
        f"{place(path, node)}: {node.value.id}.{node.attr}"
        for path in TESTS
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in BANNED
    ]
    faults += [
        f"{place(path, node)}: import of {node.module}"
        for path in TESTS
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and (node.module == "unittest.mock" or _takes_sleep(node))
    ]

    assert not faults, f"wait for an event (harness.until, Fifo, wait_gone): {faults}"


def _takes_sleep(node: ast.ImportFrom) -> bool:
    return node.module == "time" and any(alias.name == "sleep" for alias in node.names)


def test_the_name_of_a_test_is_a_promise() -> None:
    for path in TESTS:
        names = [node.name for node in nodes_of(path) if isinstance(node, ast.FunctionDef) and _is_a_test(path, node)]

        assert [name for name in names if len(name.split("_")) < 2] == [], short(path)
        assert len(names) == len(set(names)), f"{short(path)}: two tests of one name: the first never runs"


def _is_a_test(path: Path, node: ast.FunctionDef) -> bool:
    return path.name.startswith("test_") and node.name.startswith("test_")


def test_every_open_has_an_owner() -> None:
    """`open(…).read()` leaves the closing to the collector, and a warning in every user's log."""
    loose = [
        place(path, node)
        for path in [*SOURCES, *TESTS]
        for node in nodes_of(path)
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
        f"{place(path, node)}: {node.value}"
        for path in SOURCES
        if path.name != "errors.py" and "tools" not in path.parts
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in codes
    ]

    assert not faults, f"name the code, from process_control.errors: {faults}"


def test_the_version_stands_in_one_place_and_has_a_changelog_entry() -> None:
    namespace: dict[str, str] = {}
    exec((PROJECT / "src/process_control/__init__.py").read_text(), namespace)

    assert f"## {namespace['__version__']}" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_core_dependencies_are_the_five_that_were_weighed() -> None:
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    names = {re.match(r"[A-Za-z0-9-]+", text)[0] for text in project["dependencies"]}  # type: ignore[index]
    assert names == {"PyYAML", "msgspec", "click", "cronsim", "rich"}

"""The layers: imports go up the list of docs/architecture.md and never down, no files import each other in a circle."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from kit.sources import PRODUCT, PROJECT, nodes_of, tree_of
from tools.layers import LAYERS, OUTSIDE, PAGE, page

SOURCE = PROJECT / "src"
PACKAGE = "process_control"

# What a lean module may import at module level: C modules of the interpreter, and lean modules.
LEAN_MODULES = {
    "posix",
    "time",
    "fcntl",
    "select",
    "_signal",
    "binascii",
    "zlib",
    "pwd",
    "grp",
    "_io",
    "io",
    "sys",
    "errno",
    "_struct",
    "_socket",
    "syslog",
    "_json",
    "_ctypes",
    "_thread",
    "gc",
    "_imp",
    "marshal",
}
# What has an effect, or asks the host. `core` decides from values alone.
NEVER_IN_CORE = {
    "asyncio",
    "fcntl",
    "io",
    "logging",
    "os",
    "pathlib",
    "posix",
    "random",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "syslog",
    "tempfile",
    "threading",
    "time",
}
EXCEPTIONS_IN_CORE = {
    ("process_control.core.verdict", "signal"): "names of signals, nothing is sent",
    ("process_control.core.schedule.schedule", "os"): "which zone /etc/localtime names is part of the zone database",
}
OWNERS = {
    "cronsim": {"core"},
    "yaml": {"config"},
    "sqlite3": {"history"},
    "click": {"cli"},
    "rich": {"cli"},
    "temporalio": {"fleet"},
    "apprise": {"notify"},
    "starlette": {"web"},
}


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    return {module_name(path): path for path in PRODUCT}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(module: str, node: ast.stmt) -> str:
    return f"{modules()[module].relative_to(PROJECT)}:{node.lineno}"


@cache
def imports_of(module: str) -> list[tuple[ast.stmt, str]]:
    """Return every import of a module with the absolute name of what is imported: typing ones and late ones too.

    `from ..core import job` may mean a module or a name: the longest that is a file of ours is meant.
    """
    package = module.split(".") if modules()[module].name == "__init__.py" else module.split(".")[:-1]
    found: list[tuple[ast.stmt, str]] = []
    for node in nodes_of(modules()[module]):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = (f"{origin}.{alias.name}" for alias in node.names)
            found += [(node, name if name in modules() else origin) for name in names]
    return found


def layer_of(module: str) -> tuple[str, int | None]:
    """Return the part of the package that a module belongs to, and the number of its layer, None outside of them."""
    parts = module.split(".")
    part = parts[1] if len(parts) > 1 else "__init__"
    if part in OUTSIDE or part == "__init__":
        return part, None
    return part, next((number for number, names in enumerate(LAYERS) if part in names), -1)


def wrong_direction(importer: str, imported: str) -> str | None:
    """Return why `importer` may not import `imported` (both of ours), or None when it may."""
    (from_part, from_layer), (to_part, to_layer) = layer_of(importer), layer_of(imported)
    for part, layer in ((from_part, from_layer), (to_part, to_layer)):
        if layer == -1:
            return f"'{part}' is in no layer: put it into LAYERS, and into docs/architecture.md"
    if from_part == to_part or from_layer is None or to_part == "__init__":
        return None
    if to_layer is None:
        return f"{importer} may not import {imported}: nothing depends on how the program is entered"
    return None if to_layer < from_layer else f"{importer} may not import {imported}: {to_part} is a layer below"


def test_imports_go_up_the_layers_only() -> None:
    faults = [
        f"{place(module, node)}: {fault}"
        for module in modules()
        for node, name in imports_of(module)
        if name.split(".")[0] == PACKAGE and (fault := wrong_direction(module, name))
    ]

    assert not faults, "\n".join(faults)


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module: {name for _, name in imports_of(module) if name in modules()} - {module} for module in modules()}

    assert circles_in(graph) == []


def circles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other."""
    reach = {node: reachable(graph, node) for node in graph}
    found = {tuple(sorted({other for other in reach[node] if node in reach[other]})) for node in graph}
    return sorted(list(circle) for circle in found if circle)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph[node])
    return seen


def test_nothing_lies_at_the_root_of_the_package_but_errors() -> None:
    assert sorted(path.name for path in (SOURCE / PACKAGE).glob("*.py")) == ["__init__.py", "errors.py"]


def test_each_package_says_in_one_line_what_belongs_in_it() -> None:
    packages = [path for path in modules().values() if path.name == "__init__.py"]
    faults = [
        str(path.relative_to(PROJECT))
        for path in packages
        if len((ast.get_docstring(tree_of(path)) or "\n").splitlines()) != 1
    ]

    assert not faults, "\n".join(faults)


def is_lean(module: str) -> bool:
    """Whether a module says that it is lean; a package is when nothing but words stands in it."""
    tree = tree_of(modules()[module])
    if modules()[module].name == "__init__.py" and len(tree.body) <= 1:
        return True
    return bool(re.search("Lean module", ast.get_docstring(tree) or ""))


def test_a_lean_module_imports_only_what_costs_nothing() -> None:
    faults = []
    for module in filter(is_lean, modules()):
        statements = [
            node for node in tree_of(modules()[module]).body if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        at_once = {id(node) for statement in statements if not is_for_typing(statement) for node in ast.walk(statement)}
        for node, name in imports_of(module):
            if id(node) not in at_once or name in LEAN_MODULES or (name in modules() and is_lean(name)):
                continue
            faults.append(
                f"{place(module, node)}: lean {module} imports {name}: use posix, _io, _json…, or import it late"
            )

    assert not faults, "\n".join(faults)


def is_for_typing(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_core_touches_no_clock_file_or_process() -> None:
    faults = [
        f"{place(module, node)}: core may not import {name}: it decides, and acts on nothing"
        for module in modules()
        if layer_of(module)[0] == "core"
        for node, name in imports_of(module)
        if name.split(".")[0] in NEVER_IN_CORE and (module, name) not in EXCEPTIONS_IN_CORE
    ]

    assert not faults, "\n".join(faults)


def test_each_library_has_one_owner() -> None:
    faults = [
        f"{place(module, node)}: {name} belongs to {', '.join(sorted(OWNERS[library]))}"
        for module in modules()
        for node, name in imports_of(module)
        if (library := name.split(".")[0]) in OWNERS and layer_of(module)[0] not in OWNERS[library]
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("importer", "imported", "fault"),
    [
        ("core.job", "system.lock", "system is a layer below"),
        ("config.settings", "history.journal", "history is a layer below"),
        ("execution.process", "config.settings", "config is a layer below"),
        ("history.index.index", "views.status", "views is a layer below"),
        ("errors", "core.job", "core is a layer below"),
        ("run.run_job", "entry.bundle", "nothing depends on how the program is entered"),
    ],
)
def test_a_wrong_direction_is_named(importer: str, imported: str, fault: str) -> None:
    importer, imported = f"{PACKAGE}.{importer}", f"{PACKAGE}.{imported}"

    assert wrong_direction(importer, imported) == f"{importer} may not import {imported}: {fault}"


def test_a_right_direction_is_free() -> None:
    assert wrong_direction(f"{PACKAGE}.history.index.index", f"{PACKAGE}.system.clock") is None
    assert wrong_direction(f"{PACKAGE}.cli.main", f"{PACKAGE}.run.run_job") is None
    assert wrong_direction(f"{PACKAGE}.attic.box", f"{PACKAGE}.errors") == (
        "'attic' is in no layer: put it into LAYERS, and into docs/architecture.md"
    )


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}

    assert circles_in(graph) == [["a", "b", "c"]]


def test_the_picture_in_the_docs_is_that_of_the_package() -> None:
    assert PAGE.read_text() == page(), "python -m tools.layers"

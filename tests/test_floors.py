"""The house: imports go down only, and a lean room imports next to nothing (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

from harness import PROJECT

SOURCE = PROJECT / "src"
PACKAGE = "process_control"

# Floor of each room; a room is a module or a folder directly below the package.
FLOORS = {
    "__init__": 0,
    "errors": 1,
    "json_text": 1,
    "core": 2,
    "ports": 3,
    "config": 3,
    "system": 3,
    "history": 3,
    "notify": 3,
    "alerts": 4,
    "current_run": 4,
    "judging": 4,
    "last_run": 4,
    "forgotten_start": 4,
    "late_slots": 4,
    "late_start": 4,
    "mail_contents": 4,
    "news": 4,
    "noise_of_runs": 4,
    "overlap": 4,
    "postman": 4,
    "run_job": 4,
    "secrets_of_runs": 4,
    "slow_start": 4,
    "scheduler": 4,
    "status": 4,
    "surroundings": 4,
    "telling": 4,
    "ledger": 4,
    "wiring": 4,
    "attempts": 4,
    "export": 5,
    "fleet": 5,
    "web": 6,
    "cli": 7,
}
# On floor 3 nobody knows the neighbours, but everybody may talk to the system and speak through the ports.
OPEN_TO_THEIR_FLOOR = {"system", "ports"}
# Floor 4 is one landing: the corridor, the read model and the wiring.
LANDING = 4

# What a lean room may import at module level: C modules of the interpreter, and lean rooms.
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
    ("process_control.core.schedule", "os"): "which zone /etc/localtime names is part of the zone database",
}


def python_files() -> list[Path]:
    return sorted((SOURCE / PACKAGE).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room below the package: `core` for `process_control.core.job`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(tree: ast.Module, path: Path) -> list[tuple[ast.stmt, str]]:
    """Return every import of a file with its absolute module name: those inside functions too, typing-only ones not.

    `from ..core import job` may mean a module or a name: the longest that is a file of ours is meant.
    """
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    typing_only = {id(node) for block in ast.walk(tree) if _is_typing_block(block) for node in ast.walk(block)}
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [(node, _module_meant(module, alias.name)) for alias in node.names]
    return found


def _module_meant(module: str, name: str) -> str:
    place = SOURCE.joinpath(*module.split("."), name)
    return f"{module}.{name}" if place.with_suffix(".py").exists() or (place / "__init__.py").exists() else module


def _is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def is_lean(tree: ast.Module) -> bool:
    return "Lean room" in (ast.get_docstring(tree) or "")


def wrong_floor(importer: str, imported: str) -> str | None:
    """Return why `importer` may not import `imported` (both of ours), or None when it may."""
    from_room, to_room = room_of(importer), room_of(imported)
    if from_room == to_room or to_room == "__init__":
        return None
    missing = [room for room in (from_room, to_room) if room not in FLOORS]
    if missing:
        return f"room '{missing[0]}' is on no floor: put it into FLOORS, and into docs/architecture.md"
    from_floor, to_floor = FLOORS[from_room], FLOORS[to_room]
    if to_floor < from_floor or (to_floor == from_floor and (to_room in OPEN_TO_THEIR_FLOOR or to_floor == LANDING)):
        return None
    return f"{importer} may not import {imported}: move the decision down or the effect up"


@pytest.mark.parametrize("path", python_files(), ids=module_name)
def test_imports_go_down_only(path: Path) -> None:
    tree = ast.parse(path.read_text())

    faults = []
    for node, name in imports_of(tree, path):
        if name.split(".")[0] == PACKAGE and (fault := wrong_floor(module_name(path), name)):
            faults.append(f"{path.relative_to(PROJECT)}:{node.lineno}: {fault}")

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("path", python_files(), ids=module_name)
def test_a_lean_room_imports_only_what_costs_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if not is_lean(tree):
        return
    module_level = {id(node) for statement in tree.body if not _is_function(statement) for node in ast.walk(statement)}

    faults = []
    for node, name in imports_of(tree, path):
        if id(node) not in module_level:
            continue
        where = f"{path.relative_to(PROJECT)}:{node.lineno}"
        if name.split(".")[0] == PACKAGE:
            if not _lean_module(name):
                faults.append(f"{where}: lean {module_name(path)} imports {name}, which is not lean")
        elif name not in LEAN_MODULES:
            faults.append(
                f"{where}: lean {module_name(path)} imports {name}: use posix, _io, _json…, or import it late"
            )

    assert not faults, "\n".join(faults)


def _is_function(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _lean_module(name: str) -> bool:
    place = SOURCE.joinpath(*name.split("."))
    if (place / "__init__.py").exists():
        text = (place / "__init__.py").read_text()
        return not text.strip() or is_lean(ast.parse(text))
    return is_lean(ast.parse(place.with_suffix(".py").read_text()))


@pytest.mark.parametrize("path", sorted((SOURCE / PACKAGE / "core").glob("*.py")), ids=lambda path: path.stem)
def test_the_core_touches_no_clock_file_or_process(path: Path) -> None:
    tree = ast.parse(path.read_text())

    faults = [
        f"{path.relative_to(PROJECT)}:{node.lineno}: core may not import {name}: it decides, and acts on nothing"
        for node, name in imports_of(tree, path)
        if name.split(".")[0] in NEVER_IN_CORE and (module_name(path), name) not in EXCEPTIONS_IN_CORE
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", ["cronsim", "yaml", "click", "rich", "sqlite3", "temporalio", "starlette"])
def test_each_library_has_one_room(name: str) -> None:
    rooms = {"cronsim": {"core"}, "yaml": {"config"}, "sqlite3": {"history"}}
    rooms |= {"click": {"cli"}, "rich": {"cli"}, "temporalio": {"fleet"}, "starlette": {"web"}}

    users = {
        room_of(module_name(path))
        for path in python_files()
        for _, imported in imports_of(ast.parse(path.read_text()), path)
        if imported.split(".")[0] == name
    }

    assert users <= rooms[name], f"{name} belongs to {sorted(rooms[name])}, and is imported by {sorted(users)}"


def test_every_import_from_a_wrong_floor_is_named() -> None:
    wrong = [
        ("process_control.core.job", "process_control.system.lock"),
        ("process_control.config.settings", "process_control.history.journal"),
        ("process_control.history.index", "process_control.status"),
        ("process_control.errors", "process_control.core.job"),
    ]

    for importer, imported in wrong:
        assert wrong_floor(importer, imported) == (
            f"{importer} may not import {imported}: move the decision down or the effect up"
        )
    assert wrong_floor("process_control.history.index", "process_control.system.clock") is None
    assert wrong_floor("process_control.cli.main", "process_control.run_job") is None
    assert wrong_floor("process_control.attic.box", "process_control.errors") == (
        "room 'attic' is on no floor: put it into FLOORS, and into docs/architecture.md"
    )

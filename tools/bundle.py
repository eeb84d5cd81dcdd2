"""The bundle of lean modules, made by the build of the wheel for the interpreter that builds it (`entry/bundle.py`).

`tools/build_hook.py` calls it. A wheel has it beside the stub; an editable install has none, and imports modules one
by one.
"""

import ast
import marshal
import sys
import zlib
from importlib.util import MAGIC_NUMBER, find_spec
from pathlib import Path
from types import CodeType

SOURCE = Path(__file__).resolve().parents[1] / "src"
LOADER = "process_control.entry.bundle"
EXTENSIONS = ("_ctypes", "_json")

# What a plain run imports late, inside of functions; what these import at once is found by reading them. A test watches
# real runs: they import no other module of ours.
GUARD_ROOTS = ("process_control.cli.run_job.main", "process_control.execution.guard")
RUNNER_ROOTS = (
    "process_control.config.settings",
    "process_control.state.block",
    "process_control.run.caller",
    "process_control.run.report_on_stderr",
    "process_control.execution.guard_channel",
    "process_control.actions.rights",
    "process_control.config.job_directory",
    "process_control.config.cache.planned_slots",
    "process_control.run.run_job",
    "process_control.state.job_state",
    "process_control.run.world",
    "process_control.system.lock",
    "process_control.execution.supervisor",
    "process_control.run.follow",
)


def contents(source: Path = SOURCE) -> bytes:
    """Return the bundle of the package below `source`, without docstrings and annotations."""
    sizes: list[tuple[str, int]] = []
    guard = modules_behind(source, GUARD_ROOTS)
    runner = modules_behind(source, RUNNER_ROOTS, besides=guard)
    loader = _compiled(source, LOADER, sizes)[3]
    of_guard = tuple(_compiled(source, name, sizes) for name in guard)
    rest = marshal.dumps(tuple(_compiled(source, name, sizes) for name in runner))
    extensions = tuple(name for name in EXTENSIONS if (spec := find_spec(name)) is not None and spec.has_location)
    head = marshal.dumps((loader, tuple(sizes), extensions, (len(rest), zlib.crc32(rest)), of_guard))
    return MAGIC_NUMBER + b"%-8d%08x" % (len(head), zlib.crc32(head)) + head + rest


def modules_behind(source: Path, roots: tuple[str, ...], *, besides: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return `roots` and all of ours that their import imports, packages too, each after what it needs."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found or name in besides or _path(source, name) is None:
            return
        visit(name.rpartition(".")[0])
        for imported in _imported_at_once(source, name):
            visit(imported)
        found.append(name)

    for root in roots:
        visit(root)
    return tuple(found)


def _imported_at_once(source: Path, module: str) -> list[str]:
    """Return what stands in import statements at the top level of a module: modules, and names in them."""
    path = _path(source, module)
    found: list[str] = []
    for node in ast.parse(path.read_bytes()).body if path else ():
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def _path(source: Path, module: str) -> Path | None:
    place = source.joinpath(*module.split(".")) if module else source
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if module and path.exists()), None)


def _compiled(source: Path, name: str, sizes: list[tuple[str, int]]) -> tuple[str, str, bool, CodeType]:
    path = _path(source, name)
    if path is None:
        raise LookupError(f"no module {name} below {source}")
    shown = str(path.relative_to(source))  # in tracebacks, which find the source below the folders of the path
    file = shown.partition("/")[2]
    text = path.read_bytes()
    if path.name != "__init__.py":  # nothing but words: what changes there changes nothing
        sizes.append((file, len(text)))
    tree = _Lean().visit(ast.parse(text, shown))
    return name, file, path.name == "__init__.py", compile(tree, shown, "exec", optimize=2, dont_inherit=True)


class _Lean(ast.NodeTransformer):
    """Leave out what only readers and type checkers look at: annotations and what is imported for them."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), self.generic_visit(node))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(contents())

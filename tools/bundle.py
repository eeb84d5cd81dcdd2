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

if __name__ == "__main__":  # isolated from whatever PYTHONPATH names, and so from ourselves
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools import late_functions

SOURCE = Path(__file__).resolve().parents[1] / "src"
LOADER = "process_control.entry.bundle"
C_MODULES = ("_ctypes", "_json", "fcntl", "pwd", "select")
"""Which of these are in the interpreter, and which in files of its own, is its builder's choice."""

PIECE_BYTES = 100 << 10
"""The runner reads its modules in pieces of this size. The memory of one is used again for the next: malloc asks the
kernel for new pages, and gives them back, from 128 KiB on."""

Module = tuple[str, str, bool, CodeType, bytes]  # as `entry/bundle.py` has it

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
)


def contents(source: Path = SOURCE) -> bytes:
    """Return the bundle of the package below `source`, without docstrings and annotations."""
    sizes: list[tuple[str, int]] = []
    guard = modules_behind(source, GUARD_ROOTS)
    runner = modules_behind(source, RUNNER_ROOTS, besides=guard)
    loader = _compiled(source, LOADER, sizes)[3]
    of_guard = tuple(_compiled(source, name, sizes) for name in guard)
    pieces = _pieces([_compiled(source, name, sizes) for name in runner])
    of_the_interpreter = tuple(name for name in C_MODULES if find_spec(name) is not None)
    head = marshal.dumps(
        (loader, tuple(sizes), of_the_interpreter, tuple((len(piece), zlib.crc32(piece)) for piece in pieces), of_guard)
    )
    return MAGIC_NUMBER + b"%-8d%08x" % (len(head), zlib.crc32(head)) + head + b"".join(pieces)


def _pieces(modules: list[Module]) -> list[bytes]:
    """Return the modules marshalled, in pieces of at most PIECE_BYTES where one module is not larger."""
    pieces: list[bytes] = []
    of_piece: list[Module] = []
    for module in modules:
        if of_piece and len(marshal.dumps((*of_piece, module))) > PIECE_BYTES:
            pieces.append(marshal.dumps(tuple(of_piece)))
            of_piece = []
        of_piece.append(module)
    return [*pieces, marshal.dumps(tuple(of_piece))]


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


def _compiled(source: Path, name: str, sizes: list[tuple[str, int]]) -> Module:
    file, is_package, text = _text_of(source, name)
    if not is_package:  # nothing but words: what changes there changes nothing
        sizes.append((file, len(text)))
    late = {line.partition(" ")[2] for line in late_functions.listed() if line.startswith(f"{file} ")}
    code, of_late = late_functions.split(_tree(text, file), f"process_control/{file}", late)
    return name, file, is_package, code, of_late


def code_of(source: Path, name: str) -> tuple[str, CodeType]:
    """Return a module's file below the package, and its whole code as the bundle has it."""
    file, _, text = _text_of(source, name)
    return file, late_functions.split(_tree(text, file), f"process_control/{file}", set())[0]


def _text_of(source: Path, name: str) -> tuple[str, bool, bytes]:
    path = _path(source, name)
    if path is None:
        raise LookupError(f"no module {name} below {source}")
    return str(path.relative_to(source)).partition("/")[2], path.name == "__init__.py", path.read_bytes()


def _tree(text: bytes, file: str) -> ast.Module:
    tree = ast.parse(text, file)
    _Lean().visit(tree)
    return tree


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

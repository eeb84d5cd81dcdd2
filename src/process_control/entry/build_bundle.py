"""Write the bundle of lean rooms (`bundle.py`): `python3 -m process_control.entry.build_bundle`.

Nobody has to: a run that found none, or a stale one, has it written when it is over, where it may write beside the
package. An image whose files are read-only later is where a person would call it.
"""

import ast
import importlib.util
import marshal
import os
import sys
import time
import zlib
from pathlib import Path
from types import CodeType

PACKAGE = Path(__file__).absolute().parent.parent
TRY_AGAIN_SECONDS = 86400  # as in bundle.py, which this file must not import: it is run by its path

# In the order in which their imports ask for one another. A test watches that a plain run imports no other of ours.
GUARD = (
    "process_control",
    "process_control.cli",
    "process_control.entry",
    "process_control.cli.run_job",
    "process_control.errors",
    "process_control.cli.run_job.options",
    "process_control.cli.run_job.main",
    "process_control.system",
    "process_control.system.signals",
    "process_control.system.linux",
    "process_control.execution",
    "process_control.execution.guard",
)
RUNNER = (
    "process_control.config",
    "process_control.core",
    "process_control.core.job",
    "process_control.system.json_text",
    "process_control.config.cache",
    "process_control.config.cache.read",
    "process_control.system.trusted_file",
    "process_control.config.search",
    "process_control.config.settings",
    "process_control.history",
    "process_control.core.gate",
    "process_control.system.clock",
    "process_control.execution.guard_channel",
    "process_control.state",
    "process_control.state.claim",
    "process_control.system.plain_file",
    "process_control.history.journal",
    "process_control.system.proc",
    "process_control.state.block",
    "process_control.state.job_state",
    "process_control.system.account",
    "process_control.core.facts",
    "process_control.notify",
    "process_control.notify.announce",
    "process_control.run",
    "process_control.run.caller",
    "process_control.run.report_on_stderr",
    "process_control.core.run_id",
    "process_control.run.run",
    "process_control.system.directories",
    "process_control.config.job_directory",
    "process_control.run.attempts",
    "process_control.run.daily_prune",
    "process_control.run.gate",
    "process_control.run.end",
    "process_control.run.slot",
    "process_control.execution.cgroup",
    "process_control.run.group",
    "process_control.run.log",
    "process_control.run.start",
    "process_control.run.run_job",
    "process_control.core.job_environment",
    "process_control.execution.process",
    "process_control.run.commands",
    "process_control.system.lock",
    "process_control.run.lock",
    "process_control.run.people",
    "process_control.run.world",
    "process_control.execution.capture",
    "process_control.execution.children",
    "process_control.execution.streams",
    "process_control.execution.time_limits",
    "process_control.execution.supervisor",
)
EXTENSIONS = ("_ctypes", "_json")


def bundle_path(package: Path = PACKAGE) -> Path:
    """Return where the bundle of this interpreter lies."""
    return package / "__pycache__" / f"lean.{sys.hexversion:x}.bundle"


def write_bundle(package: Path = PACKAGE) -> Path | None:
    """Write the bundle for the sources in `package` and return its path; None while somebody else writes it.

    What was begun and never finished (a full disk) is tried again a day later. Raises OSError, SyntaxError.
    """
    path = bundle_path(package)
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".new")
    try:
        if time.time() - unfinished.stat().st_mtime > TRY_AGAIN_SECONDS:
            unfinished.unlink()
    except FileNotFoundError:
        pass
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return None
    with open(descriptor, "wb") as file:
        file.write(contents_of_bundle(package))
        os.fchmod(descriptor, 0o644)  # whatever the umask: every account may run the stub
        file.flush()
        os.fsync(descriptor)  # what a power cut left half would be no bundle, found out at every start
    unfinished.rename(path)
    return path


def contents_of_bundle(package: Path) -> bytes:
    """Compile the lean rooms of `package`; docstrings are left out."""
    stamps: list[tuple[str, int, int]] = []
    loader = _compiled(package, "process_control.entry.bundle", stamps)[3]
    guard = tuple(_compiled(package, name, stamps) for name in GUARD)
    rest = marshal.dumps(tuple(_compiled(package, name, stamps) for name in RUNNER))
    found = ((name, importlib.util.find_spec(name)) for name in EXTENSIONS)
    extensions = tuple((name, str(spec.origin)) for name, spec in found if spec is not None and spec.has_location)
    head = marshal.dumps((loader, tuple(stamps), extensions, (len(rest), zlib.crc32(rest)), guard))
    return b"%-8d%08x" % (len(head), zlib.crc32(head)) + head + rest


def _compiled(package: Path, name: str, stamps: list[tuple[str, int, int]]) -> tuple[str, str, bool, CodeType]:
    below = name.replace(".", "/").partition("/")[2]
    is_package = not below or (package / below).is_dir()
    file = f"{below}/__init__.py".lstrip("/") if is_package else f"{below}.py"
    path = package / file
    status = path.stat()  # before it is read: what changes in between makes the bundle stale
    stamps.append((file, status.st_size, status.st_mtime_ns))
    shown = f"{package.name}/{file}"  # in tracebacks, which find the source below the folders of the path
    tree = _Lean().visit(ast.parse(path.read_bytes(), shown))
    return name, file, is_package, compile(tree, shown, "exec", optimize=2, dont_inherit=True)


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


def main() -> int:
    """Write it and tell where it is; exit code 74 when that cannot be."""
    try:
        path = write_bundle()
    except OSError as error:
        print(f"{error.filename or bundle_path()}: the bundle cannot be written: {error.strerror}", file=sys.stderr)
        return 74
    print(path if path is not None else f"{bundle_path()}: somebody else writes it now, or could not finish it today")
    return 0


if __name__ == "__main__":
    sys.exit(main())

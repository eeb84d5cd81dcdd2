"""The lean modules in one file beside this one: a cold run reads a few pieces of it instead of importing 67 modules.

Lean module, and the first thing in the bundle itself. Made by the build of the wheel (`tools/bundle.py`) for the
interpreter that builds it; another one imports modules one by one, as where there is none or where it is damaged. It
counts while each source has the size that it had then, and is not newer by more than a minute: who repairs a module
at 3 a.m. sees the change at once. Layout: the interpreter's magic number of 4 bytes, size and checksum of the head, of
8 digits each; the head (this module's code, the sources, C modules, size and checksum of each of the runner's
pieces, the guard's modules), marshalled; these pieces.

The code of a late function, one that a plain run does not call, stays marshalled until the first call. It is in memory:
nothing has to be imported when something is wrong.
"""

import _imp
import marshal
import posix
import sys
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, ModuleType
    from typing import Any

    # Its name, its file below the package, whether it is a package, its code; its late functions, marshalled.
    Module = tuple[str, str, bool, CodeType, bytes]
    Sources = tuple[tuple[str, int], ...]
    Pieces = tuple[tuple[int, int], ...]
    Head = tuple[CodeType, Sources, tuple[str, ...], Pieces, tuple[Module, ...]]


PACKAGE_NAME = "process_control"
SLACK_SECONDS = 60
"""An installer writes the files of a package one after the other."""

_descriptor = -1
_pieces: "Pieces" = ()
_package = ""


def load(itself: "ModuleType", package: str, descriptor: int, head: "Head") -> None:
    """Make the guard's modules of the bundle that is open at `descriptor`, unless a source is another by now."""
    global _descriptor, _pieces, _package
    _, sources, of_the_interpreter, _pieces, modules = head
    status = posix.fstat(descriptor)
    rest = sum([size for size, _ in _pieces])
    is_whole = posix.lseek(descriptor, 0, 1) + rest == status.st_size  # 1: from where we are
    if not is_whole or not _are_as_built(package, sources, before=status.st_mtime + SLACK_SECONDS):
        posix.close(descriptor)
        return
    _descriptor, _package = descriptor, package
    for name in of_the_interpreter:
        _load_c_module(name)
    _make(modules)
    sys.modules[itself.__name__] = itself
    itself.__package__ = f"{PACKAGE_NAME}.entry"
    itself.__file__ = f"{package}/entry/bundle.py"
    itself.__spec__ = sys.modules["_frozen_importlib"].ModuleSpec(itself.__name__, None, origin=itself.__file__)
    sys.modules[f"{PACKAGE_NAME}.entry"].bundle = itself  # type: ignore[attr-defined]


def load_the_rest() -> None:
    """In the runner: make the modules of its pieces. Does nothing when there is no bundle.

    A piece that is damaged is no fault: what it and the next ones hold is imported one by one.
    """
    if _descriptor < 0:
        return
    try:
        for size, checksum in _pieces:
            _make(_read(size, checksum))
    except Exception:  # noqa: BLE001  should it be a module's own fault, its import shows it
        pass
    close()


def _read(size: int, checksum: int) -> "tuple[Module, ...]":
    """Return the modules of the next piece. Its bytes are gone when the next one is read, which takes their place."""
    data = posix.read(_descriptor, size)
    if crc32(data) != checksum:
        raise ValueError
    modules: tuple[Module, ...] = marshal.loads(data)
    return modules


def define_late_functions(names: "dict[str, Any]", called: str) -> "Callable[..., Any]":
    """Give each late function of a module (`names` are its globals) its own code; return the one that was called."""
    for name, code in marshal.loads(names["__late_functions__"]):
        *classes, last = name.split(".")
        place: Mapping[str, Any] = names
        for each in classes:
            place = place[each].__dict__
        place[last].__code__ = code
        if name == called:
            found: Callable[..., Any] = place[last]
    return found


def close() -> None:
    """In the guard: close the file, whose other pieces only the runner reads."""
    global _descriptor
    if _descriptor >= 0:
        posix.close(_descriptor)
        _descriptor = -1


def _are_as_built(package: str, sources: "Sources", *, before: float) -> bool:
    for name, size in sources:
        status = posix.stat(f"{package}/{name}")
        if status.st_size != size or status.st_mtime > before:
            return False
    return True


def _load_c_module(name: str) -> None:
    """Load a C module that is in the interpreter, or where it keeps its own: no search, no locks against threads."""
    importer = sys.modules["_frozen_importlib"]
    if name in sys.builtin_module_names:
        if name not in sys.modules:
            spec = importer.ModuleSpec(name, importer.BuiltinImporter, origin="built-in")
            module = sys.modules[name] = _imp.create_builtin(spec)
            module.__spec__ = spec
            _imp.exec_builtin(module)
        return
    for folder in sys.path:
        if folder.endswith("/lib-dynload") and name not in sys.modules:
            path = f"{folder}/{name}{_imp.extension_suffixes()[0]}"
            loader = sys.modules["_frozen_importlib_external"].ExtensionFileLoader(name, path)
            try:
                importer._load(importer.ModuleSpec(name, loader, origin=path))
            except ImportError:  # it is found by its name, or nowhere
                pass


def _make(modules: "tuple[Module, ...]") -> None:
    """Make modules and put them where an import finds them. Without specs: nothing of ours asks how it was found."""
    make_module, known = type(sys), sys.modules
    for name, file, is_package, code, late in modules:
        if name in known:
            continue
        path = f"{_package}/{file}"
        parent, _, last = name.rpartition(".")
        module = make_module(name)
        module.__file__ = path
        if is_package:
            module.__path__ = [path.rpartition("/")[0]]
        module.__package__ = name if is_package else parent
        module.__dict__["__late_functions__"] = late
        known[name] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            del known[name]
            raise
        if parent:
            setattr(known[parent], last, module)

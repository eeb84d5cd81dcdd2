"""The lean modules in one file beside this one: a cold run reads two pieces of it instead of importing 47 modules.

Lean module, and the first thing in the bundle itself. Made by the build of the wheel (`tools/bundle.py`) for the
interpreter that builds it; another one imports modules one by one, as where there is none or where it is damaged. It
counts while each source has the size that it had then, and is not newer by more than a minute: who edits a module at
3 a.m. sees the change at once. Layout: the interpreter's magic number of 4 bytes, size and checksum of the head, of 8
digits each; the head (this module's code, the sources, extension modules, size and checksum of the runner's piece, the
guard's modules), marshalled; that piece.
"""

import _imp
import marshal
import posix
import sys
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    Module = tuple[str, str, bool, CodeType]  # its name, its file below the package, whether it is a package, its code
    Sources = tuple[tuple[str, int], ...]
    Head = tuple[CodeType, Sources, tuple[str, ...], tuple[int, int], tuple[Module, ...]]

PACKAGE_NAME = "process_control"
#: An installer writes the files of a package one after the other.
SLACK_SECONDS = 60

_descriptor = -1
_rest_bytes = _rest_sum = 0
_package = ""


def load(itself: "ModuleType", package: str, descriptor: int, head: "Head") -> None:
    """Make the guard's modules of the bundle that is open at `descriptor`, unless a source is another by now."""
    global _descriptor, _rest_bytes, _rest_sum, _package
    _, sources, extensions, (_rest_bytes, _rest_sum), modules = head
    status = posix.fstat(descriptor)
    is_whole = posix.lseek(descriptor, 0, 1) + _rest_bytes == status.st_size  # 1: from where we are
    if not is_whole or not _are_as_built(package, sources, before=status.st_mtime + SLACK_SECONDS):
        posix.close(descriptor)
        return
    _descriptor, _package = descriptor, package
    for name in extensions:
        _load_extension(name)
    _make(modules)
    sys.modules[itself.__name__] = itself
    itself.__package__ = f"{PACKAGE_NAME}.entry"
    itself.__file__ = f"{package}/entry/bundle.py"
    itself.__spec__ = sys.modules["_frozen_importlib"].ModuleSpec(itself.__name__, None, origin=itself.__file__)
    sys.modules[f"{PACKAGE_NAME}.entry"].bundle = itself  # type: ignore[attr-defined]


def load_the_rest() -> None:
    """Make, in the runner, the modules of its piece. Does nothing when there is no bundle.

    A piece that is damaged is no fault: what it holds is imported one by one.
    """
    if _descriptor < 0:
        return
    try:
        data = posix.read(_descriptor, _rest_bytes)
        if crc32(data) != _rest_sum:
            raise ValueError
        _make(marshal.loads(data))
    except Exception:  # noqa: BLE001  should it be a module's own fault, its import shows it
        pass
    close()


def close() -> None:
    """Release, in the guard, the piece that only the runner takes."""
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


def _load_extension(name: str) -> None:
    """Load a C module from where the interpreter keeps its own, without a search of the library's directories."""
    importer = sys.modules["_frozen_importlib"]
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
    for name, file, is_package, code in modules:
        if name in known:
            continue
        path = f"{_package}/{file}"
        parent, _, last = name.rpartition(".")
        module = make_module(name)
        module.__file__ = path
        if is_package:
            module.__path__ = [path.rpartition("/")[0]]
        module.__package__ = name if is_package else parent
        known[name] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            del known[name]
            raise
        if parent:
            setattr(known[parent], last, module)

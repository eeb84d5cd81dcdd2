"""The lean rooms in one file beside the byte code: a cold run reads two pieces of it instead of importing 40 modules.

Lean module, and the first thing in the bundle itself. Written by `build_bundle.py`, like byte code by whoever may write
there; it holds the size and the time of each source and counts only while all are the same, by whatever path they are
reached. Layout: size and checksum of the head, of 8 digits each; the head (this module's code, the sources, extension
modules, size and checksum of the runner's piece, the guard's modules), marshalled; that piece. Whatever is damaged is
imported one by one, and the bundle written again.
"""

import marshal
import posix
import sys
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    Module = tuple[str, str, bool, CodeType]  # its name, its file below the package, whether it is a package, its code
    Sources = tuple[tuple[str, int, int], ...]
    Head = tuple[CodeType, Sources, tuple[tuple[str, str], ...], tuple[int, int], tuple[Module, ...]]

PACKAGE_NAME = "process_control"
TRY_AGAIN_SECONDS = 86400
"""After so long a bundle that was begun and never finished (a full disk) is tried again."""

_descriptor = -1
_rest_bytes = _rest_sum = 0
_package = ""


def load(itself: "ModuleType", package: str, descriptor: int, head: "Head") -> None:
    """Make the guard's modules of the bundle that is open at `descriptor`, unless a source is another by now."""
    global _descriptor, _rest_bytes, _rest_sum, _package
    _, sources, extensions, (_rest_bytes, _rest_sum), modules = head
    is_whole = posix.lseek(descriptor, 0, 1) + _rest_bytes == posix.fstat(descriptor).st_size  # 1: from where we are
    if not is_whole or not _are_as_written(package, sources):
        posix.close(descriptor)
        return
    _descriptor, _package = descriptor, package
    for name, path in extensions:
        _load_extension(name, path)
    _make(modules)
    sys.modules[itself.__name__] = itself
    itself.__package__ = f"{PACKAGE_NAME}.entry"
    itself.__file__ = f"{package}/entry/bundle.py"
    itself.__spec__ = sys.modules["_frozen_importlib"].ModuleSpec(itself.__name__, None, origin=itself.__file__)
    sys.modules[f"{PACKAGE_NAME}.entry"].bundle = itself  # type: ignore[attr-defined]


def load_the_rest() -> None:
    """In the runner: make the modules of its piece. Does nothing when there is no bundle.

    A piece that is damaged is no fault: what it holds is imported, and the next run finds no bundle.
    """
    if _descriptor < 0:
        return
    try:
        data = posix.read(_descriptor, _rest_bytes)
        if crc32(data) != _rest_sum:
            raise ValueError
        _make(marshal.loads(data))
    except Exception:  # noqa: BLE001  should it be a module's own fault, its import tells
        _remove()
    close()


def _remove() -> None:
    """Remove the bundle that we have open, where we may; not one that was written meanwhile."""
    path = f"{_package}/__pycache__/lean.{sys.hexversion:x}.bundle"
    try:
        if posix.stat(path).st_ino == posix.fstat(_descriptor).st_ino:
            posix.unlink(path)
    except OSError:
        pass


def close() -> None:
    """In the guard: let go of the piece that only the runner takes."""
    global _descriptor
    if _descriptor >= 0:
        posix.close(_descriptor)
        _descriptor = -1


def have_it_written() -> None:
    """Start the process that writes the bundle, where we may and nobody does already. Never raises."""
    package = __file__.rpartition("/entry/")[0]
    try:
        if not posix.access(f"{package}/__pycache__", posix.W_OK) or _is_being_written(package):
            return
        from process_control.core.job_environment import own_environment
        from process_control.execution.detached import start_detached
        from process_control.system.interpreter import python

        writer = [*python(), "-I", "-S", "-X", "no_debug_ranges", f"{package}/entry/build_bundle.py"]
        start_detached(writer, own_environment(posix.environ))
    except Exception:  # noqa: BLE001  half a package: the run itself is over
        pass


def _is_being_written(package: str) -> bool:
    import time

    try:
        begun = posix.stat(f"{package}/__pycache__/lean.{sys.hexversion:x}.new").st_mtime
    except FileNotFoundError:
        return False
    return time.time() - begun < TRY_AGAIN_SECONDS


def _are_as_written(package: str, sources: "Sources") -> bool:
    for name, size, changed_at in sources:
        status = posix.stat(f"{package}/{name}")
        if status.st_size != size or status.st_mtime_ns != changed_at:
            return False
    return True


def _load_extension(name: str, path: str) -> None:
    """Load a C module from where it was found, without a search of the library's directories."""
    if name in sys.modules:
        return
    loader = sys.modules["_frozen_importlib_external"].ExtensionFileLoader(name, path)
    try:
        importer = sys.modules["_frozen_importlib"]
        importer._load(importer.ModuleSpec(name, loader, origin=path))
    except ImportError:  # it is found by its name, or nowhere
        pass


def _make(modules: "tuple[Module, ...]") -> None:
    """Make modules and put them where an import finds them, as importlib would have."""
    make_spec, make_module, known = sys.modules["_frozen_importlib"].ModuleSpec, type(sys), sys.modules
    for name, file, is_package, code in modules:
        if name in known:
            continue
        path = f"{_package}/{file}"
        parent, _, last = name.rpartition(".")
        module = make_module(name)
        module.__file__ = path
        module.__spec__ = spec = make_spec(name, None, origin=path, is_package=is_package)
        if is_package:
            module.__path__ = spec.submodule_search_locations = [path.rpartition("/")[0]]
        module.__package__ = name if is_package else parent
        known[name] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            del known[name]
            raise
        if parent:
            setattr(known[parent], last, module)

"""The product as users have it: built, installed, readable by every account, once for each state of its sources."""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
EXTRAS = "extras"
PYTHON_FLAGS = os.environ.get("PROCESS_CONTROL_PYTHON_FLAGS", "").split()
"""What the interpreter of the product, not that of the tests, is called with: such as -O, which strips `assert`."""
WHEEL = os.environ.get("PROCESS_CONTROL_WHEEL")
"""A wheel that is tested instead of one built here, with what it needs from the package index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A copy of the package in a virtual environment that every account of the host can enter."""

    prefix: Path
    interpreter: str

    @property
    def python(self) -> list[str]:
        """What calls the interpreter that the product runs under."""
        return [self.interpreter, *PYTHON_FLAGS]

    @property
    def stub_words(self) -> list[str]:
        """What a line of a crontab calls."""
        return [*self.python, "-I", "-S", str(self.stub)]

    @property
    def run_job(self) -> Path:
        return self.prefix / "bin" / "run-job"

    @property
    def process_control(self) -> Path:
        return self.prefix / "bin" / "process-control"

    @property
    def cron_generate(self) -> Path:
        return self.prefix / "bin" / "cron-generate"

    @property
    def check_jobs_icinga(self) -> Path:
        return self.prefix / "bin" / "check-jobs-icinga"

    @property
    def site_packages(self) -> Path:
        return self.prefix / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"

    @property
    def package(self) -> Path:
        return self.site_packages / "process_control"

    @property
    def bundle(self) -> Path:
        """The lean modules in one file, see `entry/bundle.py`."""
        (bundle,) = (self.package / "entry").glob("lean.*.bundle")
        return bundle

    @property
    def stub(self) -> Path:
        return self.package / "entry" / "stub.py"

    def copy_to(self, prefix: Path) -> "Product":
        """Return a second installation at `prefix`, for tests that damage it. Its commands call its interpreter."""
        site_packages = self.site_packages.relative_to(self.prefix)
        (prefix / site_packages).mkdir(parents=True)
        damaged = [self.prefix / "bin", self.package]
        others = [each for each in self.prefix.iterdir() if each.name not in ("bin", "lib", EXTRAS)]
        others += [each for each in self.site_packages.iterdir() if each != self.package]
        _copy_while_it_grows(others, prefix, self.prefix, "--link")
        _copy_while_it_grows(damaged, prefix, self.prefix)
        script = prefix / "bin" / ".process-control.py"
        script.write_text(script.read_text().replace(str(self.prefix), str(prefix)))
        return Product(prefix=prefix, interpreter=self.interpreter)

    def add_extra(self, extra: str, *, as_links: bool = False) -> None:
        """Install what an extra of the package needs besides, into a copy. `as_links`: where no test damages it."""
        options = ["--archive", "--link"] if as_links else ["--archive"]
        _must(["cp", *options, f"{_made_extra(extra)}/.", str(self.site_packages)])


def _copy_while_it_grows(paths: Sequence[Path], prefix: Path, root: Path, *options: str) -> None:
    """Copy what lies below `root` to the same places below `prefix`.

    Others write bytecode there meanwhile, each file under another name first: what has gone then is copied again.
    """
    names = [f"./{path.relative_to(root)}" for path in paths]
    for _ in range(50):  # all sessions may begin at once
        words = ["cp", "--archive", "--force", *options, "--parents", *names, str(prefix)]
        if subprocess.run(words, check=False, cwd=root).returncode == 0:
            return
    raise RuntimeError(f"{root} cannot be copied")


@contextlib.contextmanager
def installed_product() -> Iterator[Product]:
    """Install the package once for each state of its sources, without the network, and keep it while in use.

    The clone may lie where only root may enter, so everything is copied below /tmp: the built wheel, and the
    dependencies it declares (those and no others: a forgotten one shows). Kept between sessions by content.
    """
    folder = _folder()
    with _locked(folder / "lock", fcntl.LOCK_EX) as whole:
        name = _fingerprint()
        in_use = _open_lock(folder / f"{name}.lock")
        try:
            fcntl.flock(in_use, fcntl.LOCK_SH)
            prefix = folder / name
            if not (prefix / "READY").exists():
                _install(prefix)
            _remove_unused(folder, keep=name)
            fcntl.flock(whole, fcntl.LOCK_UN)
            yield Product(prefix=prefix, interpreter=_base_interpreter())
        finally:
            os.close(in_use)


def _made_extra(extra: str) -> Path:
    """Return where what an extra needs besides the package lies, copied and compiled once for each state of that."""
    folder = _folder()
    place = folder / _fingerprint() / EXTRAS / extra
    with _locked(folder / "extras.lock", fcntl.LOCK_EX):
        if not place.exists():
            new = place.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            there = {distribution.name for distribution in _dependencies()}
            for distribution in _dependencies(extra):
                if distribution.name not in there:
                    _copy_distribution(distribution, new)
            _must([sys.executable, "-m", "compileall", "-q", str(new)])
            new.rename(place)
    return place


def _folder() -> Path:
    """Return where installations are kept, ours alone to write."""
    folder = Path("/tmp") / f"process-control-tests-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RuntimeError(f"{folder} is not ours: remove it")
    folder.chmod(0o755)
    return folder


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextlib.contextmanager
def _locked(path: Path, operation: int) -> Iterator[int]:
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, operation)
        yield lock
    finally:
        os.close(lock)


def _base_interpreter() -> str:
    """Return the interpreter below .venv, that every account can run."""
    return os.path.realpath(sys.executable)


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version}{_base_interpreter()}{PYTHON_FLAGS}{Path(__file__).read_bytes()!r}".encode())
    for distribution in _dependencies():
        digest.update(f"{distribution.name}={distribution.version}\n".encode())
    if WHEEL:
        digest.update(Path(WHEEL).read_bytes())
    trees = [PROJECT / name for name in ("src", "share", "scripts", "tools", "docs")]
    sources = sorted(path for tree in trees for path in tree.rglob("*") if "__pycache__" not in path.parts)
    for path in [PROJECT / "pyproject.toml", PROJECT / "README.md", *sources]:
        if path.is_file():
            digest.update(f"\n{path.relative_to(PROJECT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _dependencies(extra: str = "") -> list[importlib.metadata.Distribution]:
    """Return what the package needs to run, and what that needs, by its metadata; no development tools."""
    wanted, found = ["process-control"], {}
    while wanted:
        distribution = importlib.metadata.distribution(wanted.pop())
        if distribution.name in found:
            continue
        found[distribution.name] = distribution
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                wanted.append(requirement.name)
    del found["process-control"]
    return [found[name] for name in sorted(found)]


def _install(prefix: Path) -> None:
    shutil.rmtree(prefix, ignore_errors=True)
    mask = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory(dir=prefix.parent) as wheels:
            base = _base_interpreter()
            _must([base, "-I", "-m", "venv", "--without-pip", str(prefix)])
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(prefix / "bin/python")]
            if WHEEL:
                _must([*pip, "install", "--quiet", WHEEL])
            else:
                _must([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels])
                (wheel,) = Path(wheels).glob("*.whl")
                _must([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)])
                _add_dependencies(next(prefix.glob("lib/python3*/site-packages")))
        _call_python_with_its_flags(prefix)
        (prefix / "READY").touch()
    finally:
        os.umask(mask)


def _add_dependencies(site_packages: Path) -> None:
    for distribution in _dependencies():
        _copy_distribution(distribution, site_packages)


def _call_python_with_its_flags(prefix: Path) -> None:
    """Give the commands the flags. As words: with `-I` the interpreter passes over PYTHONOPTIMIZE."""
    for script in (PROJECT / "scripts").iterdir() if PYTHON_FLAGS else ():
        installed = prefix / "bin" / script.name
        installed.write_text(installed.read_text().replace(" -I -S ", f" {' '.join(PYTHON_FLAGS)} -I -S "))


def _copy_distribution(distribution: importlib.metadata.Distribution, site_packages: Path) -> None:
    for file in distribution.files or []:
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or not source.is_file():
            continue
        target = site_packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _must(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _remove_unused(folder: Path, *, keep: str) -> None:
    """Remove installations of other states of the sources, except those that another session uses right now."""
    for path in folder.iterdir():
        if path.name == keep or not path.is_dir():
            continue
        lock_path = folder / f"{path.name}.lock"
        with contextlib.suppress(BlockingIOError), _locked(lock_path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(path, ignore_errors=True)
            lock_path.unlink()

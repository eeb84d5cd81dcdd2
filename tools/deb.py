"""`make deb`: a package for Debian 12 in dist/, with all that is needed but Debian's own Python.

The libraries are those that the tests ran with, copied from .venv, each file compared with its digest. Times, modes and
owners come from here, so that two builds are the same bytes. What dpkg calls is in contrib/debian.
"""

import argparse
import base64
import csv
import gzip
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement

from process_control import __version__

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = PROJECT / "contrib" / "debian"
#: The interpreter of Debian 12. Named with its version: another one would not find the libraries.
PYTHON = "/usr/bin/python3.11"
PREFIX = "opt/process-control"
SITE_PACKAGES = f"{PREFIX}/lib/python3.11/site-packages"
DOCUMENTATION = "usr/share/doc/process-control"
COMMANDS = ("run-job", "process-control", "cron-generate", "check-jobs-icinga")
#: What job files and configurations can ask for; a package has no `pip install` afterwards.
EXTRAS = ("calendars", "notify", "web")
#: From the place in a wheel to that of Debian.
SHARED = {
    "man": "usr/share/man",
    "bash-completion": "usr/share/bash-completion",
    "fish": "usr/share/fish",
    "zsh/site-functions": "usr/share/zsh/vendor-completions",
    "doc/process-control/process-control.example.yaml": f"{DOCUMENTATION}/process-control.example.yaml",
    "doc": f"{PREFIX}/share/doc",
}
#: From the project to the package.
OTHERS = {
    "contrib/systemd/process-control.service": "lib/systemd/system/process-control.service",
    "contrib/systemd/process-control-watch.service": "lib/systemd/system/process-control-watch.service",
    "contrib/systemd/process-control-watch.timer": "lib/systemd/system/process-control-watch.timer",
    "contrib/systemd/process-control-web.service": "lib/systemd/system/process-control-web.service",
    "contrib/sysusers.d/process-control.conf": "usr/lib/sysusers.d/process-control.conf",
    "contrib/debian/tmpfiles": "usr/lib/tmpfiles.d/process-control.conf",
    "contrib/debian/copyright": f"{DOCUMENTATION}/copyright",
    "contrib/debian/lintian-overrides": "usr/share/lintian/overrides/process-control",
    "contrib/prometheus/rules.yml": f"{DOCUMENTATION}/examples/prometheus/rules.yml",
    "contrib/proxy/nginx.conf": f"{DOCUMENTATION}/examples/proxy/nginx.conf",
    "contrib/proxy/Caddyfile": f"{DOCUMENTATION}/examples/proxy/Caddyfile",
    "README.md": f"{DOCUMENTATION}/README.md",
}
#: Files and folders of libraries: what only installers and their own tests read.
LEFT_OUT = {"INSTALLER", "REQUESTED", "direct_url.json", "__pycache__", ".gitignore", "test", "tests"}
MAINTAINER_SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


class NotBuildable(Exception):
    """A reason why no package can be built here."""


def main() -> int:
    """Build the package and print its path; return the exit code."""
    parser = argparse.ArgumentParser(prog="make deb", description="Build a package for Debian 12.")
    parser.add_argument("--directory", type=Path, default=PROJECT / "dist", help="where it goes (default: dist)")
    parser.add_argument("--version", default=__version__, help=f"its version (default: {__version__})")
    parser.add_argument("--quick", action="store_true", help="without extras and hardly compressed, for tests")
    arguments = parser.parse_args()
    try:
        print(build(arguments.directory, version=arguments.version, quick=arguments.quick))
    except NotBuildable as why:
        print(f"make deb: {why}", file=sys.stderr)
        return 1
    return 0


def build(directory: Path, *, version: str, quick: bool) -> Path:
    """Put the package into `directory` and return its path. Raises NotBuildable."""
    if sys.version_info[:2] != (3, 11):
        raise NotBuildable(f"it is for {PYTHON}, and this is Python {sys.version.split()[0]}")
    epoch = time_of_the_sources()
    architecture = run(["dpkg", "--print-architecture"]).strip()
    with tempfile.TemporaryDirectory() as workspace:
        root = Path(workspace) / "root"
        unpack_wheel(Path(workspace), root)
        for distribution in needed(() if quick else EXTRAS):
            copy_distribution(distribution, root / SITE_PACKAGES)
        make_environment(root)
        add_documents(root, version, epoch)
        make_equal(root, epoch)
        compile_all(root)
        make_equal(root, epoch)
        add_control(root, version, architecture)
        make_equal(root, epoch)
        directory.mkdir(parents=True, exist_ok=True)
        package = directory / f"process-control_{version}_{architecture}.deb"
        how = ["-Zgzip", "-z1"] if quick else ["-Zxz"]
        run(["dpkg-deb", "--root-owner-group", *how, "--build", str(root), str(package)], epoch=epoch)
    return package


def time_of_the_sources() -> int:
    """Return SOURCE_DATE_EPOCH, or the time of the commit. Raises NotBuildable where there is neither."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is not None and given.isdecimal():
        return int(given)
    try:
        return int(run(["git", "log", "-1", "--format=%ct"]))
    except (NotBuildable, ValueError) as why:
        raise NotBuildable("here is no commit, so set SOURCE_DATE_EPOCH to the time of the sources") from why


def unpack_wheel(workspace: Path, root: Path) -> None:
    """Build the wheel, and put each file of it where Debian has such files."""
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(workspace)])
    (wheel,) = workspace.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = place_of(name)
            if place is not None:
                put(root / place, archive.read(name))


def place_of(name: str) -> str | None:
    """Return where a file of the wheel goes, None for one that only pip reads."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return None if name.endswith("/RECORD") else f"{SITE_PACKAGES}/{name}"
    kind, _, rest = rest.partition("/")
    if kind == "scripts":
        return f"{PREFIX}/bin/{rest}"
    rest = rest.removeprefix("share/")
    start = next(start for start in SHARED if rest == start or rest.startswith(f"{start}/"))
    return SHARED[start] + rest.removeprefix(start)


def needed(extras: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    """Return what our package and these extras of it need, and what that needs in turn."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [("process-control", extras)]
    while waiting:
        name, wanted = waiting.pop()
        distribution = importlib.metadata.distribution(name)
        for text in distribution.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                key = requirement.name.lower()
                if key not in found:
                    found[key] = importlib.metadata.distribution(requirement.name)
                    waiting.append((requirement.name, tuple(requirement.extras)))
    return [found[key] for key in sorted(found)]


def copy_distribution(distribution: importlib.metadata.Distribution, site_packages: Path) -> None:
    """Copy the files of a library. Raises NotBuildable when one is not as it was installed."""
    record = distribution.read_text("RECORD") or ""
    for name, digest, _ in csv.reader(record.splitlines()):
        if ".." in Path(name).parts or not digest:
            continue
        if LEFT_OUT.intersection(Path(name).parts):
            continue
        content = Path(str(distribution.locate_file(name))).read_bytes()
        kind, _, expected = digest.partition("=")
        found = base64.urlsafe_b64encode(hashlib.new(kind, content).digest()).rstrip(b"=").decode("ascii")
        if found != expected:
            raise NotBuildable(f"{name} of {distribution.name} is not as it was installed: rm -r .venv; make setup")
        put(site_packages / name, content)


def make_environment(root: Path) -> None:
    """Make a virtual environment of the tree, and the commands in /usr/bin."""
    prefix = root / PREFIX
    put(prefix / "pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n")
    (prefix / "bin" / "python").symlink_to(PYTHON)
    script = prefix / "bin" / ".process-control.py"
    script.write_bytes(script.read_bytes().replace(b"#!python\n", f"#!/{PREFIX}/bin/python\n".encode(), 1))
    (root / "usr" / "bin").mkdir(parents=True)
    for command in COMMANDS:
        (root / "usr" / "bin" / command).symlink_to(f"/{PREFIX}/bin/{command}")


def add_documents(root: Path, version: str, epoch: int) -> None:
    """Add units, accounts, examples, and what Debian wants of each package; compress what Debian compresses."""
    for source, place in OTHERS.items():
        put(root / place, (PROJECT / source).read_bytes())
    moment = datetime.fromtimestamp(epoch, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    entry = f"process-control ({version}) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n"
    put(root / DOCUMENTATION / "changelog", f"{entry} -- {maintainer()}  {moment}\n".encode())
    put(root / DOCUMENTATION / "CHANGELOG.md", (PROJECT / "CHANGELOG.md").read_bytes())
    (root / DOCUMENTATION / "pages").symlink_to(f"/{PREFIX}/share/doc/process-control/pages")
    pages = [path for path in (root / "usr/share/man").rglob("*") if path.is_file()]
    for path in [*pages, root / DOCUMENTATION / "changelog", root / DOCUMENTATION / "CHANGELOG.md"]:
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()


def maintainer() -> str:
    """Return who the control file names."""
    lines = (SOURCES / "control").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("Maintainer: "))


def compile_all(root: Path) -> None:
    """Compile every module, for the path at which it will be. One process: workers share files as chance has it."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j1", "--invalidation-mode", "timestamp"]
    run([*command, "-s", str(root), "-p", "/", str(root / SITE_PACKAGES)])


def add_control(root: Path, version: str, architecture: str) -> None:
    """Add what dpkg reads and calls."""
    files = [path for path in files_of(root) if not path.is_symlink()]
    size = sum(-(-path.stat().st_size // 1024) for path in files) + sum(1 for path in root.rglob("*") if path.is_dir())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]
    text = (SOURCES / "control").read_text()
    control = text.format(version=version, architecture=architecture, installed_size=size)
    put(root / "DEBIAN" / "control", control.encode())
    put(root / "DEBIAN" / "md5sums", "".join(sums).encode())
    for name in MAINTAINER_SCRIPTS:
        put(root / "DEBIAN" / name, (SOURCES / name).read_bytes())


def make_equal(root: Path, epoch: int) -> None:
    """Give each file the time of the sources, and the mode that it has for everybody."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or is_program(path, root) else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def is_program(path: Path, root: Path) -> bool:
    """Return whether a file is one to call."""
    folder = path.parent.relative_to(root)
    return (folder == Path(PREFIX) / "bin") or (folder == Path("DEBIAN") and path.name in MAINTAINER_SCRIPTS)


def files_of(root: Path) -> Iterator[Path]:
    """Yield every file and link below a directory, in the order of their paths."""
    return (path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file())


def put(path: Path, content: bytes) -> None:
    """Write a file, and make the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(command: list[str], *, epoch: int | None = None) -> str:
    """Run a command and return its output. Raises NotBuildable with its last lines when it fails."""
    environment = {**os.environ} if epoch is None else {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    if shutil.which(command[0]) is None:
        raise NotBuildable(f"{command[0]} is not installed here")
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuildable(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

"""`make release`: wheel and sdist of a commit in dist/, the same bytes wherever and whenever they are built.

The commit is built twice, in clones at different places, under another umask, time zone and hash seed, and the wheel
once more from the sdist. A difference is a fault. `--draft` takes a commit whose changelog still says "(unreleased)".
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
HEADING = re.compile(r"^## (\S+) \(([^)]+)\)$", re.MULTILINE)
#: Two builders who agree on nothing.
BUILDERS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (0o022, {"TZ": "UTC", "PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8"}),
    (0o077, {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "LC_ALL": "C"}),
)


class NotReleasable(Exception):
    """A reason why this commit cannot be released."""


def main() -> int:
    """Build, compare, and print the digests; return the exit code."""
    parser = argparse.ArgumentParser(prog="make release", description="Build wheel and sdist of a commit.")
    parser.add_argument("--directory", type=Path, default=PROJECT / "dist", help="where the files go (default: dist)")
    parser.add_argument("--revision", default="HEAD", help="the commit (default: HEAD)")
    parser.add_argument("--draft", action="store_true", help="the changelog may still say (unreleased)")
    arguments = parser.parse_args()
    try:
        files = release(arguments.directory, revision=arguments.revision, draft=arguments.draft)
    except NotReleasable as why:
        print(f"make release: {why}", file=sys.stderr)
        return 1
    print("".join(f"{digest}  {name}\n" for name, digest in files.items()), end="")
    return 0


def release(directory: Path, *, revision: str, draft: bool) -> dict[str, str]:
    """Put wheel, sdist and SHA256SUMS of a commit into `directory`; return the digest of each file by its name.

    Raises NotReleasable when the changelog does not name the version, or two builds differ.
    """
    commit = commit_of(revision)
    check_changelog(commit, draft=draft)
    with tempfile.TemporaryDirectory() as workspace:
        first, second = (
            build(Path(workspace) / name, commit, umask, environment)
            for name, (umask, environment) in zip(("a", "somewhere/else"), BUILDERS, strict=True)
        )
        compare(first, second)
        compare_with_the_wheel_of_the_sdist(first, Path(workspace) / "from-sdist")
        directory.mkdir(parents=True, exist_ok=True)
        digests = digests_of(first)
        for name in digests:
            shutil.copyfile(first / name, directory / name)
    (directory / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    return digests


def build(clone: Path, commit: str, umask: int, environment: Mapping[str, str]) -> Path:
    """Build wheel and sdist of a commit in a clone of its own; return the directory that has them."""
    run(["git", "clone", "--quiet", "--no-checkout", str(PROJECT), str(clone)], umask=umask)
    run(["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit], umask=umask)
    run([sys.executable, "-m", "hatchling", "build"], directory=clone, umask=umask, environment=environment)
    return clone / "dist"


def commit_of(revision: str) -> str:
    """Return the hash of a revision. Raises NotReleasable for one that git does not know."""
    try:
        return run(["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]).strip()
    except NotReleasable as why:
        raise NotReleasable(f"git knows no commit {revision!r}") from why


def check_changelog(commit: str, *, draft: bool) -> None:
    """Raise NotReleasable unless the changelog of the commit begins with its version and a date."""
    version = VERSION.search(run(["git", "show", f"{commit}:src/process_control/__init__.py"]))
    heading = HEADING.search(run(["git", "show", f"{commit}:CHANGELOG.md"]))
    if version is None or heading is None or heading[1] != version[1]:
        raise NotReleasable(f"CHANGELOG.md does not begin with '## {version and version[1]} (date)'")
    if heading[2] == "unreleased" and draft:
        return
    try:
        date.fromisoformat(heading[2])
    except ValueError as why:
        raise NotReleasable(f"CHANGELOG.md: '({heading[2]})' is no date; --draft builds all the same") from why


def compare(first: Path, second: Path) -> None:
    """Raise NotReleasable when two directories have not the same files with the same bytes."""
    one, other = digests_of(first), digests_of(second)
    differing = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    if differing:
        raise NotReleasable(f"two builds of one commit differ: {', '.join(differing)}")


def compare_with_the_wheel_of_the_sdist(built: Path, workspace: Path) -> None:
    """Raise NotReleasable when the sdist does not make the same wheel."""
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(workspace)  # made here, a moment ago
    (source,) = workspace.iterdir()
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel"], directory=source)
    if digest_of(source / "dist" / wheel.name) != digest_of(wheel):
        raise NotReleasable(f"the sdist makes another wheel than the commit: {wheel.name}")


def digests_of(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a directory, by name."""
    return {path.name: digest_of(path) for path in sorted(directory.iterdir())}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(
    command: list[str], *, directory: Path = PROJECT, umask: int = 0o022, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command and return its output. Raises NotReleasable with its last lines when it fails."""
    done = subprocess.run(
        command,
        cwd=directory,
        umask=umask,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReleasable(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

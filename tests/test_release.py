"""A release: the same bytes from two builders who agree on nothing, and no release without a changelog entry."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.harness import PROJECT


def make_release(directory: Path, *arguments: str, project: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.release", "--directory", str(directory), *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


#: What a test changes, and what builds a release of the commit; the other files are in the commit alone.
CHECKED_OUT = ["/tools/", "/CHANGELOG.md"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A commit of the sources as they are now, of which only a part is written as files: each of them takes a while."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(PROJECT), str(clone)], check=True)
    changed = subprocess.run(["git", "diff", "HEAD", "--binary"], cwd=PROJECT, check=True, capture_output=True).stdout
    if changed:
        git(clone, "read-tree", "HEAD")
        subprocess.run(["git", "-C", str(clone), "apply", "--cached", "-"], input=changed, check=True)
        git(clone, "commit", "--quiet", "--message", "as it is now")
    git(clone, "sparse-checkout", "set", "--no-cone", *CHECKED_OUT)
    git(clone, "reset", "--quiet", "--hard")
    return clone


def commit(clone: Path, message: str, *options: str) -> None:
    git(clone, "commit", "--quiet", "--all", "--message", message, *options)


def git(clone: Path, *words: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", "-C", str(clone), *who, *words], check=True)


@pytest.mark.long
def test_a_commit_gives_the_same_wheel_and_sdist_to_every_builder(clone: Path, tmp_path: Path) -> None:
    done = make_release(tmp_path / "dist", "--draft", project=clone)

    assert done.returncode == 0, done.stderr
    sums = (tmp_path / "dist" / "SHA256SUMS").read_text()
    assert sums == done.stdout
    files = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
    assert sorted(Path(name).suffix for name in files) == [".gz", ".whl"]
    assert all(hashlib.sha256((tmp_path / "dist" / name).read_bytes()).hexdigest() == files[name] for name in files)


@pytest.mark.long
def test_builds_that_differ_are_no_release(clone: Path, tmp_path: Path) -> None:
    hook = clone / "tools" / "build_hook.py"
    text = hook.read_text()
    stamp = "path.write_bytes(path.read_bytes() + str(self.root).encode())\n        path.chmod(0o644)"
    assert "path.chmod(0o644)" in text
    hook.write_text(text.replace("path.chmod(0o644)", stamp))
    commit(clone, "the place of the build is in it")

    done = make_release(tmp_path / "dist", "--draft", project=clone)

    assert done.returncode == 1
    assert "two builds of one commit differ: process_control-" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_a_changelog_without_a_date_is_no_release(clone: Path, tmp_path: Path) -> None:
    changelog = clone / "CHANGELOG.md"
    undated = re.sub(r"^(## \S+) \(.+\)$", r"\1 (unreleased)", changelog.read_text(), count=1, flags=re.MULTILINE)
    changelog.write_text(undated)
    commit(clone, "no date yet", "--allow-empty")

    done = make_release(tmp_path / "dist", project=clone)

    assert done.returncode == 1
    assert done.stderr == "make release: CHANGELOG.md: '(unreleased)' is no date; --draft builds all the same\n"


def test_a_revision_that_git_does_not_know_is_named(tmp_path: Path) -> None:
    done = make_release(tmp_path / "dist", "--revision", "no-such-revision")

    assert done.returncode == 1
    assert done.stderr == "make release: git knows no commit 'no-such-revision'\n"

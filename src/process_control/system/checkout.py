"""What git knows of files in a directory: the last commit that changed each, and whether it differs from that.

Nothing here raises: a job directory need not be a checkout, and git need not be installed.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

_MARK = "\x1e"


class Commit(NamedTuple):
    """The last commit that changed a file."""

    #: 12 hex digits
    id: str
    #: name and address, as git has them
    author: str
    #: whether the file differs from it
    is_dirty: bool


class Head(NamedTuple):
    """The commit that a directory has."""

    #: 12 hex digits
    id: str
    #: whether files of the directory differ from it
    is_dirty: bool


def head_of(directory: str) -> Head | None:
    """Return the commit that a directory has; None when it is no checkout."""
    found = _git(directory, "rev-parse", "--verify", "HEAD") if _is_in_a_checkout(directory) else None
    if found is None:
        return None
    return Head(found.strip()[:12], bool(_git(directory, "status", "--porcelain", "--", ".")))


def last_commits(directory: str, names: Sequence[str]) -> dict[str, Commit]:
    """Return the last commit of each of these files of `directory`; nothing of one that was never committed."""
    if not _is_in_a_checkout(directory):
        return {}
    status = _git(directory, "status", "--porcelain", "-z", "--", *names[:_FEW], *(["."] if len(names) > _FEW else []))
    prefix = _git(directory, "rev-parse", "--show-prefix")
    if status is None or prefix is None:
        return {}
    above = prefix.strip()
    dirty = {entry[3:].removeprefix(above) for entry in status.split("\0") if len(entry) > 3}
    found = _commits_of(directory, above, names)
    return {name: Commit(commit, author, name in dirty) for name, (commit, author) in found.items()}


#: Up to so many files are named to git; of more it is asked about the directory.
_FEW = 20


def _commits_of(directory: str, above: str, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return id and author of the last commit of each file, by walking back until all are found."""
    wanted = set(names)
    found: dict[str, tuple[str, str]] = {}
    words = ["log", f"--format={_MARK}%H%x1f%an <%ae>", "--name-only", "--no-renames", "-z"]
    which = list(names) if len(names) <= _FEW else ["."]
    text = _git(directory, *words, "--", *which)
    for commit in (text or "").split(_MARK)[1:]:
        head, _, files = commit.partition("\n")
        commit_id, _, author = head.strip("\0").partition("\x1f")
        for path in files.split("\0"):
            name = path.strip("\n").removeprefix(above)
            if name in wanted:
                wanted.discard(name)
                found[name] = commit_id[:12], author
        if not wanted:
            break
    return found


def _git(directory: str, *words: str) -> str | None:
    """Return what git prints; None when it fails, or takes longer than GIT_SECONDS."""
    from process_control.system.git import ask_git  # which few job directories need

    try:
        answer = ask_git(directory, *words)
    except OSError:
        return None
    return answer.text if answer.exit_code == 0 else None


def _is_in_a_checkout(directory: str) -> bool:
    step = os.path.realpath(directory)
    while not os.path.exists(os.path.join(step, ".git")):
        if step == "/":
            return False
        step = os.path.dirname(step)
    return True

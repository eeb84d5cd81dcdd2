"""Repair job files, with a diff of each change."""

import os
import stat
from dataclasses import dataclass
from difflib import unified_diff

from process_control.config.fix import fixed
from process_control.errors import NotPermitted
from process_control.system.replace import replace

#: A job file may have secrets: no more of it is shown than what says where the change is.
CONTEXT_LINES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A file that was, or would be, written anew."""

    path: str
    diff: str
    is_written: bool

    def to_json(self) -> dict[str, object]:
        return {"file": self.path, "diff": self.diff, "changed": self.is_written}


class Repairs:
    """The repairs of one command; with `dry_run` nothing is written."""

    def __init__(self, *, dry_run: bool) -> None:
        self._dry_run = dry_run
        self.done: list[Repair] = []

    def repair(self, path: str, source: bytes) -> bytes:
        """Return the text that counts from now on: the repaired one, also when nothing is written."""
        new = fixed(source)
        if new == source:
            return source
        if not self._dry_run:
            replace_file(path, new)
        self.done.append(Repair(path=path, diff=_diff(path, source, new), is_written=not self._dry_run))
        return new


def replace_file(path: str, source: bytes) -> None:
    """Write the file anew with owner and mode as they were.

    Raises NotPermitted (77) for what is no regular file, and what `replace` raises.
    """
    status = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise NotPermitted("is not a regular file: not changed", where=path)
    mode = stat.S_IMODE(status.st_mode)
    replace(os.path.abspath(path), source, mode=mode, uid=status.st_uid, gid=status.st_gid)


def _diff(path: str, source: bytes, new: bytes) -> str:
    before, after = _lines(source), _lines(new)
    return "\n".join(unified_diff(before, after, fromfile=path, tofile=path, lineterm="", n=CONTEXT_LINES))


def _lines(text: bytes) -> list[str]:
    return text.decode("utf-8", "replace").splitlines()

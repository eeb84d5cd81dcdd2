"""Seals of the journal: what a line of the syslog says that a day of the journal began with. Pure.

A line is `sealed <path of the day> <bytes> <SHA-256 of these bytes>`, whatever the syslog daemon writes before it. Each
seal stands for itself: no start waits for another one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: What every line with a seal contains.
MARK = b": sealed /"
#: A longer line is none of ours.
MAX_CHARS = 8 << 10
_END_OF_HEAD = ": sealed "
_TAG = "process-control["
_PID = re.compile(r"[0-9]{1,10}\]")
_SIZE = re.compile("[0-9]{1,15}")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Seal:
    """A day of the journal began with these bytes."""

    #: Of the day, uncompressed.
    path: str
    size_bytes: int
    sha256: str
    #: When, and on which host, as the line has it; empty if it does not say.
    at: str = ""
    host: str = ""


def seal_in(line: str) -> Seal | None:
    """Return the seal in a line of the syslog; None in any other.

    Any account can write to the syslog, so the time this takes grows only as the line does.
    """
    if len(line) > MAX_CHARS:
        return None
    head, _, tail = line.partition(f"{_END_OF_HEAD}/")
    before, tag, pid = head.rpartition(_TAG)
    words = f"/{tail}".rstrip().rsplit(" ", 2)
    if not tag or not _PID.fullmatch(pid) or len(words) != 3:
        return None
    path, size, sha256 = words
    if not _SIZE.fullmatch(size) or not _SHA256.fullmatch(sha256):
        return None
    at, _, host = before.removesuffix(" ").rpartition(" ")
    return Seal(path, int(size), sha256, at=at.rpartition(">")[2], host=host if at else "")


def seals_of(seals: Iterable[Seal], directory: str, host: str) -> list[Seal]:
    """Return the seals of days in `directory`, by day and size, each once.

    Where other hosts write into the same syslog, only those of `host` count.
    """
    here = [seal for seal in seals if seal.path.rpartition("/")[0] == directory]
    hosts = {_short(seal.host) for seal in here if seal.host}
    if hosts - {_short(host)}:
        here = [seal for seal in here if _short(seal.host) == _short(host)]
    once = {(seal.path, seal.size_bytes, seal.sha256): seal for seal in reversed(here)}
    return sorted(once.values())


def _short(host: str) -> str:
    return host.partition(".")[0].lower()

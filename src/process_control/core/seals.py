"""Seals of the journal: what a line of the syslog says that a day of the journal began with. Pure.

A line is `sealed <path of the day> <bytes> <SHA-256 of these bytes>`, whatever the syslog daemon writes before it. Each
seal stands for itself: no start waits for another one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: What every line with a seal contains.
MARK = b": sealed /"
_LINE = re.compile(
    r"(?:(?P<at>.+?) (?P<host>\S+) )?process-control\[\d+\]: "
    r"sealed (?P<path>/.*) (?P<size>[0-9]{1,15}) (?P<sha256>[0-9a-f]{64})\s*"
)


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
    """Return the seal in a line of the syslog; None in any other."""
    match = _LINE.search(line)
    if match is None:
        return None
    at = (match["at"] or "").rpartition(">")[2]
    return Seal(match["path"], int(match["size"]), match["sha256"], at=at, host=match["host"] or "")


def seals_of(seals: Iterable[Seal], directory: str, host: str) -> list[Seal]:
    """Return the seals of days in `directory`, by day and size, each once.

    Where several hosts write into one syslog, only those of `host` count.
    """
    here = [seal for seal in seals if seal.path.rpartition("/")[0] == directory]
    hosts = {_short(seal.host) for seal in here if seal.host}
    if len(hosts) > 1:
        here = [seal for seal in here if _short(seal.host) == _short(host)]
    once = {(seal.path, seal.size_bytes, seal.sha256): seal for seal in reversed(here)}
    return sorted(once.values())


def _short(host: str) -> str:
    return host.partition(".")[0].lower()

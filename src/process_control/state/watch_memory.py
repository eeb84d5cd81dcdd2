"""What `watch` remembers from one look to the next: of which files it has seen, and up to when all is decided.

Without it, or when it makes no sense, everything is looked at once more.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from process_control.core import layout
from process_control.system import atomic_file
from process_control.system.plain_file import open_plain

_LARGEST = 64 << 20


@dataclass(slots=True, kw_only=True)
class CatchingUp:
    """A job with `catch_up`: what it plans, and up to which planned time nothing is left to be done."""

    schedule: list[str]
    time_zone: str | None
    start_within: float
    which: str
    within: float
    #: UTC seconds
    settled: float
    #: the first planned time after `settled`; None: there is none
    next_slot: float | None


@dataclass(slots=True, kw_only=True)
class Memory:
    """What the last look has left."""

    #: ISO 8601: when it was
    at: str = ""
    #: of the configuration and of all job files
    stamp: str = ""
    jobs: dict[str, CatchingUp] = field(default_factory=dict)
    #: jobs of which a start has claimed a planned time, and has recorded nothing of it yet
    claims: list[str] = field(default_factory=list)


def read_memory(state_directory: str) -> Memory:
    """Return what is remembered; an empty memory when there is none that can be understood."""
    try:
        with open_plain(layout.watch_memory(state_directory)) as file:
            return _memory_of(json.loads(file.read(_LARGEST)))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Memory()


def _memory_of(value: Mapping[str, Any]) -> Memory:
    jobs = {str(slug): CatchingUp(**each) for slug, each in value["jobs"].items()}
    return Memory(at=str(value["at"]), stamp=str(value["stamp"]), jobs=jobs, claims=list(map(str, value["claims"])))


def write_memory(state_directory: str, memory: Memory) -> None:
    """Raises OSError."""
    text = json.dumps(asdict(memory))
    atomic_file.write_unsynced(layout.watch_memory(state_directory), text.encode("ascii"), mode=0o640)

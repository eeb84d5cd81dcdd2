"""The memory of `watch` between its checks: the files that it has seen, and the planned times that are settled.

When it is missing or invalid, everything is checked again.
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
    """A job with `catch_up`: its plan, and the time up to which all planned times are settled."""

    schedule: list[str]
    time_zone: str | None
    start_within: float
    which: str
    within: float
    #: UTC seconds; all planned times up to this one are settled.
    settled: float
    #: The first planned time after `settled`, UTC seconds; None: there is none.
    next_slot: float | None


@dataclass(slots=True, kw_only=True)
class Trouble:
    """A trouble of the host: seen once, or open, so that people were notified."""

    #: When it began, and when it was first seen, ISO 8601.
    since: str
    seen_at: str
    is_open: bool = False
    #: What is wrong, in a sentence.
    what: str = ""


@dataclass(slots=True, kw_only=True)
class Memory:
    """The result of the last check."""

    #: When the check was made, ISO 8601.
    at: str = ""
    #: A text that changes with the configuration and with every job file.
    stamp: str = ""
    jobs: dict[str, CatchingUp] = field(default_factory=dict)
    #: Jobs with a claimed planned time for which nothing is recorded yet.
    claims: list[str] = field(default_factory=list)
    #: Jobs with a run in progress at the last check.
    running: list[str] = field(default_factory=list)
    #: What follows and has no record yet: `follower~slot` (ISO 8601), and since when it is remembered.
    following: dict[str, str] = field(default_factory=dict)
    #: Troubles of the host, by cause.
    troubles: dict[str, Trouble] = field(default_factory=dict)
    #: The jobs whose files are invalid.
    invalid: list[str] = field(default_factory=list)
    #: A text that changes with the crontab and the job files, and what was wrong with the crontab then.
    crontab_stamp: str = ""
    crontab_fault: str = ""
    #: When that was found, ISO 8601.
    crontab_fault_at: str = ""
    #: When the journal was sealed last, ISO 8601.
    sealed_at: str = ""
    #: The size of each day that was sealed then, by the day's name.
    sealed: dict[str, int] = field(default_factory=dict)


def read_memory(state_directory: str) -> Memory:
    """Return the memory; an empty one when it is missing or invalid."""
    try:
        with open_plain(layout.watch_memory(state_directory)) as file:
            return _memory_of(json.loads(file.read(_LARGEST)))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Memory()


def _memory_of(value: Mapping[str, Any]) -> Memory:
    jobs = {str(slug): CatchingUp(**each) for slug, each in value["jobs"].items()}
    return Memory(
        at=str(value["at"]),
        stamp=str(value["stamp"]),
        jobs=jobs,
        claims=list(map(str, value["claims"])),
        sealed_at=str(value.get("sealed_at", "")),  # earlier versions sealed nothing
        running=list(map(str, value.get("running", []))),
        following={str(key): str(at) for key, at in value.get("following", {}).items()},
        troubles={str(cause): Trouble(**each) for cause, each in value.get("troubles", {}).items()},
        invalid=list(map(str, value.get("invalid", []))),
        crontab_stamp=str(value.get("crontab_stamp", "")),
        crontab_fault=str(value.get("crontab_fault", "")),
        crontab_fault_at=str(value.get("crontab_fault_at", "")),
        sealed={str(day): int(size) for day, size in value.get("sealed", {}).items()},
    )


def write_memory(state_directory: str, memory: Memory) -> None:
    """Write the memory. Raises OSError."""
    text = json.dumps(asdict(memory))
    atomic_file.write_unsynced(layout.watch_memory(state_directory), text.encode("ascii"), mode=0o640)

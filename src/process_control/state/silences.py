"""Silences: jobs and tags about which nobody is notified until a time. They change nothing else."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from process_control.core import layout
from process_control.system import atomic_file
from process_control.system.plain_file import open_plain

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence; `job` or `tag` is named."""

    job: str = ""
    tag: str = ""
    #: ISO 8601 UTC with milliseconds.
    until: str
    at: str = ""
    by: str = ""
    note: str = ""

    def concerns(self, job: str, tags: Iterable[str]) -> bool:
        return self.job == job if self.job else self.tag in tags

    def to_json(self, done: str) -> dict[str, Any]:
        """Return what was done with it, with the keys of `silence --json`."""
        return {
            "job": self.job or None,
            "tag": self.tag or None,
            "done": done,
            "changed": True,
            "until": self.until,
            "by": self.by,
            "note": self.note or None,
        }


def read_silences(state_directory: str, *, now: str) -> list[Silence]:
    """Return the silences that are not over at `now` (ISO 8601 UTC). What makes no sense counts as none."""
    try:
        with open_plain(layout.silences(state_directory)) as file:
            found = msgspec.json.decode(file.read(_LARGEST), type=list[Silence])
    except (OSError, ValueError, msgspec.MsgspecError):
        return []
    return [silence for silence in found if silence.until > now]


def write_silences(state_directory: str, silences: Sequence[Silence]) -> None:
    """Replace all silences. Raises OSError."""
    path = layout.silences(state_directory)
    if not silences:
        with suppress(FileNotFoundError):
            os.unlink(path)
        return
    atomic_file.write(path, msgspec.json.encode(list(silences)) + b"\n")


def silenced_until(silences: Iterable[Silence], job: str, tags: Iterable[str]) -> str | None:
    """Return until when nobody is notified about a job; None: somebody is."""
    known = tuple(tags)
    return max((silence.until for silence in silences if silence.concerns(job, known)), default=None)

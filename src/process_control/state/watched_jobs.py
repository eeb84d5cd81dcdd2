"""What `watch` remembers of each job that it watches for people: what it plans, and when to look at it next.

A file of its own, written only when something in it has changed. When it is missing or invalid, it begins anew.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from process_control.core import layout
from process_control.core.schedule.plan import Plan
from process_control.system import atomic_file
from process_control.system.plain_file import open_plain

_LARGEST = 64 << 20


@dataclass(slots=True, kw_only=True)
class WatchedJob:
    """One job."""

    #: Its five-field schedules; none: only its freshness counts.
    schedule: list[str]
    time_zone: str | None
    start_within: float
    #: Whether somebody is notified about it; else only `host_ping` counts it.
    is_reported: bool = True
    #: `expect: {success_every}` in seconds; None without it.
    success_every: float | None = None
    #: UTC seconds: what became of all planned times up to this one is known.
    settled: float = 0.0
    #: The first planned time after `settled`, UTC seconds; None: there is none.
    next_slot: float | None = None
    #: Whether the last planned time that is known was missed.
    is_overdue: bool = False
    #: When to look whether the job is stale, UTC seconds; 0: now.
    stale_at: float = 0.0
    #: The key of the event that it is stale, while it is; "" else.
    stale_key: str = ""

    @property
    def plan(self) -> Plan:
        return Plan(schedule=tuple(self.schedule), time_zone=self.time_zone, start_within=self.start_within)

    def settle(self, slot: float) -> None:
        """Note that what became of all planned times up to this one (UTC seconds) is known."""
        self.settled = slot
        coming = self.plan.next_slot(int(slot))
        self.next_slot = None if coming is None else float(coming)

    def plans_like(self, other: "WatchedJob") -> bool:
        names = ("schedule", "time_zone", "start_within", "success_every", "is_reported")
        return all(getattr(self, name) == getattr(other, name) for name in names)


_FIELDS = tuple(WatchedJob.__dataclass_fields__)


def read_watched(state_directory: str) -> tuple[dict[str, WatchedJob], str]:
    """Return the jobs by slug, and the text of the file; none, and no text, when it is missing or invalid."""
    try:
        with open_plain(layout.watched_jobs(state_directory)) as file:
            text = file.read(_LARGEST).decode("ascii")
        return _jobs_of(json.loads(text)), text
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}, ""


def _jobs_of(value: Mapping[str, list[Any]]) -> dict[str, WatchedJob]:
    # Lists, as names would be most of the file: it has thousands of jobs.
    return {slug: WatchedJob(**dict(zip(_FIELDS, values, strict=True))) for slug, values in value.items()}


def write_watched(state_directory: str, jobs: Mapping[str, WatchedJob], *, known: str) -> None:
    """Write the jobs, unless the file has them: `known` is its text. Raises OSError."""
    text = json.dumps({slug: [getattr(job, name) for name in _FIELDS] for slug, job in jobs.items()})
    if text != known:
        atomic_file.write_unsynced(layout.watched_jobs(state_directory), text.encode("ascii"), mode=0o640)

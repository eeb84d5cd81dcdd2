"""A job's health over its runs: its states, the events that change them, and the record that keeps it. Pure.

Health decides what scheduled runs may do (`core/gate.py` reads its record); a single run is judged elsewhere. The
table of states and events is `core/health_table.py`.

Only runs that *count* (scheduled ones) add to the failures in a row; a success counts whoever started it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    HEALTHY = "healthy"
    FAILING = "failing"
    HELD = "held"
    SLOW_START = "slow_start"


class Event(StrEnum):
    SUCCEEDED = "succeeded"
    WARNED = "warned"
    FAILED = "failed"
    FAILED_UNRECOVERABLY = "failed_unrecoverably"
    LOST = "lost"
    HELD_BY_HAND = "held_by_hand"
    RELEASED = "released"
    CHANGED = "changed"
    PROBE_DUE = "probe_due"


class HoldKind(StrEnum):
    """What a job is held for."""

    BY_HAND = "by_hand"
    FAILURES = "failures"
    UNRECOVERABLE = "unrecoverable"
    SLOW_START = "slow_start"


PROBE_WENT_WELL, PAUSE_IS_OVER = "the probe succeeded", "the pause is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the job file wants failures to be handled. None switches a rule off."""

    backoff_delay_seconds: float | None = None
    backoff_factor: float = 2.0
    backoff_max_delay_seconds: float = 21600.0
    hold_after_failures: int | None = None
    release_after_seconds: float | None = None
    slow_start_runs: int | None = None
    slow_start_after_hold: bool = False
    slow_start_after_change: bool = False
    slow_start_when_new: bool = False

    @classmethod
    def from_job(cls, job: Any) -> "Policy":
        """Return the policy of a `core.job.Job`."""
        return cls(
            backoff_delay_seconds=job.backoff_delay_seconds,
            backoff_factor=job.backoff_factor or 1.0,
            backoff_max_delay_seconds=job.backoff_max_delay_seconds or 0.0,
            hold_after_failures=job.hold_after_failures,
            release_after_seconds=job.hold_release_after_seconds or None,
            slow_start_runs=job.slow_start_runs,
            slow_start_after_hold="hold" in job.slow_start_after,
            slow_start_after_change="change" in job.slow_start_after,
            slow_start_when_new="new" in job.slow_start_after,
        )


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who or what caused an event: a person, or a run."""

    #: when it happened, ISO 8601 UTC
    at: str
    #: the person, as user@host
    by: str | None = None
    #: the reason, in a sentence
    why: str | None = None
    #: the run
    run_id: str | None = None
    #: of a run: whether it counts as one of the failures in a row
    counts: bool = True
    #: of a run: whether it ran the slow start command
    slow: bool = True
    #: of a run: what it was judged by
    evidence: str | None = None
    #: of a hold: when it ends, ISO 8601 UTC
    until: str | None = None
    #: of a change: the version of job file and programs that runs now
    seen: Mapping[str, object] | None = None
    #: of a change: whether the job never ran before
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of one job. Times are ISO 8601 UTC."""

    state: State = State.HEALTHY
    #: how many runs that count failed in a row
    failures_in_row: int = 0
    #: how many runs of this slow start succeeded
    slow_successes: int = 0
    #: when the state began
    since: str | None = None
    #: the person who caused the state, as user@host
    by: str | None = None
    #: the reason for the state, in a sentence
    why: str | None = None
    #: the run that caused the state
    run_id: str | None = None
    #: while held: what for
    hold_kind: HoldKind | None = None
    #: while held: what the run was judged by
    evidence: str | None = None
    #: while held: when the pause ends
    release_at: str | None = None
    #: while held: when the next probe is due
    probe_at: str | None = None
    #: while held: the run that is the current probe
    probe_run: str | None = None
    #: while held: whether the job was in slow start when the hold began
    is_unproven: bool = False
    #: while failing: until when planned times are skipped
    backoff_until: str | None = None
    #: the last run that changed this record
    last_run: str | None = None
    #: the version of job file and programs that ran last
    seen: Mapping[str, object] | None = None

    def to_record(self) -> dict[str, object]:
        """Return the record as plain JSON values. Rare fields are left out when they are empty."""
        record: dict[str, object] = {name: getattr(self, name) for name in FIELDS} | {"state": self.state.value}
        rare = {name: getattr(self, name) for name in RARE_FIELDS}
        record |= {name: value for name, value in rare.items() if value}
        if self.hold_kind is not None:
            record["hold_kind"] = self.hold_kind.value
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Health":
        """Return the health from its JSON record; None is a job that never ran. Raises ValueError for a broken record.

        Fields that this version does not know are ignored.
        """
        if record is None:
            return cls()
        counts: dict[str, Any] = {name: record.get(name, 0) for name in COUNTS}
        if any(type(count) is not int or count < 0 for count in counts.values()):
            raise ValueError("a count of runs is not a number")
        texts: dict[str, Any] = {name: record.get(name) for name in TEXTS}
        if any(text is not None and not isinstance(text, str) for text in texts.values()):
            raise ValueError("a text of the health record is not a text")
        kind, seen = record.get("hold_kind"), record.get("seen")
        return cls(
            state=State(str(record.get("state"))),
            hold_kind=None if kind is None else HoldKind(str(kind)),
            is_unproven=record.get("is_unproven") is True,
            seen=seen if isinstance(seen, dict) else None,
            **counts,
            **texts,
        )


COUNTS = ("failures_in_row", "slow_successes")
FIELDS = ("state", *COUNTS, "since", "by", "why", "run_id")
RARE_TEXTS = ("evidence", "release_at", "probe_at", "probe_run", "backoff_until", "last_run")
RARE_FIELDS = (*RARE_TEXTS, "is_unproven", "seen")
TEXTS = ("since", "by", "why", "run_id", *RARE_TEXTS)

"""A job's health over its runs: one table of states and events, and the record that keeps it. No clock, no file.

Health decides what scheduled runs may do (`core/gate.py` reads its record); a single run is judged elsewhere. Only runs
that *count* (scheduled ones) add to the failures in a row; a success counts whoever started it.
"""

# ruff: noqa: ARG001  all steps of the table have one signature

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_DOUBLINGS = 64  # further ones change nothing: every delay has its longest by then


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
NOTED_BY = "; note by "
PROBED = (HoldKind.FAILURES, HoldKind.SLOW_START)
"""Holds that `release_after` tries to end; a person, or a failure that no time mends, waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the job file asks for. None is off."""

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
    def of(cls, job: Any) -> "Policy":
        """Return what the job (`core.job.Job`) asks for."""
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
    """Who or what brought an event: a time (ISO 8601 UTC), a user at a host or a run, and why in a sentence.

    Of a run: whether it `counts`, was a `slow` one, and the evidence by which it was judged. Of a hold: `until` when.
    Of a change: the version `seen` now, and whether it is the very first.
    """

    at: str
    by: str | None = None
    why: str | None = None
    run_id: str | None = None
    counts: bool = True
    slow: bool = True
    evidence: str | None = None
    until: str | None = None
    seen: Mapping[str, object] | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state, since when and by whom; how many counted runs failed in a row; how many slow runs went well.

    While it is held: what for (`hold_kind`), the `evidence`, when a pause ends (`release_at`), when the next probe is
    due (`probe_at`) and which one is on its way (`probe_run`), and whether it had yet to prove itself. While it fails:
    which slots are skipped (`backoff_until`). Always: the version `seen` last, and the `last_run` that changed this.
    """

    state: State = State.HEALTHY
    failures_in_row: int = 0
    slow_successes: int = 0
    since: str | None = None
    by: str | None = None
    why: str | None = None
    run_id: str | None = None
    hold_kind: HoldKind | None = None
    evidence: str | None = None
    release_at: str | None = None
    probe_at: str | None = None
    probe_run: str | None = None
    is_unproven: bool = False
    backoff_until: str | None = None
    last_run: str | None = None
    seen: Mapping[str, object] | None = None

    def as_of(self, now: str, policy: "Policy") -> "Health":
        """Return the health as the next start at `now` (ISO 8601 UTC) will find it: after a pause that is over."""
        if self.state is not State.HELD or self.release_at is None or self.release_at > now:
            return self
        return release(self, Cause(at=self.release_at, why=PAUSE_IS_OVER), policy)

    def to_record(self) -> dict[str, object]:
        """Return it as JSON can say it; of what is rarely there only what is."""
        record: dict[str, object] = {name: getattr(self, name) for name in FIELDS} | {"state": self.state.value}
        rare = {name: getattr(self, name) for name in RARE_FIELDS}
        record |= {name: value for name, value in rare.items() if value}
        if self.hold_kind is not None:
            record["hold_kind"] = self.hold_kind.value
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Health":
        """Read the JSON record; None is a job never seen. Raises ValueError for one that makes no sense.

        Fields that this version does not know are passed over.
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


def next_health(health: Health, event: Event, *, cause: Cause, policy: Policy = NO_POLICY) -> Health:
    """Return the health after `event`. An unchanged one is equal to what it was."""
    return TABLE[health.state][event](health, cause, policy)


# --- what an event does to a state -----------------------------------------------------------------------------------

Step = Callable[[Health, Cause, Policy], Health]


def stay(health: Health, cause: Cause, policy: Policy) -> Health:
    return health


def recover(health: Health, cause: Cause, policy: Policy) -> Health:
    """End a row of failures, whoever started the run that went well."""
    return _enter(health, State.HEALTHY, cause)


def count_failure(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a failed run that counts; back off, or hold when the job file says so."""
    if not cause.counts:
        return health
    failures = health.failures_in_row + 1
    if policy.hold_after_failures and failures >= policy.hold_after_failures:
        last = f", the last: {cause.why}" if cause.why else ""
        why = f"{failures} failures in a row{last}" if failures > 1 else cause.why
        return replace(_hold(health, HoldKind.FAILURES, replace(cause, why=why), policy), failures_in_row=failures)
    failing = replace(_enter(health, State.FAILING, cause), failures_in_row=failures)
    return replace(failing, backoff_until=_backoff_until(failures, cause, policy), run_id=cause.run_id, why=cause.why)


def end_backoff(health: Health, cause: Cause, policy: Policy) -> Health:
    return replace(health, backoff_until=None)


def hold_by_hand(health: Health, cause: Cause, policy: Policy) -> Health:
    return _hold(health, HoldKind.BY_HAND, cause, policy)


def hold_unrecoverably(health: Health, cause: Cause, policy: Policy) -> Health:
    """Hold after one failure, whoever started the run."""
    failures = health.failures_in_row + cause.counts
    return replace(_hold(health, HoldKind.UNRECOVERABLE, cause, policy), failures_in_row=failures)


def fail_slow_start(health: Health, cause: Cause, policy: Policy) -> Health:
    """Hold after one failure, whoever started the run: the job had yet to prove itself."""
    why = f"failed in slow start: {cause.why}" if cause.why else "failed in slow start"
    failures = health.failures_in_row + cause.counts
    return replace(_hold(health, HoldKind.SLOW_START, replace(cause, why=why), policy), failures_in_row=failures)


def hold_again(health: Health, cause: Cause, policy: Policy) -> Health:
    """Somebody holds what is held; nothing but people ends it now.

    A pause ends when the longer of the two does, and never shortens a hold without an end: then nothing changes. What
    a person wrote before gives way to the new note; what a run left stays, for it has to be mended, and has the note
    behind it.
    """
    until = max(health.release_at, cause.until) if health.release_at and cause.until else None
    if cause.until is not None and until == health.release_at and health.hold_kind is HoldKind.BY_HAND:
        return health
    held = replace(health, release_at=until, probe_at=None, probe_run=None, hold_kind=HoldKind.BY_HAND)
    if health.run_id is not None:
        return replace(held, why=_with_note(health.why, cause)) if cause.why else held
    return replace(held, by=cause.by, why=cause.why or health.why)


def _with_note(why: str | None, cause: Cause) -> str:
    first = (why or "no reason given").partition(NOTED_BY)[0]
    return f"{first}{NOTED_BY}{cause.by or 'somebody'}: {cause.why}"


def hold_for_good(health: Health, cause: Cause, policy: Policy) -> Health:
    """A forced run, or a probe, failed unrecoverably: the first cause stays, and no time ends the hold any more."""
    return replace(health, release_at=None, probe_at=None, probe_run=None, hold_kind=HoldKind.UNRECOVERABLE)


def let_probe_through(health: Health, cause: Cause, policy: Policy) -> Health:
    """Let one run through although the job is held, unless one is on its way; the next is due much later."""
    if not policy.release_after_seconds or health.probe_at is None or health.probe_run is not None:
        return health
    return replace(health, probe_run=cause.run_id, probe_at=later(cause.at, policy.release_after_seconds))


def pass_probe(health: Health, cause: Cause, policy: Policy) -> Health:
    """The probe went well: released. A run that somebody forced proves nothing."""
    if health.probe_run is None or health.probe_run != cause.run_id:
        return health
    released = release(health, replace(cause, why=PROBE_WENT_WELL), policy)
    return prove_itself(released, cause, policy) if released.state is State.SLOW_START else released


def fail_probe(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a failure of the held job; its probe, if it was that, is over."""
    over = replace(health, probe_run=None) if health.probe_run == cause.run_id else health
    return replace(over, failures_in_row=over.failures_in_row + 1) if cause.counts else over


def release(health: Health, cause: Cause, policy: Policy) -> Health:
    slowly = policy.slow_start_runs and (policy.slow_start_after_hold or health.is_unproven)
    return _enter(health, State.SLOW_START if slowly else State.HEALTHY, cause)


def start_slowly(health: Health, cause: Cause, policy: Policy) -> Health:
    """Note the version that runs now; begin the slow start, or begin it anew, when the job file says so."""
    asked = policy.slow_start_when_new if cause.is_new else policy.slow_start_after_change
    if not (policy.slow_start_runs and asked):
        return replace(health, seen=cause.seen or health.seen)
    return replace(_enter(health, State.SLOW_START, cause), slow_successes=0, seen=cause.seen or health.seen)


def prove_itself(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a slow run that went well; after enough of them the job is healthy. A full run proves nothing yet."""
    if policy.slow_start_runs and not cause.slow:
        return health
    successes = health.slow_successes + 1
    if successes >= (policy.slow_start_runs or 0):
        return _enter(health, State.HEALTHY, cause)
    return replace(health, slow_successes=successes, failures_in_row=0)


def _hold(health: Health, kind: HoldKind, cause: Cause, policy: Policy) -> Health:
    """Prevent scheduled runs until a release."""
    probed = kind in PROBED and policy.release_after_seconds
    return replace(
        _enter(health, State.HELD, cause),
        failures_in_row=health.failures_in_row,
        hold_kind=kind,
        evidence=cause.evidence,
        release_at=cause.until,
        probe_at=later(cause.at, policy.release_after_seconds) if probed and policy.release_after_seconds else None,
        is_unproven=health.state is State.SLOW_START,
    )


def _enter(health: Health, state: State, cause: Cause) -> Health:
    """Return `state` with its beginning and cause; the same state keeps those it has. Counts begin anew."""
    if state is health.state:
        return replace(health, failures_in_row=0, backoff_until=None)
    kept = {"seen": health.seen, "last_run": health.last_run}
    return Health(state=state, since=cause.at, by=cause.by, why=cause.why, run_id=cause.run_id, **kept)  # type: ignore[arg-type]


def _backoff_until(failures: int, cause: Cause, policy: Policy) -> str | None:
    if not policy.backoff_delay_seconds:
        return None
    growth: float = policy.backoff_factor ** min(failures - 1, MAX_DOUBLINGS)
    return later(cause.at, min(policy.backoff_delay_seconds * growth, policy.backoff_max_delay_seconds))


def later(at: str, seconds: float) -> str:
    """Return the moment so many seconds after `at`; both ISO 8601 UTC with milliseconds, so that they sort as text."""
    moment = datetime.fromisoformat(at).astimezone(UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


TABLE: dict[State, dict[Event, Step]] = {
    State.HEALTHY: {
        Event.SUCCEEDED: recover,
        Event.WARNED: recover,
        Event.FAILED: count_failure,
        Event.FAILED_UNRECOVERABLY: hold_unrecoverably,
        Event.LOST: count_failure,
        Event.HELD_BY_HAND: hold_by_hand,
        Event.RELEASED: stay,
        Event.CHANGED: start_slowly,
        Event.PROBE_DUE: stay,
    },
    State.FAILING: {
        Event.SUCCEEDED: recover,
        Event.WARNED: recover,
        Event.FAILED: count_failure,
        Event.FAILED_UNRECOVERABLY: hold_unrecoverably,
        Event.LOST: count_failure,
        Event.HELD_BY_HAND: hold_by_hand,
        Event.RELEASED: end_backoff,
        Event.CHANGED: start_slowly,
        Event.PROBE_DUE: stay,
    },
    State.HELD: {
        Event.SUCCEEDED: pass_probe,
        Event.WARNED: pass_probe,
        Event.FAILED: fail_probe,
        Event.FAILED_UNRECOVERABLY: hold_for_good,
        Event.LOST: fail_probe,
        Event.HELD_BY_HAND: hold_again,
        Event.RELEASED: release,
        Event.CHANGED: stay,
        Event.PROBE_DUE: let_probe_through,
    },
    State.SLOW_START: {
        Event.SUCCEEDED: prove_itself,
        Event.WARNED: prove_itself,
        Event.FAILED: fail_slow_start,
        Event.FAILED_UNRECOVERABLY: hold_unrecoverably,
        Event.LOST: fail_slow_start,
        Event.HELD_BY_HAND: hold_by_hand,
        Event.RELEASED: stay,
        Event.CHANGED: start_slowly,
        Event.PROBE_DUE: stay,
    },
}


# --- what is told of a change ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to tell journal and syslog: `hold`, `release`, `slow_start`, `probe` or `backoff`, and facts."""

    event: str
    detail: str | None = None
    facts: Mapping[str, object]


def changes(old: Health, new: Health, cause: Cause, policy: Policy = NO_POLICY) -> list[Change]:
    """Return what has to be told of the step from `old` to `new`; nothing of plain failures and recoveries."""
    found = []
    if new.state is State.HELD and (old.state is not State.HELD or _hold_differs(old, new)):
        detail = new.why if old.state is not State.HELD else cause.why
        facts = {"kind": new.hold_kind and new.hold_kind.value, "until": new.release_at, "evidence": new.evidence}
        found.append(Change(event="hold", detail=detail, facts=facts))
    if new.probe_run is not None and new.probe_run != old.probe_run:
        found.append(Change(event="probe", detail=new.why, facts={"since": new.since}))
    if old.state is State.HELD and new.state is not State.HELD:
        probe_went_well = old.probe_run is not None and old.probe_run == cause.run_id
        detail = PROBE_WENT_WELL if probe_went_well else cause.why
        found.append(Change(event="release", detail=detail, facts={"held_since": old.since}))
    found += _slow_start_changes(old, new, cause, policy)
    if new.backoff_until != old.backoff_until and new.backoff_until is not None:
        detail = f"{new.failures_in_row} failures in a row" if new.failures_in_row > 1 else cause.why
        found.append(Change(event="backoff", detail=detail, facts={"until": new.backoff_until}))
    elif old.backoff_until is not None and new.backoff_until is None and new.state is State.FAILING:
        found.append(Change(event="release", detail=cause.why, facts={"backoff_until": old.backoff_until}))
    return found


def _hold_differs(old: Health, new: Health) -> bool:
    return (old.release_at, old.hold_kind, old.why) != (new.release_at, new.hold_kind, new.why)


def _slow_start_changes(old: Health, new: Health, cause: Cause, policy: Policy) -> list[Change]:
    runs = policy.slow_start_runs or 0
    if new.state is State.SLOW_START and old.state is not State.SLOW_START:
        facts = {"step": f"{new.slow_successes} of {runs}"}
        return [Change(event="slow_start", detail=f"begins: {new.why or 'released'}", facts=facts)]
    if new.state is State.SLOW_START and new.slow_successes > old.slow_successes:
        return [Change(event="slow_start", detail="succeeded", facts={"step": f"{new.slow_successes} of {runs}"})]
    if new.state is State.SLOW_START and old.seen is not None and new.seen != old.seen:
        return [Change(event="slow_start", detail=f"starts over: {cause.why}", facts={"step": f"0 of {runs}"})]
    if old.state is State.SLOW_START and new.state is State.HEALTHY:
        return [Change(event="slow_start", detail="ended: full runs again", facts={"step": f"{runs} of {runs}"})]
    return []

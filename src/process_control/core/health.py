"""A job's health over its runs: one table of states and events, and the record that keeps it. No clock, no file.

Health decides what scheduled runs may do; a single run is judged elsewhere. Only runs that *count* (scheduled ones)
add to the failures in a row; a success counts whoever started it.
"""

# ruff: noqa: ARG001  all steps of the table have one signature

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the job file asks for. None is off."""

    hold_after_failures: int | None = None
    slow_start_runs: int | None = None
    slow_start_after_hold: bool = False
    slow_start_after_change: bool = False


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who or what brought an event: a time (ISO 8601 UTC), a user at a host or a run, and why in a sentence."""

    at: str
    by: str | None = None
    why: str | None = None
    run_id: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state, since when and by whom; how many counted runs failed in a row; how many slow runs went well."""

    state: State = State.HEALTHY
    failures_in_row: int = 0
    slow_successes: int = 0
    since: str | None = None
    by: str | None = None
    why: str | None = None
    run_id: str | None = None

    def to_record(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in FIELDS} | {"state": self.state.value}

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Health":
        """Read the JSON record; None is a job never seen. Raises ValueError for one that makes no sense.

        Fields that this version does not know are passed over.
        """
        if record is None:
            return cls()
        counts = {name: record.get(name, 0) for name in ("failures_in_row", "slow_successes")}
        if any(type(count) is not int or count < 0 for count in counts.values()):
            raise ValueError("a count of runs is not a number")
        texts = {name: record.get(name) for name in ("since", "by", "why", "run_id")}
        if any(text is not None and not isinstance(text, str) for text in texts.values()):
            raise ValueError("a text of the health record is not a text")
        return cls(state=State(record.get("state")), **counts, **texts)  # type: ignore[arg-type]  # checked above


FIELDS = ("state", "failures_in_row", "slow_successes", "since", "by", "why", "run_id")


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
    """Count a failed run that counts, and hold when the job file says so."""
    if not cause.counts:
        return health
    failures = health.failures_in_row + 1
    if policy.hold_after_failures and failures >= policy.hold_after_failures:
        cause = replace(cause, why=f"{failures} failures in a row")
        return replace(_enter(health, State.HELD, cause), failures_in_row=failures)
    return replace(_enter(health, State.FAILING, cause), failures_in_row=failures)


def count_failure_held(health: Health, cause: Cause, policy: Policy) -> Health:
    return replace(health, failures_in_row=health.failures_in_row + 1) if cause.counts else health


def hold(health: Health, cause: Cause, policy: Policy) -> Health:
    """Prevent scheduled runs until a release. A held job keeps the cause of its first hold: that has to be mended."""
    return replace(_enter(health, State.HELD, cause), failures_in_row=health.failures_in_row)


def count_failure_and_hold(health: Health, cause: Cause, policy: Policy) -> Health:
    """Hold after one failure, whoever started the run: it is unrecoverable, or the job had yet to prove itself."""
    return hold(count_failure_held(health, cause, policy), cause, policy)


def release(health: Health, cause: Cause, policy: Policy) -> Health:
    slowly = policy.slow_start_runs and policy.slow_start_after_hold
    return _enter(health, State.SLOW_START if slowly else State.HEALTHY, cause)


def start_slowly_after_change(health: Health, cause: Cause, policy: Policy) -> Health:
    if not (policy.slow_start_runs and policy.slow_start_after_change):
        return health
    return replace(_enter(health, State.SLOW_START, cause), slow_successes=0)


def prove_itself(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a slow run that went well; after enough of them the job is healthy."""
    successes = health.slow_successes + 1
    if successes >= (policy.slow_start_runs or 0):
        return _enter(health, State.HEALTHY, cause)
    return replace(health, slow_successes=successes, failures_in_row=0)


def _enter(health: Health, state: State, cause: Cause) -> Health:
    """Return `state` with its beginning and cause; the same state keeps those it has. Counts begin anew."""
    if state is health.state:
        return replace(health, failures_in_row=0)
    return Health(state=state, since=cause.at, by=cause.by, why=cause.why, run_id=cause.run_id)


TABLE: dict[State, dict[Event, Step]] = {
    State.HEALTHY: {
        Event.SUCCEEDED: recover,
        Event.WARNED: recover,
        Event.FAILED: count_failure,
        Event.FAILED_UNRECOVERABLY: count_failure_and_hold,
        Event.LOST: count_failure,
        Event.HELD_BY_HAND: hold,
        Event.RELEASED: stay,
        Event.CHANGED: start_slowly_after_change,
        Event.PROBE_DUE: stay,
    },
    State.FAILING: {
        Event.SUCCEEDED: recover,
        Event.WARNED: recover,
        Event.FAILED: count_failure,
        Event.FAILED_UNRECOVERABLY: count_failure_and_hold,
        Event.LOST: count_failure,
        Event.HELD_BY_HAND: hold,
        Event.RELEASED: stay,
        Event.CHANGED: start_slowly_after_change,
        Event.PROBE_DUE: stay,
    },
    State.HELD: {
        Event.SUCCEEDED: stay,
        Event.WARNED: stay,
        Event.FAILED: count_failure_held,
        Event.FAILED_UNRECOVERABLY: stay,
        Event.LOST: count_failure_held,
        Event.HELD_BY_HAND: stay,
        Event.RELEASED: release,
        Event.CHANGED: stay,
        Event.PROBE_DUE: stay,
    },
    State.SLOW_START: {
        Event.SUCCEEDED: prove_itself,
        Event.WARNED: prove_itself,
        Event.FAILED: count_failure_and_hold,
        Event.FAILED_UNRECOVERABLY: count_failure_and_hold,
        Event.LOST: count_failure_and_hold,
        Event.HELD_BY_HAND: hold,
        Event.RELEASED: stay,
        Event.CHANGED: start_slowly_after_change,
        Event.PROBE_DUE: stay,
    },
}

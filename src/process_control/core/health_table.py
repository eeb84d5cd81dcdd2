"""The table of a job's health: which state each event leads to. Pure.

Each step takes the health, the cause of the event and the policy of the job file, and returns the new health.
"""

# ruff: noqa: ARG001  all steps of the table have one signature

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from process_control.core.health import (
    NO_POLICY,
    PAUSE_IS_OVER,
    PROBE_WENT_WELL,
    Cause,
    Event,
    Health,
    HoldKind,
    Policy,
    State,
)

#: Further failures change nothing: by then every delay has reached its maximum.
MAX_DOUBLINGS = 64
NOTED_BY = "; note by "
#: Holds that `release_after` tries to end. A hold by hand, or after an unrecoverable failure, waits for a person.
PROBED = (HoldKind.FAILURES, HoldKind.SLOW_START)


def next_health(health: Health, event: Event, *, cause: Cause, policy: Policy = NO_POLICY) -> Health:
    """Return the health after `event`; it compares equal to `health` when nothing has changed."""
    return TABLE[health.state][event](health, cause, policy)


def after_pause(health: Health, now: str, policy: Policy) -> Health:
    """Return the health that the next start at `now` (ISO 8601 UTC) will find: released if its pause is over."""
    if health.state is not State.HELD or health.release_at is None or health.release_at > now:
        return health
    return release(health, Cause(at=health.release_at, why=PAUSE_IS_OVER), policy)


# --- the steps -------------------------------------------------------------------------------------------------------

Step = Callable[[Health, Cause, Policy], Health]


def stay(health: Health, cause: Cause, policy: Policy) -> Health:
    return health


def recover(health: Health, cause: Cause, policy: Policy) -> Health:
    """End the row of failures, whoever started the run that succeeded."""
    return _enter(health, State.HEALTHY, cause)


def count_failure(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count the failure of a scheduled run; back off, or hold when the policy says so."""
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
    """Hold by hand a job that is on hold already; from now on only a person, or the end of the pause, releases it.

    Of two pauses the longer one counts, and a pause never shortens a hold without an end. The new note replaces that
    of a person; it is added to the reason that a run left, since that still has to be fixed.
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
    """Keep the hold and its first cause, without an end: a forced run, or the probe, failed unrecoverably."""
    return replace(health, release_at=None, probe_at=None, probe_run=None, hold_kind=HoldKind.UNRECOVERABLE)


def let_probe_through(health: Health, cause: Cause, policy: Policy) -> Health:
    """Let one run start although the job is held, unless a probe is running; plan the next probe."""
    if not policy.release_after_seconds or health.probe_at is None or health.probe_run is not None:
        return health
    return replace(health, probe_run=cause.run_id, probe_at=later(cause.at, policy.release_after_seconds))


def pass_probe(health: Health, cause: Cause, policy: Policy) -> Health:
    """Release the job if the run that succeeded was its probe. A run that somebody forced proves nothing."""
    if health.probe_run is None or health.probe_run != cause.run_id:
        return health
    released = release(health, replace(cause, why=PROBE_WENT_WELL), policy)
    return prove_itself(released, cause, policy) if released.state is State.SLOW_START else released


def fail_probe(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a failure of the held job, and end the probe if the run was that."""
    over = replace(health, probe_run=None) if health.probe_run == cause.run_id else health
    return replace(over, failures_in_row=over.failures_in_row + 1) if cause.counts else over


def release(health: Health, cause: Cause, policy: Policy) -> Health:
    slowly = policy.slow_start_runs and (policy.slow_start_after_hold or health.is_unproven)
    return _enter(health, State.SLOW_START if slowly else State.HEALTHY, cause)


def start_slowly(health: Health, cause: Cause, policy: Policy) -> Health:
    """Record the version that runs now; begin the slow start, or begin it again, when the policy says so."""
    asked = policy.slow_start_when_new if cause.is_new else policy.slow_start_after_change
    if not (policy.slow_start_runs and asked):
        return replace(health, seen=cause.seen or health.seen)
    return replace(_enter(health, State.SLOW_START, cause), slow_successes=0, seen=cause.seen or health.seen)


def prove_itself(health: Health, cause: Cause, policy: Policy) -> Health:
    """Count a slow run that succeeded; after enough of them the job is healthy. Full runs do not count."""
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
    """Return the health in `state`, with new beginning and cause unless it was in that state. Counts are reset."""
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
    """Return the moment `seconds` after `at`; both are ISO 8601 UTC with milliseconds, which sort as text."""
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

"""The health of a job in the fleet: counted over the runs on all hosts, by the table of one host. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from process_control.core import gate
from process_control.core.fleet.lock_state import JobState, PastRun, iso
from process_control.core.health import Cause, Event, Health, State
from process_control.core.health_events import event_of
from process_control.core.health_table import after_pause, next_health

Record = dict[str, Any]
#: What `Health.seen` has in the fleet: the hash of the version that ran last.
FILE = "file"


def after_run(known: Mapping[str, Any] | None, past: PastRun, job: JobState) -> Health:
    """Return the health after a run. It counts as one of the failures in a row if it had a planned time."""
    health, ended, start = Health.from_record(known), past.ended, past.start
    event = event_of({"outcome": ended.outcome, "reason": ended.reason, "verdict": ended.verdict})
    if event is None:
        gone = Cause(at=iso(past.until), run_id=start.run_id, counts=False)
        is_probe = health.probe_run is not None and health.probe_run == start.run_id
        return next_health(health, Event.LOST, cause=gone, policy=job.spec.policy) if is_probe else health
    cause = Cause(
        at=iso(past.until),
        why=ended.detail or ended.reason,
        run_id=start.run_id,
        counts=start.slot is not None,
        slow=ended.slow_start,
    )
    if ended.slow_start and not start.slow:  # its host has found another program at the path of a command
        health = _changed(health, job, past.until, is_new=False)
    return next_health(health, event, cause=cause, policy=job.spec.policy)


def permission(known: Record | None, job: JobState, slot: int, now: float) -> str:
    """Return what the health permits a start for a planned time to do, a word of `core.gate`.

    A planned time before the end of a pause stays held, also when it is decided about only after that.
    """
    policy = job.spec.policy
    if known is not None and known.get("state") == State.HELD and iso(slot) < (known.get("release_at") or ""):
        return gate.HELD
    return gate.permission(
        known,
        now=iso(now),
        slot=iso(slot),
        latest_backoff=iso(now + policy.backoff_max_delay_seconds) if policy.backoff_delay_seconds else None,
        latest_probe=iso(now + policy.release_after_seconds) if policy.release_after_seconds else None,
    )


def let_in(known: Record | None, job: JobState, run_id: str, now: float) -> Health:
    """Return the health at the start of a run for a planned time that is let in: that of a held job is its probe."""
    policy = job.spec.policy
    health = after_pause(Health.from_record(known), iso(now), policy)
    if health.state is not State.HELD:
        return with_version_seen(health, job, now)
    if health.probe_run is not None:  # its end is not known, and it has not the lock: we have
        gone = Cause(at=iso(now), run_id=health.probe_run, counts=False)
        health = next_health(health, Event.LOST, cause=gone, policy=policy)
    return next_health(health, Event.PROBE_DUE, cause=Cause(at=iso(now), run_id=run_id), policy=policy)


def with_version_seen(health: Health, job: JobState, now: float) -> Health:
    """Return the health of a job that may run: a version that was applied while it was held begins its slow start."""
    is_other = health.seen is not None and health.seen.get(FILE) != job.spec.hash
    return _changed(health, job, now, is_new=False) if is_other and job.spec.policy.slow_start_runs else health


def slow_step(health: Health, job: JobState) -> str | None:
    """Return the step of the slow start that a run is which is let in; None: it is a full run."""
    if health.state is State.HELD:
        return "probe"
    runs = job.spec.policy.slow_start_runs
    return f"{health.slow_successes + 1} of {runs}" if runs and health.state is State.SLOW_START else None


def by_hand(
    job: JobState, event: Event, *, by: str, note: str | None, now: float, until: float | None = None
) -> Record:
    """Return the health after a hold or a release by hand. `until`: a hold that ends then by itself (a pause)."""
    known = without_pause(job.health, job, now)
    cause = Cause(at=iso(now), by=by, why=note, until=None if until is None else iso(until))
    return next_health(Health.from_record(known), event, cause=cause, policy=job.spec.policy).to_record()


def without_pause(known: Record | None, job: JobState, now: float) -> Record | None:
    """Return the health, released when its pause is over."""
    if known is None or known.get("release_at") is None:
        return known
    return after_pause(Health.from_record(known), iso(now), job.spec.policy).to_record()


def with_version(job: JobState, *, replaces: str | None, now: float) -> Record | None:
    """Return the health of a job of which a version is applied: a slow start begins when this version says so.

    `replaces`: the hash of the version before it; None: the job is new. While the job is held that waits for its first
    run after the release, see `let_in`.
    """
    if not job.spec.policy.slow_start_runs:
        return job.health
    health = Health.from_record(job.health)
    if health.state is State.HELD:
        return replace(health, seen=health.seen or {FILE: replaces}).to_record()
    return _changed(health, job, now, is_new=replaces is None).to_record()


def _changed(health: Health, job: JobState, now: float, *, is_new: bool) -> Health:
    why = "a new job" if is_new else "its job file, or a program of its commands, has changed"
    cause = Cause(at=iso(now), why=why, seen={FILE: job.spec.hash}, is_new=is_new)
    return next_health(health, Event.CHANGED, cause=cause, policy=job.spec.policy)

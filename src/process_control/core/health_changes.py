"""What journal and syslog record of a change of health. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from process_control.core.health import NO_POLICY, PROBE_WENT_WELL, Cause, Health, Policy, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event for journal and syslog."""

    #: hold, release, slow_start, probe or backoff
    event: str
    #: the reason, in a sentence
    detail: str | None = None
    #: further fields of the record
    facts: Mapping[str, object]


def changes(old: Health, new: Health, cause: Cause, policy: Policy = NO_POLICY) -> list[Change]:
    """Return the events to record for the step from `old` to `new`; none for plain failures and recoveries."""
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

"""What a decision of a lock changes in its jobs: fates, health, and what followers hear. Pure."""

from dataclasses import replace
from typing import Any

from process_control.core import gate
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.fleet import fleet_health
from process_control.core.fleet.causes import cause_end, with_end
from process_control.core.fleet.lock_state import CauseEnd, Fate, LockState, PastRun, Start, hold_in, iso
from process_control.core.health import Health, State
from process_control.core.schedule.slots import SKIPPED

_SKIPPED_FOR = {gate.HELD: "held", gate.BACKING_OFF: "backoff"}


class Changes:
    """The changes so far, by job; what is asked is answered as of now."""

    def __init__(self, state: LockState, now: float) -> None:
        self._state = state
        self._now = now
        self.fates: dict[str, list[Fate]] = {}
        self.health: dict[str, dict[str, Any]] = {}
        self.successes: dict[str, float] = {}
        self.waiting: dict[str, tuple[int, ...]] = {}
        self.causes: dict[str, tuple[CauseEnd, ...]] = {}
        self.signals: list[tuple[str, CauseEnd]] = []

    def settle(self, slug: str, fate: Fate, *, is_final: bool = True) -> None:
        """Note what became of a planned time; followers hear of it when it is final."""
        job = self._state.jobs.get(slug)
        if job is None:  # `fleet apply --prune` has removed it: nobody keeps its books
            return
        self.fates.setdefault(slug, []).append(fate)
        if not is_final:
            return
        end = cause_end(slug, fate, iso(self._now))
        for follower in job.spec.followers:
            lock, _, name = follower.partition("/")
            if lock != self._state.lock:
                self.signals.append((follower, end))
            elif name in self._state.jobs:
                self.causes[name] = with_end(self.causes_of(name), end)

    def count(self, past: PastRun) -> None:
        """Count a run into the health of its job."""
        slug, job = past.start.job, self._state.jobs[past.start.job]
        known = self._health_of(slug)
        health = fleet_health.after_run(known, past, job).to_record()
        if known is not None or past.ended.outcome is not None:
            self.health[slug] = health
        if past.ended.outcome in (SUCCEEDED, WARNED):
            self.successes[slug] = past.until

    def end_pause(self, slug: str) -> None:
        """Release a job whose pause is over."""
        known = self._health_of(slug)
        released = fleet_health.without_pause(known, self._state.jobs[slug], self._now)
        if released is not None and released != known:
            self.health[slug] = released

    def pause_ends(self, slug: str) -> float | None:
        """Return when the hold of a job ends by itself, in UTC seconds; None: it has none that does."""
        hold = hold_in(self._health_of(slug), self._now)
        return None if hold is None else hold.until

    def turned_away(self, slug: str, slot: int) -> Fate | None:
        """Return the skip of a planned time that the health of its job does not permit; None when it does."""
        job, known = self._state.jobs[slug], self._health_of(slug)
        permission = fleet_health.permission(known, job, slot, self._now)
        reason = _SKIPPED_FOR.get(permission)
        if reason is None or known is None:
            return None
        words = gate.hold_in_words(known) if permission == gate.HELD else gate.backoff_in_words(known)
        return Fate(slot=slot, fate=SKIPPED, reason=reason, detail=words)

    def let_in(self, start: Start) -> Start:
        """Let a start in; return it as its host is to run it: in full, or as a step of the slow start."""
        job, known = self._state.jobs[start.job], self._health_of(start.job)
        if known is None:
            return start
        health = Health.from_record(known)
        if start.slot is not None:
            health = fleet_health.let_in(known, job, start.run_id, self._now)
        elif health.state is not State.HELD:
            health = fleet_health.with_version_seen(health, job, self._now)
        is_full = start.slot is None and (start.force or health.state is State.HELD)
        step = None if is_full else fleet_health.slow_step(health, job)
        if health.to_record() != known:
            self.health[start.job] = health.to_record()
        return replace(start, slow=step is not None, slow_step=step)

    def may_catch_up(self, slug: str) -> bool:
        """Return whether missed times of a job may be made up for: no hold, no backoff, and no run as a probe."""
        known = self._health_of(slug)
        permission = fleet_health.permission(known, self._state.jobs[slug], int(self._now), self._now)
        return permission in (gate.GO, gate.PAUSE_IS_OVER)

    def waiting_of(self, slug: str) -> tuple[int, ...]:
        """Return the planned times of a job that wait for its causes."""
        return self.waiting.get(slug, self._state.jobs[slug].waiting)

    def causes_of(self, slug: str) -> tuple[CauseEnd, ...]:
        """Return what is known of the causes of a job."""
        return self.causes.get(slug, self._state.jobs[slug].causes)

    def _health_of(self, slug: str) -> dict[str, Any] | None:
        return self.health.get(slug, self._state.jobs[slug].health)

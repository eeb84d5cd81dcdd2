"""Hold jobs, so that scheduled runs are skipped until a release. Also the code shared with `pause` and `release`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from process_control.actions.rights import Actor
from process_control.config.job_directory import InvalidJob
from process_control.core.health import NO_POLICY, Cause, Event, Health, Policy, State
from process_control.core.job import Job
from process_control.notify.announce import announce
from process_control.notify.host_events import by_hand, has_incident
from process_control.state.after_boot import recover
from process_control.state.all_jobs import live_block
from process_control.state.health_changes import Changed, change_by_hand
from process_control.state.job_state import JobRecord
from process_control.system import proc
from process_control.system.clock import iso
from process_control.views.job_status import hold_as_json

#: Former names in JSON, kept until 1.0: `state` is now `health`, the others are in `held`.
OLD_NAMES = ("state", "slow_successes", "since", "by", "run_id", "release_at", "hold_kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The result for one job."""

    slug: str
    #: The result: held, released, was not held…
    what: str
    changed: Changed
    #: The id of the run in progress, which a hold does not stop.
    live_run: str | None

    @property
    def health(self) -> Health:
        """The health after the change."""
        return self.changed.new

    def to_json(self) -> dict[str, object]:
        record = self.health.to_record()
        return {
            "job": self.slug,
            "done": self.what,
            "changed": self.changed.is_change,
            "health": self.health.state.value,
            "failures_in_row": self.health.failures_in_row,
            "held": hold_as_json(self.health),
            "why": self.health.why,
            **{name: record[name] for name in OLD_NAMES if name in record},
        }


def hold(
    actor: Actor, jobs: Sequence[Job | InvalidJob], *, note: str | None = None, until: str | None = None
) -> list[Done]:
    """Hold jobs, also during a run. `until` (ISO 8601): the hold ends then. Raises CannotRecord (74)."""
    cause = Cause(at=iso(time.time()), by=actor.who, why=note, until=until)
    done = [change_health(actor, job, Event.HELD_BY_HAND, cause, _in_a_word) for job in jobs]
    _acknowledge(actor, [each.slug for each in done if each.changed.is_change], note)
    return done


def _acknowledge(actor: Actor, slugs: Sequence[str], note: str | None) -> None:
    """Post that somebody knows of the incidents of these jobs: there are no reminders while nothing changes."""
    events = by_hand(actor.settings, by=actor.by)
    for slug in slugs:
        if has_incident(actor.settings, slug):
            events.acknowledged(slug, note)
    events.deliver()


def change_health(
    actor: Actor, job: Job | InvalidJob, event: Event, cause: Cause, in_a_word: Callable[[Changed], str]
) -> Done:
    """Take one step of the table of health for one job. Raises CannotRecord (74)."""
    policy = Policy.from_job(job) if isinstance(job, Job) else NO_POLICY
    store = JobRecord(actor.settings.state_directory, job.slug)
    store.open_since_boot(proc.boot_id(), recover)
    try:
        changed = change_by_hand(store, event, cause, host=actor.host, policy=policy)
    finally:
        store.close()
    for record in changed.records:
        announce(actor.settings, record)
    running = live_block(actor.settings.state_directory, job.slug)
    live_run = None if running is None else str(running["run_id"])
    return Done(slug=job.slug, what=in_a_word(changed), changed=changed, live_run=live_run)


def _in_a_word(changed: Changed) -> str:
    if changed.old.state is not State.HELD:
        return "held"
    return "held still" if changed.is_change else "was held already"

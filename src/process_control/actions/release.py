"""Release jobs that are held or back off."""

import time
from collections.abc import Sequence

from process_control.actions.hold import Done, change_health
from process_control.actions.rights import Actor
from process_control.config.job_directory import InvalidJob
from process_control.core.health import Cause, Event, State
from process_control.core.job import Job
from process_control.state.health_changes import Changed
from process_control.system.clock import iso


def release(actor: Actor, jobs: Sequence[Job | InvalidJob], *, note: str | None = None) -> list[Done]:
    """Let scheduled runs start again; with slow_start, `slow_start_command` runs first. Raises CannotRecord (74)."""
    cause = Cause(at=iso(time.time()), by=actor.who, why=note)
    return [change_health(actor, job, Event.RELEASED, cause, _in_a_word) for job in jobs]


def _in_a_word(changed: Changed) -> str:
    if changed.old.state is State.HELD:
        return "released"
    return "backoff ended" if changed.is_change else "was not held"

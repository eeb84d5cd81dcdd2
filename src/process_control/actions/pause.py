"""Pause jobs: a hold that ends by itself."""

import time
from collections.abc import Sequence

from process_control.actions.hold import Done, hold
from process_control.actions.rights import Actor
from process_control.config.job_directory import InvalidJob
from process_control.core.job import Job
from process_control.system.clock import iso


def pause(actor: Actor, jobs: Sequence[Job | InvalidJob], *, seconds: float, note: str | None = None) -> list[Done]:
    """Hold jobs for a limited time; an existing hold without end is left unchanged. Raises CannotRecord (74)."""
    return hold(actor, jobs, note=note, until=iso(time.time() + seconds))

"""A job file as the fleet is to have it, or why it cannot."""

from dataclasses import dataclass

from process_control.core.fleet.lock_state import JobSpec
from process_control.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetJob:
    """A job as the fleet is to have it."""

    lock: str
    spec: JobSpec
    #: its planned times on this host, where `H` has another number there; empty: they are those of the fleet
    schedule_here: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotForFleet:
    """A job, or a file that is none, that the fleet cannot have, and why."""

    job: str
    faults: tuple[Fault, ...]

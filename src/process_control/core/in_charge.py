"""What starts the jobs of this host, decided by what is seen. Pure: nothing configures it a second time."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Trigger(StrEnum):
    """What starts jobs at their planned times."""

    SCHEDULER = "scheduler"
    CRON = "cron"
    TIMERS = "timers"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSeen:
    """The scheduler as its note shows it. Times are ISO 8601."""

    pid: int
    started_at: str
    #: its last sign of life
    seen_at: str
    is_alive: bool
    #: it ended in good order
    has_ended: bool
    #: since when it starts nothing more
    drains_since: str | None = None
    #: it is alive, and has given no sign of life for a long time
    is_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InCharge:
    """What is in charge, and whether it works."""

    trigger: Trigger
    is_alive: bool
    #: ISO 8601: of a scheduler since when it is running, or since when it is dead; None: not known
    since: str | None = None
    #: of the scheduler
    pid: int | None = None
    drains_since: str | None = None
    #: since when a scheduler that is alive gives no sign of life
    silent_since: str | None = None

    @property
    def is_scheduler(self) -> bool:
        return self.trigger is Trigger.SCHEDULER

    @property
    def is_dead_scheduler(self) -> bool:
        return self.is_scheduler and not self.is_alive

    @property
    def starts_nothing(self) -> bool:
        """Whether a scheduler is in charge that does not start jobs: dead, draining, or hanging."""
        return self.is_scheduler and not (self.is_alive and self.drains_since is None and self.silent_since is None)

    @property
    def words(self) -> str:
        """What is in charge, in a sentence."""
        if self.is_scheduler and self.is_alive and self.drains_since:
            return f"the scheduler (pid {self.pid}) starts nothing more: it drains since {self.drains_since}"
        if self.is_scheduler and self.is_alive and self.silent_since:
            return f"the scheduler (pid {self.pid}) hangs, or a disk does: its last look was at {self.silent_since}"
        if self.is_scheduler and self.is_alive:
            return f"the scheduler starts the jobs (pid {self.pid}, since {self.since})"
        if self.is_scheduler:
            return f"the scheduler (pid {self.pid}) died: it was last seen at {self.since}"
        if self.trigger is Trigger.NOBODY:
            return "nothing starts the jobs by itself"
        name = "cron starts" if self.trigger is Trigger.CRON else "timers of systemd start"
        return f"{name} the jobs" if self.is_alive else f"{name} the jobs, and does not run now"

    def to_json(self) -> dict[str, object]:
        return {"trigger": str(self.trigger), "alive": self.is_alive, "since": self.since}


def who_is_in_charge(
    scheduler: SchedulerSeen | None,
    *,
    has_cron_lines: Callable[[], bool],
    is_cron_alive: Callable[[], bool],
    has_timers: Callable[[], bool],
) -> InCharge:
    """Return what is in charge; what costs something is asked only when it decides.

    A scheduler is until it has ended in good order, be it dead: whoever killed it wants it back, or hands over to cron.
    """
    if scheduler is not None and not scheduler.has_ended:
        since = scheduler.started_at if scheduler.is_alive else scheduler.seen_at
        return InCharge(
            trigger=Trigger.SCHEDULER,
            is_alive=scheduler.is_alive,
            since=since,
            pid=scheduler.pid,
            drains_since=scheduler.drains_since,
            silent_since=scheduler.seen_at if scheduler.is_silent else None,
        )
    if has_cron_lines():
        return InCharge(trigger=Trigger.CRON, is_alive=is_cron_alive())
    if has_timers():
        return InCharge(trigger=Trigger.TIMERS, is_alive=True)
    return InCharge(trigger=Trigger.NOBODY, is_alive=False)

"""What an incident is for one of its jobs, with the planned times that were missed. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from process_control.core.causes import Cause

#: Planned times of a job that are kept, of the first and of the last: a job may be planned every minute.
MAX_FIRST_SLOTS = MAX_LAST_SLOTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What an incident is for one of its jobs."""

    count: int = 0
    #: Of its last trouble, which may differ from the incident's: a run was lost while others failed.
    cause: Cause | None = None
    #: When its first trouble was.
    since: str = ""
    is_over: bool = False
    #: Whether it had trouble that is reported at once, whatever the threshold of failed runs.
    is_at_once: bool = False
    #: Whether somebody knows of it by a hold of this job, while others have the same trouble.
    is_known: bool = False
    #: The lock of the fleet in which its planned times were missed; "" of a trouble of this host.
    lock: str = ""
    #: Planned times that nothing has settled yet: the first and the last of them.
    slots: tuple[str, ...] = ()
    #: How many there are besides, and the first and the last of these.
    more_slots: int = 0
    more_from: str = ""
    more_until: str = ""

    @property
    def of_host(self) -> str:
        """The host that misses them, of a job with `run_on: all`; else ""."""
        return host_of_lock(self.lock)

    @property
    def waiting(self) -> int:
        """How many planned times nothing has settled yet."""
        return len(self.slots) + self.more_slots

    def with_slots(self, slots: Sequence[str], *, number: int = 0) -> "Part":
        """Return it with planned times added; in the middle only their number is kept.

        `number`: how many there are, when of these too only the first and the last are given.
        """
        more = max(number - len(slots), 0) if slots else 0
        if more:
            first, last = slots[:MAX_FIRST_SLOTS][-1], slots[-MAX_LAST_SLOTS:][0]
            known = replace(self, more_slots=self.more_slots + more, more_from=self.more_from or first, more_until=last)
            return known.with_slots(slots)
        found = self.slots + tuple(slot for slot in slots if slot not in self.slots)
        left_out = found[MAX_FIRST_SLOTS:-MAX_LAST_SLOTS]
        if not left_out:
            return replace(self, slots=found)
        return replace(
            self,
            slots=found[:MAX_FIRST_SLOTS] + found[-MAX_LAST_SLOTS:],
            more_slots=self.more_slots + len(left_out),
            more_from=self.more_from or left_out[0],
            more_until=max(self.more_until, left_out[-1]),
        )

    def without_slots(self, slots: Iterable[str]) -> "Part":
        """Return it without planned times that are settled; one that is not kept is one of those that are counted."""
        settled = set(slots)
        left = tuple(slot for slot in self.slots if slot not in settled)
        counted = sum(self.more_from <= slot <= self.more_until for slot in settled - set(self.slots))
        return replace(self, slots=left, more_slots=max(self.more_slots - counted, 0))


def host_of_lock(lock: str) -> str:
    """Return the host that has a lock of the fleet for its own; "" when it is for all."""
    return lock.partition("@")[2]


def first_and_last(slots: Sequence[str]) -> tuple[str, ...]:
    """Return of many planned times those that are kept."""
    if len(slots) <= MAX_FIRST_SLOTS + MAX_LAST_SLOTS:
        return tuple(slots)
    return (*slots[:MAX_FIRST_SLOTS], *slots[-MAX_LAST_SLOTS:])

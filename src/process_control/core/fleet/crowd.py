"""Planned times at which many jobs of the fleet start in one second. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.core.fleet.lock_state import JobSpec
from process_control.core.fleet.membership import ALL
from process_control.core.fleet.planned import plan_of

#: More than these start late: 50 in one second by about a second, 200 by five.
MAX_AT_ONCE = 20
LOOK_AHEAD_SECONDS = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """A planned time of many jobs."""

    #: UTC seconds
    slot: int
    count: int

    @property
    def in_words(self) -> str:
        return f"{self.count} jobs of the fleet start at {datetime.fromtimestamp(self.slot, UTC):%Y-%m-%d %H:%M} UTC"


def largest_crowd(specs: Iterable[JobSpec], now: float) -> Crowd | None:
    """Return the most crowded planned time of the next day; None when none has more than MAX_AT_ONCE jobs."""
    starts: Counter[int] = Counter()
    for spec in specs:
        if spec.schedule and not spec.disabled and spec.queue != ALL:
            starts.update(plan_of(spec).slots(int(now), int(now) + LOOK_AHEAD_SECONDS))
    slot, count = max(starts.items(), key=lambda entry: (entry[1], -entry[0]), default=(0, 0))
    return Crowd(slot=slot, count=count) if count > MAX_AT_ONCE else None

"""What jobs of a simulated host say besides their schedule, and what its kernel and records know: places, causes.

The real `core/chain.py` decides; the rest follows run/places.py, run/causes.py and actions/chains.py.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from process_control.actions.chains import MARGIN_SECONDS, MAX_AGE_SECONDS, PATIENCE_SECONDS
from process_control.actions.watch import FIRST_LOOK_SECONDS
from process_control.core.chain import CAUSE_MISSING, ENDED, NO_RUN, PENDING, SKIP, WAIT, CauseFate, decide
from process_control.core.heartbeat import Look, gap_between

if TYPE_CHECKING:
    from kit.simulated_host import Host, Written
    from kit.simulated_run import Run

LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a file says all day long. `after`: the causes of a job without a schedule, and how each must end."""

    pool: str | None = None
    on_overlap: str = "skip"
    queue_timeout: float = 3600.0
    after: tuple[tuple[str, str], ...] = ()


class Locks:
    """The kernel's locks: one for each job, and one for each place in a pool and on the host."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self.of_jobs: dict[str, Run] = {}
        self.places: defaultdict[str | None, list[Run]] = defaultdict(list)

    def take_job(self, run: "Run") -> bool:
        return self.of_jobs.setdefault(run.job, run) is run

    def let_job_go(self, run: "Run") -> None:
        if self.of_jobs.get(run.job) is run:
            del self.of_jobs[run.job]

    def take_places(self, run: "Run") -> bool:
        """Take a place in the pool and one on the host, or none of both."""
        if "places" in self._host.without:
            return True
        needed = [pool for pool in {run.rule.pool: 0, None: 0} if self._host.places_in(pool) is not None]
        if any(len(self.places[pool]) >= (self._host.places_in(pool) or 0) for pool in needed):
            return False
        for pool in needed:
            self.places[pool].append(run)
        return True

    def let_places_go(self, run: "Run") -> None:
        for holders in self.places.values():
            if run in holders:
                holders.remove(run)


def fates(host: "Host", job: str, slot: int) -> list[CauseFate]:
    """Return what the records say of this planned time of the causes of a job."""
    return [_fate(host.written_of(cause, slot), cause, on) for cause, on in host.rules[job].after]


def _fate(written: "Iterable[Written]", cause: str, on: str) -> CauseFate:
    known = [each for each in written if not each.was_forgotten]
    runs = [each for each in known if not each.skipped and not each.waits]
    if runs:
        state = PENDING if runs[-1].outcome is None else ENDED
        return CauseFate(cause, on, state, "ran", runs[-1].outcome)
    return CauseFate(cause, on, NO_RUN if any(each.skipped for each in known) else PENDING, "has not started")


class Looks:
    """The looks of `watch`: they settle killed runs, and start the followers that a killed guard has left."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._before: Look | None = None
        #: what is to follow and has no record yet, and since when
        self._following: dict[tuple[str, int], float] = {}

    def take(self) -> None:
        host = self._host
        if host.disk_is_full:
            return
        look = Look(at=host.now, boot_id=str(host.boot), up=host.monotonic, mono=host.monotonic - host.slept)
        before, self._before = self._before, look
        is_known = before is not None and gap_between(before, look) is None
        since = before.at if before is not None and is_known else host.now - FIRST_LOOK_SECONDS
        for job in host.rules:
            host.settle(job)
        if "left" not in host.without:
            self._following = self._start_what_is_left(since)

    def _start_what_is_left(self, since: float) -> dict[tuple[str, int], float]:
        host, wanted, patient = self._host, dict(self._following), set()
        for each in host.recorded_since(since - MARGIN_SECONDS):
            for follower in host.followers_of(each.job):
                key = follower, each.slot
                wanted.setdefault(key, host.now)
                if each.recorded_at > host.now - PATIENCE_SECONDS and key not in self._following:
                    patient.add(key)
        kept = {}
        for key, first in sorted(wanted.items()):
            if not host.is_valid(key[0]) or first < host.now - MAX_AGE_SECONDS:
                host.causes.add(key)  # refused, or left after an hour
            elif key in patient or self._is_left(*key):
                kept[key] = first
        return kept

    def _is_left(self, job: str, slot: int) -> bool:
        """Start the follower if it is to run or to be skipped now; return whether it is not settled."""
        last = next((each for each in reversed(self._host.written_of(job, slot)) if not each.was_forgotten), None)
        what, _ = decide(fates(self._host, job, slot))
        is_over = last is not None and not last.waits and (not last.skipped or last.reason != CAUSE_MISSING)
        if is_over or (last is not None and what == SKIP):
            return False
        if what != WAIT:
            self._host.start_follower(job, slot)
        return True

"""How each job of the fleet stands, from the states of its locks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from process_control.core.fleet.causes import what_to_do
from process_control.core.fleet.everywhere import TEMPLATE, base_of, host_of
from process_control.core.fleet.lock_state import JobState, LockState, PastRun, hold_in_words, iso
from process_control.core.freshness import stale_in_words

DISABLED, HELD, RUNNING, WAITING, IDLE = "disabled", "held", "running", "waiting", "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetJobStatus:
    """A job of the fleet for lists. Times are UTC seconds."""

    job: str
    lock: str
    #: a word of those above
    state: str
    #: why it is held, of a run that waits or is in flight its id
    why: str | None
    next_slot: int | None
    last: PastRun | None
    #: who may run it: any, host/NAME, tag/NAME
    queue: str
    #: the host that runs it now; None: it does not run, or no host has taken it yet
    running_on: str | None = None

    def to_json(self) -> dict[str, object]:
        ended = None if self.last is None else self.last.ended
        return {
            "job": self.job,
            "lock": self.lock,
            "run_on": self.queue,
            "state": self.state,
            "why": self.why or (None if ended is None else ended.detail),
            "next": None if self.next_slot is None else iso(self.next_slot),
            "last": None if self.last is None else iso(self.last.since),
            "result": None if ended is None else ended.outcome or ended.fate,
            "host": None if ended is None else ended.host,
            "run_id": None if ended is None else ended.host_run_id,
            "running_on": self.running_on,
        }


def statuses_of(
    locks: Sequence[LockState], now: float = 0.0, hosts: Mapping[str, str] | None = None
) -> list[FleetJobStatus]:
    """Return the status of every job, sorted by slug; of one with `run_on: all` on each of its hosts.

    `now`: UTC seconds, for what it waits for and whether it is stale. `hosts`: by lock, where its run in flight is; a
    run that no host has taken yet has none.
    """
    on_hosts = {
        (base_of(lock.lock), slug) for lock in locks if host_of(lock.lock) not in (None, TEMPLATE) for slug in lock.jobs
    }
    found = [
        _status(lock, slug, job, now, (hosts or {}).get(lock.lock))
        for lock in locks
        for slug, job in lock.jobs.items()
        if host_of(lock.lock) != TEMPLATE or (base_of(lock.lock), slug) not in on_hosts
    ]
    return sorted(found, key=lambda each: (each.job, each.lock))


def _status(lock: LockState, slug: str, job: JobState, now: float, host: str | None) -> FleetJobStatus:
    state, why = _state_of(lock, slug, job, now)
    planned = () if job.spec.disabled else job.planned.slots
    return FleetJobStatus(
        job=slug,
        lock=lock.lock,
        state=state,
        why=why,
        next_slot=planned[0] if planned else None,
        last=next((past for past in reversed(lock.past) if past.start.job == slug), None),
        queue=job.spec.queue,
        running_on=host if state == RUNNING else None,
    )


def stale_words(job: JobState, now: float) -> str | None:
    """Return that no run of the job has succeeded on any host for longer than `expect: {success_every}`, in words."""
    if job.spec.success_every is None or job.spec.disabled:
        return None
    return stale_in_words(
        now=now, success_every=job.spec.success_every, last_success=job.last_success, since=job.since or now
    )


def _state_of(lock: LockState, slug: str, job: JobState, now: float) -> tuple[str, str | None]:
    if lock.running is not None and lock.running.job == slug:
        return RUNNING, lock.running.run_id
    waiting = next((start for start in lock.queue if start.job == slug), None)
    if waiting is not None:
        return WAITING, waiting.run_id
    hold = job.hold_at(now)
    if hold is not None:
        return HELD, hold_in_words(hold)
    for slot in job.waiting[:1]:
        return WAITING, what_to_do(job, job.causes, slot, now)[1]
    return (DISABLED if job.spec.disabled else IDLE), stale_words(job, now)

"""What the scheduler does next: which starts are due, and which of them may begin now. Pure: the clock is an argument.

The scheduler itself, and the simulation that tries it with faults chosen by a seed, drive it with the same calls.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from process_control.core.schedule.agenda import Agenda


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """What the scheduler has to know of a job."""

    slug: str
    #: names its schedule: equal for equal schedules
    key: Hashable
    #: seconds: how old a planned time may be when its start arrives
    start_within: float
    lock: str
    on_overlap: str = "skip"
    pool: str | None = None


@dataclass(slots=True, kw_only=True)
class Start:
    """One start that is due: it waits for its turn, or it was ordered."""

    number: int
    job: str
    #: its planned time, in UTC seconds; None of a run by hand
    slot: int | None
    #: when it fell due here, in seconds of a clock that nobody sets
    arrived: float
    #: when it was ordered from the launcher, in seconds of its monotonic clock
    ordered: float = 0.0
    #: its process; None until the launcher has reported it
    pid: int | None = None
    #: who asked for it, by hand
    by: str | None = None


class Dispatch:
    """The state of the scheduler. `first`: the number of the first start; later ones count on."""

    def __init__(self, agenda: Agenda, *, first: int = 1) -> None:
        self.agenda = agenda
        self.jobs: dict[str, JobPlan] = {}
        #: starts that wait for their turn, in order of arrival
        self.waiting: list[Start] = []
        #: starts that were ordered and have not ended, by number
        self.live: dict[int, Start] = {}
        self._next_number = first
        #: the newest planned time of each job that was started
        self._begun: dict[str, int] = {}
        self._is_draining = False

    def plan(self, jobs: Mapping[str, JobPlan], now: float) -> None:
        """Take over what the job files say now. What waits goes on waiting, unless its job is gone."""
        self.jobs = dict(jobs)
        self.agenda.plan({slug: job.key for slug, job in jobs.items()}, now)
        self.waiting = [start for start in self.waiting if start.job in self.jobs]

    def catch_the_last(self, now: float, monotonic: float, claimed: Mapping[str, int | None]) -> None:
        """At the start: let what fell due while no scheduler ran, and is not too old, start now.

        `claimed`: the last planned time of each job that had its run or its skip.
        """
        for slug, slot in self.agenda.last_before(now, self.jobs).items():
            if slot > (claimed.get(slug) or 0):
                self._arrive(slug, slot, now, monotonic)

    def take_due(self, now: float, monotonic: float) -> list[Start]:
        """Return the starts to order now, oldest planned time first; they are `live` from then on."""
        for due in self.agenda.take_due(now):
            for slug in due.jobs:
                self._arrive(slug, due.slot, now, monotonic)
        return self._take_ready()

    def by_hand(self, job: str, by: str, monotonic: float) -> Start:
        """Return the start of a run without a planned time, which waits for nothing here."""
        start = Start(number=self._next_number, job=job, slot=None, arrived=monotonic, by=by)
        self._next_number += 1
        self.live[start.number] = start
        return start

    def waiting_in_words(self) -> list[dict[str, object]]:
        return []

    def drain(self) -> None:
        """Start nothing more. What waits has not begun, and stays unclaimed."""
        self._is_draining = True
        self.waiting.clear()

    def forget(self, number: int) -> Start | None:
        """Remove a start that has ended, or that was never made; None for one that is not known."""
        return self.live.pop(number, None)

    def _arrive(self, slug: str, slot: int, now: float, monotonic: float) -> None:
        job = self.jobs[slug]
        is_too_old = now - slot > job.start_within
        if self._is_draining or is_too_old or self._begun.get(slug) == slot:
            return
        self._begun[slug] = slot
        self.waiting.append(Start(number=self._next_number, job=slug, slot=slot, arrived=monotonic))
        self._next_number += 1

    def _take_ready(self) -> list[Start]:
        ready, self.waiting = self.waiting, []
        self.live.update((start.number, start) for start in ready)
        return ready

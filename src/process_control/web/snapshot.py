"""How all jobs stand, read once for all who look."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.config.all_jobs import LoadedJobs
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.in_charge import InCharge
from process_control.core.job import Job
from process_control.crontab.in_charge import in_charge
from process_control.crontab.left_out import left_out, left_out_in_words
from process_control.crontab.troubles_of_all import troubles_of_all
from process_control.state.past_runs import open_index
from process_control.system.linux import return_memory_now
from process_control.views.job_status import JobStatus
from process_control.views.live_statuses import ALL_AGAIN_SECONDS, LiveStatuses

#: Requests within this time share one look.
MIN_SECONDS = 1.0
#: So long a request waits for a new look.
PATIENCE_SECONDS = 1.0
#: So many lists can be read part by part at the same time.
MAX_ORDERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How all jobs stood at one moment."""

    #: Another one when something else is shown; another server has the same one for the same.
    number: int
    #: A hash of what is shown: whether something else is.
    seen: int
    at: datetime
    jobs: Sequence[Job | InvalidJob]
    #: Worst first.
    statuses: Sequence[JobStatus]
    schedules: KnownSchedules
    charge: InCharge
    #: Sentences about no single job.
    alerts: Sequence[str]

    def status(self, slug: str) -> JobStatus | None:
        return next((each for each in self.statuses if each.slug == slug), None)


class Watched:
    """The latest snapshot of all jobs, taken again when somebody asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        loaded = LoadedJobs()
        self._live = LiveStatuses(settings, lambda: loaded.load(settings), open_index)
        self._last: Snapshot | None = None
        self._looked_at = 0.0
        #: The look that is being taken, by one thread for all.
        self._looking: Future[Snapshot] | None = None
        self._alerts: list[str] = []
        self._alerts_at = 0.0
        #: The order of the jobs of some moments, by their number: of lists that somebody reads part by part.
        self._orders: OrderedDict[int, Sequence[str]] = OrderedDict()

    def keep_order(self, snapshot: Snapshot) -> None:
        """Remember the order of the jobs for whoever reads them part by part."""
        with self._lock:
            self._orders[snapshot.number] = [each.slug for each in snapshot.statuses]
            self._orders.move_to_end(snapshot.number)
            while len(self._orders) > MAX_ORDERS:
                self._orders.popitem(last=False)

    def order_of(self, number: int) -> Sequence[str] | None:
        """Return the slugs in the order of a moment; None when it is not known any more."""
        with self._lock:
            return self._orders.get(number)

    def now(self) -> Snapshot:
        """Return how all jobs stand; how they stood a moment ago, while a look at thousands takes longer.

        Raises ProcessControlError when the job directory cannot be read.
        """
        with self._lock:
            last = self._last
            if last is not None and time.monotonic() - self._looked_at < MIN_SECONDS:
                return last
            if self._looking is None:
                self._looking = Future()
                threading.Thread(target=self._look_once, args=(self._looking,), daemon=True).start()
            looking = self._looking
        if last is not None and not wait([looking], PATIENCE_SECONDS).done:
            return last
        return looking.result()

    def _look_once(self, looking: "Future[Snapshot]") -> None:
        try:
            found = self._look(self._last)
        except BaseException as error:  # noqa: BLE001  whoever waits raises it
            with self._lock:
                self._looking = None
            looking.set_exception(error)
            return
        with self._lock:
            self._last, self._looked_at, self._looking = found, time.monotonic(), None
        looking.set_result(found)

    def _look(self, last: Snapshot | None) -> Snapshot:
        now, read_all_at = datetime.now(UTC), self._live.read_all_at
        statuses, schedules = self._live.look(now)
        if self._live.read_all_at != read_all_at:
            return_memory_now()
        charge = in_charge(self._settings)
        alerts = self._alerts_of(statuses, charge, is_new=last is None or charge != last.charge)
        seen = _seen(statuses, alerts)
        is_same = last is not None and seen == last.seen
        return Snapshot(
            number=last.number if last is not None and is_same else _number(statuses, alerts),
            seen=seen,
            at=now,
            jobs=self._live.jobs,
            statuses=statuses,
            schedules=schedules,
            charge=charge,
            alerts=alerts,
        )

    def _alerts_of(self, statuses: Sequence[JobStatus], charge: InCharge, *, is_new: bool) -> list[str]:
        """Return what is about no single job, looked up as seldom as all jobs are read again."""
        moment = time.monotonic()
        if is_new or moment - self._alerts_at >= ALL_AGAIN_SECONDS:
            jobs = self._live.jobs
            self._alerts = troubles_of_all(self._settings, jobs, statuses, charge)
            self._alerts += left_out_in_words(left_out(self._settings, jobs, statuses))
            self._alerts_at = moment
        return self._alerts


def _seen(statuses: Sequence[JobStatus], alerts: Sequence[str]) -> int:
    return hash((tuple(alerts), *map(_shown, statuses)))


def _number(statuses: Sequence[JobStatus], alerts: Sequence[str]) -> int:
    """Return a number above 0 of what is shown."""
    digest = hashlib.blake2b(repr(tuple(alerts)).encode("utf-8", "replace"), digest_size=4)
    for each in statuses:
        digest.update(repr(_shown(each)).encode("utf-8", "replace"))
    return int.from_bytes(digest.digest()) or 1


def _shown(each: JobStatus) -> tuple[object, ...]:
    running = each.running.run_id if each.running is not None else None
    last = each.last.run_id if each.last is not None else None
    words = (each.slug, each.state, each.why, each.alerts, each.silenced_until, each.incident)
    return (*words, each.recent, running, last)

"""Evidence of the host for missed planned times: boots, sleep, steps of the clock, starts of other jobs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from process_control.core import layout
from process_control.core.heartbeat import LOOK_SECONDS
from process_control.core.schedule.causes import Down, Host, SchedulerTime, Step
from process_control.core.schedule.plan import Plan
from process_control.core.schedule.version_records import moment_in
from process_control.history.index.index import Index
from process_control.state.block import read_mark
from process_control.system.clock import iso
from process_control.views.in_charge import scheduler_in_charge

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """The plan of a job, and the times between which it was in force (UTC seconds)."""

    job: str
    plan: Plan
    since: float
    until: float


class HostHistory:
    """The evidence that all jobs of a host share, read on demand."""

    def __init__(
        self, index: Index, plans: Callable[[], Iterable[PlanInForce]], *, now: float, state_directory: str
    ) -> None:
        self._ledger = index.ledger
        self._all_plans = plans
        self._now = now
        self._state_directory = state_directory
        self._by_plan: dict[tuple[tuple[str, ...], str | None], list[PlanInForce]] | None = None
        self._host: Host | None = None
        self._first_start = lru_cache(maxsize=1 << 14)(self._asked_for_first_start)
        self._last_start = lru_cache(maxsize=1 << 14)(self._asked_for_last_start)
        self._first_due = lru_cache(maxsize=1 << 14)(self._looked_for_due)

    @property
    def host(self) -> Host:
        """The evidence in the form that the rules of fates take."""
        if self._host is None:
            downs, steps, gaps = self._read()
            self._host = Host(
                downs=downs,
                steps=steps,
                gaps=gaps,
                scheduler_times=self._scheduler_times(),
                first_start=self._first_start,
                last_start=self._last_start,
                was_due=self._was_due,
            )
        return self._host

    def _read(self) -> tuple[list[Down], list[Step], list[tuple[float, float]]]:
        steps = [Step(before, after) for before, after in self._ledger.clock_steps()]
        downs, gaps = [], []
        boots = self._ledger.boots()
        alive = [last for _, last in boots]
        for record in self._ledger.events("gap"):
            since, until = moment_in(record, "from"), moment_in(record, "at")
            if since is None or until is None:
                continue
            if record.get("boot"):
                alive.append(since)
            elif isinstance(asleep := record.get("suspended"), int | float) and asleep > LOOK_SECONDS:
                downs.append(Down(since, until, "asleep"))
            elif isinstance(stepped := record.get("stepped"), int | float) and stepped > LOOK_SECONDS:
                steps.append(Step(since, until))
            else:
                gaps.append((since, until))
        for (_, last), (began, _) in pairwise(boots):
            downs.append(Down(max([last, *(moment for moment in alive if moment < began)]), began, "off"))
        looked_at = moment_in(read_mark(layout.watch_note(self._state_directory)) or {}, "at")
        if looked_at is not None and self._now - looked_at > LOOK_SECONDS:
            gaps.append((looked_at, self._now + 1))
        return sorted(downs, key=lambda down: down.since), steps, sorted(gaps)

    def _scheduler_times(self) -> list[SchedulerTime]:
        """Return when the scheduler was in charge, by its records; the last one ends when its note says so."""
        found: list[SchedulerTime] = []
        now: SchedulerTime | None = None
        for record in self._ledger.events("scheduler"):
            at, change = moment_in(record, "at"), record.get("change")
            if at is None:
                continue
            if change == "draining" and now is not None and now.drains_since == FOREVER:
                now = replace(now, drains_since=at, drained_by=str(record.get("by") or ""))
            if change not in ("started", "ended"):
                continue
            if now is not None:
                # One that started again without an end had died: its last start of a job shows when it still lived.
                alive_until = at if change == "ended" else max(now.since, self._last_start(at) or now.since)
                was_stopped = change == "ended" and not record.get("detail")  # else cron took over from a dead one
                found.append(replace(now, until=at, alive_until=alive_until, was_stopped=was_stopped))
            now = SchedulerTime(at, FOREVER, FOREVER) if change == "started" else None
        if now is not None:
            charge = scheduler_in_charge(self._state_directory)
            died = moment_in({"at": charge.since}, "at") if charge is not None and not charge.is_alive else None
            found.append(now if died is None else replace(now, alive_until=died))
        return found

    def _asked_for_first_start(self, since: float, until: float) -> float | None:
        return moment_in({"at": self._ledger.first_start(iso(since), iso(until))}, "at")

    def _asked_for_last_start(self, before: float) -> float | None:
        return moment_in({"at": self._ledger.last_start(iso(before))}, "at")

    def _was_due(self, job: str, since: float, until: float) -> str | None:
        """Return another job that had a planned time in the window, or None.

        The first of all jobs is looked for once for a window: thousands of jobs ask for the same ones.
        """
        first = self._first_due("", since, until)
        return first if first != job else self._first_due(job, since, until)

    def _looked_for_due(self, job: str, since: float, until: float) -> str | None:
        """Return the first job except `job` that had a planned time in the window, or None."""
        if self._by_plan is None:
            self._by_plan = {}
            for each in self._all_plans():
                self._by_plan.setdefault((each.plan.schedule, each.plan.time_zone), []).append(each)
        for plans in self._by_plan.values():
            for slot in plans[0].plan.slots(int(since) - 1, int(until)):
                found = next((each.job for each in plans if each.job != job and each.since <= slot < each.until), None)
                if found is not None:
                    return found
        return None

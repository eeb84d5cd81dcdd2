"""What a lock of the fleet does now: which planned times are due, and what becomes of each. Pure.

Each planned time after `planned_to` is taken once, with all that fell due since then: first what the job says
(disabled, excluded, held), then its age, then overlap and queue by the same rules as on one host, then `catch_up`. The
answer is recorded by the workflow, which only carries it out: so these rules may change between two versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from process_control.core import start_queue
from process_control.core.chain import CAUSE_MISSING, SKIP, WAIT
from process_control.core.facts import FAILED, LOST
from process_control.core.fleet.causes import waits_until, what_to_do
from process_control.core.fleet.changes import Changes
from process_control.core.fleet.everywhere import host_of
from process_control.core.fleet.lock_state import (
    Decision,
    Fate,
    JobSpec,
    JobState,
    LockState,
    PastRun,
    PlannedSlots,
    Start,
    fate_of,
)
from process_control.core.fleet.planned import due_slots, plan_of, slots_ahead
from process_control.core.schedule.catch_up import to_catch_up
from process_control.core.schedule.slots import MISSED, RAN, SKIPPED, Slot, SlotRun
from process_control.core.start_queue import Limits, Running

#: More that fell due at once become one record of a range.
MAX_BATCH = 200
#: How many starts wait for a lock at most.
MAX_QUEUE = 20
#: A host that asks for work gets it within this time.
MIN_SECONDS_TO_BEGIN = 1.0
#: A run that is lost again and again is run so often once more.
MAX_RERUNS = 3
OVERLAP = "overlap"
#: Nobody was there to start it: no control process, or no server.
TRIGGER_DEAD = "trigger_dead"
#: No host took it, or the one before it, in time.
NO_WORKER = "no_worker"


def decide(state: LockState, now: float, ended: Sequence[PastRun] = ()) -> Decision:
    """Return what the lock does at the moment `now`, in UTC seconds. `ended`: its runs that have ended since."""
    return _Decider(state, now).decide(ended)


class _Decider:
    def __init__(self, state: LockState, now: float) -> None:
        self._state = state
        self._now = now
        self._known = Changes(state, now)
        self._planned: dict[str, PlannedSlots] = {}
        self._refused: list[tuple[Start, str]] = []
        self._candidates: list[Start] = []
        self._reruns: list[Start] = []

    def decide(self, ended: Sequence[PastRun]) -> Decision:
        for past in ended:
            self._take_end(past)
        for slug in sorted(self._state.jobs):
            self._take_due(slug, self._state.jobs[slug])
        for slug in sorted(self._state.jobs):
            self._take_waiting(slug, self._state.jobs[slug])
            self._known.end_pause(slug)
        queue = self._still_waiting([*self._reruns, *self._state.queue])
        start, waiting, stops = self._in_turn([*queue, *sorted(self._candidates, key=_by_slot)])
        if start is None and not waiting and self._state.running is None:
            start = self._caught_up()
        if start is not None:
            start = self._known.let_in(start)
        known = self._known
        return Decision(
            start=start,
            queue=tuple(waiting),
            refused=tuple(self._refused),
            fates={slug: tuple(fates) for slug, fates in known.fates.items()},
            planned=self._planned,
            wake_at=self._wake_at(start or self._state.running, waiting),
            stops_running=stops,
            health=known.health,
            successes=known.successes,
            waiting=known.waiting,
            causes=known.causes,
            signals=tuple(known.signals),
        )

    def _take_end(self, past: PastRun) -> None:
        """Take what a run has come to; one that was lost with its host may be run once more."""
        job = self._state.jobs.get(past.start.job)
        if job is None:
            return
        fate, is_lost = fate_of(past), past.ended.outcome == LOST
        may_rerun = job.spec.on_host_loss == "rerun" and not past.is_stopped
        is_rerun = is_lost and may_rerun and past.start.attempt <= MAX_RERUNS
        if is_rerun:
            self._reruns.append(again(past.start, past.until))
        else:
            self._known.count(past)
        if fate is not None:
            self._known.settle(past.start.job, fate, is_final=not is_rerun)

    # --- planned times ------------------------------------------------------------------------------------------------

    def _take_due(self, slug: str, job: JobState) -> None:
        due, planned = due_slots(job.spec, job.planned, self._now, slots_ahead(len(self._state.jobs)))
        if planned != job.planned:
            self._planned[slug] = planned
        if len(due) > MAX_BATCH:
            older, due = due[:-MAX_BATCH], due[-MAX_BATCH:]
            self._known.settle(slug, _range(older), is_final=False)
        for slot in due:
            fate = self._settled(job, slot, is_newest=slot == due[-1])
            if fate is not None:
                self._known.settle(slug, fate)
            elif job.spec.after:
                self._known.waiting[slug] = (*self._known.waiting_of(slug), slot)
            else:
                self._candidates.append(self._start(slug, slot))

    def _start(self, slug: str, slot: int, *, is_caught_up: bool = False) -> Start:
        run_id = run_id_of(slug, slot, self._state.lock)
        return Start(run_id=run_id, job=slug, slot=slot, arrived=self._now, is_caught_up=is_caught_up)

    def _take_waiting(self, slug: str, job: JobState) -> None:
        """Start the planned times whose causes have ended as `after` wants it; skip those that cannot come to that."""
        waiting = self._known.waiting_of(slug)
        left = []
        for slot in waiting:
            what, detail = what_to_do(job, self._known.causes_of(slug), slot, self._now)
            if what == WAIT:
                left.append(slot)
            elif what == SKIP:
                self._known.settle(slug, Fate(slot=slot, fate=SKIPPED, reason=CAUSE_MISSING, detail=detail))
            elif (fate := self._known.turned_away(slug, slot)) is not None:
                self._known.settle(slug, fate)
            else:
                self._candidates.append(self._start(slug, slot))
        if len(left) != len(waiting):
            self._known.waiting[slug] = tuple(left)

    def _settled(self, job: JobState, slot: int, *, is_newest: bool) -> Fate | None:
        """Return the fate of a planned time that gets no run now; None when it is to be started."""
        spec = job.spec
        if spec.disabled:
            return Fate(slot=slot, fate=SKIPPED, reason="disabled", detail="the job file says so")
        if day := plan_of(spec).excluded_by(slot):
            return Fate(slot=slot, fate=SKIPPED, reason="excluded", detail=f"exclude: {day}")
        if (fate := self._known.turned_away(spec.job, slot)) is not None:
            return fate
        if spec.on_overlap == "skip" and not spec.after and self._was_busy_at(slot):
            return Fate(slot=slot, fate=SKIPPED, reason=OVERLAP, detail="another run had the lock")
        if self._now - slot > spec.start_within or not (is_newest or spec.on_overlap == "queue"):
            return self._missed_at(slot)
        return None

    def _missed_at(self, slot: int) -> Fate:
        if any(past.ended.reason == NO_WORKER for past in self._in_flight_at(slot)):
            return Fate(slot=slot, fate=MISSED, reason=NO_WORKER, detail="no host had taken the run before it")
        return Fate(slot=slot, fate=MISSED, reason=TRIGGER_DEAD)

    def _was_busy_at(self, slot: int) -> bool:
        """Return whether a run had the lock then. What fell due meanwhile is dealt with at its end.

        One that no host has taken had nothing: what fell due while it waited is missed, as it is.
        """
        if self._state.running is not None and self._state.running_since < slot:
            return True
        return any(past.ended.reason != NO_WORKER for past in self._in_flight_at(slot))

    def _in_flight_at(self, slot: int) -> list[PastRun]:
        return [past for past in self._state.past if past.since < slot <= past.until]

    # --- turns --------------------------------------------------------------------------------------------------------

    def _still_waiting(self, queue: Sequence[Start]) -> list[Start]:
        """Return what may start or keep waiting; the rest gets its fate. The gate is asked again when it may start."""
        left = []
        for start in queue:
            job = self._state.jobs.get(start.job)
            limit = 0.0 if job is None else job.spec.queue_timeout
            if job is None or (limit and self._now - start.arrived > limit):
                self._turn_away(start, f"it waited for the lock for {limit:g} s" if limit else "its job is gone")
            elif (
                self._state.running is None
                and start.slot is not None
                and (fate := self._known.turned_away(start.job, start.slot)) is not None
            ):
                self._known.settle(start.job, fate)
            else:
                left.append(start)
        return left

    def _in_turn(self, waiting: list[Start]) -> tuple[Start | None, list[Start], bool]:
        """Return what starts, what waits, and whether the run in flight has to make place."""
        running = self._state.running
        lock = self._state.lock
        numbered = dict(enumerate(waiting))
        decision = start_queue.decide(
            [
                start_queue.Start(start.job, start.slot, lock, self._on_overlap(start), None, number)
                for number, start in numbered.items()
            ],
            [] if running is None else [Running(running.job, lock, None)],
            Limits(),
        )
        left = [numbered[each.start.arrived] for each in decision.waits]
        first: Start | None = None
        replacing: list[Start] = []
        for each in decision.starts:
            start = numbered[each.arrived]
            if running is None and first is None:
                first = start
            elif self._is_beside_a_waiting_start(start):
                self._turn_away(start, "an earlier start of this job still waits for a place on its host")
            elif self._on_overlap(start) == "replace":
                replacing = self._replacing(replacing, start)
            else:
                self._turn_away(start, "another run has the lock")
        for start in left[MAX_QUEUE:]:
            self._turn_away(start, f"{MAX_QUEUE} starts wait for the lock already")
        return first, [*replacing, *left[:MAX_QUEUE]], bool(replacing) and running is not None

    def _is_beside_a_waiting_start(self, start: Start) -> bool:
        """Return whether the run of the job in flight has not begun: it will run no older data than this one."""
        running = self._state.running
        is_its_own = running is not None and running.job == start.job
        return is_its_own and self._state.is_waiting and self._on_overlap(start) == "replace"

    def _replacing(self, before: list[Start], start: Start) -> list[Start]:
        """Return the one start that takes the place of the run in flight: the newest."""
        for each in before:
            self._turn_away(each, "a later start came before its turn")
        return [start]

    def _on_overlap(self, start: Start) -> str:
        """Return what a start does when the lock is held; one that waits already keeps waiting."""
        if start in self._state.queue or start in self._reruns or start.is_caught_up:
            return "queue"
        return self._state.jobs[start.job].spec.on_overlap

    def _turn_away(self, start: Start, why: str) -> None:
        if start.slot is None:
            self._refused.append((start, why))
            return
        spec = self._state.jobs[start.job].spec if start.job in self._state.jobs else None
        if spec is not None and spec.on_overlap == "fail":
            fate = Fate(slot=start.slot, fate=RAN, reason=OVERLAP, outcome=FAILED, detail=why)
        else:
            fate = Fate(slot=start.slot, fate=SKIPPED, reason=OVERLAP, detail=why)
        self._known.settle(start.job, fate)

    # --- catch_up -----------------------------------------------------------------------------------------------------

    def _caught_up(self) -> Start | None:
        """Return the oldest missed planned time that is made up for: one at a time, so that a due one goes first."""
        wanted = [
            (slot, slug)
            for slug, job in sorted(self._state.jobs.items())
            if job.spec.catch_up_which and not job.spec.disabled and self._known.may_catch_up(slug)
            for slot in self._missed(slug, job)[:1]
        ]
        if not wanted:
            return None
        slot, slug = min(wanted)
        return self._start(slug, slot, is_caught_up=True)

    def _missed(self, slug: str, job: JobState) -> list[int]:
        spec = job.spec
        fates = {fate.slot: fate for fate in (*job.fates, *self._known.fates.get(slug, ()))}
        coming = self._planned.get(slug, job.planned).slots
        return to_catch_up(
            [_as_slot(slug, fates[slot]) for slot in sorted(fates)],
            which=str(spec.catch_up_which),
            within=spec.catch_up_within,
            start_within=spec.start_within,
            now=self._now,
            next_slot=coming[0] if coming else None,
        )

    # --- the next look ------------------------------------------------------------------------------------------------

    def _wake_at(self, running: Start | None, waiting: Sequence[Start]) -> float | None:
        """Return when to look again. What `skip` and a full queue do with planned times can wait for a run's end."""
        moments: list[float] = []
        for slug, job in self._state.jobs.items():
            policy = job.spec.on_overlap
            is_idle = running is None and not waiting
            if (
                is_idle
                or job.spec.after
                or policy in ("replace", "fail")
                or (policy == "queue" and len(waiting) < MAX_QUEUE)
            ):
                moments += self._planned.get(slug, job.planned).slots[:1]
            moments += [self._next_look(slug, job, slot) for slot in self._known.waiting_of(slug)]
            ends = self._known.pause_ends(slug)
            moments += [] if ends is None else [ends]
        for start in waiting:
            limit = self._state.jobs[start.job].spec.queue_timeout
            moments += [start.arrived + limit] if limit else []
        return min(moments, default=None)

    def _next_look(self, slug: str, job: JobState, slot: int) -> float:
        """Return when to look again at a planned time that waits: now, when a cause has ended in this decision."""
        causes = self._known.causes_of(slug)
        what, _ = what_to_do(job, causes, slot, self._now)
        return waits_until(job, causes, slot) if what == WAIT else self._now


def run_id_of(job: str, slot: int, lock: str) -> str:
    """Return the id of the run for a planned time: the same whoever asks."""
    host = host_of(lock)
    return f"{job}/{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%M:%SZ}" + (f"@{host}" if host else "")


def again(start: Start, now: float) -> Start:
    """Return the start of one more try, after the loss of the host."""
    attempt = start.attempt + 1
    run_id = start.run_id.partition("#")[0] + f"#{attempt}"
    return replace(start, run_id=run_id, attempt=attempt, arrived=now)


def seconds_to_begin(start: Start, spec: JobSpec) -> float:
    """Return how long a host has time to take a start: what it waited for its lock, or for its host, is not counted."""
    is_late_by_choice = start.is_caught_up or start.attempt > 1 or spec.after
    late = 0.0 if start.slot is None or is_late_by_choice else max(0.0, start.arrived - start.slot)
    return max(MIN_SECONDS_TO_BEGIN, spec.start_within - late)


def _range(slots: Sequence[int]) -> Fate:
    return Fate(slot=slots[0], until=slots[-1], count=len(slots), fate=MISSED, reason=TRIGGER_DEAD)


def _by_slot(start: Start) -> tuple[int, str]:
    return start.slot or 0, start.job


def _as_slot(slug: str, fate: Fate) -> Slot:
    """Return a fate as the policy of one host knows it."""
    run = None
    if fate.fate == RAN:
        late: Mapping[str, float] = {"trigger": fate.late_seconds or 0.0}
        run = SlotRun(fate.run_id or "", fate.outcome, fate.reason, "", fate.late_seconds, late)
    return Slot(slug, fate.slot, fate.fate, run=run)

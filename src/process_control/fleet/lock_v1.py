"""The workflow of one lock: sleeps until a planned time, asks the core what to do, has a host run it, keeps the result.

What is here is replayed from history: it decides nothing, and the order of its commands must not change. A change of
that order is another type of workflow, `Lock.v2`, on another queue. Our own modules are not loaded again for each
workflow (see `sandbox`): those that are imported here are pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from process_control.core.facts import LOST
from process_control.core.fleet.causes import with_end
from process_control.core.fleet.decide import seconds_to_begin
from process_control.core.fleet.fleet_health import by_hand, with_version
from process_control.core.fleet.lock_state import (
    KEPT_RUNS,
    MAX_JOBS,
    CauseEnd,
    Decision,
    Ended,
    Hold,
    JobState,
    LockState,
    PastRun,
    PlannedSlots,
    Start,
    hold_in_words,
    with_fates,
)
from process_control.core.fleet.membership import ALL
from process_control.core.health import Event
from process_control.fleet.wire import (
    DECIDE,
    HELD,
    IDLE,
    LOCK_TYPE,
    NO_SUCH_JOB,
    NOT_STARTED,
    OLDER,
    RUN,
    RUNNING,
    STATE_ATTRIBUTE,
    Asked,
    Configured,
    Heard,
    Order,
    Question,
    RunState,
    Successor,
    Waiting,
    activity_queue,
    workflow_id,
)

#: No run has a time limit here: its job has one, and its host has to be heard of.
MAX_RUN = timedelta(days=3650)
#: A host has ended a run by then whose lease is over.
AFTER_THE_LEASE = timedelta(seconds=3)
_STATE = SearchAttributeKey.for_keyword(STATE_ATTRIBUTE)


@workflow.defn(name=LOCK_TYPE)
class LockV1:
    """The jobs that share one lock. Updates leave what they want in an inbox; only `run` changes what the lock does."""

    @workflow.init
    def __init__(self, state: LockState) -> None:
        self._state = state
        #: the run in flight
        self._run: workflow.ActivityHandle[Ended] | None = None
        #: whether somebody or a later start wants its end
        self._is_stopping = False
        self._is_woken = True
        self._starts: list[Start] = []
        self._configured: list[Configured] = []
        self._removed: list[str] = []
        self._heard: list[Heard] = []
        self._ended: list[PastRun] = []
        #: holds and releases since the core was asked, whose answer does not know of them
        self._by_hand: list[tuple[str, Callable[[JobState], None]]] = []
        self._shown = ""
        self._successor: Successor | None = None
        #: whether the update that brings the first job may still be on its way
        self._is_new = not state.jobs

    @workflow.run
    async def run(self, _state: LockState) -> None:
        """Take what has come in, decide, carry it out, sleep; until no job has this lock any more."""
        while True:
            self._is_woken = False
            ended = self._taken_in()
            self._by_hand.clear()
            decision = await self._decide(ended)
            self._carry_out(decision)
            await self._signal(decision.signals)
            if self._configured or self._removed:
                self._take_configured()
                self._is_woken = True
            if self._is_over():
                return
            self._is_new = False
            self._show()
            await self._continue_as_new_when_long()
            await self._sleep(decision.wake_at)

    def _taken_in(self) -> tuple[PastRun, ...]:
        """Take over what has come since the last decision; return the runs that have ended."""
        state = self._state
        for heard in self._heard:
            if (job := state.jobs.get(heard.job)) is not None:
                job.causes = with_end(job.causes, heard.end)
        self._heard.clear()
        state.queue = (*state.queue, *self._starts)
        self._starts.clear()
        ended = tuple(self._ended)
        for past in ended:
            state.running = None
            self._keep(past)
        self._ended.clear()
        return ended

    async def _decide(self, ended: tuple[PastRun, ...]) -> Decision:
        decision: Decision = await workflow.execute_local_activity(
            DECIDE,
            Question(state=self._state, now=workflow.now().timestamp(), ended=ended),
            result_type=Decision,
            start_to_close_timeout=timedelta(seconds=30),
        )
        return decision

    async def _signal(self, signals: Sequence[tuple[str, CauseEnd]]) -> None:
        """Say to the locks of followers what became of a planned time. One that is gone hears nothing."""
        for follower, end in signals:
            lock, _, job = follower.partition("/")
            handle = workflow.get_external_workflow_handle_for(LockV1.run, workflow_id(lock))
            try:
                await handle.signal(LockV1.cause_ended, Heard(job=job, end=end))
            except FailureError as error:
                workflow.logger.warning("%s hears nothing of %s: %s", follower, end.job, error)

    async def _sleep(self, wake_at: float | None) -> None:
        """Wait until something happens, or the next planned time comes."""
        seconds = None if wake_at is None else timedelta(seconds=max(0.0, wake_at - workflow.now().timestamp()))
        try:
            await workflow.wait_condition(lambda: self._is_woken, timeout=seconds)
        except TimeoutError:
            pass

    async def _continue_as_new_when_long(self) -> None:
        is_wanted = self._successor is not None or workflow.info().is_continue_as_new_suggested()
        if self._run is None and not self._ended and is_wanted:
            await workflow.wait_condition(workflow.all_handlers_finished)
            self._taken_in()
            self._take_configured()
            if self._successor is None:
                workflow.continue_as_new(self._state)
            to = self._successor
            workflow.continue_as_new(args=[self._state], workflow=to.workflow_type, task_queue=to.queue)

    # --- carrying out -------------------------------------------------------------------------------------------------

    def _carry_out(self, decision: Decision) -> None:
        state = self._state
        for slug, planned in decision.planned.items():
            state.jobs[slug].planned = planned
        for slug, fates in decision.fates.items():
            state.jobs[slug].fates = with_fates(state.jobs[slug].fates, tuple(fates), len(state.jobs))
        for slug, health in decision.health.items():
            state.jobs[slug].health = health
        for slug, change in self._by_hand:
            if slug in decision.health:
                change(state.jobs[slug])
        for slug, moment in decision.successes.items():
            state.jobs[slug].last_success = moment
        for slug, slots in decision.waiting.items():
            state.jobs[slug].waiting = tuple(slots)
        for slug, causes in decision.causes.items():
            state.jobs[slug].causes = tuple(causes)
        state.queue = tuple(decision.queue)
        for start, why in decision.refused:
            ended = Ended(fate="skipped", reason="overlap", detail=why)
            self._keep(PastRun(start=start, since=0.0, until=0.0, ended=ended))
        if decision.stops_running:
            self._stop_running()
        if decision.start is not None:
            self._begin(decision.start)

    def _stop_running(self) -> None:
        if self._run is not None:
            self._is_stopping = True
            self._run.cancel()

    def _begin(self, start: Start) -> None:
        now = workflow.now().timestamp()
        self._is_stopping = False
        self._state.running, self._state.running_since, self._state.is_waiting = start, now, False
        spec = self._state.jobs[start.job].spec
        keys = {"on_partition": spec.on_partition, "on_overlap": spec.on_overlap}
        order = Order(start=start, hash=spec.hash, lease=spec.lease, **keys)
        lease = timedelta(seconds=spec.lease)
        self._run = workflow.start_activity(
            RUN,
            order,
            activity_id=start.run_id,
            task_queue=activity_queue(spec.queue),
            result_type=Ended,
            schedule_to_start_timeout=timedelta(seconds=seconds_to_begin(start, spec)),
            start_to_close_timeout=MAX_RUN,
            heartbeat_timeout=lease + AFTER_THE_LEASE,
            retry_policy=RetryPolicy(maximum_attempts=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=start.run_id,
        )
        self._run.add_done_callback(lambda run: self._has_ended(start, _ended_of(run)))

    def _has_ended(self, start: Start, ended: Ended) -> None:
        now = workflow.now().timestamp()
        self._run = None
        since, is_stopped = self._state.running_since, self._is_stopping
        self._ended.append(PastRun(start=start, since=since, until=now, ended=ended, is_stopped=is_stopped))
        self._is_woken = True

    def _keep(self, past: PastRun) -> None:
        self._state.past = (*self._state.past, past)[-KEPT_RUNS:]

    def _take_configured(self) -> None:
        """Take over what `fleet apply` says. What was planned until now has been dealt with."""
        now = workflow.now().timestamp()
        for new in self._configured:
            job = self._state.jobs.get(new.spec.job)
            dealt_with = max(int(now), job.planned.planned_to if job else 0)
            planned = PlannedSlots(planned_to=dealt_with)
            if job is None:
                job = JobState(spec=new.spec, generation=new.generation, planned=planned, since=now)
                self._state.jobs[new.spec.job] = job
                job.health = with_version(job, replaces=None, now=now)
            else:
                before = job.spec.hash
                job.spec, job.generation, job.planned = new.spec, new.generation, planned
                if before != new.spec.hash:
                    job.health = with_version(job, replaces=before, now=now)
        self._configured.clear()
        for slug in self._removed:
            self._state.jobs.pop(slug, None)
        self._removed.clear()

    def _is_over(self) -> bool:
        has_jobs = self._state.jobs or self._configured or self._starts
        return not has_jobs and self._run is None and workflow.all_handlers_finished() and not self._is_new

    def _show(self) -> None:
        """Write into the search attribute what the lock does, when that has changed."""
        jobs = self._state.jobs.values()
        now = workflow.now().timestamp()
        is_held = bool(jobs) and all(job.hold_at(now) is not None for job in jobs)
        shown = RUNNING if self._state.running is not None else HELD if is_held else IDLE
        if shown != self._shown:
            self._shown = shown
            workflow.upsert_search_attributes([_STATE.value_set(shown)])

    # --- what is asked by hand ----------------------------------------------------------------------------------------

    @workflow.update
    def configure(self, new: Configured) -> str:
        """Take over a job; return applied, or unchanged when that version of it is known."""
        job = self._known(new.spec.job)
        if job is not None and job.spec == new.spec:
            return "unchanged"
        self._configured.append(new)
        self._is_woken = True
        return "applied"

    @configure.validator
    def check_configure(self, new: Configured) -> None:
        job = self._known(new.spec.job)
        if job is not None and new.generation < job.generation:
            raise ApplicationError("a newer version of the job is applied", type=OLDER)
        if job is None and len(self._state.jobs) >= MAX_JOBS:
            raise ApplicationError(f"{MAX_JOBS} jobs have this lock already", type=NOT_STARTED)

    @workflow.update
    def remove(self, asked: Asked) -> bool:
        """Forget a job; return whether it was known. Its run in flight continues."""
        is_known = self._known(asked.job) is not None
        self._configured = [each for each in self._configured if each.spec.job != asked.job]
        self._removed.append(asked.job)
        self._is_woken = True
        return is_known

    @workflow.update
    def hand_over(self, to: Successor) -> None:
        """Have another type of workflow continue this one, as soon as no run is in flight."""
        self._successor = to
        self._is_woken = True

    @workflow.update
    def start(self, start: Start) -> str:
        """Have a run by hand started; return its id."""
        self._starts.append(start)
        self._is_woken = True
        return start.run_id

    @start.validator
    def check_start(self, start: Start) -> None:
        job = self._require(start.job)
        if job.spec.queue == ALL:
            raise ApplicationError("it runs on each host, and none has it yet", type=NOT_STARTED)
        hold = job.hold_at(workflow.now().timestamp())
        if hold is not None and not start.force:
            raise ApplicationError(hold_in_words(hold), type=NOT_STARTED)
        running = self._state.running
        is_taken = running is not None or self._state.queue or self._starts
        if is_taken and job.spec.on_overlap != "queue":
            what = f"{running.job} is running: {running.run_id}" if running is not None else "a start waits already"
            raise ApplicationError(what, type=NOT_STARTED)

    @workflow.update
    def stop(self, asked: Asked) -> str | None:
        """Have the run of a job stopped; return its id, None when none is running."""
        running = self._state.running
        if running is None or running.job != asked.job or self._run is None:
            return None
        self._stop_running()
        return running.run_id

    @stop.validator
    def check_stop(self, asked: Asked) -> None:
        running = self._state.running
        if running is None or running.job != asked.job:  # a job that was removed may still be running
            self._require(asked.job)

    @workflow.update
    def hold(self, asked: Asked) -> Hold | None:
        """Start the job at no planned time until it is released, or the hold ends by itself; return the hold."""
        job = self._require(asked.job)
        now = workflow.now().timestamp()
        until = None if asked.seconds is None else now + asked.seconds
        self._change_health(asked, Event.HELD_BY_HAND, now, until)
        return job.hold_at(now)

    @hold.validator
    def check_hold(self, asked: Asked) -> None:
        self._require(asked.job)

    @workflow.update
    def release(self, asked: Asked) -> bool:
        """End the hold of a job; return whether there was one."""
        job = self._require(asked.job)
        now = workflow.now().timestamp()
        was_held = job.hold_at(now) is not None
        self._change_health(asked, Event.RELEASED, now)
        return was_held

    @release.validator
    def check_release(self, asked: Asked) -> None:
        self._require(asked.job)

    def _change_health(self, asked: Asked, event: Event, now: float, until: float | None = None) -> None:
        def change(job: JobState) -> None:
            job.health = by_hand(job, event, by=asked.by, note=asked.note, now=now, until=until)

        change(self._state.jobs[asked.job])
        self._by_hand.append((asked.job, change))
        self._is_woken = True

    @workflow.signal
    def cause_ended(self, heard: Heard) -> None:
        """Hear what became of a planned time of a job that another one here comes after."""
        self._heard.append(heard)
        self._is_woken = True

    @workflow.signal
    def waits(self, waiting: Waiting) -> None:
        """Hear whether the run in flight has begun on its host. The next planned time asks for it."""
        running = self._state.running
        if running is not None and running.run_id == waiting.run_id:
            self._state.is_waiting = waiting.is_waiting

    @workflow.query
    def state(self) -> LockState:
        """Return all that is known."""
        return self._state

    @workflow.query
    def run_state(self, run_id: str) -> RunState:
        """Return how far a run is."""
        past = next((each for each in reversed((*self._state.past, *self._ended)) if each.start.run_id == run_id), None)
        if past is not None:
            return RunState(state="ended", past=past)
        if self._state.running is not None and self._state.running.run_id == run_id:
            return RunState(state="running")
        is_queued = any(start.run_id == run_id for start in (*self._state.queue, *self._starts))
        return RunState(state="queued" if is_queued else "unknown")

    def _known(self, slug: str) -> JobState | None:
        """Return a job as it will be when what has come in is taken over."""
        new = next((each for each in reversed(self._configured) if each.spec.job == slug), None)
        if new is not None:
            return JobState(spec=new.spec, generation=new.generation, planned=PlannedSlots(planned_to=0))
        return self._state.jobs.get(slug)

    def _require(self, slug: str) -> JobState:
        job = self._state.jobs.get(slug)
        if job is None:
            raise ApplicationError(f"the fleet has no job '{slug}'", type=NO_SUCH_JOB)
        return job


def _ended_of(run: "workflow.ActivityHandle[Ended]") -> Ended:
    """Return how a run went: what its host has reported, or what the server knows of it."""
    error = None if run.cancelled() else run.exception()
    if not run.cancelled() and error is None:
        return replace(run.result(), output="")  # history has it
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ActivityTimeout) and cause.type == TimeoutType.SCHEDULE_TO_START:
        return Ended(fate="missed", reason="no_worker", detail="no host of the fleet has taken it in time")
    if run.cancelled() or isinstance(cause, CancelledError):
        return Ended(fate="skipped", reason="stopped", detail="it was stopped before a host had taken it")
    if isinstance(cause, ActivityTimeout):
        return Ended(fate="ran", outcome=LOST, reason="host_down", detail="its host was not heard of any more")
    return Ended(fate="ran", outcome=LOST, reason="runner_killed", detail=str(cause))

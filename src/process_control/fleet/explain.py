"""Explain why a job of the fleet does not run now, or what became of a planned time; in the sentences of one host."""

from collections.abc import Sequence

from process_control.core.fleet.books import Books
from process_control.core.fleet.lock_state import Fate, JobState, LockState
from process_control.core.fleet.lock_state import iso as iso_of_lock
from process_control.core.moments import span
from process_control.core.schedule.slots import DUE, MISSED, RAN
from process_control.core.sentence import Sentence
from process_control.core.skips import OVERLAP
from process_control.fleet.past import LockPast, account_of
from process_control.system.clock import iso
from process_control.views.asked_time import Asked
from process_control.views.blockers import Blocker
from process_control.views.why import Why

MAX_EXACT_SECONDS = 60
_SKIPS = {
    "disabled": "its file said `disabled: true`",
    "held": "it was held in the fleet",
    "excluded": "its day was excluded",
    OVERLAP: "its lock was held",
    "stopped": "it was stopped before a host had taken it",
}
_CAUSES = {
    "trigger_dead": "no control process decided about it in time: none was running, or the server was away",
    "no_worker": "no host took it in time",
}


class FleetAsker:
    """Answers questions about one job. `pollers`: the hosts that ask for work on its queue."""

    def __init__(self, job: str, lock: LockPast, books: Books, *, pollers: Sequence[str], now: float) -> None:
        self._job = job
        self._lock = lock
        self._books = books
        self._pollers = pollers
        self._now = now

    @property
    def _state(self) -> LockState:
        return self._lock.state

    @property
    def _known(self) -> JobState:
        return self._lock.state.jobs[self._job]

    def answer(self, asked: Asked | None) -> Why:
        """Return why the job does not run now, or with `asked` why it did not run at that time."""
        blockers = self._blockers()
        fate: Fate | None = None
        if asked is not None and asked.begins > self._now:
            sentences = self._of_the_future(asked, blockers)
        else:
            moment = self._now if asked is None else asked.moment
            fate = next((each for each in reversed(self._books.fates) if each.slot <= moment), None)
            sentences = self._now_in_words(blockers) if asked is None else []
            if asked is not None and fate is not None and moment - fate.slot >= MAX_EXACT_SECONDS and not asked.is_day:
                words = f"Nothing was planned at {iso(moment)}; the planned time before it is {iso(fate.slot)}."
                sentences.append(Sentence(words))
            sentences += self._nothing(moment) if fate is None else self._fate(fate)
        running = self._state.running
        return Why(
            job=self._job,
            runs=self._runs and running is not None,
            blocked_by=blockers,
            account=None if fate is None else account_of(self._job, fate),
            sentences=sentences,
        )

    # --- now ----------------------------------------------------------------------------------------------------------

    @property
    def _runs(self) -> bool:
        """Whether a host is running it."""
        flight = self._lock.in_flight
        running = self._state.running
        return running is not None and running.job == self._job and flight is not None and bool(flight.host)

    def _blockers(self) -> list[Blocker]:
        found, job = [], self._known
        if job.spec.disabled:
            words = "It is disabled: the job file that was applied says so."
            remedy, hint = f"process-control show {self._job}", "What the file here says:"
            found.append(Blocker(reason="disabled", since=None, detail=words, remedy=remedy, hint=hint))
        hold = job.hold_at(self._now)
        if hold is not None:
            note = f": {hold.note}" if hold.note else ""
            until = f", until {iso_of_lock(hold.until)}" if hold.until is not None else ""
            words = f"It is held in the fleet since {iso(hold.since)} by {hold.by}{until}{note}"
            remedy = f"process-control release {self._job} --fleet"
            hint = "To release it:"
            found.append(Blocker(reason="held", since=iso(hold.since), detail=words, remedy=remedy, hint=hint))
        return [*found, *self._of_the_lock(), *self._of_the_hosts()]

    def _of_the_lock(self) -> list[Blocker]:
        """Return the run that has the lock, and what waits before this job."""
        running, found = self._state.running, []
        if running is not None and running.job != self._job:
            since = iso(self._state.running_since)
            words = f"Its lock '{self._state.lock}' is held by run {running.run_id} of job {running.job}, since {since}"
            remedy, hint = f"process-control stop {running.job} --fleet", "To stop that run:"
            found.append(Blocker(reason="lock", since=since, detail=words, remedy=remedy, hint=hint))
        place = next((number for number, each in enumerate(self._state.queue, 1) if each.job == self._job), None)
        if place is not None:
            start = self._state.queue[place - 1]
            what = f"Its start for {iso(start.slot)}" if start.slot is not None else f"Its start by {start.by}"
            words = (
                f"{what} waits for the lock since {iso(start.arrived)}, in place {place} of {len(self._state.queue)}"
            )
            found.append(Blocker(reason="waiting", since=iso(start.arrived), detail=words))
        return found

    def _of_the_hosts(self) -> list[Blocker]:
        """Return that a run waits for a host, and that no host would take one."""
        running, queue = self._state.running, self._known.spec.queue
        waits = running is not None and running.job == self._job and not self._runs
        if not waits and self._pollers:
            return []
        may = {"any": "any host"}.get(queue, queue.replace("/", " "))
        nobody = f"no worker is connected that takes jobs for {may}"
        connected = f"connected for {may}: {', '.join(self._pollers)}"
        if waits and running is not None:
            since = iso(self._state.running_since)
            words = f"Run {running.run_id} waits for a host since {since}: {nobody if not self._pollers else connected}"
        else:
            since, words = None, f"{nobody[:1].upper()}{nobody[1:]}"
        remedy, hint = "process-control fleet hosts", "Which hosts are connected:"
        return [Blocker(reason="no_worker", since=since, detail=words, remedy=remedy, hint=hint)]

    def _now_in_words(self, blockers: Sequence[Blocker]) -> list[Sentence]:
        running, flight, found = self._state.running, self._lock.in_flight, []
        if running is not None and flight is not None and self._runs:
            length = span(max(0.0, self._now - self._state.running_since))
            since, by = iso(self._state.running_since), f", started by {running.by}" if running.by else ""
            words = f"It is running on host {flight.host} since {since}, {length}{by} (run {running.run_id})."
            found = [Sentence(words)]
            found.append(Sentence("What it has printed so far:", f"process-control logs {self._job} --fleet"))
        elif not blockers:
            words = "It does not run now, and no reason is known that keeps it from its next planned time."
            found.append(Sentence(words))
        for blocker in blockers:
            found += blocker.sentences()
        coming = next((slot for slot in self._known.planned.slots if slot > self._now), None)
        if coming is not None and not self._known.spec.disabled:
            found.append(Sentence(f"Its next planned time is {iso(coming)} (in {span(coming - self._now)})."))
        elif not self._known.spec.schedule:
            found.append(Sentence("Its file has no schedule: it runs by hand only."))
        return found

    # --- a planned time -----------------------------------------------------------------------------------------------

    def _nothing(self, moment: float) -> list[Sentence]:
        begins = self._books.begins
        if not self._known.spec.schedule:
            return []
        if moment < begins:
            return [Sentence(f"Its books in the fleet begin at {iso(begins)}; nothing is known of {iso(moment)}.")]
        return [Sentence(f"No planned time of it has passed since {iso(begins)}, when its books in the fleet begin.")]

    def _fate(self, fate: Fate) -> list[Sentence]:
        if fate.fate == DUE:
            return [Sentence(f"It is due since {iso(fate.slot)}: {fate.detail or 'no host has taken it yet'}.")]
        if fate.fate == RAN:
            return self._of_a_run(fate)
        detail = (fate.detail or "").rstrip(".")
        if fate.fate == MISSED:
            return self._of_a_missed_one(fate, detail)
        why = _SKIPS.get(fate.reason or "", f"it was skipped ({fate.reason})")
        why = f"{why}: {detail.removeprefix('exclude: ')}" if detail and detail not in why else why
        return [Sentence(f"It did not run at {iso(fate.slot)}: {why}."), *self._by_hand("To run it all the same:")]

    def _of_a_run(self, fate: Fate) -> list[Sentence]:
        on = f" on host {fate.host}" if fate.host else ""
        if fate.outcome is None:
            return [Sentence(f"It was started for {iso(fate.slot)}{on} (run {fate.run_id}).")]
        why = f": {fate.detail or fate.reason}" if fate.detail or fate.reason else ""
        found = [Sentence(f"It ran at {iso(fate.slot)}{on}: {fate.outcome}{why.rstrip('.')} (run {fate.run_id}).")]
        if fate.host:
            found.append(Sentence("What it printed:", f"process-control logs {self._job} --fleet --run {fate.run_id}"))
        return [*found, *(self._by_hand("To run it again:") if fate.outcome in ("failed", "lost") else [])]

    def _of_a_missed_one(self, fate: Fate, detail: str) -> list[Sentence]:
        when = f"at {iso(fate.slot)}"
        if fate.until is not None:
            when = f"at {fate.count} planned times from {iso(fate.slot)} to {iso(fate.until)}"
        if fate.reason == "refused":
            found = [Sentence(f"It did not run {when}: host {fate.host} refused it: {detail}.")]
            return [*found, Sentence("Which files differ on which host:", "process-control fleet hosts")]
        words = _CAUSES.get(fate.reason or "", detail or f"{fate.reason}")
        look = "fleet hosts" if fate.reason == "no_worker" else "fleet doctor"
        label = "Which hosts are connected:" if fate.reason == "no_worker" else "Whether all is there now:"
        found = [Sentence(f"It did not run {when}: {words}."), Sentence(label, f"process-control {look}")]
        return [*found, *self._by_hand("To run it now:")]

    def _by_hand(self, label: str) -> list[Sentence]:
        if self._known.hold_at(self._now) is not None or self._state.running is not None:
            return []
        return [Sentence(label, f"process-control run {self._job} --fleet")]

    def _of_the_future(self, asked: Asked, blockers: Sequence[Blocker]) -> list[Sentence]:
        """Return whether a run is planned at a future time, and what is in its way as things are now."""
        coming = [slot for slot in self._known.planned.slots if slot <= asked.moment]
        if coming and (coming[-1] >= asked.begins or asked.moment - coming[-1] < MAX_EXACT_SECONDS):
            words = f"It is planned for {iso(coming[-1])} (in {span(coming[-1] - self._now)})."
        else:
            before = f"; before it: {iso(coming[-1])}" if coming else ""
            words = f"That is still to come. The fleet has planned nothing at {iso(asked.moment)} yet{before}."
        return [Sentence(words), *(sentence for blocker in blockers for sentence in blocker.sentences())]

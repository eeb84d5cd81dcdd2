"""The troubles of the whole host at one look of `watch`: each is posted when it opens, and when it is over."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from process_control.actions import host_faults
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.heartbeat import Gap, Look
from process_control.core.host_causes import MissedSlot, cause_of_gap
from process_control.history.index.index import Index
from process_control.notify.host_events import HostEvents
from process_control.state.past_runs import open_index
from process_control.state.watch_memory import Memory, Trouble
from process_control.system.clock import iso
from process_control.views.in_charge import scheduler_in_charge, trouble_in_words

#: So long a crontab may differ from the job files: whoever changed them is about to write it.
CRONTAB_PATIENCE_SECONDS = 240.0
#: A fault of the crontab is looked for again after so long: it depends on accounts, time zones and timers too.
CRONTAB_FAULT_AGE_SECONDS = 600.0
#: What is over with the first scheduled start after it.
OVER_WITH_A_START = (Cause.HOST_DOWN, Cause.TRIGGER_DEAD)
_MINUTE = 60.0


class HostWatch:
    """The troubles of the host, as remembered, at one look."""

    def __init__(
        self,
        settings: Settings,
        memory: Memory,
        events: HostEvents,
        *,
        look: Look,
        before: Look | None,
        gap: Gap | None,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._events = events
        self._now = look.at
        self._before = before
        self._gap = gap
        #: Those that open at this look: they are posted with what they did to jobs.
        self._opening: list[Cause] = []
        #: Those that are over, and why: posted last, so that what they explain still joins them.
        self._ending: dict[Cause, str] = {}
        #: What keeps what is in charge from starting jobs now.
        self._trigger_fault = ""

    @property
    def open_since(self) -> dict[Cause, float]:
        """The troubles that there are, with their beginnings (UTC seconds)."""
        return {
            Cause(cause): _seconds(trouble.since) for cause, trouble in self._memory.troubles.items() if trouble.is_open
        }

    # --- what there is ----------------------------------------------------------------------------------------------

    def see_the_gap(self, *, was_found_by_a_start: bool) -> None:
        """Open what a time without looks means. `was_found_by_a_start`: a start of a job has started this look."""
        gap = self._gap
        cause = cause_of_gap(gap)
        if gap is not None and cause is Cause.HOST_DOWN:
            how = "was off" if gap.boot else "was asleep"
            self._see(cause, f"the host {how} between {iso(gap.since)} and {iso(self._now)}", gap.since)
        if not was_found_by_a_start:
            if gap is None:
                self._end(Cause.WATCH_DEAD, "watch looks every minute again")
        elif gap is not None and cause is Cause.TRIGGER_DEAD and Cause.DISK_FULL not in self.open_since:
            what = (
                f"watch has not looked since {iso(gap.since)}, and should every minute; a start of a job has found it"
            )
            self._see(Cause.WATCH_DEAD, what, gap.since)

    def see_the_trigger(self, jobs: Callable[[], host_faults.Jobs], *, has_started: bool) -> None:
        """Open what keeps what is in charge from starting jobs.

        At the second look that finds no daemon of cron, or the scheduler dead; later when the crontab does not fit.
        `has_started`: some job was started since the previous look.
        """
        charge = scheduler_in_charge(self._settings.state_directory)
        if charge is not None:
            self._memory.crontab_stamp = self._memory.crontab_fault = ""  # read again once cron is in charge
            self._trigger_fault = "" if charge.is_alive else trouble_in_words(charge)
            since = _seconds(charge.since) if charge.since is not None else self._now
            self._see_the_fault(self._trigger_fault, since, patience=1.0)
            return
        stamp = host_faults.stamp_of_crontab(self._settings)
        daemon = host_faults.dead_daemon() if stamp else None
        seen = f"{stamp}\n{self._memory.stamp}"
        is_missing = not stamp  # then it counts whether something else starts the jobs
        if seen != self._memory.crontab_stamp or self._is_fault_uncertain(may_be_over=is_missing and has_started):
            self._memory.crontab_fault = host_faults.crontab_fault(self._settings, jobs)
            self._memory.crontab_stamp, self._memory.crontab_fault_at = seen, iso(self._now)
        self._trigger_fault = daemon or self._memory.crontab_fault
        self._see_the_fault(self._trigger_fault, self._now, patience=1.0 if daemon else CRONTAB_PATIENCE_SECONDS)

    def _see_the_fault(self, what: str, since: float, *, patience: float) -> None:
        if what:
            self._see(Cause.TRIGGER_DEAD, what, since, patience=patience)
        elif Cause.TRIGGER_DEAD not in self.open_since:
            self._memory.troubles.pop(Cause.TRIGGER_DEAD, None)

    def _is_fault_uncertain(self, *, may_be_over: bool) -> bool:
        """Return whether to look again for the fault of the crontab although its file and the job files are the same.

        That costs much. So it is done only now and then, before people are notified, and when it `may_be_over`.
        """
        found_at = self._memory.crontab_fault_at
        if not self._memory.crontab_fault or not found_at:
            return bool(self._memory.crontab_fault)
        age = self._now - _seconds(found_at)
        trouble = self._memory.troubles.get(Cause.TRIGGER_DEAD)
        opens = trouble is not None and not trouble.is_open and self._has_lasted(trouble, CRONTAB_PATIENCE_SECONDS)
        return may_be_over or opens or not 0 <= age < CRONTAB_FAULT_AGE_SECONDS

    def see_the_disk(self, written: Sequence[str]) -> None:
        since = iso(self._now if self._before is None else self._before.at)
        was_full = Cause.DISK_FULL in self.open_since
        what = host_faults.full_disk(self._settings, written, since=since, was_full=was_full)
        self._is_or_is_over(Cause.DISK_FULL, what, self._now, "the disk has space again")

    def see_the_spool(self) -> None:
        found = host_faults.waiting_messages(self._settings.state_directory, self._now)
        since, what = found or (self._now, None)
        self._is_or_is_over(Cause.MAIL_DEAD, what, since, "no message waits for long any more")

    def see_the_files(self, invalid: Mapping[str, str]) -> None:
        """Open that job files are invalid (`invalid`: why, by slug), again when there are more; or that none is."""
        slugs = sorted(invalid)
        has_more = not set(slugs) <= set(self._memory.invalid)
        self._memory.invalid = slugs
        if not slugs:
            self._end(Cause.FILE_INVALID, "no job file is invalid any more")
            return
        more = f", and {len(slugs) - 1} more" if len(slugs) > 1 else ""
        what = f"the job file of {slugs[0]} is invalid{more}: {invalid[slugs[0]]}"
        if has_more and Cause.FILE_INVALID in self.open_since:
            self._opening.append(Cause.FILE_INVALID)
        self._see(Cause.FILE_INVALID, what, self._now)

    # --- what is posted ---------------------------------------------------------------------------------------------

    def post(self, explained: Mapping[Cause, Sequence[MissedSlot]]) -> None:
        """Post what opens at this look, and what troubles have done to jobs (`explained`); then what is over."""
        for cause, missed in explained.items():
            if Cause(cause) not in self.open_since:
                self._see(cause, missed_in_words(missed), self._begin_of(missed))
        for cause in sorted({*self._opening, *explained}):
            trouble = self._memory.troubles[cause]
            slots: dict[str, list[int]] = {}
            for each in explained.get(cause, ()):
                slots.setdefault(each.job, []).append(each.slot)
            jobs = {slug: len(found) for slug, found in slots.items()}
            if cause is Cause.FILE_INVALID and cause in self._opening:
                jobs = {slug: jobs.get(slug, 1) for slug in sorted({*self._memory.invalid, *jobs})}
            is_new = trouble.seen_at == iso(self._now)
            key = _key(cause, trouble) if is_new else f"{_key(cause, trouble)}~{iso(self._now)}"
            what = trouble.what if cause in self._opening else missed_in_words(explained[cause])
            self._events.of_host(cause, key, what, since=trouble.since, jobs=jobs, slots=slots)
        self._end_with_a_start()
        self._post_ends()

    def _begin_of(self, missed: Sequence[MissedSlot]) -> float:
        return min([float(each.slot) for each in missed] if self._gap is None else [self._gap.since])

    def _end_with_a_start(self) -> None:
        """End what is over with the first scheduled start after it, when one has come."""
        troubles = {cause: self._memory.troubles.get(cause) for cause in OVER_WITH_A_START}
        waiting = {
            cause: trouble
            for cause, trouble in troubles.items()
            if trouble is not None and trouble.is_open and not (cause is Cause.TRIGGER_DEAD and self._trigger_fault)
        }
        if not waiting:
            return
        with open_index(self._settings.state_directory) as index:
            for cause, trouble in waiting.items():
                if (at := self._start_since(index, _seconds(trouble.seen_at) - _MINUTE)) is not None:
                    self._end(cause, f"the first scheduled start after it was at {at}")

    def _start_since(self, index: Index, since: float) -> str | None:
        return index.ledger.first_start(iso(since), iso(self._now + 1))

    # --- what is remembered -----------------------------------------------------------------------------------------

    def _is_or_is_over(self, cause: Cause, what: str | None, since: float, well: str) -> None:
        if what is None:
            self._end(cause, well)
        else:
            self._see(cause, what, since)

    def _see(self, cause: Cause, what: str, since: float, *, patience: float = 0.0) -> None:
        """Remember a trouble; open it when it has been seen for `patience` seconds."""
        now = iso(self._now)
        trouble = self._memory.troubles.setdefault(cause, Trouble(since=iso(since), seen_at=now))
        trouble.what = what
        if not trouble.is_open and self._has_lasted(trouble, patience):
            trouble.is_open = True
            trouble.seen_at = now
            self._opening.append(cause)

    def _has_lasted(self, trouble: Trouble, seconds: float) -> bool:
        return self._now - _seconds(trouble.seen_at) >= seconds

    def _end(self, cause: Cause, why: str) -> None:
        if cause in self._memory.troubles:
            self._ending[cause] = why

    def _post_ends(self) -> None:
        for cause, why in self._ending.items():
            trouble = self._memory.troubles.pop(cause)
            if trouble.is_open:
                self._events.over(cause, _key(cause, trouble), why)


def missed_in_words(missed: Sequence[MissedSlot]) -> str:
    """Return in a sentence how many planned times were missed, and why."""
    jobs = len({each.job for each in missed})
    return f"{len(missed)} planned times of {jobs} jobs were missed: {missed[0].evidence}"


def _key(cause: Cause, trouble: Trouble) -> str:
    return f"{cause}~{trouble.since}"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

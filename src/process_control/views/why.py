"""Explain in sentences why a job does not run now, or did not run at a time: state, planned time, fate.

Nothing is guessed: where no record shows the cause, the sentence says which record would.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.facts import BY_HAND, SKIPPED
from process_control.core.job import Job
from process_control.core.moments import span
from process_control.core.schedule.slots import plan_in_force
from process_control.core.schedule.version import GONE, VALID, Version
from process_control.core.sentence import Sentence, command_with, of_words, with_configuration
from process_control.core.skips import WHY_TOO_LATE
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_reader import current_path
from process_control.state.ad_hoc import kept_job
from process_control.system.clock import iso
from process_control.views.asked_time import Asked
from process_control.views.blockers import (
    Blocker,
    Medians,
    how_long,
    next_time,
    of_a_command,
    of_the_day,
    of_the_file,
    of_the_job,
    of_the_lock,
    of_the_places,
    of_the_trigger,
)
from process_control.views.in_charge import scheduler_in_charge
from process_control.views.job_status import JobStatus
from process_control.views.open_incidents import incidents_of_job
from process_control.views.other_triggers import jobs_with_timers
from process_control.views.slot_in_words import CurrentState, as_argument, run_named_in, sentences_of
from process_control.views.slots import Account, Ledger
from process_control.views.status import read_statuses

HOUR, DAY = 3600.0, 86400.0
#: How far back to search for the last planned time, in seconds, one window after the other.
WINDOWS = (HOUR, DAY, 35 * DAY, 400 * DAY, float("inf"))
#: A planned time at most so long before the given time is taken for it.
MAX_EXACT_SECONDS = 60

#: Between one file that goes and the other that comes, when a job is renamed.
MAX_RENAME_SECONDS = 60


@dataclass(slots=True, kw_only=True)
class Why:
    """The answer."""

    job: str
    #: Whether a run is in progress.
    runs: bool
    blocked_by: list[Blocker]
    #: The planned time in question; None: there is none.
    account: Account | None
    sentences: list[Sentence]

    def to_json(self, option: str = "") -> dict[str, Any]:
        """Return the answer for `--json`. `option`: see `with_configuration`."""
        blocked_by = [blocker.to_json() for blocker in self.blocked_by]
        for each in blocked_by:
            each["remedy"] = each["remedy"] and command_with(each["remedy"], option)
        return {
            "job": self.job,
            "now": {"runs": self.runs, "blocked_by": blocked_by},
            "slot": None if self.account is None else self.account.to_json(),
            "sentences": [str(each) for each in with_configuration(self.sentences, option)],
        }


class Asker:
    """Answers questions about one job, or about what `exec` ran under a name.

    `job`: the job of its file, None when the file is gone.
    """

    def __init__(
        self,
        slug: str,
        jobs: Sequence[Job | InvalidJob],
        settings: Settings,
        index: Index,
        ledger: Ledger,
        schedules: KnownSchedules,
        zone: tzinfo,
    ) -> None:
        self.slug = slug
        self.job = next((job for job in jobs if job.slug == slug), None)
        self._command = kept_job(settings, slug) if self.job is None else None
        self._settings = settings
        self._index = index
        self._schedules = schedules
        self._zone = zone
        self._now = schedules.now
        self._ledger = ledger
        self._versions: Sequence[Version] = ledger.versions(slug)
        known = self.job or self._command
        found = [] if known is None else read_statuses(settings, [known], index, schedules)
        self.status: JobStatus | None = found[0] if found else None

    def answer(self, asked: Asked | None, troubles_of_trigger: Sequence[tuple[str, str]] = ()) -> Why:
        """Return why the job does not run now, or with `asked` why it did not run at that time."""
        blockers = self._blockers(troubles_of_trigger)
        account: Account | None
        if asked is None:
            account = self._last(self._now.timestamp())
            sentences = [*self._now_in_words(blockers), *self._fate(account, blockers), *self._last_run(account)]
            if account is None:
                sentences += self._nothing_planned(self._now.timestamp())
            tags = self.job.tags if isinstance(self.job, Job) else []
            sentences += incidents_of_job(
                self._settings.state_directory, self.slug, tags, now=iso(self._now.timestamp())
            )
        elif asked.begins > self._now.timestamp():
            account, sentences = None, self._of_the_future(asked, blockers)
        else:
            account, sentences = self._of_the_past(asked, blockers)
        running = self.status.running if self.status is not None else None
        return Why(job=self.slug, runs=running is not None, blocked_by=blockers, account=account, sentences=sentences)

    # --- now ---------------------------------------------------------------------------------------------------------

    def _blockers(self, troubles_of_trigger: Sequence[tuple[str, str]]) -> list[Blocker]:
        if self._command is not None:
            in_the_way = of_the_lock(self._command, self._settings, Medians(self._index), self._now)
            return [of_a_command(self.slug), *in_the_way]
        found = list(of_the_file(self.job, self.slug, self._versions, self._new_name()))
        if self.status is not None:
            found += of_the_job(self.status, self._versions)
        if isinstance(self.job, Job):
            found += of_the_day(self.job, self._versions, self._now.timestamp())
            found += of_the_lock(self.job, self._settings, Medians(self._index), self._now)
            found += of_the_places(self.job, self._settings)
            if self.job.schedule and not self.job.disabled and not self.job.schedule_of:
                found += self._crontab()
                found += of_the_trigger(troubles_of_trigger)
        return found

    def _new_name(self) -> str | None:
        """Return the job that came with the same schedule when this one's file went away."""
        if self.job is not None or len(self._versions) < 2 or self._versions[-1].state != GONE:
            return None
        went, before = self._versions[-1].since, plan_in_force(self._versions[:-1], self._versions[-1].since)
        for slug in self._ledger.known_jobs if before is not None else ():
            first = next(iter(self._ledger.versions(slug)), None)
            if first is None or first.plan is None or abs(first.since - went) > MAX_RENAME_SECONDS or before is None:
                continue
            if first.plan.schedule == before[1].schedule:
                return slug
        return None

    def _crontab(self) -> list[Blocker]:
        absence = self._ledger.absence(self.slug)
        if absence is None or self._was_started_since(absence.since):
            return []
        if scheduler_in_charge(self._settings.state_directory) or self.slug in jobs_with_timers(self._settings):
            return []
        since = iso(absence.since) if absence.since else None
        if absence.time_zone is not None:
            remedy, hint = f"process-control export systemd {self.slug}", "A systemd timer knows it; to write one:"
            return [Blocker(reason="not_in_crontab", since=since, detail=absence.why, remedy=remedy, hint=hint)]
        words = f"{absence.why} (at {since})" if since is not None else absence.why
        remedy, hint = "cron-generate", "To write the crontab:"
        return [Blocker(reason="not_in_crontab", since=since, detail=words, remedy=remedy, hint=hint)]

    def _was_started_since(self, moment: float) -> bool:
        """Return whether it was started on schedule since then, as by a timer or a crontab line of other origin."""
        last = self.status.last if self.status is not None else None
        return last is not None and last.scheduled_at is not None and last.started_at >= iso(moment)

    def _now_in_words(self, blockers: Sequence[Blocker]) -> list[Sentence]:
        status, found = self.status, []
        if status is not None and status.running is not None:
            found += self._of_the_running(status.running, status.median_seconds)
        elif not blockers:
            found.append(
                Sentence("It does not run now, and no reason is known that keeps it from its next planned time.")
            )
        for blocker in blockers:
            found += blocker.sentences()
        if status is not None:
            found += _alerts(status)
            found += next_time(status, self._schedules, blockers)
        return found

    def _of_the_running(self, run: Run, median: float | None) -> list[Sentence]:
        length, is_far = how_long(run.started_at, median, self._now)
        by = f", started by {run.by} ({run.trigger})" if run.by else ""
        found = [Sentence(f"It is running, since {run.started_at}, {length}{by} (run {run.run_id}).")]
        if is_far:
            return [*found, Sentence("That is far longer than usual. To end it:", f"process-control stop {self.slug}")]
        return [*found, Sentence("How far it is:", f"process-control status {self.slug}")]

    def _last_run(self, account: Account | None) -> list[Sentence]:
        """Return how the last run ended, unless it was for the planned time in question."""
        if self.status is not None:
            last = self.status.last
        else:
            last = next(iter(self._index.runs(jobs=[self.slug], limit=1)), None)
        if last is None or last.outcome in (None, SKIPPED):
            return []
        if account is not None and (last.scheduled_at is not None or last.started_at < iso(account.slot.slot)):
            return []
        why = f": {last.why}" if last.why else ""
        by_hand = "" if last.scheduled_at is not None else ", by hand"
        return [Sentence(f"Its last run, at {last.started_at}{by_hand}, {last.outcome}{why} (run {last.run_id}).")]

    # --- a planned time ----------------------------------------------------------------------------------------------

    def _last(self, moment: float) -> Account | None:
        """Return the last planned time at or before the moment; None when the ledger has none."""
        begins = self._ledger.begins(self.slug)
        if begins is None:
            return None
        for length in WINDOWS:
            after = max(moment - length, begins - 2)
            found = self._ledger.accounts([self.slug], after=after, until=moment)
            if found:
                return found[-1]
            if after <= begins - 2:
                break
        return None

    def _fate(self, account: Account | None, blockers: Sequence[Blocker]) -> list[Sentence]:
        if account is None:
            return []
        running = self.status.running if self.status is not None else None
        runs, run = self._runs_for(account), account.slot.run
        own = runs.get(run.run_id) if run is not None else None
        current = CurrentState(
            has_file=self.job is not None,
            blocked_by={blocker.reason: blocker for blocker in blockers},
            running=running.run_id if running is not None else None,
            logs=self._with_logs(runs),
            by_hand=(own.by or "somebody") if own is not None and own.trigger in BY_HAND else None,
        )
        return sentences_of(account, current, self._zone)

    def _runs_for(self, account: Account) -> dict[str, Run]:
        """Return the runs that belong to a planned time: its own, and the one that a reason names."""
        slot = account.slot
        named = [slot.run.run_id if slot.run is not None else None, run_named_in(slot.detail)]
        return self._index.runs_by_id([run_id for run_id in named if run_id])

    def _with_logs(self, runs: Mapping[str, Run]) -> frozenset[str]:
        """Return which runs have a log that is still there."""
        directory = self._settings.output_directory
        there = [run_id for run_id, run in runs.items() if run.log and os.path.exists(current_path(run.log, directory))]
        return frozenset(there)

    def _of_the_past(self, asked: Asked, blockers: Sequence[Blocker]) -> tuple[Account | None, list[Sentence]]:
        now = self._now.timestamp()
        account = self._last(min(asked.moment, now))
        if account is None and self._command is not None:
            return None, of_a_command(self.slug).sentences()
        if account is None:
            return None, self._nothing_planned(asked.begins)
        slot, found = account.slot.slot, self._fate(account, blockers)
        gone = [each for blocker in blockers if blocker.reason == "gone" for each in blocker.sentences()]
        day = datetime.fromtimestamp(asked.moment, UTC).astimezone(self._zone).date()
        if asked.is_day and datetime.fromtimestamp(slot, UTC).astimezone(self._zone).date() == day:
            found += self._others_of_the_day(asked)
        elif asked.is_day:
            found.insert(0, Sentence(f"Nothing was planned on {day:%a %d %b %Y}; the last planned time before it:"))
        elif asked.moment - slot >= MAX_EXACT_SECONDS:
            words = f"Nothing was planned at {iso(asked.moment)}; the planned time before it is {iso(slot)}."
            found[:0] = [Sentence(words), *(changes := self._changes(slot, asked.moment)), *gone]
            if changes and self.status is not None:
                found += next_time(self.status, self._schedules, blockers)
            return account, found
        return account, [*found, *gone]

    def _others_of_the_day(self, asked: Asked) -> list[Sentence]:
        begin = asked.begins
        counts = self._ledger.counts([self.slug], after=begin - 1, until=min(asked.moment, self._now.timestamp()))
        numbers = counts.get(self.slug, {})
        if numbers.get("planned", 0) < 2:
            return []
        words = ", ".join(f"{count} {fate}" for fate, count in numbers.items() if fate != "planned" and count)
        text = f"Of the {numbers['planned']} planned times of that day: {words}. All of them:"
        until = as_argument(int(asked.moment), self._zone)
        since = as_argument(int(begin), self._zone)
        return [Sentence(text, f"process-control slots {self.slug} --since {since} --until {until}")]

    def _changes(self, slot: float, moment: float) -> list[Sentence]:
        """Return a sentence when the file was changed between the planned time and the given one."""
        changed = [version for version in self._versions if slot < version.since <= moment]
        if not changed:
            return []
        last, what = changed[-1], {"gone": "was removed", "invalid": "became invalid"}
        if last.state == VALID and last.plan is not None:
            by = f" (commit {last.commit[:10]} by {last.author})" if last.commit else ""
            before = plan_in_force(self._versions, slot)
            plans = [", ".join(plan.schedule) or "none" for plan in (before and before[1], last.plan) if plan]
            words = f"its schedule is {plans[-1]} since then" + (f", before it was {plans[0]}" if plans[1:] else "")
            if plans[1:] and plans[0] == plans[1]:
                words = f"its schedule is {plans[0]} as before"
            return [Sentence(f"Its file was changed at {iso(last.since)}{by}: {words}.")]
        if last is self._versions[-1]:
            return []  # the present state says so
        came_back = next((each for each in self._versions if each.since > moment and each.state == VALID), None)
        since = f", and is valid again since {iso(came_back.since)}" if came_back is not None else ""
        return [Sentence(f"Its file {what[last.state]} at {iso(last.since)}{since}.")]

    def _nothing_planned(self, moment: float) -> list[Sentence]:
        begins = self._ledger.begins(self.slug)
        if self._command is not None:
            return []
        if begins is None:
            return [
                Sentence("No planned time of it is recorded."),
                Sentence("All its runs:", f"process-control history {self.slug}"),
            ]
        if moment < begins:
            words = f"Its planned times are recorded from {iso(begins)}; nothing is known of {iso(moment)}."
            return [Sentence(words), Sentence("All since then:", self._slots_since(begins))]
        if moment >= self._now.timestamp():
            return [Sentence(f"No planned time of it has passed since {iso(begins)}, when its records begin.")]
        return [Sentence(f"No time was planned for it from {iso(begins)}, when its records begin, to {iso(moment)}.")]

    def _slots_since(self, begins: float) -> str:
        return f"process-control slots {self.slug} --since {as_argument(int(begins), self._zone)}"

    def _of_the_future(self, asked: Asked, blockers: Sequence[Blocker]) -> list[Sentence]:
        """Return whether a run is planned at a future time, and what blocks it as things are now."""
        now, until = int(self._now.timestamp()), asked.moment
        begin = max(now, int(until - 2 * DAY))
        force = plan_in_force(self._versions, now)
        plan = force[1] if force is not None else None
        coming = plan.slots(begin, int(until)) if plan is not None else []
        in_the_way = [sentence for blocker in blockers for sentence in blocker.sentences()]
        if coming and (coming[-1] >= asked.begins or until - coming[-1] < MAX_EXACT_SECONDS):
            words = f"It is planned for {iso(coming[-1])} (in {span(coming[-1] - now)})."
        elif coming:
            words = f"That is still to come. Nothing is planned at {iso(until)}; before it: {iso(coming[-1])}."
        else:
            words = f"That is still to come, and nothing is planned shortly before {iso(until)}."
        status = self.status
        return [
            Sentence(words),
            *in_the_way,
            *(next_time(status, self._schedules, blockers) if status is not None else []),
            *([Sentence("More of them:", f"process-control show {self.slug}")] if self.job else []),
        ]


def _alerts(status: JobStatus) -> list[Sentence]:
    """Return the job's other alerts, without a refused start, which is shown with its planned time."""
    found = []
    for alert in status.alerts:
        if alert.startswith("its start at"):
            continue
        text = alert.removesuffix(f": {WHY_TOO_LATE}")
        found.append(Sentence(of_words(text)))
        if text != alert:
            found.append(Sentence("Cron may be in another time zone, or its crontab old:", "process-control doctor"))
    return found

"""Explain in sentences why a job does not run now: what is in its way, and how its last run ended."""

from collections.abc import Sequence

from process_control.core.facts import SKIPPED
from process_control.core.job import Job
from process_control.core.schedule.slots import plan_in_force
from process_control.core.schedule.version import GONE
from process_control.core.sentence import Sentence, of_words
from process_control.core.skips import WHY_TOO_LATE
from process_control.history.index.past_run import Run
from process_control.system.clock import iso
from process_control.views.asked_job import AskedJob
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
from process_control.views.other_triggers import jobs_with_timers
from process_control.views.slots import Account

#: Between one file that goes and the other that comes, when a job is renamed.
MAX_RENAME_SECONDS = 60


class WhyNow:
    """Answers about the present."""

    def __init__(self, of: AskedJob) -> None:
        self._of = of

    def blockers(self, troubles_of_trigger: Sequence[tuple[str, str]]) -> list[Blocker]:
        if self._of.command is not None:
            in_the_way = of_the_lock(self._of.command, self._of.settings, Medians(self._of.index), self._of.now)
            return [of_a_command(self._of.slug), *in_the_way]
        found = list(of_the_file(self._of.job, self._of.slug, self._of.versions, self._new_name()))
        if self._of.status is not None:
            found += of_the_job(self._of.status, self._of.versions)
        if isinstance(self._of.job, Job):
            found += of_the_day(self._of.job, self._of.versions, self._of.now.timestamp())
            found += of_the_lock(self._of.job, self._of.settings, Medians(self._of.index), self._of.now)
            found += of_the_places(self._of.job, self._of.settings)
            if self._of.job.schedule and not self._of.job.disabled and not self._of.job.schedule_of:
                found += self._crontab()
                found += of_the_trigger(troubles_of_trigger)
        return found

    def _new_name(self) -> str | None:
        """Return the job that came with the same schedule when this one's file went away."""
        if self._of.job is not None or len(self._of.versions) < 2 or self._of.versions[-1].state != GONE:
            return None
        went, before = self._of.versions[-1].since, plan_in_force(self._of.versions[:-1], self._of.versions[-1].since)
        for slug in self._of.ledger.known_jobs if before is not None else ():
            first = next(iter(self._of.ledger.versions(slug)), None)
            if first is None or first.plan is None or abs(first.since - went) > MAX_RENAME_SECONDS or before is None:
                continue
            if first.plan.schedule == before[1].schedule:
                return slug
        return None

    def _crontab(self) -> list[Blocker]:
        absence = self._of.ledger.absence(self._of.slug)
        if absence is None or self._was_started_since(absence.since):
            return []
        settings = self._of.settings
        if scheduler_in_charge(settings.state_directory) or self._of.slug in jobs_with_timers(settings):
            return []
        since = iso(absence.since) if absence.since else None
        if absence.time_zone is not None:
            remedy, hint = f"process-control export systemd {self._of.slug}", "A systemd timer knows it; to write one:"
            return [Blocker(reason="not_in_crontab", since=since, detail=absence.why, remedy=remedy, hint=hint)]
        words = f"{absence.why} (at {since})" if since is not None else absence.why
        remedy, hint = "cron-generate", "To write the crontab:"
        return [Blocker(reason="not_in_crontab", since=since, detail=words, remedy=remedy, hint=hint)]

    def _was_started_since(self, moment: float) -> bool:
        """Return whether it was started on schedule since then, as by a timer or a crontab line of other origin."""
        last = self._of.status.last if self._of.status is not None else None
        return last is not None and last.scheduled_at is not None and last.started_at >= iso(moment)

    def sentences(self, blockers: Sequence[Blocker]) -> list[Sentence]:
        status, found = self._of.status, []
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
            found += next_time(status, self._of.schedules, blockers)
        return found

    def _of_the_running(self, run: Run, median: float | None) -> list[Sentence]:
        length, is_far = how_long(run.started_at, median, self._of.now)
        by = f", started by {run.by} ({run.trigger})" if run.by else ""
        found = [Sentence(f"It is running, since {run.started_at}, {length}{by} (run {run.run_id}).")]
        if is_far:
            return [
                *found,
                Sentence("That is far longer than usual. To end it:", f"process-control stop {self._of.slug}"),
            ]
        return [*found, Sentence("How far it is:", f"process-control status {self._of.slug}")]

    def last_run(self, account: Account | None) -> list[Sentence]:
        """Return how the last run ended, unless it was for the planned time in question."""
        if self._of.status is not None:
            last = self._of.status.last
        else:
            last = next(iter(self._of.index.runs(jobs=[self._of.slug], limit=1)), None)
        if last is None or last.outcome in (None, SKIPPED):
            return []
        if account is not None and (last.scheduled_at is not None or last.started_at < iso(account.slot.slot)):
            return []
        why = f": {last.why}" if last.why else ""
        by_hand = "" if last.scheduled_at is not None else ", by hand"
        return [Sentence(f"Its last run, at {last.started_at}{by_hand}, {last.outcome}{why} (run {last.run_id}).")]


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

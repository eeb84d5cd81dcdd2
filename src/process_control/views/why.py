"""Explain in sentences why a job does not run now, or did not run at a time: state, planned time, fate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.sentence import Sentence, command_with, with_configuration
from process_control.history.index.index import Index
from process_control.system.clock import iso
from process_control.views.asked_job import AskedJob
from process_control.views.asked_time import Asked
from process_control.views.blockers import (
    Blocker,
)
from process_control.views.job_status import JobStatus
from process_control.views.open_incidents import incidents_of_job
from process_control.views.slots import Account, Ledger
from process_control.views.why_now import WhyNow
from process_control.views.why_planned import WhyPlanned


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
    """Answers questions about one job, or about what `exec` ran under a name."""

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
        self._of = AskedJob(slug, jobs, settings, index, ledger, schedules, zone)
        self._now, self._planned = WhyNow(self._of), WhyPlanned(self._of)

    @property
    def status(self) -> JobStatus | None:
        return self._of.status

    def answer(self, asked: Asked | None, troubles_of_trigger: Sequence[tuple[str, str]] = ()) -> Why:
        """Return why the job does not run now, or with `asked` why it did not run at that time."""
        blockers = self._now.blockers(troubles_of_trigger)
        account: Account | None
        if asked is None:
            account, sentences = self._at_present(blockers)
        elif asked.begins > self._of.now.timestamp():
            account, sentences = None, self._planned.of_the_future(asked, blockers)
        else:
            account, sentences = self._planned.of_the_past(asked, blockers)
        runs = self.status is not None and self.status.running is not None
        return Why(job=self._of.slug, runs=runs, blocked_by=blockers, account=account, sentences=sentences)

    def _at_present(self, blockers: Sequence[Blocker]) -> tuple[Account | None, list[Sentence]]:
        of, now = self._of, self._of.now.timestamp()
        account = self._planned.last(now)
        sentences = [
            *self._now.sentences(blockers),
            *self._planned.fate(account, blockers),
            *self._now.last_run(account),
        ]
        if account is None:
            sentences += self._planned.nothing_planned(now)
        tags = of.job.tags if isinstance(of.job, Job) else []
        sentences += incidents_of_job(of.settings.state_directory, of.slug, tags, now=iso(now))
        return account, sentences

"""Has people notified of planned times that come to nothing, beside the decisions of a control process.

They are posted before the decision is recorded, so none is forgotten when the process dies; whoever decides again posts
the same key. No fault here fails a decision, and none waits for a disk for longer than a second.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import Decision
from process_control.core.fleet.missed import MissedTimes, missed_in
from process_control.core.job import Job, is_slug
from process_control.fleet.recovered import BY, OpenJobs
from process_control.fleet.wire import Question
from process_control.notify.announce import is_reported
from process_control.notify.host_events import HostEvents
from process_control.notify.jobs_now import job_as_it_is
from process_control.system.account import account_of

#: A decision waits so long for the disk of the state directory.
MAX_WAIT_SECONDS = 1.0
#: More decisions do not wait to be posted: then the disk hangs.
MAX_WAITING = 1000
#: What other locks miss at the same time comes by then, and is in the same message.
DELIVER_AFTER_SECONDS = 2.0


class MissedNotices:
    """`jobs`: hears which jobs run well. `say`: reports, once each, what keeps people from being notified."""

    def __init__(self, settings: Settings, jobs: OpenJobs, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._say = say
        self._kinds_reported: set[str] = set()
        #: one, so that the events of a job stay in their order
        self._thread = ThreadPoolExecutor(1, "notices")
        self._waiting = 0
        self._hangs = False
        self._delivery: asyncio.TimerHandle | None = None
        #: what has posted since the last delivery
        self._posted: HostEvents | None = None

    async def post(self, question: Question, decision: Decision) -> None:
        """Post what a decision says of missed planned times. Never raises."""
        try:
            missed = self._of_jobs(missed_in(question.state, decision, question.ended))
            self._jobs.have_run_well(decision.successes)
            if missed:
                self._jobs.slugs.update(each.job for each in missed)
                await self._post_soon(missed)
        except Exception as error:  # noqa: BLE001  it must not fail the decision
            what = f"people are not notified of missed planned times: {type(error).__name__}: {error}"
            self._say_once("fault", what)

    def _of_jobs(self, missed: Sequence[MissedTimes]) -> list[MissedTimes]:
        """Leave out what cannot be a job: whoever may write to the server names it, and here it becomes a path."""
        for each in missed:
            if not is_slug(each.job):
                what = f"nobody is notified of {each.job[:80]!r} and the like: these are no names of jobs"
                self._say_once("no job", what)
        return [each for each in missed if is_slug(each.job)]

    async def _post_soon(self, missed: Sequence[MissedTimes]) -> None:
        if self._waiting >= MAX_WAITING:
            what = f"nobody will be notified of some missed planned times: {MAX_WAITING} wait for the disk"
            self._say_once("too many", what)
            return
        self._waiting += 1
        posting = asyncio.get_running_loop().run_in_executor(self._thread, self._post, missed)
        posting.add_done_callback(lambda _: self._has_posted())
        _, late = await asyncio.wait([posting], timeout=0.0 if self._hangs else MAX_WAIT_SECONDS)
        if late and not self._hangs:
            self._hangs = True
            what = "does not answer: messages about missed planned times wait for it, decisions do not"
            self._say(f"control: the disk of {self._settings.state_directory} {what}")

    def _has_posted(self) -> None:
        self._waiting -= 1
        self._hangs = self._hangs and self._waiting > 0
        if self._delivery is None:
            loop = asyncio.get_running_loop()
            self._delivery = loop.call_later(DELIVER_AFTER_SECONDS, lambda: loop.create_task(self.deliver()))

    async def deliver(self) -> None:
        """Have what was posted sent, when there is something; do not wait for that."""
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
            starting = asyncio.get_running_loop().run_in_executor(self._thread, self._deliver)
            await asyncio.wait([starting], timeout=MAX_WAIT_SECONDS)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        if self._posted is not None:
            self._posted.deliver()
            self._posted = None

    def _post(self, missed: Sequence[MissedTimes]) -> None:
        events = HostEvents(self._settings, by=BY, now=time.time(), user=account_of(os.geteuid()).name)
        for each in missed:
            job = job_as_it_is(each.job, self._settings)
            if is_reported(job, self._settings):
                events.of_fleet(each)
                self._posted = events
            elif job is None or not _is_quiet_by_choice(job):
                self._say_once(
                    "no recipient",
                    "nobody is notified of missed planned times: neither the configuration of this host names somebody "
                    f"(failmail, notify) nor the file of {each.job} here does",
                )
        if events.fault is not None:
            what = f"cannot keep the message about a missed planned time: {events.fault}; sends it unkept"
            self._say_once("disk", what)
            events.deliver()  # it is in the memory of this process alone

    def _say_once(self, kind: str, what: str) -> None:
        if kind not in self._kinds_reported:  # the words name a job, or the file of an event
            self._kinds_reported.add(kind)
            self._say(f"control: {what}")


def _is_quiet_by_choice(job: Job) -> bool:
    return job.notify_off or job.failmail_off

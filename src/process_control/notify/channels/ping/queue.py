"""The queue of pings: in order, tried again while the service does not answer, and forgotten when they say no more."""

import os
import time

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.recipient import shown_url
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.channel import Taken
from process_control.notify.channels.address import Unusable
from process_control.notify.channels.http_request import answer_of, request
from process_control.notify.channels.ping.check import bring_in_line, known_url
from process_control.notify.channels.ping.output import output_of
from process_control.notify.channels.ping.post import START
from process_control.notify.channels.ping.urls import ping_url, signal_of, url_of_job
from process_control.notify.jobs_now import job_as_it_is
from process_control.system.clock import DAY_SECONDS, iso

#: As the service advises for its clients.
DEADLINE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 5.0


class PingQueue:
    """The pings that wait, during one round. Only one process at a time hands them over."""

    def __init__(self, settings: Settings, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._settings = settings
        self._state = settings.state_directory
        self._seconds = deadline_seconds
        #: Services that do not answer in this round, by what is shown of their URLs.
        self._unusable: dict[str, str] = {}

    def deliver_all(self) -> None:
        """Send every ping whose time has come, in order."""
        names = spool.names(self._state, spool.PINGS)
        last = {name.split("~")[1]: name for name in names if name.count("~") == 2}
        for name in names:
            entry = spool.read(self._state, spool.PINGS, name)
            job = None if entry is None else job_as_it_is(str(entry.get("job")), self._settings)
            if entry is None or job is None or job.ping_url is None:
                self._remove(name)
            elif entry.get("tries") and last.get(job.slug) != name:
                self._remove(name)  # the next ping says more, and a start that comes after its end is none
            elif _number(entry, "next_at") <= time.time() or not entry.get("tries"):
                self._deliver(name, entry, job)

    def _deliver(self, name: str, entry: spool.Entry, job: Job) -> None:
        where = shown_url(str(job.ping_url))
        if where in self._unusable:
            self._keep_for_later(name, entry, self._unusable[where], job)
            return
        fault = bring_in_line(job, self._settings, seconds=self._seconds)
        if fault is not None:
            self._record(entry, job, "waits", fault)
        try:
            why = self._ping(entry, job)
        except Unusable as error:
            self._unusable[where] = error.why
            self._keep_for_later(name, entry, error.why, job)
            return
        if why is not None:  # the next run pings again: of a wrong URL, one record for each run is enough
            self._record(entry, job, "given_up", f"because {why}")
        self._remove(name)

    def _ping(self, entry: spool.Entry, job: Job) -> str | None:
        """Send a ping; return why it was refused, or None. Raises Unusable when the service does not answer."""
        is_start = entry.get("what") == START
        signal = START if is_start else signal_of(entry.get("outcome"), entry.get("exit_code"))
        base = known_url(job, self._settings) or url_of_job(str(job.ping_url), job.slug)
        creates = job.ping_api_key_file is None
        url = ping_url(base, signal, run_id=str(entry.get("run_id")), creates=creates)
        body = b"" if is_start else output_of(entry, job, self._settings)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        answer = answer_of(
            request(url, body=body, headers=headers, seconds=self._seconds), who=job.slug, url=url, secrets=[]
        )
        return None if isinstance(answer, Taken) else answer.why

    def _keep_for_later(self, name: str, entry: spool.Entry, why: str, job: Job) -> None:
        if not entry.get("tries"):
            self._record(entry, job, "waits", why)
        now, tries = time.time(), int(_number(entry, "tries")) + 1
        if now - _number(entry, "first_at") > DAY_SECONDS:
            self._record(entry, job, "given_up", "after a day")
            self._remove(name)
            return
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 20), spool.MAX_PAUSE_SECONDS)
        try:
            spool.put(self._state, spool.PINGS, name, {**entry, "tries": tries, "next_at": now + pause})
        except OSError:  # it stays as it was, and is tried again too soon
            pass

    def _record(self, entry: spool.Entry, job: Job, result: str, why: str) -> None:
        record: dict[str, object] = {
            "event": "message",
            "at": iso(time.time()),
            "job": job.slug,
            "letter": entry.get("what"),
            "incident": None,
            "result": result,
            "to": shown_url(str(job.ping_url)),
            "detail": why,
            "host": os.uname().nodename,
            "channel": "ping",
            "run_id": entry.get("run_id"),
        }
        try:
            journal.append(self._state, record)
        except CannotRecord:  # the syslog has it
            pass
        announce(self._settings, record)

    def _remove(self, name: str) -> None:
        spool.remove(self._state, spool.PINGS, name)


def _number(entry: spool.Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, int | float) else 0.0

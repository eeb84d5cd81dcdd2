"""Events that no run can post, as it did not happen: missed planned times, stale jobs, troubles of the whole host.

`watch` posts them, and whoever changes a job by hand what that means for its incident.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.part_of_incident import first_and_last
from process_control.notify import spool
from process_control.notify.outbox import Outbox
from process_control.system import atomic_file
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.fleet.missed import MissedTimes

#: Between two events: who takes them from the spool takes them by their times, a cause before what it explains.
_STEP_SECONDS = 0.001


class HostEvents:
    """Posts events of one moment, in the order of the calls. None of its methods raises.

    `user`: the account of this process, when `by` is no account.
    """

    def __init__(self, settings: Settings, *, by: str, now: float, user: str | None = None) -> None:
        self._settings = settings
        self._by = by
        self._now = now
        self._outbox = Outbox(settings, user=user or by)
        self._count = 0
        #: Why an event could not be kept on the disk; None: all are.
        self.fault: Exception | None = None

    def of_job(self, cause: Cause, slug: str, key: str, sentence: str, *, slots: Sequence[int] = ()) -> None:
        """Post a trouble of one job, and set its mark: the next run that goes well ends it."""
        with suppress(OSError):  # a job that never ran has no directory, which the mark needs
            atomic_file.make_directory(layout.job(self._settings.state_directory, slug), 0o750)
        times = [iso(slot) for slot in slots]
        self._post({"what": str(cause), "job": slug, "key": key, "sentence": sentence, "slots": times})

    def of_fleet(self, missed: "MissedTimes") -> None:
        """Post planned times of the fleet that were missed or refused, about which this host has decided."""
        with suppress(OSError):
            atomic_file.make_directory(layout.job(self._settings.state_directory, missed.job), 0o750)
        times = [iso(slot) for slot in missed.slots]
        event: spool.Entry = {"what": str(missed.cause), "job": missed.job, "key": missed.key, "lock": missed.lock}
        event |= {"sentence": missed.sentence, "slots": times, "jobs": {missed.job: missed.count}}
        event |= {"alike": missed.alike, "what_is_wrong": missed.why, "why_of_all": missed.why_of_all}
        self._post(event)

    def of_host(
        self,
        cause: Cause,
        key: str,
        sentence: str,
        *,
        since: str,
        jobs: Mapping[str, int] | None = None,
        slots: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Post a trouble of the whole host since then (ISO 8601).

        `jobs`: how many planned times each has missed; `slots`: which (UTC seconds, rising), as far as it is known.
        """
        event: spool.Entry = {"what": str(cause), "job": "", "key": key, "sentence": sentence}
        times = {job: first_and_last([iso(slot) for slot in found]) for job, found in (slots or {}).items()}
        self._post({**event, "since": since, "jobs": dict(jobs or {}), "slots_of_jobs": times})

    def over(self, cause: Cause, key: str, sentence: str) -> None:
        """Post that a trouble of the host is over. `key`: that of its event."""
        event: spool.Entry = {"what": "over", "job": "", "cause": str(cause), "sentence": sentence}
        self._post({**event, "key": f"{key}~over"})

    def gone(self, slug: str, why: str, *, lock: str = "") -> None:
        """Post that nothing is expected of the job any more, and take its mark away.

        `lock`: only of that lock of the fleet; with `run_on: all` the other hosts' are another matter.
        """
        key = f"{slug}~gone~{lock}~{iso(self._now)}" if lock else f"{slug}~gone~{iso(self._now)}"
        self._post({"what": "gone", "job": slug, "key": key, "sentence": why, "lock": lock}, failed=False)

    def settled(self, slug: str, slots: Sequence[int]) -> None:
        """Post that planned times were run after all, or need no run."""
        times = [iso(slot) for slot in slots]
        self._post({"what": "settled", "job": slug, "key": f"{slug}~settled~{iso(self._now)}", "slots": times})

    def acknowledged(self, slug: str, note: str | None) -> None:
        """Post that a person knows of the job's incident, as by holding it."""
        self._post({"what": "acknowledged", "job": slug, "key": f"{slug}~acknowledged~{iso(self._now)}", "note": note})

    def _post(self, event: spool.Entry, *, failed: bool = True) -> None:
        try:
            at = iso(self._now + self._count * _STEP_SECONDS)
            self._count += 1
            known: spool.Entry = {"at": at, "by": self._by, "host": os.uname().nodename}
            self._outbox.post({**known, **event}, failed=failed)
            self.fault = self._outbox.fault or self.fault
        except Exception as error:  # noqa: BLE001  reporting a trouble must not cause one
            self.fault = error

    def deliver(self) -> None:
        """Start the process that sends what was posted, or what has waited long enough. It is not waited for."""
        with suppress(Exception):
            self._outbox.start_delivery()


def has_incident(settings: Settings, slug: str) -> bool:
    """Return whether people were notified about the job, or will be, and do not know yet that it is over."""
    return os.path.exists(layout.incident_mark(settings.state_directory, slug))


def by_hand(settings: Settings, *, by: str) -> HostEvents:
    """Return what posts events of this moment for a person."""
    return HostEvents(settings, by=by, now=time.time())

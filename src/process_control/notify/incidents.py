"""What happened becomes incidents, and these become messages in the queues of channels. By the process that sends.

The rules are in `core/incident.py` and `core/notice.py`. Each change is done under the lock of all incidents.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from process_control.config.recipients import global_recipients, recipients_of
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.incident import (
    CANNOT_RECORD,
    INVALID_FILE,
    Event,
    Happening,
    Incident,
    Notified,
    State,
    begin,
    next_incident,
)
from process_control.core.job import Job
from process_control.core.notice import Notice, NoticeEvent, after_sending, next_reminder_at, owed
from process_control.core.part_of_incident import first_and_last
from process_control.core.recipient import MAIL, Recipient
from process_control.notify.due_incidents import ALL_AGAIN_SECONDS, due_incidents, stamp_of
from process_control.notify.incident_record import record
from process_control.notify.jobs_now import job_as_it_is
from process_control.notify.outbox import keep_mark
from process_control.notify.posted import happening_of, printable
from process_control.state.first_incident import MAILED
from process_control.state.incident_store import Store
from process_control.state.silences import Silence, read_silences, silenced_until

#: Failures of several jobs with the same deciding line that come within this time are one incident.
JOINED_WITHIN_SECONDS = 600.0

#: Reasons of refusals that concern each job alike: within that time they are one incident too.
OF_MANY_JOBS = (INVALID_FILE, CANNOT_RECORD)

#: Of stderr, at its end, kept for reminders: each round reads all incidents that are open.
MAX_KEPT_STDERR = 8000

#: Why an incident that names no job is over at once.
NO_JOB = "it names no job"

Send = Callable[[Notice, Recipient, Job | None], None]


@dataclass(slots=True, kw_only=True)
class Reached:
    """A recipient, and those jobs of an incident about which it is notified."""

    recipient: Recipient
    jobs: list[str] = field(default_factory=list)
    #: Whether it was notified before, and is not to be any more: only the end is sent to it.
    is_former: bool = False


class Incidents:
    """The incidents of one configuration during one round. `send` puts a message into the queue of its channel."""

    def __init__(self, settings: Settings, *, send: Send, now: str) -> None:
        self._settings = settings
        self._send = send
        self._now = now
        self._host = os.uname().nodename
        self._store = Store(settings.state_directory)
        self._jobs: dict[str, Job | None] = {}
        self._recipients: dict[str, list[Recipient]] = {}
        #: Open incidents by their ids, read once: the lock keeps others from changing them.
        self._known: dict[str, Incident] | None = None
        #: Those that were written in this round.
        self._written: set[str] = set()
        self._silences: list[Silence] = read_silences(settings.state_directory, now=now)

    # --- what happened ---------------------------------------------------------------------------------------------

    def take(self, posted: Mapping[str, object]) -> None:
        """Count what was posted into the incidents that it concerns, and queue the messages that follow."""
        posted = printable(posted)
        job = self._job(str(posted.get("job") or ""))
        happening = happening_of(posted)
        happening = replace(happening, threshold=self._threshold(happening, job))
        if happening.job and happening.event in (Event.TROUBLE, Event.WENT_WELL) and "end" in posted:
            changes = self._changes(happening)
            happening = replace(happening, changes=changes)
        happening = self._without_known_files(happening)
        for before in self._concerned(happening):
            after = next_incident(before, happening)
            if happening.event is Event.TROUBLE:
                after = replace(after, posted=_to_keep(posted))
            is_new = self._store.read(before.id) is None
            jobs = [happening.job] if happening.job else [*happening.jobs]
            known_as = State.COUNTING if is_new else before.state
            may_be_of_more_jobs = happening.lock and happening.event is Event.TROUBLE  # in this very round
            if may_be_of_more_jobs and self._keep_for_the_end_of_the_round(after, jobs=jobs, known_as=known_as):
                continue
            after = self._notify(after, posted, jobs=jobs, known_as=known_as)
            if not after.cause.is_host_wide and not after.parts:  # a refused start that names no job: nothing ends it
                self._close(replace(after, state=State.CLOSED, closed_at=self._now, closed_by=NO_JOB))
        if happening.job and self._store.of_job(happening.job):
            keep_mark(self._settings.state_directory, happening.job)

    def _without_known_files(self, happening: Happening) -> Happening:
        """Leave out invalid files because of which starts were refused: their incident is known already."""
        if happening.cause is not Cause.FILE_INVALID or happening.event is not Event.TROUBLE:
            return happening
        known = {slug for each in self._store.open_incidents() if each.is_of_invalid_files for slug in each.parts}
        return replace(happening, jobs={slug: n for slug, n in happening.jobs.items() if slug not in known})

    def _concerned(self, happening: Happening) -> list[Incident]:
        """Return the incidents that the event changes; for trouble that is in none, a new one."""
        if happening.cause.is_host_wide and happening.event in (Event.TROUBLE, Event.OVER):
            known = self._store.open_incidents(cause=happening.cause)
            found = [each for each in known if each.cause is happening.cause and not each.is_over]
        else:
            found = [each for each in self._store.of_job(happening.job) if each.is_changed_by(happening)]
        if happening.event is Event.ACKNOWLEDGED:  # whoever holds one job does not know what is wrong with the host
            return [each for each in found if not each.cause.is_host_wide]
        if happening.event is not Event.TROUBLE:
            return found
        if happening.cause is Cause.FILE_INVALID and not happening.jobs:
            return []
        of_the_kind = [each for each in found if each.cause.is_host_wide == happening.cause.is_host_wide]
        if of_the_kind:
            return of_the_kind[:1]
        joined = self._to_be_joined(happening)
        return [joined if joined is not None else begin(happening, host=self._host)]

    def _to_be_joined(self, happening: Happening) -> Incident | None:
        """Return the incident that explains the trouble, or a new one of other jobs with the same line or reason."""
        if happening.cause.is_host_wide or not happening.job:
            return None
        if self._known is None:
            self._known = {each.id: each for each in self._store.open_incidents()}
        found = self._explaining(happening, self._known.values())
        return None if found is None else self._store.read(found.id)

    @staticmethod
    def _explaining(happening: Happening, known: Iterable[Incident]) -> Incident | None:
        explaining = [each for each in known if each.is_open and each.cause in happening.explained_by]
        if explaining:
            return explaining[0]
        is_of_many = happening.reason in OF_MANY_JOBS
        has_fingerprint = happening.cause is Cause.FAILED or happening.lock != ""
        for other in known:
            is_same = other.cause is happening.cause and (
                (is_of_many and other.reason == happening.reason)
                or (has_fingerprint and other.fingerprint == happening.fingerprint != "")
            )
            if (
                is_same
                and other.is_open
                # Either order: a run may end first and be the last to post that, on a busy host.
                and abs(_seconds(happening.at) - _seconds(other.since)) <= JOINED_WITHIN_SECONDS
            ):
                return other
        return None

    def _changes(self, happening: Happening) -> int:
        """Return the changes between good and bad in the job's last ten runs."""
        from process_control.notify.changes import changes_in_ten_runs

        is_good = happening.event is Event.WENT_WELL
        remembered = self._store.remember_end(happening.job, is_good=is_good)
        return changes_in_ten_runs(self._settings.state_directory, happening.job, remembered=remembered)

    def _record(self, incident: Incident, known_as: State | None) -> None:
        """Record in journal and syslog that an incident has another state."""
        if incident.is_over and incident.opened_at is None:
            return  # nobody has heard of it
        change = {State.OPEN: "changed" if known_as is State.ACKNOWLEDGED else "opened"}.get(incident.state)
        record(
            self._settings,
            incident,
            at=self._now,
            change=change or incident.state.value,
            detail=incident.closed_by if incident.is_over else incident.sentence,
        )

    # --- who is notified -------------------------------------------------------------------------------------------

    def settle_all(self) -> float | None:
        """Queue reminders, and what a silence kept back; return when to look again (UTC seconds)."""
        stamp, now = stamp_of(self._settings), _seconds(self._now)
        due, moments = due_incidents(self._store, stamp, now=now, written=self._written)
        for incident in filter(None, map(self._store.read, due)):
            after = self._notify(incident, {}, jobs=(), known_as=incident.state)
            moments.append(min([now + ALL_AGAIN_SECONDS, *self._moments(after)]))
            self._store.look_again(incident.id, moments[-1])
        self._store.note_settled_for(stamp)
        return min(moments, default=None)

    def _notify(
        self, incident: Incident, posted: Mapping[str, object], *, jobs: Iterable[str], known_as: State | None
    ) -> Incident:
        """Queue what each recipient is owed, and write the incident, which had the state `known_as` before."""
        before = incident
        if incident.state is not known_as:
            self._record(incident, known_as)
        for reached in self._reached(incident):
            if reached.is_former and not incident.is_over:
                continue
            incident = self._notify_one(incident, reached, posted)
        if incident.is_over and not self._is_owed(incident):
            self._close(incident)
        elif incident != before or posted:
            self._write(incident, jobs=jobs)
        return incident

    def _keep_for_the_end_of_the_round(self, incident: Incident, *, jobs: Iterable[str], known_as: State) -> bool:
        """Write an incident about which `settle_all` notifies people: one message then names all its jobs.

        Return False when the disk does not take it.
        """
        self._write(incident, jobs=jobs)
        kept = self._store.read(incident.id)
        if kept is None or kept.seen != incident.seen:
            return False
        if incident.state is not known_as:
            self._record(incident, known_as)
        return True

    def _write(self, incident: Incident, *, jobs: Iterable[str]) -> None:
        if self._known is not None:
            self._known[incident.id] = incident
        self._store.write(incident, jobs=jobs)
        self._written.add(incident.id)

    def _close(self, incident: Incident) -> None:
        if self._known is not None:
            self._known.pop(incident.id, None)
        self._store.close(incident)

    def _notify_one(self, incident: Incident, reached: Reached, posted: Mapping[str, object]) -> Incident:
        recipient = reached.recipient
        notified = _notified(incident, recipient)
        event = self._event_owed(incident, notified, reached)
        if event is None:
            return incident
        notice = Notice(
            id=f"{incident.id}.{event}.{notified.number + 1}",
            event=event,
            at=str(posted.get("at") or self._now),
            incident=incident,
            jobs=tuple(slug for slug in reached.jobs if self.silenced_until(slug) is None),
            posted=posted or incident.posted,
            host=self._host,
            answers=notified.thread,
            is_of_one_run=recipient.each and notified.last_key != incident.last_key,
        )
        self._send(notice, recipient, self._job(str(notice.posted.get("job") or "")))
        known = {key: each for key, each in incident.notified.items() if key != MAILED or recipient.scheme != MAIL}
        return replace(incident, notified={**known, recipient.key: after_sending(notified, notice, recipient)})

    def _event_owed(self, incident: Incident, notified: Notified, reached: Reached) -> NoticeEvent | None:
        parts = [incident.parts[slug] for slug in reached.jobs if slug in incident.parts]
        is_at_once = any(part.is_at_once for part in parts)
        count = max((part.count for part in parts), default=incident.count)
        return owed(
            incident,
            notified,
            reached.recipient,
            count=max(count, reached.recipient.after) if is_at_once else count,
            at=self._now,
            is_silenced=self._is_silenced(reached.jobs),
            is_known=bool(parts) and all(part.is_known or part.is_over for part in parts),
            causes=[part.cause for part in parts if part.cause is not None],
        )

    def _is_owed(self, incident: Incident) -> bool:
        """Return whether somebody has yet to hear of the end, which a silence keeps back."""
        if not any(self.silenced_until(slug) is not None for slug in incident.jobs):
            return False
        for notified in incident.notified.values():
            recipient = notified.recipient
            if recipient is not None and not notified.closed and recipient.wants_recovery:
                return True
        return False

    def _reached(self, incident: Incident) -> list[Reached]:
        """Return whom the incident concerns: the recipients of its jobs, and who was notified before."""
        found: dict[str, Reached] = {}
        for slug in incident.jobs:
            for recipient in self._recipients_of(slug):
                found.setdefault(recipient.key, Reached(recipient=recipient)).jobs.append(slug)
        if incident.cause.is_host_wide or not incident.parts:
            for recipient in global_recipients(self._settings):
                found.setdefault(recipient.key, Reached(recipient=recipient))
        is_known = all(self._job(slug) is not None for slug in incident.jobs)  # a file that is invalid names nobody
        known = {each for key in found if key in incident.notified for each in found[key].recipient.addresses}
        for key, notified in incident.notified.items():
            if key not in found and notified.recipient is not None:
                addresses = notified.recipient.addresses
                if addresses and known.issuperset(addresses):  # they get the end with those who came since
                    continue
                jobs = list(incident.jobs)
                found[key] = Reached(recipient=notified.recipient, jobs=jobs, is_former=is_known)
        return list(found.values())

    def _moments(self, incident: Incident) -> list[float]:
        """Return when something may be owed without anything happening: reminders, ends of silences."""
        moments = [
            moment
            for notified in incident.notified.values()
            if notified.recipient is not None
            and (moment := next_reminder_at(notified, notified.recipient)) is not None
            and incident.is_open
        ]
        ends = [_seconds(silence.until) for silence in self._silences]
        return moments + (ends if incident.is_open or incident.is_over else [])

    def _is_silenced(self, jobs: list[str]) -> bool:
        return bool(jobs) and all(self.silenced_until(slug) is not None for slug in jobs)

    def silenced_until(self, slug: str) -> str | None:
        """Return until when nobody is notified about the job; None: somebody is."""
        job = self._job(slug)
        return silenced_until(self._silences, slug, () if job is None else job.tags)

    def _threshold(self, happening: Happening, job: Job | None) -> int:
        """Return the trouble in a row from which on the first of the recipients is notified."""
        if happening.cause not in (Cause.FAILED, Cause.LOST):
            return 1
        wanted = [each.after for each in recipients_of(job, self._settings) if each.wants(happening.cause)]
        return min(wanted, default=1)

    def _recipients_of(self, slug: str) -> list[Recipient]:
        if slug not in self._recipients:
            self._recipients[slug] = recipients_of(self._job(slug), self._settings)
        return self._recipients[slug]

    def _job(self, slug: str) -> Job | None:
        """Return the job by its file now; None when that cannot be read."""
        if slug not in self._jobs:
            self._jobs[slug] = job_as_it_is(slug, self._settings)
        return self._jobs[slug]


def _notified(incident: Incident, recipient: Recipient) -> Notified:
    known = incident.notified.get(recipient.key)
    if known is None and recipient.scheme == MAIL:
        known = incident.notified.get(MAILED)
    return known or Notified()


def _to_keep(posted: Mapping[str, object]) -> dict[str, object]:
    stderr, slots = posted.get("stderr"), posted.get("slots")
    posted = {name: value for name, value in posted.items() if name != "slots_of_jobs"}  # each job has its own
    if isinstance(slots, list):
        posted["slots"] = list(first_and_last(slots))
    return {**posted, "stderr": stderr[-MAX_KEPT_STDERR:]} if isinstance(stderr, str) else dict(posted)


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()

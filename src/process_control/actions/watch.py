"""One check of `watch`, the heartbeat: record the time, and do what other processes have left undone.

It runs every minute on every host, so a check of thousands of unchanged jobs is cheap: a stat of each file and of each
block. Only what has changed since the previous check is read.
"""

import hashlib
import os
import posix
import time
from collections.abc import Sequence

from process_control.actions import full_disk
from process_control.actions.catch_up import PLACES, has_place
from process_control.actions.chains import start_left_followers
from process_control.actions.gone_jobs import post_gone_jobs
from process_control.actions.host_ping import start_ping
from process_control.actions.host_watch import HostWatch
from process_control.actions.lost_runs import settle_lost
from process_control.actions.rights import Actor
from process_control.actions.seal import seal_hourly
from process_control.actions.stale import post_stale_jobs
from process_control.config.all_jobs import load_all
from process_control.config.cache import read
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.heartbeat import Gap, Look, gap_between, look_in
from process_control.core.host_causes import divide, over_until
from process_control.core.job import Job
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify.announce import announce, is_reported
from process_control.notify.host_events import HostEvents
from process_control.notify.outbox import Outbox
from process_control.run import catch_up as catching_up
from process_control.run.forgotten_start import refuse
from process_control.state.block import read_mark
from process_control.state.followers import before_reading, note_all
from process_control.state.forgotten_claims import jobs_written_since, take_back_forgotten, with_open_claims
from process_control.state.scheduler_note import keep_seen
from process_control.state.watch_memory import Memory, read_memory, write_memory
from process_control.state.watched_jobs import WatchedJob, read_watched, write_watched
from process_control.system import atomic_file, proc
from process_control.system.clock import iso
from process_control.system.json_text import encode
from process_control.system.lock import take
from process_control.views import missed_slots
from process_control.views.in_charge import scheduler_in_charge

#: So far back the first check, or one after a gap, looks for chains that were left.
FIRST_LOOK_SECONDS = 86400.0
#: The lock of a check. Its dot keeps it apart from locks of jobs.
LOCK = "watch.look"


class Watch:
    """One check, with the memory of the previous one."""

    def __init__(self, actor: Actor, *, was_found_by_a_start: bool = False) -> None:
        """Prepare the check. `was_found_by_a_start`: the start of a job has started it, as nothing else did."""
        self._settings = actor.settings
        self._actor = actor
        self._state_directory = actor.settings.state_directory
        self._was_found_by_a_start = was_found_by_a_start
        self._memory = Memory()
        self._watched: dict[str, WatchedJob] = {}
        self._jobs: list[Job | InvalidJob] | None = None
        self._invalid: dict[str, str] | None = None
        self._before: Look | None = None
        self._gap: Gap | None = None
        self._look = _look_now()
        self._events = HostEvents(actor.settings, by=actor.by, now=self._look.at)

    def take(self) -> bool:
        """Do the check; return False, and do nothing, while another check is running."""
        lock = take(self._settings.run_directory, LOCK)
        if lock is None:
            return False
        try:
            self._check()
        except OSError as error:
            where = str(error.filename or self._state_directory)
            full_disk.post_if_full(self._settings, self._events, error)
            raise CannotRecord(error.strerror or str(error), where=where) from error
        finally:
            posix.close(lock)
        return True

    def _check(self) -> None:
        self._before = look_in(read_mark(layout.watch_note(self._state_directory)))
        self._note()
        self._memory = read_memory(self._state_directory)
        full_disk.remember_if_posted(self._settings, self._memory)
        self._watched, text = read_watched(self._state_directory)
        self._record_versions(is_new=not text)
        written = jobs_written_since(self._state_directory, self._seen_until())
        self._settle_killed_starts(written)
        self._memory.running = settle_lost(self._settings, sorted({*written, *self._memory.running}))
        self._notify(written)
        self._start_what_was_missed()  # then: a good run ends only an incident that was posted before it
        self._start_what_follows()
        if self._settings.host_ping:
            missed_slots.forget_settled(self._settings, self._watched)
        seal_hourly(self._settings, self._memory, now=self._look.at)
        self._memory.at = iso(self._look.at)
        write_watched(self._state_directory, self._watched, known=text)
        write_memory(self._state_directory, self._memory)
        self._events.deliver()
        if self._settings.host_ping:
            start_ping(self._settings.host_ping, self._count_overdue())

    @property
    def jobs(self) -> list[Job | InvalidJob]:
        """All jobs, loaded at the first use."""
        if self._jobs is None:
            self._jobs = load_all(self._settings)
        return self._jobs

    def _note(self) -> None:
        """Write the time of this check, and a record when the previous one was too long ago."""
        look = self._look
        self._gap = gap = None if self._before is None else gap_between(self._before, look)
        if gap is not None:
            record: dict[str, object] = {
                "event": "gap",
                "at": iso(look.at),
                "from": iso(gap.since),
                "boot": gap.boot,
                "suspended": gap.suspended,
                "stepped": gap.stepped,
                "by": self._actor.by,
                "host": self._actor.host,
            }
            journal.append(self._state_directory, record)
            announce(self._settings, record)
        note = {"at": iso(look.at), "boot_id": look.boot_id, "up": round(look.up, 3), "mono": round(look.mono, 3)}
        atomic_file.write(layout.watch_note(self._state_directory), encode(note).encode("ascii"))
        keep_seen(self._state_directory, look.at)

    def _record_versions(self, *, is_new: bool) -> None:
        """Record new versions of jobs, when any file has changed since the previous check, or nothing is remembered."""
        stamp = stamp_of_files(self._settings)
        if stamp == self._memory.stamp and not is_new:
            return
        from process_control.state.job_versions import newest_versions, record_versions
        from process_control.views.catching_up import remember

        before_it, known, now = before_reading(self._settings), newest_versions(self._state_directory), self._look.at
        seen = dict.fromkeys(known, self._memory.at)
        record_versions(self._settings, self.jobs, known, by=self._actor.by, seen=seen, is_all=True, now=now)
        self._memory.jobs = remember(self._settings, self.jobs, self._memory.jobs, now=now)
        since = now if self._before is None else self._before.at
        self._watched = missed_slots.remember(self._settings, self.jobs, self._watched, since=since, now=now)
        self._invalid = {job.slug: str(job.error) for job in self.jobs if isinstance(job, InvalidJob)}
        post_gone_jobs(self._settings, self.jobs, self._events)
        note_all(self._settings, self.jobs, before_it=before_it)
        self._memory.stamp = stamp

    def _seen_until(self) -> float:
        """Return up to when the previous check has seen all that was written (UTC seconds)."""
        return self._before.at if self._before is not None and self._gap is None and self._memory.at else 0.0

    def _settle_killed_starts(self, written: Sequence[str]) -> None:
        """Record starts whose guard and runner were killed before they could record anything."""
        slugs = with_open_claims(self._state_directory, sorted({*written, *self._memory.claims}))
        for slug in slugs:
            for slot in take_back_forgotten(self._state_directory, slug, boot_id=self._look.boot_id):
                self._record_killed_start(slug, slot)
        self._memory.claims = with_open_claims(self._state_directory, slugs)

    def _record_killed_start(self, slug: str, slot: int) -> None:
        job = next((job for job in self.jobs if isinstance(job, Job) and job.slug == slug), None)
        asked: dict[str, object] = {"job": slug, "trigger": None, "by": self._actor.by, "host": self._actor.host}
        refuse(Outbox(self._settings, user=self._actor.by), asked, slot, mails=is_reported(job, self._settings))

    def _start_what_was_missed(self) -> None:
        """Start processes that run missed times for `catch_up`, unless enough of them work."""
        if not self._memory.jobs:
            return
        from process_control.views.catching_up import decide

        wanted = decide(self._settings, self._memory.jobs, lambda: self.jobs, now=self._look.at)
        for _ in range(min(len(wanted), PLACES)):
            if has_place(self._settings):
                catching_up.start(self._settings)

    def _start_what_follows(self) -> None:
        """Start the followers of jobs that have ended, which their guards and runners have not started."""
        seen, now = self._seen_until(), self._look.at
        since = seen or now - FIRST_LOOK_SECONDS
        self._memory.following = start_left_followers(
            self._settings, self._memory.following, lambda: self.jobs, since=since, now=now
        )

    def _count_overdue(self) -> int:
        """Return how many jobs have missed their last planned time, and not made up for it, or are stale."""
        return sum(1 for job in self._watched.values() if job.is_overdue or job.stale_key)

    def _notify(self, written: Sequence[str]) -> None:
        """Post what nobody else can notice: troubles of the host first, since they explain those of the jobs."""
        now = self._look.at
        host = HostWatch(
            self._settings, self._memory, self._events, look=self._look, before=self._before, gap=self._gap
        )
        is_anybody_notified = is_reported(None, self._settings) or any(
            job.is_reported for job in self._watched.values()
        )
        if is_anybody_notified:
            host.see_the_gap(was_found_by_a_start=self._was_found_by_a_start)
            host.see_the_trigger(lambda: self.jobs, has_started=bool(written))
            host.see_the_disk(written)
            host.see_the_spool()
            if self._invalid is not None:
                host.see_the_files(self._invalid)
        found = missed_slots.missed_slots(
            self._settings, self._watched, lambda: self.jobs, now=now, over_until=over_until(self._gap, now)
        )
        reported = [missed for missed in found if self._watched[missed.job].is_reported]
        explained, others = divide(reported, self._gap, host.open_since)
        if is_anybody_notified:
            host.post(explained)
        for slug, slots in others.items():
            sentence = missed_slots.in_words(slots)
            key = f"{slug}~{iso(slots[0].slot)}"
            self._events.of_job(Cause.MISSED, slug, key, sentence, slots=[each.slot for each in slots])
        post_stale_jobs(self._settings, self._watched, lambda: self.jobs, self._events, now=now)


def looks_itself(settings: Settings) -> bool:
    """Return whether the scheduler is alive, and its last look recent: then cron's look has nothing to do."""
    charge = scheduler_in_charge(settings.state_directory)
    if charge is None or not charge.is_alive:
        return False
    before = look_in(read_mark(layout.watch_note(settings.state_directory)))
    return before is not None and gap_between(before, _look_now()) is None


def _look_now() -> Look:
    up, mono = time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
    return Look(at=time.time(), boot_id=proc.boot_id(), up=up, mono=mono)


def stamp_of_files(settings: Settings) -> str:
    """Return a text that changes with any job file, the configuration, and the host's zone and name."""
    parts = [stamp_without_files(settings)]
    try:
        with os.scandir(settings.job_directory) as entries:
            named = [entry for entry in entries if entry.name.endswith(".yaml")]
            parts += sorted(f"{entry.name} {_numbers(entry.stat(follow_symlinks=False))}" for entry in named)
    except OSError as error:
        parts.append(str(error))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def stamp_without_files(settings: Settings) -> str:
    """Return a text that changes with the configuration, the job directory itself, and the host's zone and name."""
    paths = [*filter(None, [settings.path]), settings.job_directory]
    return "\n".join([repr(read.zone_stamp(None)), read.stamp(), *map(_stamp_of, paths)])


def _stamp_of(path: str) -> str:
    try:
        return f"{path} {_numbers(os.stat(path))}"
    except OSError as error:
        return f"{path} {error.errno}"


def _numbers(status: os.stat_result) -> str:
    owner = f"{status.st_mode} {status.st_uid} {status.st_gid}"
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {owner}"

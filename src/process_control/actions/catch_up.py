"""Run missed planned times, as the key `catch_up` says: one process per job, one run after the other.

At most PLACES such processes work at once on a host, limited by kernel locks in the run directory. A planned time that
falls due goes first. A failed run ends the work for its job. So does a refused one: nothing is recorded then, the times
stay missed, and a later check of `watch` decides again.
"""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from process_control.actions.start import command_of
from process_control.config.all_jobs import load_all
from process_control.config.cache.planned_slots import last_slot
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.errors import NotStarted, ProcessControlError
from process_control.state.all_jobs import AllJobs
from process_control.state.block import write_mark
from process_control.state.past_runs import open_index
from process_control.system.lock import take
from process_control.views.catching_up import ENDED_NOTE, catches_up, next_slot, wanted
from process_control.views.slots import Ledger

PLACES = 2
#: A planned time within so many seconds is waited for; also how late its start may come.
SOON_SECONDS = 5.0
#: How long to wait for a planned run of the job; after that a later check of `watch` continues.
MAX_WAIT_SECONDS = 300.0
LOOK_AGAIN_SECONDS = 0.05


def catch_up(settings: Settings) -> None:
    """Run what the jobs have missed; return at once when PLACES others do. Call as the service user."""
    with _one_of(settings, [f"catch-up.{number}" for number in range(PLACES)]) as place:
        if place is None:
            return
        began = time.time()
        todo = _todo(settings, began)
        for slug in sorted(todo, key=lambda slug: todo[slug][0]):
            with _one_of(settings, [f"{slug}.catch-up"]) as mine:
                stamp = layout.stamp(settings.state_directory, slug, "caught_up")
                if mine is not None and _done_at(stamp) < began:  # else another process has just done it
                    _catch_up_with(settings, slug, todo[slug])
                    with suppress(OSError):  # a job without runs has no directory
                        Path(stamp).touch(0o640)


def has_place(settings: Settings) -> bool:
    """Return whether fewer than PLACES processes work now."""
    with _one_of(settings, [f"catch-up.{number}" for number in range(PLACES)]) as place:
        return place is not None


def _done_at(stamp: str) -> float:
    try:
        return os.stat(stamp).st_mtime
    except OSError:
        return 0.0


@contextmanager
def _one_of(settings: Settings, names: Sequence[str]) -> Iterator[int | None]:
    """Take the first free lock of these and yield its descriptor; None when all are held."""
    descriptor = next((lock for name in names if (lock := take(settings.run_directory, name)) is not None), None)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _todo(settings: Settings, now: float) -> dict[str, list[int]]:
    jobs = load_all(settings)
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, jobs, index, now=now)
        return wanted(settings, [job for job in jobs if isinstance(job, Job) and catches_up(job)], ledger, index)


def _catch_up_with(settings: Settings, slug: str, slots: Sequence[int]) -> None:
    """Run these planned times of one job until one fails or is refused."""
    flags = ["--config", settings.path] if settings.path else []
    for slot in slots:
        try:
            job = load_job(slug, settings)
            if not catches_up(job) or not _planned_ones_went_first(job, settings):
                return
        except ProcessControlError:
            return
        command = command_of(slug, [*flags, "--scheduled", f"--slot={slot}"])
        null = subprocess.DEVNULL
        done = subprocess.run(command, stdin=null, stdout=null, stderr=null, start_new_session=True, check=False)
        if done.returncode not in (0, NotStarted.exit_code):  # a refusal would be repeated by each check
            note = layout.note(settings.state_directory, slug, ENDED_NOTE)
            write_mark(note, {"ended_at": int(time.time()), "exit_code": done.returncode})
        if done.returncode:
            return


def _planned_ones_went_first(job: Job, settings: Settings) -> bool:
    """Wait for a planned time that is due soon, and for a run in progress; return False when that takes too long."""
    now = time.time()
    coming = next_slot(job, settings, now)
    just_due = last_slot(job, settings, now)
    if coming is not None and coming - now <= SOON_SECONDS:
        just_due = coming
    limit = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        with AllJobs(settings.state_directory) as all_jobs:
            claimed, running = all_jobs.slot_and_running(job.slug)
        is_expected = just_due is not None and time.time() <= just_due + SOON_SECONDS and (claimed or 0) < just_due
        if running is None and not is_expected:
            return True
        if time.monotonic() > limit:
            return False
        _wait_for(running.get("pid") if running is not None else None)


def _wait_for(pid: object) -> None:
    """Wait until the process has ended, or for a short time."""
    if isinstance(pid, int):
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            pass
        else:
            select.select([handle], [], [], MAX_WAIT_SECONDS)
            os.close(handle)
    select.select([], [], [], LOOK_AGAIN_SECONDS)

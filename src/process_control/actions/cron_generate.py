"""Writes the generated crontab, and records what has changed in it. What it holds is made by `crontab/generate.py`."""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict

from process_control.actions.host_changes import record_host_changes
from process_control.actions.rights import who
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.crontab.changes import Change
from process_control.crontab.target import MODE
from process_control.errors import CannotRecord, NotPermitted, ProcessControlError
from process_control.state.scheduler_note import note_end
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.clock import iso
from process_control.system.lock import take
from process_control.system.replace import remove_leftovers, replace
from process_control.views.in_charge import scheduler_in_charge

NAME = "cron-generate"


def replace_crontab(target: str, content: bytes) -> None:
    """Write the whole crontab. Raises NotPermitted (77), and CannotRecord (74) for a disk that takes nothing."""
    try:
        replace(target, content, mode=MODE)
    except NotPermitted as error:
        own = f"{NAME} --output ~/crontab; crontab ~/crontab"
        hint = "" if os.geteuid() == 0 else f"sudo {NAME}; or for yourself: {own}"
        raise NotPermitted(error.faults[0].what, where=target, hint=hint) from error


def tidy_up(target: str) -> None:
    """Remove what a killed cron-generate left beside a crontab that needs no change."""
    remove_leftovers(target)


def record_changes(
    found: Sequence[Change], target: str, settings: Settings, account: Account
) -> ProcessControlError | None:
    """Record in journal and syslog what has changed. Return why the journal could not take it: it is written anyway."""
    return record_host_changes(_records(found, target), settings, account)


def _records(found: Sequence[Change], target: str) -> list[dict[str, object]]:
    at, by, host = iso(time.time()), who(dict(os.environb)), os.uname().nodename
    return [
        {"event": "crontab", "at": at, **asdict(change), "crontab": target, "by": by, "host": host} for change in found
    ]


def note_versions(settings: Settings, account: Account) -> None:
    """Record, as the service user, the versions of jobs that nobody has recorded. If that fails, somebody else will."""
    by = who(dict(os.environb))

    def note() -> None:
        from process_control.state.followers import before_reading, note_all

        if not os.path.isdir(layout.journal(settings.state_directory)):
            return  # nothing ever ran, and the crontab was as it is
        from process_control.config.all_jobs import load_all
        from process_control.state.job_versions import newest_versions, record_versions

        before_it = before_reading(settings)
        jobs = load_all(settings)
        record_versions(settings, jobs, newest_versions(settings.state_directory), by=by, is_all=True)
        note_all(settings, jobs, before_it=before_it)

    try:
        ask_as(account, note)
    except ProcessControlError:
        return


def end_dead_scheduler(settings: Settings, account: Account) -> None:
    """Record the end of a scheduler that died without one: cron takes over. One that is alive is left alone."""
    ended: list[dict[str, object]] = []
    if ask_as(account, lambda: _note_end_of_the_dead(settings)):
        at, by, host = iso(time.time()), who(dict(os.environb)), os.uname().nodename
        detail = f"it had died; {NAME} --all has handed its jobs over to cron"
        ended.append({"event": "scheduler", "at": at, "change": "ended", "by": by, "host": host, "detail": detail})
    record_host_changes(ended, settings, account)


def _note_end_of_the_dead(settings: Settings) -> bool:
    """Note the end in the scheduler's place, under its lock; return whether there was one to be noted."""
    charge = scheduler_in_charge(settings.state_directory)
    if charge is None or charge.is_alive:
        return False
    lock = take(settings.run_directory, layout.SCHEDULER_LOCK)
    if lock is None:
        return False
    try:
        note_end(settings.state_directory, time.time())
    except OSError as error:
        raise CannotRecord(error.strerror or str(error), where=settings.state_directory) from error
    finally:
        os.close(lock)
    return True

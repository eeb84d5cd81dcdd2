"""What starts the jobs: the scheduler, cron, timers or nobody, from what is seen on the host."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from process_control.config.settings import Settings
from process_control.core.in_charge import InCharge, who_is_in_charge
from process_control.crontab.rules import has_users, is_comment
from process_control.crontab.target import CONSOLE, text_of
from process_control.crontab.text import NONE, WRITTEN_BY
from process_control.crontab.user_crontab import read_user_crontab
from process_control.errors import ProcessControlError
from process_control.system import cron_daemon
from process_control.system.account import service_account
from process_control.system.replace import ExistingFile
from process_control.views.in_charge import scheduler_seen
from process_control.views.other_triggers import jobs_with_timers


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the generated crontab says about who starts the jobs."""

    #: cron-generate wrote it.
    is_ours: bool = False
    has_jobs: bool = False
    #: It leaves the jobs to another trigger.
    is_none: bool = False


def in_charge(settings: Settings) -> InCharge:
    """Return what is in charge. The crontab is read only up to the first job, and only without a scheduler."""
    return who_is_in_charge(
        scheduler_seen(settings.state_directory),
        has_cron_lines=lambda: seen_in_crontab(settings).has_jobs,
        is_cron_alive=lambda: cron_daemon.trouble() is None,
        has_timers=lambda: bool(jobs_with_timers(settings)),
    )


def seen_in_crontab(settings: Settings) -> Seen:
    """Return what the generated crontab says; where there is no file, that of our account, if jobs run as it."""
    target = settings.output_crontab
    try:
        if target == CONSOLE or not has_users(target):
            return seen_in((_own_crontab(settings) or "").split("\n"))
        with open(target, encoding="utf-8", errors="surrogateescape") as file:
            return seen_in(file)
    except (OSError, ProcessControlError):
        return Seen()


def seen_in(lines: Iterable[str]) -> Seen:
    """Return what a crontab says. In a user's own crontab our lines stand behind others."""
    is_ours = is_none = False
    for line in lines:
        if line.startswith(WRITTEN_BY):
            is_ours = True
        elif is_ours and line.rstrip("\n") == NONE:
            is_none = True
        elif is_ours and not is_comment(line) and " --scheduled " in line:
            return Seen(is_ours=True, has_jobs=True)
    return Seen(is_ours=is_ours, is_none=is_none)


def stays_without_jobs(settings: Settings, existing: ExistingFile | None) -> bool:
    """Return whether the existing crontab has no jobs on purpose; for a new file the one in use."""
    return seen_in_crontab(settings).is_none if existing is None else seen_in(text_of(existing).split("\n")).is_none


def _own_crontab(settings: Settings) -> str | None:
    if settings.user is not None and os.geteuid() != service_account(settings.user, where=settings.path or "").uid:
        return None
    return read_user_crontab(settings.job_directory)

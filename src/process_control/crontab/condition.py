"""Whether cron would start the jobs as their files say: is there a daemon, and does the crontab fit the files?

Asked by every `status` and `check`, so it is cheap: what `cron-generate` has written is known by a fingerprint of what
it was made from, and only where that is not known the crontab is made once more.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.schedule.schedule import is_zone_of_host
from process_control.crontab.generate import crontab_of, manner_of, names_its_configuration, planned
from process_control.crontab.rules import has_users, is_comment
from process_control.crontab.target import CONSOLE, text_of
from process_control.crontab.text import InvalidFile, Manner, PlannedJob
from process_control.errors import ProcessControlError
from process_control.state.block import read_mark, write_mark
from process_control.system import cron_daemon
from process_control.system.account import Account, account_of, service_account
from process_control.system.replace import ExistingFile
from process_control.views.status import JobStatus

FORMAT = 2
"""Counts up when the same jobs give another crontab."""
OTHER_TRIGGERS = ("timer", "scheduler")
_CALL = re.compile(r"^(?![ \t]*#)(.*?) (?:--scheduled |watch(?= --config |$))", re.MULTILINE)
_FIRST_PATH = re.compile(r"(?:^|[ \t])(?=['\"]?/)")
"""Where the command of a line begins, or the first path in it: neither the schedule nor the user has one."""


def troubles_of_cron(settings: Settings, jobs: Sequence[Job | InvalidJob], statuses: Sequence[JobStatus]) -> list[str]:
    """Return what keeps cron from starting the jobs as their files say, worst first, each with what to do.

    `jobs` are all that there are, `statuses` how they stand. Nothing where the crontab is none that cron reads by
    itself, or where something else starts the jobs.
    """
    target = settings.output_crontab
    if target == CONSOLE or not has_users(target):
        return []
    is_planned = any(isinstance(job, Job) and job.schedule and not job.disabled for job in jobs)
    try:
        status = os.stat(target)
    except FileNotFoundError:
        last_runs = [each.last for each in statuses if each.last is not None]
        if not is_planned or any(run.trigger in OTHER_TRIGGERS for run in last_runs):
            return []
        return [f"{target} does not exist, so cron starts no job; write it: cron-generate"]
    except OSError:
        return []  # not for our eyes
    of_the_daemon = cron_daemon.trouble() if is_planned else None
    of_the_file = _trouble_of_the_file(settings, jobs, status)
    return [trouble for trouble in (of_the_daemon, of_the_file) if trouble is not None]


def keep_fingerprint(settings: Settings, made_from: str, target: str) -> None:
    """Leave word, in the state directory, of what the crontab as it stands was made from. As the service user."""
    try:
        status = os.stat(target)
    except OSError:
        return
    mark = _mark(target, made_from, status)
    if read_mark(layout.crontab_note(settings.state_directory)) != mark:
        write_mark(layout.crontab_note(settings.state_directory), mark)


def fingerprint(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> str:
    """Return a text that is another one whenever the crontab of these jobs may be."""
    by_slug = sorted(jobs, key=lambda job: job.slug)
    zones = sorted({job.time_zone for job in by_slug if isinstance(job, PlannedJob) and job.time_zone})
    known = [(zone, is_zone_of_host(zone)) for zone in zones]
    return hashlib.sha256(repr((FORMAT, manner, by_slug, known)).encode("utf-8", "surrogateescape")).hexdigest()


# --- what is compared ------------------------------------------------------------------------------------------------


def _trouble_of_the_file(settings: Settings, jobs: Sequence[Job | InvalidJob], status: os.stat_result) -> str | None:
    """Return what is wrong with the crontab, in words; None when nothing is, or when that cannot be told."""
    target = settings.output_crontab
    try:
        account = _account_of_jobs(settings)
        names_configuration = names_its_configuration(settings, account)
        manner = manner_of(settings, account, target, names_configuration=names_configuration)
        wanted = [planned(job, settings) for job in jobs]
        program = manner.run_job[0]
        known = read_mark(layout.crontab_note(settings.state_directory))
        if known == _mark(target, fingerprint(wanted, manner), status):
            return _gone(target, program) if _is_gone(program) else None
        content = Path(target).read_bytes()
        if program_gone := _program_that_is_gone(content):
            return _gone(target, program_gone)
        if os.geteuid() != account.uid and any(isinstance(job, InvalidJob) for job in jobs):
            return None  # its file may only be closed to whoever looks
        crontab = crontab_of(wanted, manner)
    except (ProcessControlError, OSError):
        return None
    # Comments are none of cron's business, and which faults they tell depends on who reads the files.
    if _entries(crontab.text) == _entries(text_of(ExistingFile(content=content, wrong=None))):
        return None
    return f"{target} does not match the job files; to compare: cron-generate --check; to update it: cron-generate"


def _gone(target: str, program: str) -> str:
    return f"the lines of {target} call {program}, which no longer exists; write them again: cron-generate"


def _account_of_jobs(settings: Settings) -> Account:
    if settings.user is None:
        return account_of(os.geteuid())
    return service_account(settings.user, where=settings.path or "")


def _entries(text: str) -> list[str]:
    return [line for line in text.split("\n") if not is_comment(line)]


def _mark(target: str, made_from: str, status: os.stat_result) -> dict[str, object]:
    stamp = {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    return {"crontab": target, "made_from": made_from, **stamp}


def _program_that_is_gone(content: bytes) -> str | None:
    """Return the first path, of those that the lines of our jobs begin with, that leads to nothing."""
    text = content.decode("utf-8", "surrogateescape")
    starts = {call[start.end() :] for call in _CALL.findall(text) if (start := _FIRST_PATH.search(call))}
    calls = [_words_of(start) for start in starts]
    paths = sorted({word for call in calls for word in call if word.startswith("/")})
    return next((path for path in paths if _is_gone(path)), None)


def _is_gone(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass  # it may be there, where we may not look
    return False


def _words_of(command: str) -> list[str]:
    try:
        return shlex.split(command.replace("\\%", "%"))
    except ValueError:
        return []

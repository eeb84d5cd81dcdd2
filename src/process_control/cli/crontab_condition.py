"""Whether cron would start the jobs as their files say: is there a daemon, and does the crontab fit the files?

Asked by every `status` and `check`, so it is cheap: what `cron-generate` has written is known by a fingerprint of what
it was made from, and only where that is not known the crontab is made once more.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Sequence

from process_control.cli.crontab_target import CONSOLE, text_of
from process_control.cli.generated_crontab import crontab_of, manner_of, names_its_configuration, planned
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule import is_zone_of_host
from process_control.errors import ProcessControlError
from process_control.export.crontab import InvalidFile, Manner, PlannedJob
from process_control.export.crontab_rules import has_users, is_comment
from process_control.history.block import read_mark, write_mark
from process_control.status import JobStatus
from process_control.system import cron_daemon
from process_control.system.account import Account, account_of, service_account
from process_control.system.replace import Standing

FORMAT = 1
"""Counts up when the same jobs give another crontab."""
OTHER_TRIGGERS = ("timer", "scheduler")
_CALL = re.compile(r"^(.*?) --scheduled ", re.MULTILINE)


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
        with open(target, "rb") as file:
            content = file.read()
            status = os.fstat(file.fileno())
    except FileNotFoundError:
        if not is_planned or any(
            status.last is not None and status.last.trigger in OTHER_TRIGGERS for status in statuses
        ):
            return []
        return [f"{target} is not there, so cron starts no job: cron-generate writes it"]
    except OSError:
        return []  # not for our eyes
    found = [trouble] if is_planned and (trouble := cron_daemon.trouble()) else []
    if gone := _program_that_is_gone(content):
        found.append(f"the lines of {target} call {gone}, which is not there any more: run cron-generate")
    elif not _fits(settings, jobs, content, status):
        found.append(
            f"{target} does not fit the job files: cron-generate --check shows the difference, cron-generate writes it"
        )
    return found


def keep_fingerprint(settings: Settings, made_from: str, target: str) -> None:
    """Leave word, in the state directory, of what the crontab as it stands was made from. As the service user."""
    try:
        status = os.stat(target)
    except OSError:
        return
    mark = _mark(target, made_from, status)
    if read_mark(_path_of_mark(settings)) != mark:
        write_mark(_path_of_mark(settings), mark)


def fingerprint(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> str:
    """Return a text that is another one whenever the crontab of these jobs may be."""
    by_slug = sorted(jobs, key=lambda job: job.slug)
    zones = sorted({job.time_zone for job in by_slug if isinstance(job, PlannedJob) and job.time_zone})
    known = [(zone, is_zone_of_host(zone)) for zone in zones]
    return hashlib.sha256(repr((FORMAT, manner, by_slug, known)).encode("utf-8", "surrogateescape")).hexdigest()


# --- what is compared ------------------------------------------------------------------------------------------------


def _fits(settings: Settings, jobs: Sequence[Job | InvalidJob], content: bytes, status: os.stat_result) -> bool:
    """Whether the crontab is what `cron-generate` would write; true when that cannot be told."""
    try:
        account = _account_of_jobs(settings)
        if os.geteuid() != account.uid and any(isinstance(job, InvalidJob) for job in jobs):
            return True  # its file may only be closed to whoever looks
        names_configuration = names_its_configuration(settings, account)
        manner = manner_of(settings, account, settings.output_crontab, names_configuration=names_configuration)
        wanted = [planned(job) for job in jobs]
        made_from = fingerprint(wanted, manner)
        if read_mark(_path_of_mark(settings)) == _mark(settings.output_crontab, made_from, status):
            return True
        crontab = crontab_of(wanted, manner)
    except ProcessControlError:
        return True
    # Comments are none of cron's business, and which faults they tell depends on who reads the files.
    return _entries(crontab.text) == _entries(text_of(Standing(content=content, wrong=None)))


def _account_of_jobs(settings: Settings) -> Account:
    if settings.user is None:
        return account_of(os.geteuid())
    return service_account(settings.user, where=settings.path or "")


def _entries(text: str) -> list[str]:
    return [line for line in text.split("\n") if not is_comment(line)]


def _path_of_mark(settings: Settings) -> str:
    return f"{settings.state_directory}/crontab.json"


def _mark(target: str, made_from: str, status: os.stat_result) -> dict[str, object]:
    stamp = {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    return {"crontab": target, "made_from": made_from, **stamp}


def _program_that_is_gone(content: bytes) -> str | None:
    """Return the first path, of those that the lines of our jobs begin with, that leads to nothing."""
    text = content.decode("utf-8", "surrogateescape")
    calls = {_words_before_the_job(line) for line in _CALL.findall(text) if not is_comment(line)}
    for path in sorted({word for call in calls for word in call if word.startswith("/")}):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return path
        except OSError:
            continue  # it may be there, where we may not look
    return None


def _words_before_the_job(line: str) -> tuple[str, ...]:
    """Return what a line calls: from its first absolute path on. The schedule has none, nor has the user."""
    start = re.search(r"(?:^|[ \t])(?=['\"]?/)", line)
    if start is None:
        return ()
    try:
        return tuple(shlex.split(line[start.end() :].replace("\\%", "%")))
    except ValueError:
        return ()

"""Whether what is in charge starts the jobs as their files say: of cron, is there a daemon, does the crontab fit?

Every `status` and `check` asks, so it is cheap: `cron-generate` records a fingerprint of what the crontab was made
from, and only when that differs the crontab is made again to compare.
"""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.digest import sha256
from process_control.core.in_charge import InCharge, Trigger
from process_control.core.job import Job
from process_control.core.schedule.schedule import is_zone_of_host
from process_control.crontab.generate import crontab_of, manner_of, names_its_configuration, planned
from process_control.crontab.in_charge import in_charge, seen_in, seen_in_crontab
from process_control.crontab.rules import has_users, is_comment
from process_control.crontab.target import CONSOLE, text_of
from process_control.crontab.text import InvalidFile, Manner, PlannedJob
from process_control.crontab.user_crontab import fix_for, is_up_to_date, read_user_crontab
from process_control.errors import ProcessControlError
from process_control.state.block import read_mark, write_mark
from process_control.system import cron_daemon
from process_control.system.account import Account, account_of, service_account
from process_control.system.replace import ExistingFile
from process_control.views.in_charge import scheduler_seen, trouble_in_words
from process_control.views.job_status import JobStatus
from process_control.views.other_triggers import started_by_others

#: Counts up when the same jobs give another crontab.
FORMAT = 2
_CALL = re.compile(r"^(?![ \t]*#)(.*?) (?:--scheduled |watch(?= --config |$))", re.MULTILINE)
#: Where the command of a line begins, or the first path in it: neither the schedule nor the user has one.
_FIRST_PATH = re.compile(r"(?:^|[ \t])(?=['\"]?/)")


def troubles_of_the_trigger(
    settings: Settings,
    jobs: Sequence[Job | InvalidJob],
    statuses: Sequence[JobStatus],
    charge: InCharge | None = None,
) -> list[str]:
    """Return what keeps what is in charge from starting the jobs, worst first, each with what to do.

    `jobs` are all that there are, `statuses` how they stand; `charge`: None to look. Nothing else is judged: a crontab
    that is missing or old is no trouble while a scheduler is in charge.
    """
    charge = charge or in_charge(settings)
    if charge.is_scheduler:
        return [trouble_in_words(charge)] if charge.starts_nothing else []
    is_planned = any(isinstance(job, Job) and job.schedule and not job.disabled for job in jobs)
    if charge.trigger is Trigger.NOBODY and is_planned and (why := _why_nobody(settings, statuses)):
        return [f"nothing starts the jobs: {why}"]
    return _troubles_of_cron(settings, jobs, is_planned=is_planned)


def blockers_of_the_trigger(
    settings: Settings, jobs: Sequence[Job | InvalidJob], status: JobStatus | None
) -> list[tuple[str, str]]:
    """Return what keeps what is in charge from starting a job, each with a word for it. None: of any job."""
    charge = in_charge(settings)
    found = troubles_of_the_trigger(settings, jobs, [status] if status is not None else [], charge)
    if charge.is_scheduler:
        return [("scheduler_dead", text) for text in found]
    daemon = cron_daemon.trouble()
    return [("cron_not_running" if text == daemon else "crontab", text) for text in found]


def _why_nobody(settings: Settings, statuses: Sequence[JobStatus]) -> str:
    """Return why nobody is in charge, with what to do; "" where a crontab may start jobs that is not looked at."""
    target, choose = settings.output_crontab, "choose one: cron-generate, or process-control up"
    seen = seen_in_crontab(settings)
    if seen.is_none:
        name = target if target != CONSOLE and has_users(target) else "the crontab"
        return f"{name} leaves them to another trigger, and none is running; {choose.replace(',', ' --all,')}"
    if target == CONSOLE or not has_users(target):
        is_started = any(each.last is not None and each.last.scheduled_at is not None for each in statuses)
        has_scheduler = scheduler_seen(settings.state_directory) is not None
        if not _is_own(settings) or not (has_scheduler or (cron_daemon.is_host() and not is_started)):
            return ""  # who pastes what `console` prints elsewhere, or starts jobs from outside, knows why
        return "" if seen.is_ours else f"neither cron nor a scheduler does; {choose}"
    if os.path.lexists(target) or started_by_others(settings, statuses):
        return ""
    return f"{target} does not exist, and no scheduler is running; {choose}"


def _is_own(settings: Settings) -> bool:
    try:
        return os.geteuid() == _account_of_jobs(settings).uid
    except ProcessControlError:
        return False


def _troubles_of_cron(settings: Settings, jobs: Sequence[Job | InvalidJob], *, is_planned: bool) -> list[str]:
    """Return what keeps cron from starting the jobs as their files say.

    Where cron does not read `output_crontab` by itself, the account's own crontab is looked at.
    """
    target = settings.output_crontab
    if target == CONSOLE or not has_users(target):
        return _troubles_of_the_user_crontab(settings, jobs, is_planned=is_planned)
    try:
        status = os.stat(target)
    except OSError:
        return []  # we may not look
    of_the_daemon = cron_daemon.trouble() if is_planned else None
    of_the_file = _trouble_of_the_file(settings, jobs, status)
    return [trouble for trouble in (of_the_daemon, of_the_file) if trouble is not None]


def keep_fingerprint(settings: Settings, made_from: str, target: str) -> None:
    """Record in the state directory what the present crontab was made from. As the service user."""
    try:
        status = os.stat(target)
    except OSError:
        return
    mark = _mark(target, made_from, status)
    if read_mark(layout.crontab_note(settings.state_directory)) != mark:
        write_mark(layout.crontab_note(settings.state_directory), mark)


def fingerprint(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> str:
    """Return a hash that changes whenever the crontab of these jobs may change."""
    by_slug = sorted(jobs, key=lambda job: job.slug)
    zones = sorted({job.time_zone for job in by_slug if isinstance(job, PlannedJob) and job.time_zone})
    known = [(zone, is_zone_of_host(zone)) for zone in zones]
    return sha256(repr((FORMAT, manner, by_slug, known)).encode("utf-8", "surrogateescape")).hexdigest()


# --- what is compared ------------------------------------------------------------------------------------------------


def _trouble_of_the_file(settings: Settings, jobs: Sequence[Job | InvalidJob], status: os.stat_result) -> str | None:
    """Return what is wrong with the crontab, in words; None when nothing is, or when that is not known."""
    target = settings.output_crontab
    try:
        account = _account_of_jobs(settings)
        names_configuration = names_its_configuration(settings, account)
        leaves_jobs = seen_in_crontab(settings).is_none
        manner = manner_of(settings, account, target, names_configuration=names_configuration, leaves_jobs=leaves_jobs)
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
    # Comments do not count: which faults they name depends on who reads the files.
    if _entries(crontab.text) == _entries(text_of(ExistingFile(content=content, wrong=None))):
        return None
    return f"{target} does not match the job files; to compare: cron-generate --check; to update it: cron-generate"


def _gone(target: str, program: str, *, fix: str = "write them again: cron-generate") -> str:
    return f"the lines of {target} call {program}, which no longer exists; {fix}"


def _troubles_of_the_user_crontab(
    settings: Settings, jobs: Sequence[Job | InvalidJob], *, is_planned: bool
) -> list[str]:
    """Return the same for the crontab of our account, installed by `crontab FILE`."""
    try:
        account = _account_of_jobs(settings)
        text = read_user_crontab(settings.job_directory) if os.geteuid() == account.uid else None
        if text is None:
            return []
        of_the_daemon = cron_daemon.trouble() if is_planned else None
        of_the_file = _trouble_of_the_text(settings, jobs, account, text)
    except (ProcessControlError, OSError):
        return []
    return [trouble for trouble in (of_the_daemon, of_the_file) if trouble is not None]


def _trouble_of_the_text(
    settings: Settings, jobs: Sequence[Job | InvalidJob], account: Account, text: str
) -> str | None:
    name, fix = f"the crontab of {account.name}", fix_for(text)
    if program := _program_that_is_gone(text.encode("utf-8", "surrogateescape")):
        return _gone(name, program, fix=f"to write them again: {fix}")
    names_configuration = names_its_configuration(settings, account)
    manner = manner_of(
        settings,
        account,
        settings.output_crontab,
        names_configuration=names_configuration,
        leaves_jobs=seen_in(text.split("\n")).is_none,
    )
    if is_up_to_date(text, crontab_of([planned(job, settings) for job in jobs], manner).text):
        return None
    return f"{name} does not match the job files; to update it: {fix}"


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

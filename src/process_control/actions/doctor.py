"""`doctor`: all its checks in one list, in the order in which they are shown."""

import os
import time
from collections.abc import Callable

from process_control.actions.rights import become_reader, directory_of_run_job, own_directories
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.schedule import host_zone
from process_control.crontab.condition import troubles_of_the_trigger
from process_control.crontab.in_charge import in_charge
from process_control.crontab.left_out import generated_crontab, left_out, why_left_out
from process_control.crontab.rules import has_users
from process_control.crontab.target import CONSOLE
from process_control.crontab.watch_line import has_watch
from process_control.errors import ProcessControlError
from process_control.state.past_runs import open_index
from process_control.system import cron_daemon
from process_control.system.account import account_of, service_account
from process_control.system.directories import make_as_root
from process_control.views.doctor import (
    calendars,
    channels,
    clock,
    control_groups,
    cron_zone,
    disk,
    health,
    history,
    job_files,
    mail,
    orphans,
    rights,
    watch,
)
from process_control.views.doctor.finding import BAD, OK, WARN, Finding, command_in, fine, found_or_fine, not_checked
from process_control.views.doctor.look import Look
from process_control.views.in_charge import scheduler_in_charge
from process_control.views.status import read_statuses

CONFIGURATION, CRON, SCHEDULER, STARTS = "configuration", "cron", "scheduler", "starts"
COMMAND = "process-control doctor"


def _trigger(look: Look) -> list[Finding]:
    """Return what keeps what is in charge from starting the jobs: it is dead, or the crontab does not fit the files."""
    charge = in_charge(look.settings)
    troubles = troubles_of_the_trigger(look.settings, look.jobs, look.statuses, charge)
    if charge.is_scheduler:
        return [_of_a_sentence(SCHEDULER, trouble) for trouble in troubles] or fine(SCHEDULER, charge.words)
    found = [_of_a_sentence(CRON, trouble) for trouble in troubles]
    found += [_of_left_out(job) for job in left_out(look.settings, look.jobs, look.statuses)]
    if found:
        return found_or_fine(found, CRON, "")
    text, target = _crontab(look)
    if not text and any(job.schedule for job in look.valid_jobs):
        return not_checked(CRON, f"{target} does not start these jobs; something else may")
    if not look.daemons:
        return not_checked(CRON, "no cron daemon is seen here")
    return fine(CRON, "cron starts the jobs as their files say")


def _of_left_out(job: Job) -> Finding:
    what = f"{job.slug} is not in the crontab: {why_left_out(job)}"
    return Finding(check=CRON, state=BAD, what=what, remedy=f"process-control export systemd {job.slug}")


def _cron_zone(look: Look) -> list[Finding]:
    if scheduler_in_charge(look.settings.state_directory):
        return []
    text, target = _crontab(look)
    of_its_own = cron_zone.with_a_zone_of_its_own(target, text, str(getattr(host_zone(), "key", "")))
    return of_its_own or cron_zone.check(look)


def _watch(look: Look) -> list[Finding]:
    charge = scheduler_in_charge(look.settings.state_directory)
    if charge is not None and charge.is_alive:
        return watch.check(look, started_by="the scheduler is alive and should look every minute")
    text, _ = _crontab(look)
    return watch.check(look, started_by="the crontab has its line: is cron running?" if has_watch(text) else None)


def _starts(look: Look) -> list[Finding]:
    """Return what jobs say of their starts: stray ones, refused ones, skips that nobody chose, late ones."""
    found = [
        Finding(check=STARTS, state=WARN, what=f"{each.slug}: {alert}", remedy=f"process-control status {each.slug}")
        for each in look.statuses
        for alert in each.alerts
    ]
    return found or fine(STARTS, "no start was refused, stray or skipped without anybody's choice")


#: All checks but that of the configuration, without which none of them can be made.
CHECKS: tuple[Callable[[Look], list[Finding]], ...] = (
    rights.check,
    job_files.check,
    job_files.check_needs,
    calendars.check,
    _trigger,
    _cron_zone,
    _watch,
    _starts,
    mail.check,
    mail.check_spool,
    channels.check,
    disk.check,
    clock.check,
    orphans.check,
    health.check,
    control_groups.check,
    history.check,
)


def look_at_everything(load: Callable[[], Settings], *, makes_directories: bool) -> tuple[Look | None, list[Finding]]:
    """Return what the checks look at, as the service user, and what is found on the way; None without a configuration.

    `makes_directories`: as root, those are made that only root can make. Raises NotPermitted (77) for anybody else.
    """
    try:
        settings = load()
        account = account_of(os.geteuid()) if settings.user is None else service_account(settings.user)
    except ProcessControlError as error:
        return None, _of_error(error)
    was_root = os.geteuid() == 0
    daemons = cron_daemon.daemons()
    if was_root and makes_directories and account.uid != 0:
        make_as_root(own_directories(settings), account)
    become_reader(settings, command=COMMAND)
    found = fine(CONFIGURATION, settings.path or "there is no file: the defaults hold")
    try:
        jobs = load_all(settings)
    except ProcessControlError as error:
        return None, [*found, *_of_error(error)]
    with open_index(settings.state_directory) as index:
        statuses = read_statuses(settings, jobs, index)
        garbled = [f"{each.file}: {each.lines} unreadable lines" for each in index.garbled()]
        edited = index.edited_files()
    look = Look(
        settings=settings,
        account=account,
        jobs=jobs,
        statuses=statuses,
        now=time.time(),
        daemons=daemons,
        was_root=was_root,
        own_commands=directory_of_run_job(),
        garbled=garbled,
        edited=edited,
    )
    return look, found


def findings_of(look: Look) -> list[Finding]:
    """Return what every check says; one that cannot be made says why."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(look)
        except (ProcessControlError, OSError) as error:
            name, why = check.__module__.rpartition(".")[2], f"could not be checked: {error}"
            found.append(Finding(check=name, state=WARN, what=why, remedy=f"sudo {COMMAND}"))
    return found


def _of_error(error: ProcessControlError) -> list[Finding]:
    """Return the faults of the configuration. Without it nothing else can be checked."""
    return [
        Finding(
            check=CONFIGURATION,
            state=BAD,
            what=str(fault).replace("\n  hint: ", "; "),
            remedy=command_in(fault.hint, otherwise="process-control explain"),
        )
        for fault in error.faults
    ]


def _of_a_sentence(check: str, sentence: str) -> Finding:
    """Return a finding of a sentence that ends in its command."""
    what, behind, _ = sentence.partition("; ")
    what = what if behind else sentence.rpartition(": ")[0]
    command = sentence.rpartition(": ")[2].partition(", or")[0]
    return Finding(check=check, state=BAD, what=what, remedy=command)


def _crontab(look: Look) -> tuple[str, str]:
    """Return the text of the crontab that has the jobs' lines, and its name; no text when it cannot be read."""
    target = look.settings.output_crontab
    is_own = target == CONSOLE or not has_users(target)
    return generated_crontab(look.settings), f"the crontab of {look.account.name}" if is_own else target


def has_findings(findings: list[Finding]) -> bool:
    return any(finding.state != OK for finding in findings)

"""Checks job files: faults that keep a job from loading, and what a job needs and this host does not have."""

from shlex import quote

from process_control.config.job_directory import InvalidJob
from process_control.config.unread_files import unread_files
from process_control.core.job import Job
from process_control.errors import ProcessControlError
from process_control.views.doctor.finding import BAD, WARN, Finding, command_in, found_or_fine, not_checked
from process_control.views.doctor.look import Look
from process_control.views.missing_on_host import all_missing

CHECK, NEEDS = "job_files", "needs"


def check(look: Look) -> list[Finding]:
    """Return the first fault of each invalid file, and the files that are not read."""
    found = [_invalid(job) for job in look.jobs if isinstance(job, InvalidJob)]
    try:
        unread = unread_files(look.settings)
    except (ProcessControlError, OSError):
        unread = []
    found += [
        Finding(check=CHECK, state=WARN, what=f"{fault.where}: {fault.what}", remedy="process-control lint")
        for fault in unread
    ]
    return found_or_fine(found, CHECK, f"{len(look.jobs)} job files are valid")


def _invalid(job: InvalidJob) -> Finding:
    first = job.error.faults[0]
    more = len(job.error.faults) - 1
    what = f"{first.where}: {first.what}" + (f" (and {more} more)" if more else "")
    return Finding(check=CHECK, state=BAD, what=what, remedy=f"process-control lint {quote(job.path)}")


def check_needs(look: Look) -> list[Finding]:
    """Return the programs, directories and secrets that jobs need and that are not there."""
    if not look.is_service_user:
        return not_checked(NEEDS, f"only {look.account.name} can look", remedy="sudo process-control doctor")
    found = [
        Finding(check=NEEDS, state=BAD, what=f"{job.slug}: {each.what}", remedy=_remedy(job, each.hint))
        for job in look.valid_jobs
        if not job.disabled
        for each in all_missing(job, look.settings, home=look.account.home, own_commands=look.own_commands)
    ]
    return found_or_fine(found, NEEDS, "the programs that jobs name first, and files they name, are there")


def _remedy(job: Job, hint: str) -> str:
    """Return the hint when it is a command, else the command that shows the place in the file."""
    return command_in(hint, otherwise=f"process-control lint {job.slug}")

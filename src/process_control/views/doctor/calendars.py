"""Checks calendars: those of the configuration, and those that jobs name in `exclude`, can be read now."""

from process_control.config.calendars import faults_of_calendars, faults_of_exclude
from process_control.core.schedule.excluded import is_days
from process_control.views.doctor.finding import BAD, Finding, command_in, found_or_fine, not_checked
from process_control.views.doctor.look import Look

CHECK = "calendars"
INSTALL = "pip install 'process-control[calendars]'"


def check(look: Look) -> list[Finding]:
    """Return the calendars that cannot be read, whatever was read earlier. A start uses its last good reading."""
    if not look.is_service_user:
        return not_checked(CHECK, f"only {look.account.name} can look", remedy="sudo process-control doctor")
    named = {entry for job in look.valid_jobs if not job.disabled for entry in job.exclude if not is_days(entry)}
    faults = faults_of_calendars(look.settings)
    faults += faults_of_exclude(sorted(named - look.settings.calendars.keys()), look.settings)
    found = [Finding(check=CHECK, state=BAD, what=each.what, remedy=_remedy(each.hint)) for each in faults]
    return found_or_fine(found, CHECK, "all calendars can be read" if named else "no job names a calendar")


def _remedy(hint: str) -> str:
    return INSTALL if hint.endswith(INSTALL) else command_in(hint, otherwise="process-control explain exclude")

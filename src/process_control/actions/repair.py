"""What `doctor --fix` does: only what cannot harm. Crontabs, job files and processes are left to people."""

import os
import stat
from collections.abc import Iterable

from process_control.core.health import Policy
from process_control.core.job import Job
from process_control.errors import ProcessControlError
from process_control.execution.groups_of_runs import remove_forsaken
from process_control.state.health_changes import restore_unreadable_health
from process_control.state.job_state import JobRecord
from process_control.state.past_runs import open_index
from process_control.system.atomic_file import make_directory
from process_control.views.doctor.finding import (
    MAKE_DIRECTORY,
    REBUILD_HEALTH,
    REBUILD_INDEX,
    REMOVE_GROUPS,
    SET_MODE,
    Finding,
    Repair,
)
from process_control.views.doctor.look import Look


def in_words(repair: Repair) -> str:
    """Return what a repair does, without a subject: `make the directory /…`."""
    return {
        MAKE_DIRECTORY: f"make the directory {repair.target}, mode {repair.mode:04o}",
        SET_MODE: f"set the mode of {repair.target} to {repair.mode:04o}",
        REBUILD_HEALTH: f"rebuild the health of {repair.target} from the journal",
        REBUILD_INDEX: "rebuild the index of the history from the journal",
        REMOVE_GROUPS: "remove the control groups that killed runs have left",
    }[repair.kind]


def repair_all(findings: Iterable[Finding], look: Look, *, dry_run: bool) -> list[str]:
    """Do what can be repaired, as the service user; return what was done, in words, and what could not be."""
    repairs = dict.fromkeys(finding.repair for finding in findings if finding.repair is not None)
    if dry_run:
        return [f"would {in_words(repair)}" for repair in repairs]
    done = []
    for repair in repairs:
        try:
            _repair(repair, look)
        except (OSError, ProcessControlError, ValueError) as error:
            done.append(f"could not {in_words(repair)}: {error}")
        else:
            done.append(in_words(repair))
    return done


def _repair(repair: Repair, look: Look) -> None:
    if repair.kind == MAKE_DIRECTORY:
        make_directory(repair.target, repair.mode)
    elif repair.kind == SET_MODE:
        _set_mode(repair.target, repair.mode)
    elif repair.kind == REBUILD_HEALTH:
        _rebuild_health(repair.target, look)
    elif repair.kind == REBUILD_INDEX:
        os.unlink(repair.target)  # what opens it next reads the journal anew
        open_index(look.settings.state_directory).close()
    elif repair.kind == REMOVE_GROUPS:
        remove_forsaken()


def _set_mode(path: str, mode: int) -> None:
    """Set the mode of a file or directory of ours, through a descriptor: its name may be replaced by a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise PermissionError(1, "not a file or directory of ours", path)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _rebuild_health(slug: str, look: Look) -> None:
    job = next((job for job in look.jobs if job.slug == slug), None)
    store = JobRecord(look.settings.state_directory, slug)
    store.open()
    try:
        restore_unreadable_health(store, Policy.from_job(job) if isinstance(job, Job) else None)
    finally:
        store.close()

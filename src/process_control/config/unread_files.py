"""Finds files in the job directory that look like jobs and are not read: `x.yml`, `X.YAML`, folders of `*.yaml`."""

import os
import stat

from process_control.config.job_directory import JobDirectory
from process_control.config.settings import Settings
from process_control.errors import Fault
from process_control.system.untrusted import shown

MAX_NAMED = 5


def unread_files(settings: Settings) -> list[Fault]:
    """Return a fault for each of them, sorted by name. Raises as `JobDirectory` does."""
    with JobDirectory(settings) as directory:
        faults = []
        for name in directory.names():
            if name.startswith(".") or name.endswith(".yaml"):
                continue
            path = shown(f"{settings.job_directory}/{name}")
            if name.lower().endswith((".yml", ".yaml")):
                right = name[: name.rindex(".")] + ".yaml"
                faults.append(
                    Fault("is not read: a job's file ends in .yaml", where=path, hint=f"rename it to {right}")
                )
            elif _holds_jobs(name, directory.descriptor):
                hint = "move its files up, or set it as 'job_directory' in another configuration"
                faults.append(Fault("is not read: a folder with job files", where=path, hint=hint))
        return faults


def in_one_line(faults: list[Fault]) -> str:
    """Return a sentence with the number of files that are not read, and the first names."""
    names = [fault.where.rpartition("/")[2] for fault in faults]
    named = ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
    are = "1 file or folder is" if len(names) == 1 else f"{len(names)} files or folders are"
    return f"{are} not read: {named}; to see why: process-control lint"


def _holds_jobs(name: str, directory: int) -> bool:
    """Return whether the entry is a folder with YAML files. False if it cannot be read."""
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            return False
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False
    try:
        return any(each.endswith((".yaml", ".yml")) and each[0] != "." for each in os.listdir(descriptor))
    except OSError:
        return False
    finally:
        os.close(descriptor)

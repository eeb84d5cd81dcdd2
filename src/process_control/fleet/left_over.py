"""The directory in which keepers leave results for their worker: for one worker at a time, and never for the next."""

import os
from contextlib import suppress

from process_control.core import layout
from process_control.errors import NotStarted
from process_control.system import directories, lock

_WORKER = "worker"
#: The ends of what a keeper writes, see `layout.fleet_result`.
_ENDINGS = (".json", ".json.err", ".json.new")


def be_the_only_worker(state_directory: str) -> None:
    """Take the lock of the directory until this process ends. Raises NotStarted (75) when another worker has it."""
    directory = layout.fleet(state_directory)
    directories.ensure([(directory, 0o700)])
    descriptor = lock.take(directory, _WORKER)
    if descriptor is None:
        with open(layout.lock(directory, _WORKER)) as file:
            pid = file.read(32).strip()
        raise NotStarted(
            f"another worker of the fleet has this state directory: pid {pid or 'not written yet'}",
            where=state_directory,
            hint="one worker serves a host; another one needs another state_directory",
        )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def remove(state_directory: str) -> None:
    """Remove the results of runs whose worker has died: the server has given them up."""
    for entry in os.scandir(layout.fleet(state_directory)):
        if entry.name.endswith(_ENDINGS):
            with suppress(OSError):
                os.unlink(entry.path)

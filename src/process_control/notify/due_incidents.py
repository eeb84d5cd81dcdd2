"""Which open incidents a round has to look at: in a storm thousands are open, and reading them takes half a second."""

import os
from collections.abc import Collection

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.state.incident_store import Store

#: So long an incident may wait to be looked at, whatever is due: a job file may have been edited in place.
ALL_AGAIN_SECONDS = 3600.0


def due_incidents(store: Store, stamp: str, *, now: float, written: Collection[str]) -> tuple[list[str], list[float]]:
    """Return the ids of those to be looked at, oldest first, and when the others have to be (UTC seconds).

    They are those that were written, or whose time has come; all when the stamp is another than at the last time.
    """
    is_all = stamp != store.settled_for()
    due: list[str] = []
    moments: list[float] = []
    for id_, at in sorted(store.due_times().items(), key=lambda each: (each[1], each[0])):
        if is_all or id_ in written or not now < at <= now + ALL_AGAIN_SECONDS:  # the clock may have been ahead
            due.append(id_)
        else:
            moments.append(at)
    return due, moments


def stamp_of(settings: Settings) -> str:
    """Return a text that changes with the configuration, the job files and the silences."""
    paths = (settings.path or "", settings.job_directory, layout.silences(settings.state_directory))
    return "\n".join(map(_stamp_of, paths))


def _stamp_of(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "-"
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"

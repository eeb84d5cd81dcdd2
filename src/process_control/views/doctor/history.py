"""Checks journal and index: what cannot be read, and whether the index can be kept on the disk."""

import os
from shlex import quote

from process_control.core import layout
from process_control.views.doctor.finding import REBUILD_INDEX, WARN, Finding, Repair, fine
from process_control.views.doctor.look import Look

CHECK = "index"


def check(look: Look) -> list[Finding]:
    """Return the garbled files of the journal, and an index that was left half made.

    The index was opened before, by whoever made the look: if it could be, it is up to date now.
    """
    state = look.settings.state_directory
    found = [
        Finding(
            check=CHECK, state=WARN, what=f"{each}; the other lines count", remedy="process-control audit --limit 5"
        )
        for each in look.garbled
    ]
    index = layout.index(state)
    found += [
        Finding(
            check=CHECK,
            state=WARN,
            what=f"{layout.journal_file(state, name)} was edited after the index read it, so the history may show what "
            "is no longer in it",
            remedy="process-control doctor --fix",
            repair=Repair(kind=REBUILD_INDEX, target=index),
        )
        for name in look.edited
    ]
    has_records = any(name.endswith(layout.DAYS) for name in _names(layout.journal(state)))
    if look.is_service_user and has_records and (not os.path.isfile(index) or os.path.exists(f"{index}-journal")):
        what = f"{index} cannot be written, or was left half made: every look reads the whole journal again"
        remedy = f"rm -rf {quote(index)} {quote(index)}-journal && process-control history --limit 1"
        found.append(Finding(check=CHECK, state=WARN, what=what, remedy=remedy))
    return found or fine(CHECK, "the journal can be read, and its index is up to date")


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []

"""Checks whether runs can have control groups of their own, and whether killed runs have left some."""

import fcntl
import os

from process_control.execution.cgroup import PREFIX, open_and_lock, where_ours_go
from process_control.views.doctor.finding import REMOVE_GROUPS, WARN, Finding, Repair, fine
from process_control.views.doctor.look import Look

CHECK = "control_groups"


def check(_: Look) -> list[Finding]:
    """Return the groups that nobody holds; that none can be made is no fault, since runs are found without them."""
    above = where_ours_go()
    if above is None:
        return fine(CHECK, "none can be made here: processes of runs are found by their parents and their run id")
    try:
        left = [name for name in sorted(os.listdir(above)) if name.startswith(PREFIX) and _is_forsaken(above, name)]
    except OSError:
        left = []
    if not left:
        return fine(CHECK, f"each run has its own, below {above}")
    what = f"{len(left)} control groups of runs that were killed are left: {above}/{left[0]}"
    repair = Repair(kind=REMOVE_GROUPS)
    return [Finding(check=CHECK, state=WARN, what=what, remedy="process-control doctor --fix", repair=repair)]


def _is_forsaken(above: str, name: str) -> bool:
    """Return whether nobody holds the group. One with processes in it is for `orphans`."""
    try:
        held = open_and_lock(f"{above}/{name}", fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    if held is None:
        return False
    os.close(held)
    try:
        with open(f"{above}/{name}/cgroup.events", encoding="ascii") as file:
            return "populated 1" not in file.read()
    except OSError:
        return False

"""Find out whether a planned time (slot) had its run before its true time, while the clock was ahead.

Lean module, loaded only when a start finds its slot claimed already. The seconds since the boot show it, which nobody
sets. Such a slot is run once more.
"""

import time

from process_control.history.journal_reader import backwards
from process_control.state.claim import Claim, boot_in_short
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.json_text import encode

#: A run that began by less before its slot counts as on time: clocks are corrected by seconds now and then.
MIN_AHEAD_SECONDS = 60.0


def is_early(claim: Claim | None, slot: int, *, boot_id: str) -> bool:
    """Return whether the claim is of this slot and boot, and its process began before the slot's true time."""
    if claim is None or claim.slot != slot or claim.boot != boot_in_short(boot_id):
        return False
    return _is_before(slot, proc.seconds_since(claim.pid_start))


def had_only_an_early_run(state_directory: str, slug: str, slot: int, *, boot_id: str) -> bool:
    """Return whether the journal has one run at most for this slot, or skips, all from before its true time.

    A slot that was settled by hand, or run again already, had its run.
    """
    at = iso(slot)
    starts = records = 0
    for record in backwards(state_directory, since=at, needle=f'"scheduled_at":{encode(at)}'):
        if record.get("job") != slug or record.get("scheduled_at") != at:
            continue
        if record["event"] == "mark":
            return False
        if record["event"] not in ("start", "skip"):
            continue
        up = record.get("up")
        if record.get("boot_id") != boot_id or not isinstance(up, int | float):
            return False
        if not _is_before(slot, time.clock_gettime(time.CLOCK_BOOTTIME) - up):
            return False
        records += 1
        starts += record["event"] == "start"
    return records > 0 and starts <= 1


def _is_before(slot: int, age: float) -> bool:
    """Return whether what is `age` seconds old was before the slot, by the present clock."""
    return time.time() - age < slot - MIN_AHEAD_SECONDS

"""Whether the scheduler is in charge, by its note. `crontab/in_charge.py` asks for cron and timers too."""

import time
from collections.abc import Mapping
from typing import Any

from process_control.core import layout
from process_control.core.in_charge import InCharge, SchedulerSeen, Trigger, who_is_in_charge
from process_control.core.moments import took
from process_control.state.block import read_mark
from process_control.state.scheduler_note import lives, read_note
from process_control.system import systemd
from process_control.system.clock import iso

UNIT = "process-control"
#: A look is taken each minute.
MAX_SILENCE_SECONDS = 600.0


def scheduler_seen(state_directory: str) -> SchedulerSeen | None:
    """Return the scheduler as its note shows it; None where none ever ran. Its lock is never taken."""
    note = read_note(state_directory)
    if note is None:
        return None
    is_alive = lives(note)
    if not is_alive and (now := read_note(state_directory)) is not None:  # it may have ended well during this look
        note, is_alive = now, lives(now)
    return SchedulerSeen(
        pid=note.pid,
        started_at=note.started_at,
        seen_at=note.seen_at,
        is_alive=is_alive,
        has_ended=note.ended_at is not None,
        drains_since=note.drains_since,
        is_silent=is_alive and note.seen_at < iso(time.time() - MAX_SILENCE_SECONDS),
    )


def scheduler_in_charge(state_directory: str) -> InCharge | None:
    """Return the scheduler when it is in charge, be it dead; else None."""
    charge = who_is_in_charge(
        scheduler_seen(state_directory),
        has_cron_lines=lambda: False,
        is_cron_alive=lambda: False,
        has_timers=lambda: False,
    )
    return charge if charge.trigger is Trigger.SCHEDULER else None


def lag_of_the_scheduler(state_directory: str, charge: InCharge) -> dict[str, Any] | None:
    """Return how late the last starts of the living scheduler were, in seconds; None of none, or when it is new."""
    if not charge.is_scheduler or not charge.is_alive:
        return None
    lag = read_mark(layout.scheduler_lag(state_directory))
    return lag if lag is not None and lag.get("pid") == charge.pid and lag.get("starts") else None


def lag_in_words(lag: Mapping[str, Any]) -> str:
    """Return such as `of its last 250 starts half came within 12 ms of their time, 99 % within 80 ms`."""
    half, most = took(lag["p50_seconds"]), took(lag["p99_seconds"])
    starts = "start" if lag["starts"] == 1 else "starts"
    return f"of its last {lag['starts']} {starts} half came within {half} of their time, 99 % within {most}"


def restart_command() -> str:
    """Return the command that starts the scheduler again."""
    return f"systemctl restart {UNIT}" if systemd.has_service(UNIT) else "process-control scheduler"


def trouble_in_words(charge: InCharge) -> str:
    """Return that the scheduler died, drains or hangs, in a sentence that ends in what starts it again."""
    by_hand = f"kill {charge.pid}, then " if charge.is_alive and not systemd.has_service(UNIT) else ""
    return f"{charge.words}; to start it again: {by_hand}{restart_command()}"

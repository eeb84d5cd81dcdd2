"""Whether the scheduler is in charge, by its note. `crontab/in_charge.py` asks for cron and timers too."""

from process_control.core.in_charge import InCharge, SchedulerSeen, Trigger, who_is_in_charge
from process_control.state.scheduler_note import lives, read_note
from process_control.system import systemd

UNIT = "process-control"


def scheduler_seen(state_directory: str) -> SchedulerSeen | None:
    """Return the scheduler as its note shows it; None where none ever ran. Its lock is never taken."""
    note = read_note(state_directory)
    if note is None:
        return None
    return SchedulerSeen(
        pid=note.pid,
        started_at=note.started_at,
        seen_at=note.seen_at,
        is_alive=lives(note),
        has_ended=note.ended_at is not None,
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


def restart_command() -> str:
    """Return the command that starts the scheduler again."""
    return f"systemctl restart {UNIT}" if systemd.has_service(UNIT) else "process-control scheduler"


def dead_in_words(charge: InCharge) -> str:
    """Return that the scheduler died, in a sentence that ends in what starts it again."""
    return f"{charge.words}; to start it again: {restart_command()}"

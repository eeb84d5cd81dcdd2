"""The end record of a run whose runner could not write one."""

from process_control.core.facts import LOST
from process_control.core.records import fields_of_run_and_end


def lost_end(block: dict[str, object], *, now: str, boot_id: str) -> dict[str, object]:
    """Return the end record of a run whose runner is gone. If the block has another boot id, the host went down.

    `now` is ISO 8601 UTC.
    """
    host_went_down = block.get("boot_id") != boot_id
    detail = (
        "the host went down or was restarted during the run"
        if host_went_down
        else "its runner was killed before it could record the end"
    )
    return {
        "event": "end",
        "at": now,
        **{name: block[name] for name in fields_of_run_and_end() if name in block},
        "outcome": LOST,
        "reason": "host_down" if host_went_down else "runner_killed",
        "exit_code": None,
        "signal": None,
        "duration_seconds": None,
        "detail": detail,
        "attempts": block.get("attempts") or [],
    }

"""The end of a run that could not write its own: nobody is left to say more than this."""

from process_control.core.facts import LOST


def lost_end(block: dict[str, object], *, now: str, boot_id: str) -> dict[str, object]:
    """Return the end record of a run whose runner is gone; another boot than `boot_id`: the host went down."""
    host_went_down = block.get("boot_id") != boot_id
    detail = (
        "the host went down or was restarted during the run"
        if host_went_down
        else "its runner was killed before it could record the end"
    )
    return {
        "event": "end",
        "at": now,
        **{
            name: block.get(name)
            for name in (
                "run_id",
                "job",
                "trigger",
                "scheduled_at",
                "slow_start",
                "by",
                "host",
                "version",
                "started_at",
            )
        },
        "outcome": LOST,
        "reason": "host_down" if host_went_down else "runner_killed",
        "exit_code": None,
        "signal": None,
        "duration_seconds": None,
        "detail": detail,
        "attempts": block.get("attempts") or [],
        "log": block.get("log"),
    }

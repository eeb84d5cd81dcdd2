"""Whether a job's health permits a start, read from the plain record; how late one may be; and a hold in words.

The table of states is `core/health_table.py`.

Lean module, pure. Moments are ISO 8601 UTC with milliseconds, so they compare as texts.
"""

STATES = ("healthy", "failing", "held", "slow_start")

GO, HELD, BACKING_OFF, PAUSE_IS_OVER, PROBE_IS_DUE = "go", "held", "backoff", "pause is over", "probe is due"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job

Record = dict[str, object]


def start_window_seconds(job: "Job") -> float:
    """Return how old a planned time may be when its start arrives: `start_within`, or the window of `catch_up`."""
    return job.start_within_seconds if job.catch_up_which in (None, "none") else job.catch_up_within_seconds


def permission(
    health: Record | None, *, now: str, slot: str | None, latest_backoff: str | None, latest_probe: str | None
) -> str:
    """Return what a start may do: GO, HELD, BACKING_OFF, PAUSE_IS_OVER or PROBE_IS_DUE.

    `slot` is the planned time of a scheduled start; None by hand: such a start ignores a backoff and is no probe.
    `latest_backoff` and `latest_probe` are the latest moments that the job file allows (None: it has no such key).
    Later ones were written while the clock was wrong, and are ignored. Raises ValueError for a broken record.
    """
    if health is None:
        return GO
    if health.get("state") == "held":
        return _permission_while_held(health, now, scheduled=slot is not None, latest_probe=latest_probe)
    until = _moment(health, "backoff_until")
    if slot is not None and until is not None and latest_backoff is not None and slot < until <= latest_backoff:
        return BACKING_OFF
    return GO


def _permission_while_held(health: Record, now: str, *, scheduled: bool, latest_probe: str | None) -> str:
    release_at, probe_at = _moment(health, "release_at"), _moment(health, "probe_at")
    if release_at is not None and release_at <= now:
        return PAUSE_IS_OVER
    if scheduled and probe_at is not None and latest_probe is not None and not now < probe_at <= latest_probe:
        return PROBE_IS_DUE
    return HELD


def _moment(health: Record, name: str) -> str | None:
    value = health.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no time")
    return value


def hold_in_words(health: Record, *, since: str | None = None, until: str | None = None) -> str:
    """Return `held since … by ann@db1 until …: the disk is full (run 01k…; stderr line 3: …)`.

    `since` and `until` are these two times as the reader wants them; None: as recorded.
    """
    began, ends = since or health.get("since"), until or health.get("release_at")
    words = "held"
    words += f" since {began}" if began else ""
    words += f" by {health['by']}" if health.get("by") else ""
    words += f" until {ends}" if ends else ""
    evidence = [f"run {health['run_id']}"] if health.get("run_id") else []
    evidence += [str(health["evidence"])] if health.get("evidence") else []
    proof = f" ({'; '.join(evidence)})" if evidence else ""
    return f"{words}: {health.get('why') or 'no reason given'}{proof}"


def backoff_in_words(health: Record) -> str:
    """Return `2 failures in a row, backing off until … (run 01k…: exited with 3)`."""
    failures = health.get("failures_in_row")
    in_row = f"{failures} failures in a row" if failures != 1 else "1 failure"
    why = f": {health['why']}" if health.get("why") else ""
    last = f" (run {health['run_id']}{why})" if health.get("run_id") else ""
    return f"{in_row}, backing off until {health.get('backoff_until')}{last}"


def garbage_in_words(error: Exception) -> str:
    """Return why a job whose health file cannot be read counts as held."""
    return f"held: its health file is unreadable ({error}); `process-control release` rebuilds it from the journal"

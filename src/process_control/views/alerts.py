"""What needs a look whatever state a job is in: sentences for lists, screens and the monitoring plugin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from process_control.core.facts import OUTPUT_CUT, SKIPPED
from process_control.core.measures import duration
from process_control.core.skips import MAX_COUNTED, unplanned_skips_in_words
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.system import proc

#: How far past limit and grace a run may be before that means that nobody enforces the limit.
TOO_LONG_SECONDS = 5.0
#: How long a message may wait in the spool without an alert.
LONG_WAITING_SECONDS = 15 * 60


def alerts_of(
    *,
    slug: str,
    last: Run | None,
    running: dict[str, Any] | None,
    recent: tuple[str | None, ...],
    index: Index,
    now: float,
) -> list[str]:
    """Return what needs a look. `running` is the block of the current run, `recent` the last outcomes."""
    found = (
        [] if last is None else [f"its last run: {fault}" for fault in last.faults if not _is_its_reason(fault, last)]
    )
    if running is not None:
        found += _of_the_runner(running, now)
    if recent[-1:] == (SKIPPED,):  # only then the history is asked
        skips = index.runs(jobs=[slug], limit=MAX_COUNTED)
        words = unplanned_skips_in_words([(run.outcome, run.reason, run.detail) for run in skips])
        found += [words] if words else []
    return found


def refusal_in_words(mark: dict[str, Any] | None, *, slug: str, started: Sequence[str | None]) -> str | None:
    """Return that the job's last start was refused; None when a run has started since. `started`: when runs have."""
    at = None if mark is None else mark.get("at")
    if mark is None or not isinstance(at, str) or any(moment is not None and moment > at for moment in started):
        return None
    what = f"its start at {at} was refused, and no run has started since: {mark.get('what')}"
    return f"{what}; more: process-control audit {slug} --event refusal"


def stray_in_words(mark: dict[str, Any] | None, *, version: str | None, settled_slot: int | None) -> str | None:
    """Return what a start says for which the job's file, as it is now, planned no time; None when that is over."""
    if mark is None or version is None or mark.get("version") != version:
        return None
    seconds = mark.get("seconds")
    if not isinstance(seconds, int) or (settled_slot is not None and settled_slot >= seconds):
        return None
    start = f"a start by {mark.get('trigger')} at {mark.get('at')} came, but its file plans none"
    return f"{start}; the crontab does not match the job files: cron-generate"


def _is_its_reason(fault: str, run: Run) -> bool:
    return run.reason == OUTPUT_CUT and fault == run.detail


def _of_the_runner(block: dict[str, Any], now: float) -> list[str]:
    """Return what is wrong with runner and guard, which enforce the limits; nothing in another pid namespace."""
    namespace = proc.pid_namespace()
    if namespace and block.get("pid_ns") not in (None, "", namespace):
        return []
    found = []
    for key, name in (("pid", "runner"), ("guard_pid", "guard")):
        pid = block.get(key)
        if isinstance(pid, int) and proc.is_stopped(pid):
            found.append(f"its {name} is stopped (SIGSTOP), so its limits are not enforced: kill -CONT {pid}")
    return found or _past_its_limit(block, now)


def _past_its_limit(block: dict[str, Any], now: float) -> list[str]:
    """Return how far the run is past its time limit, all its attempts together."""
    limit, began = block.get("timeout_seconds"), _seconds_of(block.get("started_at"))
    grace = block.get("kill_grace_seconds")
    if not isinstance(limit, (int, float)) or not limit or began is None:
        return []
    kept_by = limit + (grace if isinstance(grace, (int, float)) else 0.0) + TOO_LONG_SECONDS
    if now - began <= kept_by:
        return []
    over = duration(now - began - limit)
    return [f"its run is {over} over its limit of {duration(limit)}: check its runner, pid {block.get('pid')}"]


def _seconds_of(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None

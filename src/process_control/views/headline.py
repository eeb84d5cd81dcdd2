"""How all jobs stand, in one sentence: what needs somebody first. Pure."""

from collections.abc import Sequence
from datetime import datetime

from process_control.core.job_state import FAILING, HELD, INVALID, LATE, RUNNING
from process_control.core.moments import day_and_time, parse_iso, span
from process_control.views.job_status import JobStatus

#: States with a word of their own, in this order.
_TROUBLE = ((FAILING, "failing"), (INVALID, "invalid"), (LATE, "late"), (HELD, "held"))


def headline(statuses: Sequence[JobStatus], now: datetime) -> str:
    """Return `2 jobs failing, same error since 09:14; nightly is 40 min late`."""
    if not statuses:
        return "no job yet"
    parts = [part for state, word in _TROUBLE if (part := _part(statuses, state, word, now))]
    if parts:
        return "; ".join(parts)
    running = sum(1 for each in statuses if each.state == RUNNING)
    also = f"; {running} running" if running else ""
    return ("the one job is well" if len(statuses) == 1 else f"all {len(statuses):,} jobs are well") + also


def _part(statuses: Sequence[JobStatus], state: str, word: str, now: datetime) -> str:
    found = [each for each in statuses if each.state == state]
    if not found:
        return ""
    if state == LATE and len(found) == 1 and found[0].late_slot is not None:
        return f"{found[0].slug} is {span((now - found[0].late_slot).total_seconds())} late"
    who = f"{found[0].slug} is" if len(found) == 1 else f"{len(found):,} jobs"
    return f"{who} {word}{_same_error(found, now) if state == FAILING else ''}"


def _same_error(found: Sequence[JobStatus], now: datetime) -> str:
    """Return since when several jobs fail for the same reason, or for how long one does."""
    begins = [moment for each in found if each.last and (moment := parse_iso(each.last.started_at))]
    if not begins:
        return ""
    when = day_and_time(min(begins), now)
    if len(found) == 1:
        return f" since {when}"
    return f", same error since {when}" if len({each.last_in_words for each in found}) == 1 else ""

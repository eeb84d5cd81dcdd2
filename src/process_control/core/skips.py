"""Unplanned skips: what several in a row mean, in words.

Lean module, pure.
"""

from process_control.core.facts import SKIPPED

TOO_LATE, OVERLAP = "too_late", "overlap"
#: Fewer in a row mean nothing: one run may take longer than usual.
MIN_IN_A_ROW = {TOO_LATE: 1, OVERLAP: 3}
MAX_COUNTED = 10
WHY_TOO_LATE = (
    "the time zone or the name of the host has changed since cron started (restart cron), or the crontab "
    "is out of date (run cron-generate)"
)
#: In the details of starts that got no place, see `core/places.py`.
FOR_A_PLACE = " for a place "
WHY_NO_PLACE = "its pool or the host is full for longer than its queue_timeout: allow more at once, or plan it apart"
WHY_OVERLAP = "its runs take longer than its schedule allows, or one hangs"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Skip = tuple[str | None, str | None, str | None]


def unplanned_skips_in_words(newest: "Sequence[Skip]") -> str | None:
    """Return what is probably wrong, from the last runs (outcome, reason, detail; newest first); None: nothing."""
    for reason, why in ((TOO_LATE, WHY_TOO_LATE), (OVERLAP, WHY_OVERLAP)):
        count = 0
        for outcome, its_reason, _ in newest[:MAX_COUNTED]:
            if (outcome, its_reason) != (SKIPPED, reason):
                break
            count += 1
        if count >= MIN_IN_A_ROW[reason]:
            more = "or more " if count == MAX_COUNTED else ""
            detail = f" ({newest[0][2]})" if newest[0][2] else ""
            starts, times = ("start", "its planned time") if count == 1 else ("starts", "their planned times")
            found = f"came too late for {times}" if reason == TOO_LATE else "found the previous run still running"
            if reason == OVERLAP and FOR_A_PLACE in detail:
                found, why = "got no place to run", WHY_NO_PLACE
            number = "" if count == 1 else f"{count} {more}"
            return f"the last {number}scheduled {starts} {found}{detail}: {why}"
    return None

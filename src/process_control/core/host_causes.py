"""Which trouble of the host explains a missed planned time: then people are notified of the cause alone. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from process_control.core.causes import Cause
from process_control.core.heartbeat import LOOK_SECONDS, Gap

#: Causes of a missed time in the ledger that a dead trigger explains.
_NOTHING_CAME = frozenset({"trigger_dead", "not_in_crontab", "unknown"})
#: And those that a host that was down explains.
_WAS_DOWN = _NOTHING_CAME | {"host_down"}
#: What it means that the host, or what starts jobs, was gone: planned times so long before a look are not started any
#: more.
JUST_NOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedSlot:
    """A planned time (UTC seconds) that was missed, its cause by the ledger, and the evidence in a sentence."""

    job: str
    slot: int
    cause: str
    evidence: str


def cause_of_gap(gap: Gap | None) -> Cause | None:
    """Return what a time without looks was; None for none, and when only the clock was set."""
    if gap is None:
        return None
    if gap.boot or gap.suspended > LOOK_SECONDS:
        return Cause.HOST_DOWN
    return None if abs(gap.stepped) > LOOK_SECONDS else Cause.TRIGGER_DEAD


def over_until(gap: Gap | None, now: float) -> float | None:
    """Return up to when nothing that was planned is started any more (UTC seconds), however late it may start."""
    return None if cause_of_gap(gap) is None else now - JUST_NOW_SECONDS


def explained_by(missed: MissedSlot, gap: Gap | None, open_since: dict[Cause, float]) -> Cause | None:
    """Return the trouble of the host that explains a missed planned time; None when the job opens its own incident.

    `open_since`: the troubles that there are, with their beginnings (UTC seconds).
    """
    of_gap = cause_of_gap(gap)
    is_in_gap = gap is not None and of_gap is not None and missed.slot > gap.since
    if Cause.DISK_FULL in open_since and (missed.cause == "refused" or (is_in_gap and missed.cause in _WAS_DOWN)):
        return Cause.DISK_FULL
    if of_gap is Cause.HOST_DOWN and is_in_gap and missed.cause in _WAS_DOWN:
        return Cause.HOST_DOWN
    if Cause.HOST_DOWN in open_since and missed.cause == "host_down":
        return Cause.HOST_DOWN
    since = open_since.get(Cause.TRIGGER_DEAD)
    nothing_came = is_in_gap or (since is not None and missed.slot >= since - JUST_NOW_SECONDS)
    if missed.cause == "trigger_dead" or (nothing_came and missed.cause in _NOTHING_CAME):
        return Cause.TRIGGER_DEAD
    if missed.cause == "refused" and Cause.FILE_INVALID in open_since:
        return Cause.FILE_INVALID
    return None


def divide(
    found: Iterable[MissedSlot], gap: Gap | None, open_since: dict[Cause, float]
) -> tuple[dict[Cause, list[MissedSlot]], dict[str, list[MissedSlot]]]:
    """Return the missed times that a trouble of the host explains, by that, and the others, by job."""
    explained: dict[Cause, list[MissedSlot]] = {}
    others: dict[str, list[MissedSlot]] = {}
    for missed in found:
        cause = explained_by(missed, gap, open_since)
        if cause is None:
            others.setdefault(missed.job, []).append(missed)
        else:
            explained.setdefault(cause, []).append(missed)
    return explained, others

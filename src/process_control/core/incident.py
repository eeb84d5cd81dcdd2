"""What people are told of a job over its runs: one mail a failed run, none before the threshold, one at the recovery.

An incident begins with the first failed run and ends with the first that went well. Pure: events in, letters out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REMIND_OF_REFUSAL = timedelta(days=1)
MAX_SEEN = 50


class Letter(StrEnum):
    """The kinds of mail."""

    FAILURE = "failure"
    REFUSAL = "refusal"
    RECOVERY = "recovery"


class Happening(StrEnum):
    """What happened to a job, as far as people have to know of it."""

    FAILED = "failed"
    REFUSED = "refused"
    WENT_WELL = "went_well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is known of the incident that goes on, or nothing when all is well.

    `thread` names the first mail of it (`<key>.<letter>`), which the others answer; `refusal` is what was last told of
    a start that was refused, and when. `seen` are the ids of what was counted lately: telling is done at least once,
    counting once.
    """

    failures_in_row: int = 0
    since: str | None = None
    thread: str | None = None
    refusal: str | None = None
    refusal_told_at: str | None = None
    seen: tuple[str, ...] = ()

    @property
    def was_told(self) -> bool:
        return self.thread is not None

    def to_record(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in _FIELDS} | {"seen": list(self.seen)}

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Incident":
        """Read the record; what makes no sense counts as no incident: a mail too many is better than none."""
        known = {name: record.get(name) for name in _FIELDS} if record else {}
        texts = [known.get(name) for name in ("since", "thread", "refusal", "refusal_told_at")]
        seen = known.pop("seen", None)
        count = known.get("failures_in_row")
        if type(count) is not int or any(text is not None and not isinstance(text, str) for text in texts):
            return cls()
        return cls(**known, seen=tuple(map(str, seen)) if isinstance(seen, list) else ())  # type: ignore[arg-type]


_FIELDS = ("failures_in_row", "since", "thread", "refusal", "refusal_told_at", "seen")


def next_incident(
    incident: Incident, what: Happening, *, key: str, at: str, threshold: int, refusal: str = ""
) -> tuple[Incident, Letter | None]:
    """Return the incident after `what` happened, and the mail to send, if any.

    `key` is the id of the run or refusal, `at` when it was (ISO 8601), `threshold` the failed run in a row from which
    on mail is sent, `refusal` the sentence of a refusal: the same one is told once a day, since cron may ask every
    minute.
    """
    if key in incident.seen:
        return incident, None
    seen = (*incident.seen, key)[-MAX_SEEN:]
    if what is Happening.WENT_WELL:
        return Incident(seen=seen), Letter.RECOVERY if incident.was_told else None
    grown = replace(incident, failures_in_row=incident.failures_in_row + 1, since=incident.since or at, seen=seen)
    if grown.failures_in_row < threshold:
        return grown, None
    if what is Happening.FAILED:
        return replace(grown, thread=grown.thread or f"{key}.{Letter.FAILURE}"), Letter.FAILURE
    if refusal == incident.refusal and not _is_due(incident.refusal_told_at, at):
        return grown, None
    thread = grown.thread or f"{key}.{Letter.REFUSAL}"
    told = replace(grown, thread=thread, refusal=refusal, refusal_told_at=at)
    return told, Letter.REFUSAL


def _is_due(told_at: str | None, now: str) -> bool:
    """Whether a refusal that was told then has to be told once more; after a clock change too."""
    try:
        since = datetime.fromisoformat(now) - datetime.fromisoformat(told_at or "")
    except ValueError:
        return True
    return not timedelta(0) <= since < REMIND_OF_REFUSAL

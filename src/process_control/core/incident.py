"""Which mails are sent about a job: one for each failed run from the threshold on, and one for the recovery.

An incident begins with the first failed run and ends with the first that succeeds. Pure: events in, letters out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REFUSAL_REMINDER_INTERVAL = timedelta(days=1)
MAX_SEEN = 50


class Letter(StrEnum):
    """The kinds of mail."""

    FAILURE = "failure"
    REFUSAL = "refusal"
    RECOVERY = "recovery"


class Happening(StrEnum):
    """An event of a job that may cause a mail."""

    FAILED = "failed"
    REFUSED = "refused"
    WENT_WELL = "went_well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The current incident of a job; empty when there is none."""

    failures_in_row: int = 0
    #: when it began, ISO 8601
    since: str | None = None
    #: its first mail, `<key>.<letter>`: the others are replies to it
    thread: str | None = None
    #: the refusal that was mailed last, in a sentence
    refusal: str | None = None
    #: when it was mailed, ISO 8601
    refusal_told_at: str | None = None
    #: the keys of what was counted last: mails are sent at least once, failures counted exactly once
    seen: tuple[str, ...] = ()

    @property
    def was_mailed(self) -> bool:
        return self.thread is not None

    def to_record(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in _FIELDS} | {"seen": list(self.seen)}

    @classmethod
    def from_record(cls, record: Mapping[str, object] | None) -> "Incident":
        """Return the incident of a record. A broken record is no incident: a mail too many is better than none."""
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

    `key` is the id of the run or refusal, `at` its time (ISO 8601), `threshold` the number of failed runs in a row from
    which on mail is sent, `refusal` the sentence of a refusal. The same refusal is mailed once a day, since cron may
    repeat it every minute.
    """
    if key in incident.seen:
        return incident, None
    seen = (*incident.seen, key)[-MAX_SEEN:]
    if what is Happening.WENT_WELL:
        return Incident(seen=seen), Letter.RECOVERY if incident.was_mailed else None
    grown = replace(incident, failures_in_row=incident.failures_in_row + 1, since=incident.since or at, seen=seen)
    if grown.failures_in_row < threshold:
        return grown, None
    if what is Happening.FAILED:
        return replace(grown, thread=grown.thread or f"{key}.{Letter.FAILURE}"), Letter.FAILURE
    if refusal == incident.refusal and not _is_due(incident.refusal_told_at, at):
        return grown, None
    thread = grown.thread or f"{key}.{Letter.REFUSAL}"
    mailed = replace(grown, thread=thread, refusal=refusal, refusal_told_at=at)
    return mailed, Letter.REFUSAL


def _is_due(mailed_at: str | None, now: str) -> bool:
    """Return whether a refusal has to be mailed again; also when the clock was set back since `mailed_at`."""
    try:
        since = datetime.fromisoformat(now) - datetime.fromisoformat(mailed_at or "")
    except ValueError:
        return True
    return not timedelta(0) <= since < REFUSAL_REMINDER_INTERVAL

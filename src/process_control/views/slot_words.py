"""A planned time as people name it (`run --slot TIME`, `mark JOB TIME`), and as we write it for them to paste."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.errors import JobNotFound, UsageError
from process_control.views.slots import Account, Ledger
from process_control.views.time_words import moment_of_flag

TIME_HELP = "2026-11-28T03:00, or 03:00: the last time that the clock showed it."
DAY_SECONDS = 86400
#: How far around a time planned ones are looked for: the nearest are named.
WINDOWS_SECONDS = (DAY_SECONDS, 32 * DAY_SECONDS, 400 * DAY_SECONDS)
MAX_NEAREST = 3


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A time as it was typed. `moments` are UTC seconds, two when the clock showed it twice."""

    text: str
    moments: Sequence[int]
    was_skipped: bool = False


def named_time(flag: str, text: str, now: datetime) -> NamedTime:
    """Return what a word means. Raises UsageError (2) when it is no time, JobNotFound (66) for one to come."""
    moment = datetime.fromisoformat(moment_of_flag(flag, text, now)).replace(second=0, microsecond=0)
    if moment > now:
        raise JobNotFound(
            f"{flag} {text}: in the future", hint="a planned time that is over; see process-control slots"
        )
    moments, was_skipped = [int(moment.timestamp())], False
    local = _local_time_in(text)
    if local is not None:
        passes = [int(local.replace(fold=fold).timestamp()) for fold in (0, 1)]
        was_skipped = passes[0] > passes[1]
        moments = passes if passes[0] < passes[1] else moments
    return NamedTime(text, moments, was_skipped)


def _local_time_in(text: str) -> datetime | None:
    """Return the local time that a word spells out without naming its offset, to the minute."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(second=0, microsecond=0) if moment.tzinfo is None else None


def account_named(ledger: Ledger, job: str, time: NamedTime) -> Account:
    """Return the planned time of a job that a word names.

    Raises JobNotFound (66), with the nearest ones, when it is none; UsageError (2) when it may be either of two.
    """
    found = [account for moment in time.moments for account in ledger.accounts([job], after=moment - 1, until=moment)]
    if len(found) > 1:
        both = " or ".join(slot_word(account.slot.slot) for account in found)
        raise UsageError(f"{time.text}: the clock showed this time twice, and {job} was planned for both", hint=both)
    if not found:
        raise _no_slot(ledger, job, time)
    return found[0]


def _no_slot(ledger: Ledger, job: str, time: NamedTime) -> JobNotFound:
    moment, begins = time.moments[0], ledger.begins(job)
    if begins is None:
        return JobNotFound(f"job '{job}' has no planned times yet", hint=f"process-control show {job}")
    skipped = "; the clock was set forward over that time" if time.was_skipped else ""
    if moment < begins:
        skipped = f"; its planned times are known since {slot_word(int(begins))}"
    near = [slot_word(slot) for slot in _nearest(ledger, job, moment)]
    hint = f"the nearest: {', '.join(near)}" if near else f"process-control slots {job} --since 30d"
    return JobNotFound(f"job '{job}' was not planned for {time.text}{skipped}", hint=hint)


def _nearest(ledger: Ledger, job: str, moment: int) -> list[int]:
    for window in WINDOWS_SECONDS:
        accounts = ledger.accounts([job], after=moment - window, until=moment + window)
        if accounts:
            slots = sorted((account.slot.slot for account in accounts), key=lambda slot: abs(slot - moment))
            return sorted(slots[:MAX_NEAREST])
    return []


def slot_word(slot: int) -> str:
    """Return a planned time as a person would type it: local, with its offset when the clock showed it twice."""
    local = datetime.fromtimestamp(slot, UTC).astimezone()
    naive = local.replace(tzinfo=None, fold=0)
    is_ambiguous = naive.timestamp() != naive.replace(fold=1).timestamp()
    return local.strftime("%Y-%m-%dT%H:%M") + (_offset(local) if is_ambiguous else "")


def _offset(local: datetime) -> str:
    text = local.strftime("%z")
    return f"{text[:3]}:{text[3:]}"

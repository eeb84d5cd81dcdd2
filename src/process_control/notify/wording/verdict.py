"""The reason in words, with which subject and text of a message begin; and the sentences below it."""

from process_control.core.causes import Cause
from process_control.core.moments import DAY, parse_iso, span, took
from process_control.core.notice import NoticeEvent
from process_control.core.part_of_incident import Part
from process_control.core.why import outcome_of_record
from process_control.notify.wording.known import Record, Subject, count_of, text_of

#: Planned times of a job that are named in a message.
MAX_TIMES = 3
_DAY_LENGTH = len("Tue 2026-11-24")

#: What an incident counts, by its cause.
COUNTED = {
    Cause.FAILED: "failure",
    Cause.LOST: "lost run",
    Cause.MISSED: "missed planned time",
    Cause.STALE: "day without a success",
    Cause.SKIPPED: "skipped start",
    Cause.REFUSED: "refused start",
    Cause.FILE_INVALID: "invalid file",
}
#: What is true as long as an incident of a host lasts, where no sentence about it was posted.
OF_HOST = {
    Cause.HOST_DOWN: "was down, and planned times were missed",
    Cause.TRIGGER_DEAD: "starts no scheduled jobs",
    Cause.WATCH_DEAD: "had stopped looking for missed jobs",
    Cause.DISK_FULL: "has no space left on a disk",
    Cause.MAIL_DEAD: "cannot send messages",
    Cause.FILE_INVALID: "has invalid job files",
}
#: The words for one of several jobs while it lasts, and when it is over.
_NOT_COUNTED = {Cause.FILE_INVALID: ("invalid", "valid again"), Cause.STALE: ("no success", "well again")}
WELL_AGAIN = {
    Cause.HOST_DOWN: "is up again",
    Cause.TRIGGER_DEAD: "starts scheduled jobs again",
    Cause.WATCH_DEAD: "looks for missed jobs again",
    Cause.DISK_FULL: "has space on its disks again",
    Cause.MAIL_DEAD: "can send messages again",
    Cause.FILE_INVALID: "has no invalid job file any more",
}
#: How a sentence about missed planned times begins; behind its colon is why.
_NO_RUN = "no run for "
#: Words with which a sentence about a run begins.
_OUTCOMES = ("failed", "lost", "missed", "stale", "skipped", "did not start", "has ", "is ", "was ", "cannot ")


def about(subject: Subject) -> str:
    """Return what the message is about: the job, `3 jobs`, or nothing when it is the host itself."""
    jobs = subject.notice.jobs
    cause = subject.incident.cause
    if cause is Cause.FILE_INVALID and jobs:
        return f"{jobs[0]}.yaml" if len(jobs) == 1 else count_of(len(jobs), "job file")
    if cause.is_host_wide:
        return "the host"
    if len(jobs) > 1:
        return count_of(len(jobs), "job")
    return subject.slug or "a job"


def verdict(subject: Subject) -> str:
    """Return the reason: `failed: exited with 3`, `has recovered: succeeded after 2 failures`."""
    event, cause = subject.notice.event, subject.incident.cause
    if event is NoticeEvent.CLOSED:
        return subject.masked(_closed(subject))
    words = _of_host(subject) if cause.is_host_wide else _OF_JOB[cause](subject)
    if event is NoticeEvent.FLAPPING:
        return subject.masked(f"flaps: it fails and recovers again and again ({words})")
    if event is NoticeEvent.CHANGED:
        return subject.masked(f"differs from what was acknowledged: {words}")
    if event is NoticeEvent.REMINDER and not subject.notice.is_of_one_run:
        return subject.masked(f"{_still(words)} ({_count_and_duration(subject)})")
    return subject.masked(words)


def sentences(subject: Subject) -> tuple[str, ...]:
    """Return what happened, where the verdict does not have it; and who knows of it already."""
    incident, event = subject.incident, subject.notice.event
    found = []
    sentence = sentence_of(subject)
    if event is not NoticeEvent.CLOSED and incident.cause not in (Cause.FAILED, Cause.LOST) and "\n" not in sentence:
        is_new = sentence.rstrip(".").removeprefix(_NO_RUN).partition(": ")[2] or sentence.rstrip(".")
        is_about_one = subject.is_one_of_several and _why_of_all(subject) != ""
        if sentence and is_new not in verdict(subject) and not is_about_one:
            found.append(sentence)
    if event is NoticeEvent.FLAPPING:
        found.append("Only reminders are sent from now on, until it is calm.")
    known = incident.acknowledged
    if known and event is NoticeEvent.CHANGED:
        note = f": {known.get('note')}" if known.get("note") else ""
        at = subject.moment(known.get("at"))
        found.append(f"Acknowledged by {known.get('by') or 'somebody'}, {at}{note}")
    return tuple(subject.masked(each) for each in found)


def count(subject: Subject) -> int:
    """Return the trouble of those jobs that this recipient is notified about."""
    parts = subject.incident.parts
    own = [parts[slug].count for slug in subject.notice.jobs if slug in parts]
    return sum(own) if own else subject.incident.count


def lasted(subject: Subject) -> str:
    """Return how long the incident lasts or has lasted, `3 h 10 min`; "" when that is unknown."""
    since, until = parse_iso(subject.incident.since), parse_iso(subject.incident.closed_at or subject.notice.at)
    if since is None or until is None:
        return ""
    seconds = max((until - since).total_seconds(), 0.0)
    return span(seconds) if seconds >= 2 * DAY else took(float(round(seconds)))


def what_of_job(part: Part, subject: Subject) -> str:
    """Return what happened to one of several jobs: `3 failures`, `2 planned times (Tue 2026-11-24 02:30 CET, 03:30)`.

    It ends with `well again`, or with how many planned times are not made up for.
    """
    incident = subject.incident
    word = COUNTED.get(incident.cause, "planned time")
    if incident.cause in _NOT_COUNTED:
        return _NOT_COUNTED[incident.cause][part.is_over]
    words = count_of(part.count, word)
    if incident.cause.is_host_wide and part.slots:
        words += f" ({_first_times(part, subject)})"
    if part.is_over:
        return f"{words}, well again"
    return f"{words}, {part.waiting} not made up for" if incident.is_over and part.waiting else words


def _first_times(part: Part, subject: Subject) -> str:
    """Return the first planned times, and how many more there are; the day is written once."""
    found: list[str] = []
    day = ""
    for slot in part.slots[:MAX_TIMES]:
        before, day = day, subject.moment(slot)
        is_same_day = before[:_DAY_LENGTH] == day[:_DAY_LENGTH]
        found.append(day[_DAY_LENGTH:].strip().partition(" ")[0] if is_same_day else day)
    more = part.count - len(found)
    return ", ".join(found) + (f" and {more:,} more" if more else "")


# --- of a job --------------------------------------------------------------------------------------------------------


def _of_run(subject: Subject) -> str:
    end = subject.end
    if end.get("outcome"):
        return with_hold(end)
    words = sentence_of(subject) if subject.is_posted else subject.incident.reason
    return _begun(words, "lost" if subject.incident.cause is Cause.LOST else "failed")


def with_hold(end: Record) -> str:
    """Return `failed: exited with 78`, `failed and is held: exited with 78`."""
    words = outcome_of_record(end)
    outcome = text_of(end, "outcome")
    return f"{outcome} and is held{words.removeprefix(outcome)}" if end.get("held") else words


def _of_missed(subject: Subject) -> str:
    part = subject.incident.parts.get(subject.slug)
    slots = sorted(part.slots) if part is not None else []
    number = count(subject)
    why_of_all = _why_of_all(subject)
    if subject.is_one_of_several:
        return f"missed {count_of(number, 'planned time')}{f': {why_of_all}' if why_of_all else ''}"
    last = subject.moment(slots[-1]) if slots else ""
    sentence = sentence_of(subject)
    why = sentence.partition(": ")[2].rstrip(".") if sentence.startswith(_NO_RUN) else why_of_all
    words = f"missed its planned time{f' {last}' if last else ''}"
    if number > 1:
        words = f"missed {count_of(number, 'planned time')}{f', the last {last}' if last else ''}"
    return f"{words}: {why}" if why else words


def _why_of_all(subject: Subject) -> str:
    """Return why jobs of the fleet did not run, also for those whose post is not the last one; "" of this host."""
    return text_of(subject.notice.posted, "why_of_all") if subject.is_of_fleet else ""


def _of_stale(subject: Subject) -> str:
    good = subject.past.last_good
    if good is None or subject.is_one_of_several:
        return f"stale: {_first_line(subject) or 'no run has gone well for too long'}"
    return f"stale: no run has gone well since {subject.moment(good.started_at)}"


def _of_refusal(subject: Subject) -> str:
    if subject.is_one_of_several and subject.incident.is_of_invalid_files:
        return "did not start: their files are invalid"
    why_of_all = _why_of_all(subject)
    if why_of_all and subject.is_one_of_several:
        return f"did not start: {why_of_all}"
    what = text_of(subject.notice.posted, "what_is_wrong") if subject.is_posted else why_of_all
    return f"did not start: {what or _first_line(subject) or 'its start was refused'}"


def sentence_of(subject: Subject) -> str:
    """Return what was posted in a sentence, if it is about a job of this recipient's."""
    if not subject.is_posted:
        return ""
    return subject.in_local_time(text_of(subject.notice.posted, "sentence") or subject.incident.sentence)


def _first_line(subject: Subject) -> str:
    return sentence_of(subject).partition("\n")[0].rstrip(".")


def _begun(words: str, outcome: str) -> str:
    if not words:
        return outcome
    return words if words.startswith(_OUTCOMES) else f"{outcome}: {words}"


_OF_JOB = {
    Cause.FAILED: _of_run,
    Cause.LOST: _of_run,
    Cause.MISSED: _of_missed,
    Cause.STALE: _of_stale,
    Cause.SKIPPED: _of_refusal,
    Cause.REFUSED: _of_refusal,
}


# --- of the host, and of the event -----------------------------------------------------------------------------------


def _of_host(subject: Subject) -> str:
    incident, jobs = subject.incident, subject.notice.jobs
    words = OF_HOST[incident.cause]
    if incident.cause is Cause.HOST_DOWN and jobs:
        number = count(subject)
        return f"was down: {count_of(len(jobs), 'job')} missed {count_of(number, 'planned time')}"
    if incident.cause is Cause.FILE_INVALID and jobs:
        what = text_of(subject.notice.posted, "what_is_wrong") or _first_line(subject)
        return f"is invalid: {what}" if len(jobs) == 1 and what else "are invalid" if len(jobs) > 1 else "is invalid"
    return words


def _closed(subject: Subject) -> str:
    incident = subject.incident
    if incident.cause is Cause.FILE_INVALID and subject.notice.jobs:
        return f"{'is' if len(subject.notice.jobs) == 1 else 'are'} valid again after {lasted(subject) or 'a while'}"
    if incident.cause.is_host_wide:
        return f"{WELL_AGAIN[incident.cause]} after {lasted(subject) or 'a while'}"
    outcome = text_of(subject.end, "outcome") if incident.closed_by in (None, "the job succeeded") else ""
    number = count(subject)
    after = f" after {count_of(number, COUNTED[incident.cause])}"
    if incident.cause is Cause.STALE:
        after = f", after {lasted(subject)}"
    if outcome in ("succeeded", "warned"):
        return f"has recovered: {outcome}{after}"
    if incident.closed_by in (None, "the job succeeded"):
        return f"has recovered{after.removeprefix(',')}"
    return f"{'are' if subject.is_one_of_several else 'is'} no trouble any more: {incident.closed_by}"


def _still(words: str) -> str:
    """Return the words of a trouble that lasts: `still failed: …` reads as `has failed again`."""
    for outcome, lasting in (("failed", "still fails"), ("did not start", "still does not start")):
        if words.startswith(outcome):
            return f"{lasting}{words.removeprefix(outcome)}"
    for outcome in ("has ", "is ", "are ", "was ", "cannot ", "starts ", "had ", "missed ", "lost"):
        if words.startswith(outcome):
            return words
    return f"still {words}"


def _count_and_duration(subject: Subject) -> str:
    incident = subject.incident
    duration = lasted(subject)
    counted = (
        ""
        if incident.cause in (Cause.STALE, Cause.MISSED, *OF_HOST)
        else count_of(count(subject), COUNTED[incident.cause])
    )
    return " in ".join(part for part in (counted, duration) if part) if counted else f"for {duration}"

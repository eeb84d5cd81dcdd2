"""Puts a message together: from what is known to the letter that is rendered. Nothing here raises."""

from process_control.core.causes import Cause
from process_control.core.facts import BY_HAND
from process_control.core.moments import took
from process_control.core.notice import NoticeEvent
from process_control.core.usual import FAR, UsualDuration
from process_control.notify.message import decision, notes
from process_control.notify.wording import verdict as words
from process_control.notify.wording.changes import changes_of
from process_control.notify.wording.commands import commands_of
from process_control.notify.wording.known import Subject, count_of, known, text_of
from process_control.notify.wording.letter import Letter, Tone
from process_control.notify.wording.output import output_of

MAX_JOBS = 20
Jobs = tuple[tuple[tuple[str, str], ...], int]
NO_JOBS: Jobs = (), 0
FEWER_MAILS = "failure_threshold_for_mail: 3   # from the third failed run in a row on"
GOOD = ("succeeded", "warned")
_OF_RUNS = (Cause.FAILED, Cause.LOST)
Facts = tuple[tuple[str, str], ...]


def letter_of(subject: Subject) -> Letter:
    """Return what the message says."""
    notice, incident = subject.notice, subject.incident
    is_over = notice.event is NoticeEvent.CLOSED
    title, output = known(lambda: _output(subject), ("", ""))
    jobs, more_jobs = known(lambda: _jobs(subject), NO_JOBS)
    good = subject.past.last_good
    return Letter(
        host=notice.host,
        about=words.about(subject),
        verdict=known(lambda: words.verdict(subject), str(incident.cause)),
        tone=Tone.GOOD if is_over else Tone.UNSURE if notice.event is NoticeEvent.FLAPPING else Tone.BAD,
        headline=known(lambda: _headline(subject), subject.name),
        sentences=known(lambda: _sentences(subject), ()),
        output_title=title,
        output=output,
        secrets=tuple(subject.secrets),
        jobs=jobs,
        more_jobs=more_jobs,
        facts=known(lambda: _facts(subject), ()),
        changes_title=f"Changed since the last good run{_of_which(subject)}, {subject.moment(good.started_at)}"
        if good
        else "",
        changes=() if is_over else known(lambda: changes_of(subject), ()),
        runbook="" if is_over or subject.is_one_of_several else known(subject.runbook, ""),
        commands=known(lambda: _commands(subject), ()),
        footer=f"process-control on {notice.host}",
    )


def _output(subject: Subject) -> tuple[str, str]:
    """Return a title and lines: what the run printed that failed, or what is wrong with a file."""
    if _is_over(subject):
        return "", ""
    sentence = subject.masked(words.sentence_of(subject)).rstrip()
    if subject.incident.cause not in _OF_RUNS and "\n" in sentence:
        return "What is wrong, and the fix", sentence
    if subject.incident.cause not in _OF_RUNS or subject.end.get("outcome") in GOOD:
        return "", ""
    title, output = output_of(subject)
    return f"{title}{_of_which(subject)}" if title else "", output


def _of_which(subject: Subject) -> str:
    """Return ` of backup` when the message is about other jobs too."""
    return f" of {subject.slug}" if subject.is_one_of_several else ""


def _headline(subject: Subject) -> str:
    """Return `Back up the shop · run by cron for its planned time (slot) Tue 2026-11-24 02:30 CET`."""
    incident = subject.incident
    if incident.cause.is_host_wide or subject.is_one_of_several:
        since = subject.moment(incident.since)
        return f"from {since} to {subject.moment(incident.closed_at)}" if _is_over(subject) else f"since {since}"
    if not subject.end:
        return subject.masked(subject.name) if subject.name != subject.slug else ""
    return subject.masked(f"{subject.name} · {_trigger(subject)}")


def _trigger(subject: Subject) -> str:
    end = subject.end
    trigger, slot = text_of(end, "trigger"), text_of(end, "scheduled_at")
    if slot:
        return f"run by {trigger}, planned for {subject.moment(slot)}"
    if trigger in BY_HAND:
        return f"started by {text_of(end, 'by') or 'somebody'}"
    return f"run by {trigger or 'somebody'}"


def _sentences(subject: Subject) -> tuple[str, ...]:
    more = notes({"job": subject.slug, **subject.end}) if subject.end and not _is_over(subject) else []
    return (*words.sentences(subject), *[subject.masked(note) for note in more])


def _is_over(subject: Subject) -> bool:
    return subject.notice.event is NoticeEvent.CLOSED


def _jobs(subject: Subject) -> Jobs:
    """Return the jobs with most trouble first, those that still wait before the others; and how many there are more."""
    incident, slugs = subject.incident, subject.notice.jobs
    parts = [(slug, incident.parts[slug]) for slug in slugs if slug in incident.parts]
    if len(parts) < 2 and not incident.cause.is_host_wide:
        return (), 0
    parts.sort(key=lambda each: (each[1].is_over, -each[1].count, each[0]))
    rows = tuple((slug, words.what_of_job(part, subject)) for slug, part in parts[:MAX_JOBS])
    return rows, max(len(parts) - MAX_JOBS, 0)


# --- facts -----------------------------------------------------------------------------------------------------------


def _facts(subject: Subject) -> Facts:
    end, incident = subject.end, subject.incident
    is_of_host = incident.cause.is_host_wide
    is_of_one = not is_of_host and not subject.is_one_of_several
    found = [
        ("started", _times(subject) if is_of_one else ""),
        ("usual", _usual(subject) if is_of_one else ""),
        ("decided by", "" if _is_over(subject) else subject.masked(decision(end) or "")),
        *_incident(subject),
        ("last success", known(lambda: _last_success(subject), "") if is_of_one and not _is_over(subject) else ""),
        ("next run", subject.masked(known(subject.next_slot, "")) if is_of_one else ""),
        ("run", "" if is_of_host else text_of(end, "run_id")),
        ("log", subject.masked(text_of(end, "log")) or ("none" if end and not _is_over(subject) else "")),
        ("host", f"{subject.notice.host}{_user(subject)}"),
        ("incident", incident.id),
    ]
    return tuple((name, value) for name, value in found if value)


def _times(subject: Subject) -> str:
    end = subject.end
    seconds = end.get("duration_seconds")
    lasted = f", took {took(float(seconds))}" if isinstance(seconds, int | float) else ""
    started = text_of(end, "started_at")
    return f"{subject.moment(started, seconds=True)}{lasted}" if started else ""


def _usual(subject: Subject) -> str:
    """Return `3 min 5 s (19 of 20 runs take less than 4 min); this one took 4.0 times as long`."""
    usual = subject.past.usual
    seconds = subject.end.get("duration_seconds")
    if usual is None:
        return ""
    slow = f"; 19 of 20 runs take less than {took(usual.slow)}" if usual.slow is not None else ""
    return f"{took(usual.median)}{slow}{_against(float(seconds), usual) if isinstance(seconds, int | float) else ''}"


def _against(seconds: float, usual: UsualDuration) -> str:
    if max(seconds, 1.0) >= FAR * max(usual.median, 1.0):
        return f"; this one took {seconds / max(usual.median, 1.0):.2g} times as long"
    if max(seconds, 1.0) * FAR <= max(usual.median, 1.0):
        return f"; this one ended after {100 * seconds / usual.median:.0f} % of that"
    return ""


def _incident(subject: Subject) -> list[tuple[str, str]]:
    """Return how often, and since when."""
    incident, number = subject.incident, words.count(subject)
    since = subject.moment(incident.since)
    if _is_over(subject):
        name = "failing since" if incident.cause in _OF_RUNS else "since"
        return [(name, "" if incident.cause.is_host_wide else since), ("lasted", words.lasted(subject))]
    if incident.cause in _OF_RUNS:
        in_row = count_of(number, "failed run" if incident.cause is Cause.FAILED else "lost run")
        return [("failures", in_row if number < 2 else f"{in_row} in a row, since {since}")]
    if incident.cause is Cause.REFUSED:
        start = f"{subject.moment(text_of(subject.notice.posted, 'at'))}, by {subject.notice.posted.get('trigger')}"
        code = subject.notice.posted.get("exit_code")
        asked = [("start", start)] if subject.notice.posted.get("trigger") else []
        part = incident.parts.get(subject.slug)
        if part is not None and part.slots and not subject.is_one_of_several:
            asked = [("planned", subject.moment(max(part.slots)))]
        return [*asked, ("exit code", str(code) if code is not None else ""), ("refused", _times_since(number, since))]
    if incident.cause is Cause.SKIPPED:
        return [("skipped", _times_since(number, since))]
    return [
        ("since", since if number > 1 and len(subject.notice.jobs) == 1 and not incident.cause.is_host_wide else "")
    ]


def _times_since(number: int, since: str) -> str:
    return f"{count_of(number, 'time')} since {since}"


def _last_success(subject: Subject) -> str:
    good = subject.past.last_good
    if subject.is_of_fleet:  # the history of this host has only what ran here
        return ""
    return subject.moment(good.started_at, seconds=True) if good is not None else "none in the history"


def _user(subject: Subject) -> str:
    user = subject.notice.posted.get("user") or subject.settings.user
    return f", as user {user}" if user else ""


def _commands(subject: Subject) -> tuple[tuple[str, str], ...]:
    found = commands_of(subject)
    if subject.incident.cause is Cause.FAILED and subject.notice.event is NoticeEvent.OPENED and subject.slug:
        what = f"For fewer messages (failmail: false for no mail), write in {subject.slug}.yaml"
        found = (*found, (what, FEWER_MAILS))
    return tuple((what, subject.masked(line)) for what, line in found)

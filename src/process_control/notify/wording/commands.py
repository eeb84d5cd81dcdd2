"""The lines to paste of a message: see, run again, hold, silence, acknowledge. Each works on that host as it stands."""

import shlex
from collections.abc import Iterator

from process_control.core.causes import Cause
from process_control.core.notice import NoticeEvent
from process_control.notify.message import advice
from process_control.notify.wording.known import Subject, text_of

#: What a person replaces by a reason.
NOTE = "…"
MAX_NAMED = 5
_OF_FLEET = (Cause.MISSED, Cause.REFUSED)
Lines = Iterator[tuple[str, str]]

_OF_HOST = {
    Cause.HOST_DOWN: (("See what was missed", "recover"), ("Run it", "recover --yes")),
    Cause.TRIGGER_DEAD: (("Find out what keeps jobs from being started", "doctor"),),
    Cause.WATCH_DEAD: (("Find out what keeps the watch from being started", "doctor"),),
    Cause.DISK_FULL: (
        ("See which disk, and what to do", "doctor"),
        ("See which old logs can go", "prune --dry-run"),
    ),
    Cause.MAIL_DEAD: (("Try it again", "notify test"), ("Look at everything", "doctor")),
    Cause.FILE_INVALID: (("See all faults, and the fixes", "lint"),),
}


def commands_of(subject: Subject) -> tuple[tuple[str, str], ...]:
    """Return pairs: what for, and the line."""
    if subject.notice.event is NoticeEvent.CLOSED:
        return tuple(_after_it(subject))
    cause = subject.incident.cause
    if cause.is_host_wide:
        first = [(what, command(subject, *words.split())) for what, words in _OF_HOST.get(cause, ())]
        return (*first, _acknowledge(subject))
    found = list(_of_fleet(subject) if subject.is_of_fleet and cause in _OF_FLEET else _OF_JOB[cause](subject))
    return (*found, *_quiet(subject))


def command(subject: Subject, *words: str, program: str = "process-control") -> str:
    """Return a command line to paste on that host: as the service user, with the configuration."""
    user, configuration = subject.settings.user, subject.notice.posted.get("config")
    if configuration is None and not subject.settings.default_path:
        configuration = subject.settings.path
    become = ["sudo", "-u", user] if user is not None and user != "root" else []
    options = ["--config", str(configuration)] if configuration else []
    return shlex.join([*become, program, *options, *words])


def _of_run(subject: Subject) -> Lines:
    slug, end = subject.slug, subject.end
    run_id = text_of(end, "run_id")
    whose = f"the output of {slug}" if subject.is_one_of_several else "its output"
    yield f"See {whose}", command(subject, "logs", *(["--run", run_id] if run_id else [slug]))
    jobs = _named(subject)
    if len(jobs) > 1:
        yield "Run them again", command(subject, "run", *jobs)
    elif end.get("held"):
        yield "It is on hold until you release it", command(subject, "release", slug)
    else:
        yield "Run it again", command(subject, slug, program="run-job")
    words = advice({"job": slug, **end}) if end else None
    if words is not None:
        what, _, line = words.partition(":  ")
        yield what[:1].upper() + what[1:], line


def _of_slots(subject: Subject) -> Lines:
    slug, slots = subject.slug, _slots(subject)
    yield "Find out why", command(subject, "why", slug, *slots[-1:])
    if len(slots) > 1 or subject.is_one_of_several:
        yield "See what would be run to make up for it", command(subject, "recover", *_named(subject))
        yield "Run it", command(subject, "recover", *_named(subject), "--yes")
    elif slots:
        yield "Run it for that planned time", command(subject, "run", slug, "--slot", slots[-1])
        yield "Settle it without a run", command(subject, "mark", slug, slots[-1], "--note", NOTE)
    else:
        yield "Run it now", command(subject, slug, program="run-job")


def _of_stale(subject: Subject) -> Lines:
    yield "Find out why", command(subject, "why", subject.slug)
    yield "See its last runs", command(subject, "history", subject.slug)
    yield "Run it now", command(subject, subject.slug, program="run-job")


def _of_skips(subject: Subject) -> Lines:
    yield "Find out why", command(subject, "why", subject.slug)
    yield "See what its run prints", command(subject, "logs", "-f", subject.slug)


def _of_refusal(subject: Subject) -> Lines:
    yield "Look at it", command(subject, "lint", subject.slug) if subject.slug else command(subject, "lint")
    if subject.slug:
        yield "Find out why", command(subject, "why", subject.slug)


def _of_fleet(subject: Subject) -> Lines:
    """Yield what asks the fleet: the history of this host knows nothing of it."""
    yield "Find out why", command(subject, "why", subject.slug, *_slots(subject)[-1:], "--fleet")
    yield "See which hosts are there, and which files they have", command(subject, "fleet", "hosts")
    if subject.incident.cause is Cause.MISSED and (jobs := _named(subject)):
        yield f"Run {'it' if len(jobs) == 1 else 'them'} now", command(subject, "run", *jobs, "--fleet")


def _named(subject: Subject) -> tuple[str, ...]:
    """Return the jobs that commands name; none when they are too many for a line."""
    if subject.is_one_of_several:
        return subject.notice.jobs if len(subject.notice.jobs) <= MAX_NAMED else ()
    return (subject.slug,) if subject.slug else ()


def _slots(subject: Subject) -> list[str]:
    """Return the planned times of the job that nothing has settled, as commands take them."""
    part = subject.incident.parts.get(subject.slug)
    posted = subject.notice.posted.get("slots")
    found = part.slots if part is not None and part.slots else posted if isinstance(posted, list) else ()
    return [subject.for_command(slot) for slot in sorted(map(str, found))]


def _quiet(subject: Subject) -> Lines:
    jobs = _named(subject)
    it, is_run = ("it", "it is") if len(jobs) == 1 else ("them", "they are")
    if jobs and subject.incident.cause is not Cause.REFUSED and not subject.end.get("held"):
        fleet = ("--fleet",) if subject.is_of_fleet else ()
        yield f"Keep {it} from being started", command(subject, "hold", *jobs, *fleet, "--note", NOTE)
    if jobs:
        what = f"Send no message about {it} for 2 hours; {is_run} still run"
        yield what, command(subject, "silence", *jobs, "--for", "2h", "--note", NOTE)
    yield _acknowledge(subject)


def _acknowledge(subject: Subject) -> tuple[str, str]:
    what = "You work on it: no more reminders until it changes"
    return what, command(subject, "ack", subject.incident.id, "--note", NOTE)


def _after_it(subject: Subject) -> Lines:
    incident, run_id = subject.incident, text_of(subject.end, "run_id")
    waiting = [slug for slug in subject.notice.jobs if (part := incident.parts.get(slug)) and part.waiting]
    if incident.cause.is_host_wide and (waiting or _is_waiting(subject)):
        since = subject.for_command(incident.since)
        yield "See what still waits", command(subject, "recover", "--since", since)
        yield "Run it", command(subject, "recover", "--since", since, "--yes")
    elif run_id:
        yield "See its output", command(subject, "logs", "--run", run_id)
    yield "See all of the incident", command(subject, "incidents", "show", incident.id)


def _is_waiting(subject: Subject) -> bool:
    incident = subject.incident
    return incident.cause is Cause.HOST_DOWN and any(
        not incident.parts[slug].is_over for slug in subject.notice.jobs if slug in incident.parts
    )


_OF_JOB = {
    Cause.FAILED: _of_run,
    Cause.LOST: _of_run,
    Cause.MISSED: _of_slots,
    Cause.STALE: _of_stale,
    Cause.SKIPPED: _of_skips,
    Cause.REFUSED: _of_refusal,
}

"""The state of the jobs as the output of a plugin for Icinga, Nagios or Naemon. Pure.

The form is that of the Monitoring Plugins Development Guidelines: one line with the summary, `|` and the performance
data, then a line for each job that needs a look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from process_control.core.facts import OUTPUT_CUT, WARNED
from process_control.core.job_state import FAILING, HELD, INVALID, LATE
from process_control.core.moments import in_local_time
from process_control.core.schedule.schedule import host_zone
from process_control.views.job_status import JobStatus
from process_control.views.late_slots import late_in_words

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
MAX_NAMED = 10
ALERT = "alert"
MAIL = "mail"
STALE = "stale"
UNREAD = "not read"
CRON = "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A job that needs a look, or something that concerns all jobs."""

    #: WARNING or CRITICAL.
    severity: int
    #: The job; CRON, MAIL, or the name of a file that is not read.
    slug: str
    #: A word of `core/job_state.py`, or ALERT, CRON, MAIL, STALE, UNREAD.
    state: str
    #: On one line.
    why: str

    def __str__(self) -> str:
        return f"{self.slug} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The output of the plugin."""

    #: The exit code: OK, WARNING, CRITICAL or UNKNOWN.
    code: int
    #: What it prints: the summary with the performance data, then a line for each trouble.
    text: str
    troubles: tuple[Trouble, ...] = ()


def troubles_of(statuses: Sequence[JobStatus]) -> list[Trouble]:
    """Return the jobs that need a look, worst first."""
    found = []
    zone = None
    for status in statuses:
        if status.state in (FAILING, INVALID):
            found.append(_trouble(CRITICAL, status))
        elif status.state == HELD:
            found.append(_trouble(WARNING, status))
        elif status.stale is not None:
            why = "; ".join([status.stale, *[alert for alert in status.alerts if alert != status.stale]])
            found.append(Trouble(severity=WARNING, slug=status.slug, state=STALE, why=plain(why)))
        elif status.alerts or (status.last is not None and status.last.reason == OUTPUT_CUT):
            why = "; ".join(status.alerts) or status.last_in_words
            found.append(Trouble(severity=WARNING, slug=status.slug, state=ALERT, why=plain(why)))
        elif status.late_slot is not None:
            zone = zone or host_zone()
            why = f"late: {late_in_words(status.late_slot, zone, status.late_question)}"
            found.append(Trouble(severity=WARNING, slug=status.slug, state=LATE, why=why))
    return sorted(found, key=lambda trouble: (-trouble.severity, trouble.slug))


def _trouble(severity: int, status: JobStatus) -> Trouble:
    why = plain(in_local_time(status.why or status.state, datetime.now().astimezone()))
    if status.state == FAILING and status.last is not None and status.last.outcome == "lost":
        why = f"lost: {why}"
    elif status.state == INVALID:
        first, *more = [line for line in (status.why or "").split("\n") if not line.startswith("  hint:")]
        why = f"invalid: {plain(first)}" + (f" and {len(more)} more" if more else "")
    return Trouble(severity=severity, slug=plain(status.slug), state=status.state, why=why)


def answer(
    statuses: Sequence[JobStatus], *, mail: str | None = None, is_mail_dead: bool = False, cron: Sequence[str] = ()
) -> Answer:
    """Return the output of the plugin for these jobs.

    `mail`: messages that have waited for too long, in words; `is_mail_dead`: no channel accepts any; `cron`: what keeps
    cron from starting the jobs.
    """
    troubles = troubles_of(statuses)
    troubles += [Trouble(severity=WARNING, slug=CRON, state=CRON, why=plain(why)) for why in cron]
    if mail is not None:
        severity = CRITICAL if is_mail_dead else WARNING
        troubles.append(Trouble(severity=severity, slug=MAIL, state=MAIL, why=plain(mail)))
    code = max((trouble.severity for trouble in troubles), default=OK)
    first = f"PROCESS-CONTROL {WORDS[code]} - {in_one_line(troubles, len(statuses))} | {_figures(statuses, troubles)}"
    rest = [f"{WORDS[trouble.severity]}: {trouble}" for trouble in troubles]
    return Answer(code=code, text="\n".join([first, *rest]), troubles=tuple(troubles))


def with_unread(before: Answer, names: Sequence[str]) -> Answer:
    """Return `before` with a warning of the files in the job directory that look like jobs and are not read."""
    if not names:
        return before
    code = max(before.code, WARNING)
    found = tuple(Trouble(severity=WARNING, slug=plain(name), state=UNREAD, why="not read") for name in names)
    named = ", ".join(trouble.slug for trouble in found[:MAX_NAMED])
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    first, *rest = before.text.split("\n")
    words, bar, figures = first.removeprefix(f"PROCESS-CONTROL {WORDS[before.code]}").partition(" | ")
    first = f"PROCESS-CONTROL {WORDS[code]}{words}; not read: {named}{more}{bar}{figures}"
    rest += [f"{WORDS[WARNING]}: {trouble}" for trouble in found]
    return Answer(code=code, text="\n".join([first, *rest]), troubles=(*before.troubles, *found))


def unknown(why: str) -> Answer:
    """Return the output of the plugin when the state of the jobs is not known; `why` in words."""
    return Answer(code=UNKNOWN, text=f"PROCESS-CONTROL UNKNOWN - {plain(why)}")


def in_one_line(troubles: Sequence[Trouble], count: int) -> str:
    if not troubles:
        return f"{_jobs(count)} fine" if count else "there are no jobs"
    of_jobs = [trouble for trouble in troubles if trouble.state not in (CRON, MAIL)]
    words = [str(trouble) for trouble in troubles if trouble.state in (CRON, MAIL)]
    if of_jobs:
        named = ", ".join(str(trouble) for trouble in of_jobs[:MAX_NAMED])
        more = f" and {len(of_jobs) - MAX_NAMED} more" if len(of_jobs) > MAX_NAMED else ""
        words.append(f"{len(of_jobs)} of {_jobs(count)}: {named}{more}")
    return "; ".join(words)


def _figures(statuses: Sequence[JobStatus], troubles: Sequence[Trouble]) -> str:
    """Return the performance data; of a single job its last duration and its usual one too."""

    def number(*states: str) -> int:
        return sum(trouble.state in states for trouble in troubles)

    figures = [
        f"jobs={len(statuses)};;;0",
        f"failing={number(FAILING)};;0;0",
        f"invalid={number(INVALID)};;0;0",
        f"held={number(HELD)};0;;0",
        f"late={number(LATE)};0;;0",
        f"stale={number(STALE)};0;;0",
        f"warned={sum(status.state == WARNED for status in statuses)};;;0",
        f"running={sum(status.running is not None for status in statuses)};;;0",
    ]
    if len(statuses) == 1 and statuses[0].last is not None:
        took, median = statuses[0].last.duration_seconds, statuses[0].median_seconds
        figures += [f"duration={took:.3f}s;;;0"] if took is not None else []
        figures += [f"median={median:.3f}s;;;0"] if median is not None else []
    return " ".join(figures)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def plain(text: str) -> str:
    """Return `text` on one line without what ends the words of a plugin: a bar, a control character."""
    line = text.replace("\n  hint: ", "; ").replace("\n", " / ").replace("|", "/")
    return "".join(char if char.isprintable() else "?" for char in line)[:300]

"""The crontab of all jobs as text: values in, text and faults out.

What comes in is not trusted, it may have been read by another process: each name, schedule and path is checked here,
and the whole text is read back by cron's own rules before anybody writes it.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from process_control.core.job import is_slug
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule, is_for_cron, not_for_cron
from process_control.crontab.rules import MAX_LINES, Entry, is_comment, read_crontab
from process_control.errors import BadConfiguration, Fault
from process_control.notify.message import escape_controls

WRITTEN_BY = "# Written by cron-generate"
#: The line of a crontab that has no jobs, as long as nobody calls `cron-generate --all`.
NONE = "# none: another trigger starts the jobs"
MAX_SHOWN = 300
MAX_FAULTS_SHOWN = 3
#: Lines. When there would be more, only comments about faults are left: cron reads 10,000 lines, comments too.
COMMENTS_UP_TO = 9_900
_UNESCAPED_PERCENT = re.compile(r"(?<!\\)%")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """What a crontab has to know of a job."""

    slug: str
    #: As its file has it; empty: started by hand only.
    schedule: tuple[str, ...] = ()
    time_zone: str | None = None
    disabled: bool = False
    #: We notify somebody of its failures, so cron must not mail them too.
    is_reported: bool = False
    #: Somebody is notified of something about it, be it that it is missed.
    is_watched: bool = False
    catches_up: bool = False
    #: The jobs that it runs after (`after`).
    after: tuple[str, ...] = ()
    #: It has no schedule of its own: its causes start it.
    is_follower: bool = False
    #: Cron does not need it: a timer starts no job that is running.
    on_overlap: str = "skip"
    #: The fleet starts it at its planned times.
    is_of_fleet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidFile:
    """A file in the job directory that is no job: `name` is the file's, without `.yaml`."""

    slug: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How this host's crontab is written."""

    #: Its path, for messages.
    target: str
    job_directory: str
    #: The account in the user column; None when cron reads no user there.
    user: str | None
    #: The words that start `run-job`.
    run_job: tuple[str, ...]
    #: For --config; None for the default one.
    configuration: str | None
    #: The configuration's `cron_template`.
    template: str | None
    host: str
    process_control: tuple[str, ...] = ()
    #: Somebody is notified of trouble with the host, it is pinged, or its metrics are written.
    is_watched: bool = False
    #: Another trigger starts the jobs: the crontab only has the lines of `watch`.
    leaves_jobs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A job that should run by cron and cannot."""

    slug: str
    #: Why.
    faults: tuple[Fault, ...]
    #: What the crontab has instead of its lines.
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crontab:
    """A crontab and what is in it."""

    text: str
    #: Counts of jobs that cron starts, of lines for them, and of disabled jobs.
    jobs: int
    lines: int
    disabled: int
    left_out: tuple[LeftOut, ...]
    #: Files that look like jobs and are not read.
    unread: tuple[Fault, ...] = ()
    #: What would keep messages from being sent.
    message_faults: tuple[Fault, ...] = ()
    #: It has no jobs, for another trigger.
    leaves_jobs: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """What the crontab has for one job file."""

    slug: str
    lines: tuple[str, ...]
    #: Why cron does not run it although it should.
    faults: tuple[Fault, ...] = ()
    is_disabled: bool = False
    #: Its causes start it.
    is_left_to_others: bool = False
    #: None for a job that cron does not run.
    is_reported: bool | None = None


def write_crontab(
    jobs: Sequence[PlannedJob | InvalidFile],
    manner: Manner,
    *,
    is_account: Callable[[str], bool],
    is_zone_of_host: Callable[[str], bool],
) -> Crontab:
    """Return the crontab of `jobs`, sorted by slug.

    A job that cron cannot run at its times, and a file that is no job, is left out with a comment and a fault. Raises
    BadConfiguration (78) for what would make cron ignore the whole file.
    """
    _check_user(manner)
    own = () if manner.leaves_jobs else sorted(jobs, key=lambda job: job.slug)
    parts = [_part_of(job, manner, is_zone_of_host) for job in own]
    lines = _all_lines(parts, list(_lines_of_watch(jobs, manner)), manner)
    text = "".join(f"{line}\n" for line in lines)
    entries, wrong = read_crontab(text, has_users=manner.user is not None, is_account=is_account)
    if wrong:
        raise BadConfiguration(faults=_faults_of(lines, wrong, manner))
    _check_percent(entries, manner)
    return Crontab(
        text=text,
        jobs=sum(1 for part in parts if part.lines and not (part.faults or part.is_disabled or part.is_left_to_others)),
        lines=len(entries),
        disabled=sum(part.is_disabled for part in parts),
        left_out=tuple(
            LeftOut(slug=part.slug, faults=part.faults, comment=part.lines[0]) for part in parts if part.faults
        ),
        leaves_jobs=manner.leaves_jobs,
    )


def _all_lines(parts: Sequence[_Part], of_watch: list[str], manner: Manner) -> list[str]:
    first = [*_header(manner), *of_watch]
    lines = [*first, *_body(parts)]
    if len(lines) <= COMMENTS_UP_TO:
        return lines
    few = _body([part if part.faults else _without_comments(part) for part in parts])
    return [*first, "# No comment for each job: cron reads no more lines", *few]


def _lines_of_watch(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> Iterator[str]:
    """Yield the lines of the heartbeat, where it is wanted: always where it has to see whether the scheduler lives."""
    if not manner.process_control or not (manner.leaves_jobs or wants_watch(jobs, manner)):
        return
    catches_up = any_catches_up(jobs)
    configuration = () if manner.configuration is None else ("--config", manner.configuration)
    command = command_for_cron((*manner.process_control, "watch", *configuration))
    for moment in ("* * * * *", "@reboot") if catches_up else ("* * * * *",):
        yield f"{moment} {command}" if manner.user is None else f"{moment} {manner.user} {command}"


def wants_watch(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> bool:
    """Return whether `watch` is to look every minute: for `catch_up`, for a chain, or see `is_watched`."""
    notifies = manner.is_watched or any(job.is_watched or job.after for job in _active(jobs))
    return notifies or any_catches_up(jobs)


def any_catches_up(jobs: Sequence[PlannedJob | InvalidFile]) -> bool:
    return any(job.catches_up and job.schedule for job in _active(jobs))


def _active(jobs: Sequence[PlannedJob | InvalidFile]) -> list[PlannedJob]:
    return [job for job in jobs if isinstance(job, PlannedJob) and not job.disabled]


def _without_comments(part: _Part) -> _Part:
    return replace(part, lines=tuple(line for line in part.lines if not is_comment(line)))


def _header(manner: Manner) -> Iterator[str]:
    yield f"{WRITTEN_BY} from the jobs in {on_one_line(manner.job_directory)}"
    yield "# What is edited here is lost: edit the job files, then run cron-generate"
    if manner.leaves_jobs:
        yield NONE


def _body(parts: Sequence[_Part]) -> Iterator[str]:
    """Yield the lines of all jobs: first of those whose output cron mails, then of those that we report.

    A crontab can only set MAILTO for all lines that follow.
    """
    if any(part.is_reported for part in parts):
        yield from (line for part in parts if part.is_reported is False for line in part.lines)
        yield 'MAILTO=""'
        parts = [part for part in parts if part.is_reported is not False]
    yield from (line for part in parts for line in part.lines)


def _part_of(job: PlannedJob | InvalidFile, manner: Manner, is_zone_of_host: Callable[[str], bool]) -> _Part:
    source = on_one_line(f"{manner.job_directory}/{job.slug}.yaml")
    if isinstance(job, InvalidFile):
        return _left_out(job.slug, f"invalid: {source}", job.faults)
    if not is_slug(job.slug):
        return _left_out(job.slug, f"invalid: {source}", (Fault("is not a valid name for a job file", where=source),))
    if job.disabled:
        return _Part(job.slug, (f"# disabled: {source}",), is_disabled=True)
    if job.is_follower:
        return _Part(job.slug, (f"# started after {', '.join(job.after)}: {source}",), is_left_to_others=True)
    if job.is_of_fleet:
        return _Part(job.slug, (f"# started by the fleet: {source}",), is_left_to_others=True)
    if not job.schedule:
        return _Part(job.slug, ())
    if job.time_zone is not None and not is_for_cron(job.time_zone, is_zone_of_host):
        return _left_out(job.slug, f"not for cron: {source}", (_in_another_zone(job, job.time_zone),))
    try:
        schedule = Schedule.parse(job.schedule, time_zone=UTC, host=manner.host, slug=job.slug)
    except ScheduleError as error:
        fault = Fault(error.what, where=f"{job.slug}.yaml", hint=error.hint)
        return _left_out(job.slug, f"invalid: {source}", (fault,))
    return _Part(job.slug, tuple(_lines_of(job.slug, source, schedule, manner)), is_reported=job.is_reported)


def _left_out(slug: str, comment: str, faults: tuple[Fault, ...]) -> _Part:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    where = f"{faults[0].where}: " if faults[0].where else ""
    return _Part(slug, (f"# {comment}: {on_one_line(where + faults[0].what)}{more}",), faults)


def _in_another_zone(job: PlannedJob, time_zone: str) -> Fault:
    return Fault(
        not_for_cron(time_zone),
        where=f"{job.slug}.yaml",
        hint="write the schedule in the host's time, and remove time_zone",
    )


# --- the lines of a job ----------------------------------------------------------------------------------------------


def _lines_of(slug: str, source: str, schedule: Schedule, manner: Manner) -> Iterator[str]:
    configuration = () if manner.configuration is None else ("--config", manner.configuration)
    command = command_for_cron((*manner.run_job, "--scheduled", slug, *configuration))
    moments = list(dict.fromkeys(schedule.for_cron))
    if manner.template is None:
        yield f"# {source}"
        for moment in moments:
            yield f"{moment} {command}" if manner.user is None else f"{moment} {manner.user} {command}"
        return
    template = manner.template if manner.user is not None else re.sub(r"\{user\}[ \t]*", "", manner.template)
    for moment in moments:
        text = template.format(source=source, schedule=moment, user=manner.user, command=command)
        lines = text.removesuffix("\n").split("\n")
        _check_template(lines, moment, command, manner)
        yield from lines


def command_for_cron(words: Sequence[str]) -> str:
    """Return a command line that cron hands to its shell as these words.

    Cron reads `%` as a newline unless it is `\\%`, and crons differ in what they make of two backslashes: a backslash
    is therefore never followed by another one or by a `%` of the word. Raises BadConfiguration (78) for a word that
    cannot stand in one line.
    """
    for word in words:
        if odd := next((char for char in word if (char < " " and char != "\t") or char == "\x7f"), None):
            raise BadConfiguration(
                f"the path has the character {odd!r}, which a crontab cannot contain",
                where=on_one_line(word),
                hint="move it to a path without it",
            )
    return " ".join(shlex.quote(word).replace("\\", "\\''").replace("%", "\\%") for word in words)


def on_one_line(text: str) -> str:
    """Return a text as it can stand in a comment: nothing in it ends the line or steers a terminal; cut when long."""
    line = escape_controls(text.replace("\n", " ").replace("\t", " "))
    return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"


# --- what cron would misread -----------------------------------------------------------------------------------------


def _check_user(manner: Manner) -> None:
    user = manner.user
    if user is not None and (not user or not user.isprintable() or " " in user):
        raise BadConfiguration(
            f"cron cannot read the user name {user!r}",
            where=manner.target,
            hint="set 'user' in the configuration to an account whose name has no blanks",
        )


def _check_template(lines: Sequence[str], moment: str, command: str, manner: Manner) -> None:
    """Raise BadConfiguration unless one of the lines runs the job at its moment, as far as cron can read them."""
    entries, wrong = read_crontab("\n".join(lines) + "\n", has_users=manner.user is not None, is_account=bool)
    if not wrong and not any(entry.schedule == moment and command in entry.command for entry in entries):
        raise BadConfiguration(
            "cron_template has no line that runs the job: " + on_one_line(" | ".join(lines)),
            where=manner.target,
            hint="write one: {schedule} {user} {command}",
        )


def _check_percent(entries: Sequence[Entry], manner: Manner) -> None:
    """Raise BadConfiguration for a % of the template that cron would read as the end of the command."""
    for entry in entries:
        if _UNESCAPED_PERCENT.search(entry.command):
            raise BadConfiguration(
                f"cron reads a % as the end of the command: {on_one_line(entry.command)}",
                where=f"{manner.target}:{entry.number}",
                hint="write \\% in cron_template",
            )


def _faults_of(lines: Sequence[str], wrong: Sequence[tuple[int, str]], manner: Manner) -> list[Fault]:
    """Return what cron cannot read, each with its line; the first few of many."""
    if len(lines) > MAX_LINES:
        wrong = [(number, what) for number, what in wrong if number > MAX_LINES]
    faults = []
    for number, what in wrong[:MAX_FAULTS_SHOWN]:
        shown = f": {on_one_line(lines[number - 1])}" if number <= min(len(lines), MAX_LINES) else ""
        faults.append(
            Fault(
                f"nothing was written: cron would ignore the whole file, because this line {what}{shown}",
                where=f"{manner.target}:{number}",
                hint=_hint(lines, manner),
            )
        )
    return faults


def _hint(lines: Sequence[str], manner: Manner) -> str:
    if len(lines) > MAX_LINES:
        split = "split the jobs over two configurations, each with an output_crontab"
        if manner.template is None:
            return split
        one_line = "{schedule} {command}\\n" if manner.user is None else "{schedule} {user} {command}\\n"
        return f'write one line for each job, cron_template: "{one_line}"; or {split}'
    if manner.template is not None:
        return "fix cron_template in the configuration"
    return "shorten the paths, or set runner_path to a short one, in the configuration"

"""The jobs as timer and service units of systemd: values in, text and faults out. Pure.

What comes in is not trusted, it may have been read by another process: each name and schedule is checked here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from process_control.core.job import is_slug
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.on_calendar import calendar_lines
from process_control.core.schedule.schedule import Schedule
from process_control.core.unit_names import PREFIX, header, on_one_line
from process_control.errors import BadConfiguration, Fault

#: The slug that the units of `watch` would have, as contrib/ names them.
WATCH = "watch"
_QUOTED = re.compile(r"[\s\"'\\;]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedJob:
    """What units have to know of a job, or of a file in the job directory that is none."""

    slug: str
    #: As its file has it; empty: started by hand only.
    schedule: tuple[str, ...] = ()
    time_zone: str | None = None
    disabled: bool = False
    on_overlap: str = "skip"
    #: The fleet starts it at its planned times.
    is_of_fleet: bool = False
    #: Why the file is no job; empty for a job.
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitManner:
    """How the units of this host are written."""

    job_directory: str
    #: The account that starts the jobs.
    user: str
    #: The words that start `run-job`, and `process-control`.
    run_job: tuple[str, ...]
    process_control: tuple[str, ...]
    #: For --config; None for the default one.
    configuration: str | None
    host: str
    #: The first and the last year of which clock changes are written out.
    years: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One file."""

    name: str
    text: str
    #: None for those of `watch`.
    job: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExported:
    """A job that should run by a timer and cannot, or a file that is no job."""

    slug: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """All units and what has none."""

    units: tuple[Unit, ...]
    left_out: tuple[NotExported, ...]
    disabled: tuple[str, ...]
    #: Jobs that the fleet starts.
    of_fleet: tuple[str, ...]
    #: Jobs with planned times that systemd leaves out at clock changes, and that stand in their timers.
    at_clock_changes: tuple[str, ...]


def units_of(jobs: Sequence[TimedJob], manner: UnitManner, *, watch: bool = False, at_boot: bool = False) -> Units:
    """Return the units of `jobs`, sorted by slug; those of `watch` first, when it is wanted.

    A job that no timer starts as its file says, and a file that is no job, is left out with a fault. Raises
    BadConfiguration (78) for a path that no unit can contain.
    """
    units = list(_units_of_watch(manner, at_boot=at_boot)) if watch else []
    left_out, disabled, at_clock_changes = [], [], []
    for job in sorted(jobs, key=lambda job: job.slug):
        faults = job.faults or tuple(_refusals(job))
        if faults:
            left_out.append(NotExported(slug=job.slug, faults=faults))
        elif job.disabled:
            disabled.append(job.slug)
        elif job.schedule:
            try:
                schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=manner.host, slug=job.slug)
                calendar = calendar_lines(schedule, years=manner.years)
            except ScheduleError as error:
                fault = Fault(error.what, where=f"{job.slug}.yaml", hint=error.hint)
                left_out.append(NotExported(slug=job.slug, faults=(fault,)))
                continue
            units += [_timer(job.slug, calendar.lines, calendar.at_clock_changes, manner), _service(job.slug, manner)]
            at_clock_changes += [job.slug] if calendar.at_clock_changes else []
    return Units(
        units=tuple(units),
        left_out=tuple(left_out),
        disabled=tuple(disabled),
        of_fleet=tuple(job.slug for job in jobs if job.is_of_fleet and not job.disabled),
        at_clock_changes=tuple(at_clock_changes),
    )


def _refusals(job: TimedJob) -> Iterator[Fault]:
    """Yield what keeps a timer from starting the job as its file says."""
    where = f"{on_one_line(job.slug)}.yaml"
    if not is_slug(job.slug):
        yield Fault("is not a valid name for a job file", where=where)
    elif job.disabled or not job.schedule:
        return
    elif job.slug == WATCH:
        yield Fault(
            f"its units would have the names of those of `process-control {WATCH}`", where=where, hint="rename it"
        )
    elif job.on_overlap != "skip":
        yield Fault(
            f"a timer does not start a job that is still running, so on_overlap: {job.on_overlap} has no effect",
            where=where,
            hint="remove on_overlap, or let cron start the job",
        )


# --- the text of a unit ----------------------------------------------------------------------------------------------


def _timer(slug: str, lines: Sequence[str], at_clock_changes: Sequence[str], manner: UnitManner) -> Unit:
    moments = [f"OnCalendar={line}" for line in lines]
    if at_clock_changes:
        moments.append("# What systemd leaves out at clock changes, in UTC; export again before the end of")
        moments.append(f"# {manner.years[1]}, when these lines end")
        moments += [f"OnCalendar={line}" for line in at_clock_changes]
    text = _text(
        manner,
        f"{slug}.yaml",
        [
            "[Unit]",
            f"Description=Times of the job {slug}",
            "",
            "[Timer]",
            *moments,
            "AccuracySec=1us",
            "# A planned time that was missed is for `catch_up` and `process-control recover`",
            "Persistent=false",
            "",
            "[Install]",
            "WantedBy=timers.target",
        ],
    )
    return Unit(name=f"{PREFIX}{slug}.timer", text=text, job=slug)


def _service(slug: str, manner: UnitManner) -> Unit:
    text = _text(
        manner,
        f"{slug}.yaml",
        [
            "[Unit]",
            f"Description=Job {slug}",
            "",
            "[Service]",
            *_how_to_start((*manner.run_job, "--scheduled=timer", slug), manner),
            "# The time limits, and what becomes of the processes, are those of the job file",
            "KillMode=process",
            "TimeoutStartSec=infinity",
            "Delegate=yes",
        ],
    )
    return Unit(name=f"{PREFIX}{slug}.service", text=text, job=slug)


def _units_of_watch(manner: UnitManner, *, at_boot: bool) -> Iterator[Unit]:
    timer = ["[Unit]", "Description=Every minute a look of process-control at its jobs", ""]
    timer += ["[Timer]", "OnCalendar=*-*-* *:*:00", *(["OnBootSec=5s"] if at_boot else []), "AccuracySec=1s", ""]
    timer += ["[Install]", "WantedBy=timers.target"]
    service = ["[Unit]", "Description=One look of process-control at its jobs", "", "[Service]"]
    service += _how_to_start((*manner.process_control, WATCH), manner)
    service += ["# What a look has started for missed planned times runs on when the look is over", "KillMode=process"]
    yield Unit(name=f"{PREFIX}{WATCH}.timer", text=_text(manner, None, timer), job=None)
    yield Unit(name=f"{PREFIX}{WATCH}.service", text=_text(manner, None, service), job=None)


def _how_to_start(words: Sequence[str], manner: UnitManner) -> list[str]:
    configuration = () if manner.configuration is None else ("--config", manner.configuration)
    return ["Type=oneshot", f"User={manner.user}", f"ExecStart={command_line((*words, *configuration))}"]


def _text(manner: UnitManner, source: str | None, lines: Sequence[str]) -> str:
    edit = f"# What is edited here is lost: edit {source or 'the job files'}, then export again"
    return "".join(f"{line}\n" for line in (header(manner.job_directory), edit, *lines))


def command_line(words: Sequence[str]) -> str:
    """Return a value of `ExecStart=` that systemd starts as these words (systemd.service(5), "COMMAND LINES").

    Raises BadConfiguration (78) for a word that cannot stand in one line, or a program that cannot be named.
    """
    for number, word in enumerate(words):
        odd = next((char for char in word if not char.isprintable()), "$" if number == 0 and "$" in word else None)
        if odd is not None:
            raise BadConfiguration(
                f"the path has the character {odd!r}, which a unit of systemd cannot contain here",
                where=on_one_line(word),
                hint="move it to a path without it",
            )
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    escaped = word.replace("%", "%%").replace("$", "$$")
    if not _QUOTED.search(word):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'

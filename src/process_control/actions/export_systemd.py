"""Make the units of systemd from the job files, compare them with what is installed, and install them."""

import difflib
import os
import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from process_control.actions.host_changes import record_host_changes
from process_control.actions.rights import who
from process_control.config.settings import Settings
from process_control.core.schedule.on_calendar import years_ahead
from process_control.core.unit_names import PREFIX, header
from process_control.crontab.generate import what_it_is_made_from
from process_control.crontab.target import CONSOLE
from process_control.crontab.text import InvalidFile, PlannedJob, any_catches_up, wants_watch
from process_control.errors import Fault, NotPermitted
from process_control.exports.systemd import WATCH, TimedJob, Unit, UnitManner, Units, units_of
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.clock import iso
from process_control.system.replace import directory_of, read_existing, remove, replace
from process_control.views.selected_jobs import select_jobs

MODE = 0o644
#: How long a call of systemctl may take.
_MAX_SECONDS = 300
_NAME = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]+\.(?:timer|service)")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """A unit that is to be written or removed."""

    path: str
    job: str | None
    #: added, changed or removed.
    change: str
    #: The text now, and before; empty for none.
    text: str
    was: str
    #: What was wrong with the file besides its text, in words.
    wrong: str = ""

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def diff(self) -> list[str]:
        """Return the difference as `diff -u` shows it."""
        was, now = ("/dev/null" if not text else self.path for text in (self.was, self.text))
        lines = list(difflib.unified_diff(self.was.splitlines(), self.text.splitlines(), was, now, lineterm=""))
        return lines or [f"{self.path}: {self.wrong}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the units of the job files are, held against a directory."""

    #: What is to be done, in this order.
    changes: list[UnitChange]
    #: The timers that are wanted there, whether they are new or not.
    timers: list[str]


def make_units(settings: Settings, account: Account, words: Sequence[str]) -> Units:
    """Return the units of the jobs that `words` name, as `account` will run them; of all, and `watch`, without a word.

    Raises JobNotFound (66), and the errors of the configuration and of the job directory.
    """
    jobs, manner, _ = what_it_is_made_from(settings, account, CONSOLE)
    if words:
        chosen = set(ask_as(account, lambda: [job.slug for job in select_jobs(settings, words)]))
        jobs = [job for job in jobs if job.slug in chosen]
    of_units = UnitManner(
        job_directory=settings.job_directory,
        user=account.name,
        run_job=manner.run_job,
        process_control=manner.process_control,
        configuration=manner.configuration,
        host=manner.host,
        years=years_ahead(datetime.now(UTC)),
    )
    watch = not words and wants_watch(jobs, manner)
    return units_of([_timed(job) for job in jobs], of_units, watch=watch, at_boot=any_catches_up(jobs))


def _timed(job: PlannedJob | InvalidFile) -> TimedJob:
    if isinstance(job, InvalidFile):
        return TimedJob(slug=job.slug, faults=job.faults)
    return TimedJob(
        slug=job.slug,
        schedule=() if job.is_follower else job.schedule,
        time_zone=job.time_zone,
        disabled=job.disabled,
        on_overlap=job.on_overlap,
        is_of_fleet=job.is_of_fleet,
    )


@dataclass(frozen=True, slots=True)
class _Installed:
    """A unit of ours as it is now."""

    text: str
    wrong: str


# --- comparing -------------------------------------------------------------------------------------------------------


def compare(units: Sequence[Unit], settings: Settings, directory: str, *, is_whole: bool) -> Comparison:
    """Return what is to be done in `directory`. `is_whole`: our units of jobs that are gone are removed.

    Services come before their timers, and go after them.
    Raises NotPermitted (77) for units of somebody else in the place of ours, BadConfiguration (78) without a directory.
    """
    first = header(settings.job_directory)
    installed, foreign = _installed(directory, first, {unit.name for unit in units if unit.job is not None})
    in_the_way = [unit for unit in units if unit.name in foreign and unit.job is not None]
    if in_the_way:
        what = "is not of these job files, so it is not replaced"
        hint = "move it away, or rename the job"
        places = (os.path.join(directory, unit.name) for unit in in_the_way)
        raise NotPermitted(faults=[Fault(what, where=place, hint=hint) for place in places])
    wanted = {unit.name: unit for unit in units if unit.name not in foreign}
    found = list(_compared(wanted, installed, directory, is_whole=is_whole))
    written = sorted((each for each in found if each.text), key=lambda each: each.name.endswith(".timer"))
    removed = sorted((each for each in found if not each.text), key=lambda each: each.name.endswith(".service"))
    timers = sorted(name for name in wanted if name.endswith(".timer"))
    return Comparison(changes=[*written, *removed], timers=timers)


def _installed(directory: str, first_line: str, needed: Collection[str]) -> tuple[dict[str, _Installed], set[str]]:
    """Return our units by name, and the names of those of somebody else, such as the link of `systemctl mask`.

    Raises NotPermitted (77) for anything but a plain file under a name that is needed.
    """
    with directory_of(os.path.join(directory, PREFIX)) as opened:
        names = [name for name in os.listdir(opened) if _NAME.fullmatch(name)]
    ours, foreign = {}, set()
    for name in names:
        try:
            found = read_existing(os.path.join(directory, name), mode=MODE)
        except NotPermitted:
            if name in needed:
                raise
            foreign.add(name)
            continue
        if found is None:
            continue
        text = found.content.decode("utf-8", "surrogateescape")
        if text.partition("\n")[0] == first_line:
            ours[name] = _Installed(text, found.wrong or "")
        else:
            foreign.add(name)
    return ours, foreign


def _compared(
    wanted: dict[str, Unit], installed: dict[str, _Installed], directory: str, *, is_whole: bool
) -> Iterator[UnitChange]:
    for name in sorted({*wanted, *installed}):
        unit, found = wanted.get(name), installed.get(name, _Installed("", ""))
        is_as_wanted = unit is not None and unit.text == found.text and not found.wrong
        if is_as_wanted or (unit is None and not is_whole):
            continue
        yield UnitChange(
            path=os.path.join(directory, name),
            job=_job_of(name) if unit is None else unit.job,
            change="removed" if unit is None else "changed" if found.text else "added",
            text="" if unit is None else unit.text,
            was=found.text,
            wrong=found.wrong,
        )


def _job_of(name: str) -> str | None:
    slug = name.removeprefix(PREFIX).rpartition(".")[0]
    return None if slug == WATCH else slug


# --- installing ------------------------------------------------------------------------------------------------------


def install(
    changes: Sequence[UnitChange], settings: Settings, account: Account, *, report: Callable[[str], None]
) -> None:
    """Write and remove the units, each at once, then record in journal and syslog what has changed.

    Raises NotPermitted (77), CannotRecord (74).
    """
    done: list[UnitChange] = []
    try:
        for each in changes:
            if each.text:
                replace(each.path, each.text.encode("utf-8", "surrogateescape"), mode=MODE)
            else:
                remove(each.path)
            done.append(each)
    finally:
        error = record_host_changes(_records(done), settings, account)
        if error is not None:
            report(f"the units are installed, but the change is not recorded in the history:\n{error}")


def _records(changes: Sequence[UnitChange]) -> list[dict[str, object]]:
    at, by, host = iso(time.time()), who(dict(os.environb)), os.uname().nodename
    return [
        {
            "event": "unit",
            "at": at,
            "job": each.job,
            "change": each.change,
            "unit": each.path,
            "line": _lines(each.text, each.was),
            "was": _lines(each.was, each.text),
            "by": by,
            "host": host,
        }
        for each in changes
    ]


def _lines(text: str, other: str) -> str | None:
    """Return the settings of a unit that the other one does not have, on one line; None without any."""
    there = set(other.split("\n"))
    lines = [line for line in text.split("\n") if line and line[0] not in "#[" and line not in there]
    return "; ".join(lines) or None


# --- systemd itself --------------------------------------------------------------------------------------------------


def commands_before(changes: Sequence[UnitChange]) -> list[list[str]]:
    """Return the commands that stop the timers that are about to be removed."""
    timers = [each.name for each in changes if each.change == "removed" and each.name.endswith(".timer")]
    return [["systemctl", "disable", "--now", *timers]] if timers else []


def commands_after(timers: Sequence[str]) -> list[list[str]]:
    """Return the commands that let systemd read the units again, and start the timers.

    All of them each time: what an earlier call that failed has left out is made up for.
    """
    enable = [["systemctl", "enable", "--now", *timers]] if timers else []
    return [["systemctl", "daemon-reload"], *enable]


def call(commands: Sequence[Sequence[str]]) -> str | None:
    """Run the commands; return, in words, what went wrong with the first that failed, None when all went well."""
    for command in commands:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False, timeout=_MAX_SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)}: no answer for {_MAX_SECONDS} s"
        except OSError as error:
            return f"{' '.join(command)}: {error.strerror}"
        if done.returncode:
            return f"{' '.join(command)}: {done.stderr.strip() or f'exit code {done.returncode}'}"
    return None

"""Exchanges a line of a live crontab and the generated crontab between two minutes, so that cron sees both or none.

What was done stands in the crontab itself: when it was interrupted, the same call completes it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from process_control.actions.cron_generate import note_versions, record_changes, replace_crontab
from process_control.actions.import_crontab import Importer
from process_control.core.quiet_moment import MINUTE, seconds_until_quiet
from process_control.core.schedule.debian_cron import CronEntry, starts_of
from process_control.core.schedule.schedule import host_zone
from process_control.crontab.adopted_line import without_our_part
from process_control.crontab.changes import changes
from process_control.crontab.condition import keep_fingerprint
from process_control.crontab.existing import ExistingCrontab, install_user_crontab, read_crontab_at, user_crontab
from process_control.crontab.one_job import OneJob
from process_control.crontab.read import Kind, Line, faults_of_the_file, read_lines
from process_control.crontab.target import existing_crontab, text_of
from process_control.errors import BadConfiguration, Fault, NotStarted, ProcessControlError, UsageError
from process_control.system.as_account import ask_as
from process_control.system.replace import ExistingFile, locked_directory, read_existing
from process_control.system.replace import replace as replace_file

#: How often a quiet moment may be over before everything is checked.
_MAX_WAITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock that cron goes by."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


HOSTS_CLOCK = Clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What was done, or with a dry run would be."""

    #: adopted, completed, undone.
    done: str
    crontab: str
    line: int
    #: The line that cron ran, or runs again.
    text: str
    job: str
    #: The job file.
    target: Path
    #: Of the job file: wrote, same, kept; of an undo: removed, disabled, not there.
    job_file: str
    #: The generated crontab.
    generated: str
    #: The scheduler starts the job, and the generated crontab has no line for it.
    is_for_scheduler: bool = False
    waited_seconds: float = 0.0
    #: It took until the next minute: cron may have seen one of the two files alone.
    is_late: bool = False
    #: Why the history has no record of it.
    unrecorded: ProcessControlError | None = None


def open_live(path: str | None) -> ExistingCrontab:
    """Return the crontab at `path` (None: our own). Raises for one that cron does not run as it stands."""
    crontab = user_crontab() if path is None else read_crontab_at(path)
    if crontab is None:
        raise UsageError("you have no crontab", hint="name a FILE")
    if crontab.not_live:
        raise UsageError(crontab.not_live, where=crontab.name)
    if crontab.is_ours:
        raise UsageError("was written by cron-generate: its lines are jobs", where=crontab.name)
    lines = read_lines(crontab.text, has_users=crontab.has_users)
    faults = [(line.number, line.fault) for line in lines if line.kind is Kind.UNREADABLE]
    if faults := [*faults, *faults_of_the_file(crontab.text)]:
        raise BadConfiguration(
            faults=[
                Fault(f"{what}: cron ignores the whole file", where=f"{crontab.name}:{number}", hint="correct it first")
                for number, what in faults
            ]
        )
    return crontab


def entry_line(text: str, number: int, crontab: ExistingCrontab) -> Line:
    """Return the entry in a line. Raises UsageError when cron runs nothing there."""
    lines = read_lines(without_our_part(text)[0], has_users=crontab.has_users)
    found = next((line for line in lines if line.number == number), None)
    if found is None or found.kind is not Kind.ENTRY:
        numbers = ", ".join(str(line.number) for line in lines if line.kind is Kind.ENTRY) or "no line"
        what = "is after the last line" if found is None else f"is a {found.kind.value} line"
        raise UsageError(f"line {number} {what}, nothing that cron runs", where=crontab.name, hint=f"it runs {numbers}")
    return found


def exchange_both(
    importer: Importer,
    crontab: ExistingCrontab,
    generated: OneJob,
    done: Exchanged,
    there: ExistingFile | None,
    new_text: str,
    exchange: Callable[[], None],
    clock: Clock,
) -> Exchanged:
    """Wait for the quiet moment, exchange both files in it, and record the changes. `there` is the job file so far."""
    waited = 0.0
    with locked_directory(str(importer.directory)):
        for _ in range(_MAX_WAITS):
            waited += _wait_for_quiet(done.text, clock, has_users=crontab.has_users)
            began = clock.now()
            _check_unchanged(crontab, generated)
            _check_job_file_unchanged(done, there)
            if _seconds_until_quiet(done.text, clock, has_users=crontab.has_users) <= 0:
                break
        else:
            raise NotStarted("takes too long to read, between two minutes of cron", where=crontab.name)
        exchange()
        ended = clock.now()
    unrecorded = _record(importer, crontab, generated, new_text)
    is_late = int(began) // MINUTE != int(ended) // MINUTE
    return replace(done, waited_seconds=waited, is_late=is_late, unrecorded=unrecorded)


def _wait_for_quiet(line: str, clock: Clock, *, has_users: bool) -> float:
    waited = 0.0
    while (seconds := _seconds_until_quiet(line, clock, has_users=has_users)) > 0:
        clock.sleep(seconds)
        waited += seconds
    return waited


def _seconds_until_quiet(line: str, clock: Clock, *, has_users: bool) -> float:
    [found] = read_lines(line, has_users=has_users)
    schedule = found.entry.schedule if found.entry else "* * * * *"
    now = clock.now()
    due = starts_of(CronEntry.read(schedule), host_zone(), int(now) - 2 * MINUTE, int(now) + 10 * MINUTE)
    return seconds_until_quiet(now, due)


def _check_job_file_unchanged(done: Exchanged, there: ExistingFile | None) -> None:
    now = read_existing(str(done.target), mode=0o644)
    if (None if now is None else now.content) == (None if there is None else there.content):
        return
    what = "was made meanwhile" if there is None else "was changed meanwhile"
    raise NotStarted(what, where=str(done.target), hint="try again")


def _check_unchanged(crontab: ExistingCrontab, generated: OneJob) -> None:
    is_own = crontab.mode is None
    now = user_crontab(crontab.owner) if is_own else read_crontab_at(crontab.name, users=crontab.has_users)
    if now is None or now.content != crontab.content:
        raise NotStarted("was changed meanwhile", where=crontab.name, hint="try again")
    if generated.path is not None and text_of(existing_crontab(generated.path)) != generated.old:
        raise NotStarted("was changed meanwhile", where=generated.path, hint="try again")


def write_both(crontab: ExistingCrontab, new_text: str, generated: OneJob, *, line_first: bool) -> None:
    """Write both crontabs. When the second cannot be written, the first is as it was."""
    path = generated.path
    if path is None:
        _write_crontab(crontab, without_our_part(new_text)[0] + generated.new)
        return

    def write_generated(text: str) -> None:
        if generated.old != generated.new:
            replace_crontab(path, text.encode("utf-8", "surrogateescape"))

    if line_first:
        _write_crontab(crontab, new_text)
        or_else(lambda: write_generated(generated.new), lambda: _write_crontab(crontab, crontab.text))
    else:
        write_generated(generated.new)
        or_else(lambda: _write_crontab(crontab, new_text), lambda: write_generated(generated.old))


def _write_crontab(crontab: ExistingCrontab, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    if crontab.mode is None:
        install_user_crontab(crontab.owner, content)
    else:
        replace_file(crontab.name, content, mode=crontab.mode)


def _record(
    importer: Importer, crontab: ExistingCrontab, generated: OneJob, new_text: str
) -> ProcessControlError | None:
    settings, account = importer.settings, importer.account
    found = changes(without_our_part(crontab.text)[0], without_our_part(new_text)[0])
    error = record_changes(found, crontab.name, settings, account)
    error = record_changes(generated.found, generated.path or crontab.name, settings, account) or error
    note_versions(settings, account)
    if (path := generated.path) and (made_from := generated.made_from):
        ask_as(account, lambda: keep_fingerprint(settings, made_from, path))
    return error


def or_else(step: Callable[[], None], back: Callable[[], None]) -> None:
    try:
        step()
    except ProcessControlError:
        back()
        raise


def nothing() -> None:
    return

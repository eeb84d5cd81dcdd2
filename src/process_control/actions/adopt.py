"""Lets a job take over one line of a live crontab, and gives the line back.

Between two minute edges the line becomes a comment and the generated crontab gets the job, or the other way round. What
was done stands in the crontab itself: when it was interrupted, the same call completes it.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from process_control.actions.cron_generate import note_versions, record_changes, replace_crontab
from process_control.actions.import_crontab import LEFT_OUT, WROTE, Entry, Importer, but_the_first_line
from process_control.config import job_directory
from process_control.config.yaml.document import parse
from process_control.config.yaml.edit import Addition, EditedText
from process_control.config.yaml.nodes import Map, Node, Text
from process_control.core.job import Job
from process_control.core.quiet_moment import MINUTE, seconds_until_quiet
from process_control.core.schedule.debian_cron import CronEntry, starts_of
from process_control.core.schedule.schedule import host_zone
from process_control.crontab.adopted_line import (
    AdoptedLine,
    adopt_line,
    adopted_lines,
    restore_line,
    without_our_part,
)
from process_control.crontab.changes import changes
from process_control.crontab.condition import keep_fingerprint
from process_control.crontab.existing import ExistingCrontab, install_user_crontab, read_crontab_at, user_crontab
from process_control.crontab.one_job import OneJob, with_job, without_job
from process_control.crontab.read import Kind, Line, faults_of_the_file, read_lines
from process_control.crontab.rules import read_variable
from process_control.crontab.target import existing_crontab, text_of
from process_control.errors import BadConfiguration, Fault, NotStarted, ProcessControlError, UsageError
from process_control.system.as_account import ask_as
from process_control.system.replace import ExistingFile, locked_directory, read_existing, remove
from process_control.system.replace import replace as replace_file

ADOPTED, COMPLETED, UNDONE = "adopted", "completed", "undone"
REMOVED, DISABLED, NOT_THERE = "removed", "disabled", "not there"
#: What starts the generated lines as they are meant.
_SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash")
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


# --- taking a line over ----------------------------------------------------------------------------------------------


def adopt(
    importer: Importer, crontab: ExistingCrontab, number: int, *, dry_run: bool, clock: Clock = HOSTS_CLOCK
) -> Exchanged:
    """Turn the entry in line `number` into a job that the generated crontab starts.

    Raises UsageError for a line that is no entry, BadConfiguration (78) for one that no job can take over, NotStarted
    (75) when a crontab was changed by somebody else meanwhile.
    """
    before = next((each for each in adopted_lines(crontab.text) if each.number == number), None)
    importer.taken.update(_jobs_of_other_lines(crontab, number))
    settings = importer.settings
    line = _line_of(restore_line(crontab.text, before) if before else crontab.text, number, crontab)
    entry = _entry_of(importer, crontab, line, before)
    target, slug = entry.target or Path(), entry.job or ""
    there = None
    if entry.done != WROTE:
        there = read_existing(str(target), mode=0o644)
        _check_as_run_job(importer, slug)
    generated = with_job(settings, importer.account, crontab, importer.read(entry))
    if generated.path is None:
        _check_variables_at_the_end(crontab)
    new_text = crontab.text if before else adopt_line(crontab.text, number, slug)
    done = Exchanged(
        done=COMPLETED if before else ADOPTED,
        crontab=crontab.name,
        line=number,
        text=line.text,
        job=slug,
        target=target,
        job_file=entry.done,
        generated=generated.path or crontab.name,
    )
    if dry_run:
        return done

    def exchange() -> None:
        back = _nothing
        if entry.done == WROTE:
            if not importer.write_new(target, entry.content, crontab):
                raise NotStarted("was made meanwhile", where=str(target), hint="try again")
            back = _remover(target, entry.content)
        _or_else(lambda: _write_both(crontab, new_text, generated, line_first=True), back)

    return _exchange(importer, crontab, generated, done, there, new_text, exchange, clock)


def _check_as_run_job(importer: Importer, slug: str) -> None:
    """Raise what `run-job` would say about a job file that is there, such as one that others may write."""
    settings = importer.settings

    def load() -> None:
        with job_directory.JobDirectory(settings) as directory:
            source, path = directory.read(slug)
        job_directory.read_job(slug, path, source, settings)

    ask_as(importer.account, load)


def _check_starts_always(job: Job, target: Path) -> None:
    """Raise BadConfiguration (78) for a job that is not started, or not then, at some of its times."""
    keys = {
        "disabled": job.disabled,
        "exclude": job.exclude,
        "only_if": job.only_if_command,
        "jitter": job.jitter_seconds,
    }
    if key := next((key for key, value in keys.items() if value), None):
        raise BadConfiguration(
            f"the job has '{key}', so it would not start whenever this line does",
            where=str(target),
            hint=f"adopt it without '{key}' in the job file and in default_job_config, then add it",
        )


def _check_variables_at_the_end(crontab: ExistingCrontab) -> None:
    """Raise BadConfiguration (78) when the lines above the generated ones would change what those do."""
    lines = read_lines(without_our_part(crontab.text)[0], has_users=crontab.has_users)
    found = {}
    for line in lines:
        if line.kind is Kind.VARIABLE and (variable := read_variable(line.text)):
            found[variable[0]] = (variable[1], line.number)
    wrong = [name for name in ("CRON_TZ", "SHELL") if name in found and found[name][0] not in _SHELLS]
    if wrong:
        value, number = found[wrong[0]]
        raise BadConfiguration(
            f"sets {wrong[0]}={value}, which would hold for the generated lines at the end of this crontab too",
            where=f"{crontab.name}:{number}",
            hint="set output_crontab to a file in /etc/cron.d, or remove the line",
        )


def _remover(target: Path, content: bytes) -> Callable[[], None]:
    """Return what removes a job file that this call has written, unless it was changed since."""

    def back() -> None:
        there = read_existing(str(target), mode=0o644)
        if there is not None and there.content == content:
            remove(str(target))

    return back


def _jobs_of_other_lines(crontab: ExistingCrontab, number: int) -> set[str]:
    """Return the jobs that have taken over other lines: the same text may stand in two."""
    return {each.job for each in adopted_lines(crontab.text) if each.number != number}


def _line_of(text: str, number: int, crontab: ExistingCrontab) -> Line:
    """Return the entry in a line. Raises UsageError when cron runs nothing there."""
    lines = read_lines(without_our_part(text)[0], has_users=crontab.has_users)
    found = next((line for line in lines if line.number == number), None)
    if found is None or found.kind is not Kind.ENTRY:
        numbers = ", ".join(str(line.number) for line in lines if line.kind is Kind.ENTRY) or "no line"
        what = "is after the last line" if found is None else f"is a {found.kind.value} line"
        raise UsageError(f"line {number} {what}, nothing that cron runs", where=crontab.name, hint=f"it runs {numbers}")
    return found


def _entry_of(importer: Importer, crontab: ExistingCrontab, line: Line, before: AdoptedLine | None) -> Entry:
    """Return what becomes of the line. Raises BadConfiguration when no job is due at the same times."""
    entry = importer.prove(importer.plan(line, crontab))
    if entry.done == LEFT_OUT or entry.faults:
        raise BadConfiguration(faults=list(entry.faults))
    if before is not None and entry.job != before.job:
        raise BadConfiguration(
            f"the job file of '{before.job}' is not there, or not the one of this line",
            where=f"{crontab.name}:{line.number}",
            hint="give the line back: --undo",
        )
    _check_starts_always(importer.read(entry), entry.target or Path())
    if entry.proof is None or not entry.proof.holds:
        raise BadConfiguration(
            "the job is not due when this line is: its file was edited, or has another time zone than cron",
            where=str(entry.target),
            hint="process-control import crontab FILE --prove",
        )
    return entry


# --- giving it back --------------------------------------------------------------------------------------------------


def undo(
    importer: Importer, crontab: ExistingCrontab, number: int | None, *, dry_run: bool, clock: Clock = HOSTS_CLOCK
) -> Exchanged:
    """Give a line back to cron as it was. The job file is removed; one that was edited stays, disabled.

    `number` None: the only line that a job has taken over. Raises as `adopt` does.
    """
    adopted = _adopted_line(crontab, number)
    new_text = restore_line(crontab.text, adopted)
    generated = without_job(importer.settings, importer.account, crontab, adopted.job)
    target = importer.directory / f"{adopted.job}.yaml"
    there = read_existing(str(target), mode=0o644)
    fate = _fate_of_job_file(importer, crontab, new_text, adopted, there)
    new_source = _disabled(there.content, target) if there is not None and fate == DISABLED else None
    done = Exchanged(
        done=UNDONE,
        crontab=crontab.name,
        line=adopted.number,
        text=adopted.line,
        job=adopted.job,
        target=target,
        job_file=fate,
        generated=generated.path or crontab.name,
    )
    if dry_run:
        return done

    def exchange() -> None:
        back = _nothing if there is None else _take_job_file_away(target, there, new_source)
        _or_else(lambda: _write_both(crontab, new_text, generated, line_first=False), back)

    return _exchange(importer, crontab, generated, done, there, new_text, exchange, clock)


def _adopted_line(crontab: ExistingCrontab, number: int | None) -> AdoptedLine:
    adopted = adopted_lines(crontab.text)
    wanted = [each for each in adopted if number in (None, each.number)]
    if len(wanted) == 1:
        return wanted[0]
    numbers = ", ".join(str(each.number) for each in adopted)
    if not adopted:
        raise UsageError("no job has taken over a line of it", where=crontab.name)
    raise UsageError(f"jobs have taken over its lines {numbers}", where=crontab.name, hint="--undo --adopt LINE")


def _fate_of_job_file(
    importer: Importer, crontab: ExistingCrontab, text: str, adopted: AdoptedLine, there: ExistingFile | None
) -> str:
    if there is None:
        return NOT_THERE
    draft = importer.plan(_line_of(text, adopted.number, crontab), crontab).content
    is_as_made = but_the_first_line(text_of(there)) == but_the_first_line(draft.decode())
    return REMOVED if is_as_made else DISABLED


def _disabled(source: bytes, target: Path) -> bytes:
    """Return a job file with `disabled: true`. Raises BadConfiguration (78) when it cannot be edited."""
    edited = EditedText(source)
    root = edited.root
    values = _values_of_disabled(root)
    if isinstance(root, Map) and not values:
        edited.append(root, [Addition("disabled", "true", "cron runs its line again")])
    for value in values:
        if isinstance(value, Text):
            edited.edit(value, "true")
    new = edited.result().source
    now = _values_of_disabled(parse(new, "").root)
    if not now or not all(isinstance(value, Text) and value.value == "true" for value in now):
        raise BadConfiguration(
            "was edited, and cannot be disabled: it is no YAML file to which 'disabled: true' can be added",
            where=str(target),
            hint="correct it, or move it away",
        )
    return new


def _values_of_disabled(root: Node | None) -> list[Node]:
    return [value for key, value in root.entries if key.value == "disabled"] if isinstance(root, Map) else []


def _take_job_file_away(target: Path, there: ExistingFile, new_source: bytes | None) -> Callable[[], None]:
    """Remove the job file, or give it the `new_source`; return what reverses that."""

    def write(source: bytes) -> None:
        is_root = os.geteuid() == 0
        uid, gid = (there.uid, there.gid) if is_root else (-1, there.gid if there.gid in os.getgroups() else -1)
        replace_file(str(target), source, mode=there.mode, uid=uid, gid=gid)

    if new_source is None:
        remove(str(target))
    elif new_source != there.content:
        write(new_source)
    return lambda: write(there.content)


def _nothing() -> None:
    return


# --- both at once ----------------------------------------------------------------------------------------------------


def _exchange(
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


def _write_both(crontab: ExistingCrontab, new_text: str, generated: OneJob, *, line_first: bool) -> None:
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
        _or_else(lambda: write_generated(generated.new), lambda: _write_crontab(crontab, crontab.text))
    else:
        write_generated(generated.new)
        _or_else(lambda: _write_crontab(crontab, new_text), lambda: write_generated(generated.old))


def _or_else(step: Callable[[], None], back: Callable[[], None]) -> None:
    try:
        step()
    except ProcessControlError:
        back()
        raise


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
    if path := generated.path:
        ask_as(account, lambda: keep_fingerprint(settings, generated.made_from, path))
    return error

"""Lets a job take over one line of a live crontab: the line becomes a comment, the generated crontab gets the job."""

from collections.abc import Callable
from pathlib import Path

from process_control.actions.import_crontab import LEFT_OUT, WROTE, Entry, Importer
from process_control.actions.line_exchange import (
    HOSTS_CLOCK,
    Clock,
    Exchanged,
    entry_line,
    exchange_both,
    nothing,
    or_else,
    write_both,
)
from process_control.config import job_directory
from process_control.core.job import Job
from process_control.crontab.adopted_line import AdoptedLine, adopt_line, adopted_lines, restore_line, without_our_part
from process_control.crontab.existing import ExistingCrontab
from process_control.crontab.one_job import with_job
from process_control.crontab.read import Kind, Line, read_lines
from process_control.crontab.rules import read_variable
from process_control.errors import BadConfiguration, NotStarted
from process_control.system.as_account import ask_as
from process_control.system.replace import read_existing, remove

ADOPTED, COMPLETED = "adopted", "completed"
#: What starts the generated lines as they are meant.
_SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash")


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
    line = entry_line(restore_line(crontab.text, before) if before else crontab.text, number, crontab)
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
        is_for_scheduler=generated.is_for_scheduler,
    )
    if dry_run:
        return done

    def exchange() -> None:
        back = nothing
        if entry.done == WROTE:
            if not importer.write_new(target, entry.content, crontab):
                raise NotStarted("was made meanwhile", where=str(target), hint="try again")
            back = _remover(target, entry.content)
        or_else(lambda: write_both(crontab, new_text, generated, line_first=True), back)

    return exchange_both(importer, crontab, generated, done, there, new_text, exchange, clock)


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

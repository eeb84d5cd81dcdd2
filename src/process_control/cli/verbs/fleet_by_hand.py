"""`run`, `stop`, `hold`, `release` with --fleet: the same verbs, for whatever host of the fleet runs the job."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeGuard

from process_control.actions.rights import who
from process_control.actions.start import Started
from process_control.actions.stop import Stopped
from process_control.cli.chosen import agree, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session
from process_control.cli.verbs.run_screen import print_started
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import iso
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.job import Job
from process_control.core.moments import day_and_time
from process_control.errors import FINE, NO, BadConfiguration
from process_control.fleet.library import require_the_library
from process_control.views.selected_jobs import select_jobs, select_known


def run_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool, force: bool
) -> int:
    """Start jobs on hosts of the fleet; return the exit code of `run`."""
    chosen = _Chosen("run", session, words, yes=yes, dry_run=dry_run, as_json=as_json, needs_file=True)
    if chosen.code is not None:
        return chosen.code
    from process_control.fleet.by_hand import start

    jobs = [job for job in chosen.jobs if isinstance(job, Job)]
    started = start(chosen.settings, jobs, by=chosen.by, note=note, force=force)
    for each in chosen.invalid:
        started.append(Started(slug=each.slug, run_id=None, why=str(each.error), exit_code=each.error.exit_code))
    return print_started(started, as_json=as_json)


def stop_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool
) -> list[Stopped] | int:
    """Stop jobs on hosts of the fleet; return what came of it, or the exit code when nothing was tried."""
    chosen = _Chosen("stop", session, words, yes=yes, dry_run=dry_run, as_json=as_json)
    if chosen.code is not None:
        return chosen.code
    from process_control.fleet.by_hand import stop

    stopped = stop(chosen.settings, chosen.jobs, by=chosen.by, note=note)
    return [*stopped, *(Stopped(slug=each.slug, is_stopped=False, words=str(each.error)) for each in chosen.invalid)]


def hold_in_fleet(
    session: Session,
    verb: str,
    words: Sequence[str],
    *,
    seconds: float | None,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Hold jobs in the whole fleet, for so many seconds or without an end; return the exit code of `hold`."""
    chosen = _Chosen(verb, session, words, yes=yes, dry_run=dry_run, as_json=as_json)
    if chosen.code is not None:
        return chosen.code
    from process_control.fleet.by_hand import hold

    holds = hold(chosen.settings, chosen.jobs, by=chosen.by, note=note, seconds=seconds)
    done = [(slug, "held", "held") for slug in chosen.slugs]
    _print_held(done, note, as_json=as_json, untils=[held.until for held in holds])
    return chosen.code_of_the_rest(FINE)


def release_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """Release jobs in the whole fleet; return the exit code of `release`."""
    chosen = _Chosen("release", session, words, yes=yes, dry_run=dry_run, as_json=as_json)
    if chosen.code is not None:
        return chosen.code
    from process_control.fleet.by_hand import release

    were_held = release(chosen.settings, chosen.jobs, by=chosen.by, note=note)
    words_of = {True: "released", False: "was not held"}
    done = [(slug, words_of[was], "idle") for slug, was in zip(chosen.slugs, were_held, strict=True)]
    _print_held(done, note, as_json=as_json)
    return chosen.code_of_the_rest(FINE if any(were_held) else NO)


def _print_held(
    done: Sequence[tuple[str, str, str]],
    note: str | None,
    *,
    as_json: bool,
    untils: Sequence[float | None] | None = None,
) -> None:
    """Print what was done with each job. `untils`: when each hold ends by itself, in UTC seconds."""
    ends = untils or [None] * len(done)
    if as_json:
        rows = [
            {"job": job, "done": what, "changed": what != "was not held", "why": note}
            | ({} if until is None else {"until": iso(until)})
            for (job, what, _), until in zip(done, ends, strict=True)
        ]
        print_json({"jobs": rows})
        return
    now = datetime.now(UTC)
    for (job, what, state), until in zip(done, ends, strict=True):
        if is_terminal():
            ending = "" if until is None else f" until {day_and_time(datetime.fromtimestamp(until, UTC), now)}"
            talk(f"{job}: {what} in the fleet{ending}")
        else:
            print_tabbed([job, what, state, note])


class _Chosen:
    """The jobs that a command is to change in the fleet; `code`: its exit code, where nothing is to be done.

    Those that only the fleet knows are among them, as slugs, unless the command `needs_file`.
    """

    def __init__(
        self,
        verb: str,
        session: Session,
        words: Sequence[str],
        *,
        yes: bool,
        dry_run: bool,
        as_json: bool,
        needs_file: bool = False,
    ) -> None:
        require_the_library()
        self.by = who(dict(os.environb))
        self.settings = session.settings(f"{verb} --fleet", may_read=False)
        self.jobs, self.invalid = (_with_files if needs_file else _known)(self.settings, words)
        if self.invalid and not self.jobs:
            raise self.invalid[0].error
        self.code: int | None = None
        self.slugs = [job if isinstance(job, str) else job.slug for job in self.jobs]
        if dry_run and as_json:
            self.code = print_dry_run(verb, self.slugs)
        elif not agree(verb, self.slugs, yes=yes, dry_run=dry_run):
            self.code = FINE

    def code_of_the_rest(self, code: int) -> int:
        """Say which jobs were left out since their files are invalid; return 78 when there are some, else `code`."""
        for each in self.invalid:
            talk(f"{each.slug}: left out, its file is invalid: {each.error.faults[0]}")
        return BadConfiguration.exit_code if self.invalid else code


def _with_files(settings: Settings, words: Sequence[str]) -> tuple[list[Job | str], list[InvalidJob]]:
    """Return the jobs that the words name, and those whose files are invalid.

    Raises BadConfiguration (78) for one that does not belong to the fleet, JobNotFound (66).
    """
    return _sorted_out(settings, select_jobs(settings, words), known=set())


def _known(settings: Settings, words: Sequence[str]) -> tuple[list[Job | str], list[InvalidJob]]:
    """Return the same, and as slugs the jobs without a file that is valid here, when the fleet has them.

    The fleet is asked only where the files do not decide it: for a glob, and for a slug without a job of the fleet.
    """
    if settings.fleet_address is None:
        return _with_files(settings, words)
    files = {job.slug: job for job in load_all(settings)}
    if all(_is_of_the_fleet(files.get(word), settings) for word in words):
        return _sorted_out(settings, [files[word] for word in sorted({*words})], known=set())
    from process_control.fleet.known_jobs import known_jobs

    known = known_jobs(settings)
    slugs = select_known(settings, words, list(files.values()), known)
    return _sorted_out(settings, [files.get(slug, slug) for slug in slugs], known=known)


def _sorted_out(
    settings: Settings, chosen: Sequence[Job | InvalidJob | str], *, known: set[str]
) -> tuple[list[Job | str], list[InvalidJob]]:
    jobs: list[Job | str] = []
    invalid: list[InvalidJob] = []
    for each in chosen:
        slug = each if isinstance(each, str) else each.slug
        if _is_of_the_fleet(each, settings):
            jobs.append(each)
        elif slug in known:
            jobs.append(slug)
        elif isinstance(each, InvalidJob):
            invalid.append(each)
        else:
            why = "the configuration has no fleet.address" if settings.fleet_address is None else "it has run_on: local"
            raise BadConfiguration(f"does not belong to the fleet: {why}", where=slug)
    return jobs, invalid


def _is_of_the_fleet(job: Job | InvalidJob | str | None, settings: Settings) -> TypeGuard[Job]:
    return isinstance(job, Job) and belongs_to_fleet(job.run_on, settings.fleet_address)

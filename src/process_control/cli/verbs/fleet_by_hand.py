"""`run`, `stop`, `hold`, `release` with --fleet: the same verbs, for whatever host of the fleet runs the job."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from process_control.actions.rights import who
from process_control.actions.start import Started
from process_control.actions.stop import Stopped
from process_control.cli.chosen import agree, print_dry_run
from process_control.cli.fleet_library import require_the_library
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session
from process_control.cli.verbs.run_screen import print_started
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.fleet.lock_state import iso
from process_control.core.fleet.membership import belongs_to_fleet
from process_control.core.job import Job
from process_control.core.moments import day_and_time
from process_control.errors import FINE, NO, BadConfiguration
from process_control.views.selected_jobs import select_jobs


def run_in_fleet(
    session: Session, words: Sequence[str], *, note: str | None, yes: bool, dry_run: bool, as_json: bool, force: bool
) -> int:
    """Start jobs on hosts of the fleet; return the exit code of `run`."""
    chosen = _Chosen("run", session, words, yes=yes, dry_run=dry_run, as_json=as_json)
    if chosen.code is not None:
        return chosen.code
    from process_control.fleet.by_hand import start

    started = start(chosen.settings, chosen.jobs, by=chosen.by, note=note, force=force)
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
    done = [(job.slug, "held", "held") for job in chosen.jobs]
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
    done = [(job.slug, words_of[was], "idle") for job, was in zip(chosen.jobs, were_held, strict=True)]
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
    """The jobs that a command is to change in the fleet; `code`: its exit code, where nothing is to be done."""

    def __init__(
        self, verb: str, session: Session, words: Sequence[str], *, yes: bool, dry_run: bool, as_json: bool
    ) -> None:
        require_the_library()
        self.by = who(dict(os.environb))
        self.settings = session.settings(f"{verb} --fleet", may_read=False)
        self.jobs, self.invalid = _chosen(self.settings, words)
        if self.invalid and not self.jobs:
            raise self.invalid[0].error
        self.code: int | None = None
        slugs = [job.slug for job in self.jobs]
        if dry_run and as_json:
            self.code = print_dry_run(verb, slugs)
        elif not agree(verb, slugs, yes=yes, dry_run=dry_run):
            self.code = FINE

    def code_of_the_rest(self, code: int) -> int:
        """Say which jobs were left out since their files are invalid; return 78 when there are some, else `code`."""
        for each in self.invalid:
            talk(f"{each.slug}: left out, its file is invalid: {each.error.faults[0]}")
        return BadConfiguration.exit_code if self.invalid else code


def _chosen(settings: Settings, words: Sequence[str]) -> tuple[list[Job], list[InvalidJob]]:
    """Return the jobs that the words name, and those whose files are invalid.

    Raises BadConfiguration (78) for one that does not belong to the fleet.
    """
    found: list[Job] = []
    invalid: list[InvalidJob] = []
    for each in select_jobs(settings, words):
        if isinstance(each, InvalidJob):
            invalid.append(each)
        else:
            found.append(each)
    for job in found:
        if not belongs_to_fleet(job.run_on, settings.fleet_address):
            why = "the configuration has no fleet.address" if settings.fleet_address is None else "it has run_on: local"
            raise BadConfiguration(f"does not belong to the fleet: {why}", where=job.slug)
    return found, invalid

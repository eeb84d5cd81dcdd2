"""`recover`: after an outage, run what was missed or lost."""

import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from process_control.actions.recover import Fate, Progress, recover
from process_control.actions.start import How
from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.recover_screen import Screen, show_proposals
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.core.moments import parse_iso
from process_control.errors import BY_SIGNAL, FINE, NO
from process_control.system.account import check_allowed
from process_control.system.as_account import ask_as
from process_control.views.recovery import Proposal, proposals
from process_control.views.selected_jobs import select_slugs
from process_control.views.slots import Ledger
from process_control.views.time_words import SINCE_HELP, moment_of_flag

INTERRUPTED = BY_SIGNAL + 2
NOTE = "recover"


@verb(
    "recover",
    epilog=f"{JOBS_HELP} Proposals: `once` (the newest), `each`, `leave`; a job's `catch_up` decides, else `once`. "
    "In a pipe, separated by tabs: cause, job, proposal, how many slots, the first, the last; with --yes: job, slot, "
    "what was done, why. Exit code 1: a run failed, or was not started.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--since", metavar="TIME", default="7d", show_default=True, help=SINCE_HELP)
@click.option("--yes", "-y", is_flag=True, help="Run them. Without it they are only shown.")
@click.option(
    "--at-once", metavar="N", type=click.IntRange(min=1), default=2, show_default=True, help="So many runs at a time."
)
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "proposals": [...]}')
def recover_jobs(session: Session, jobs: Sequence[str], since: str, yes: bool, at_once: int, as_json: bool) -> int:
    """After an outage: show, or run, planned times (slots) that were missed or whose run was lost."""
    begin = moment_of_flag("--since", since, datetime.now(UTC))
    settings = session.load()
    account = check_allowed(settings.user, words="process-control recover", where=settings.path or "")
    answer = ask_as(account, lambda: [_as_values(each) for each in _proposals(settings, jobs, begin)])
    found = [_of_values(each) for each in answer]
    if not yes:
        if as_json:
            print_json({"proposals": [each.to_json() for each in found]})
        else:
            show_proposals(found, since=since, command=_command(session, jobs, since, at_once))
        return FINE
    screen = Screen(sum(len(each.to_run) for each in found), as_json=as_json)

    def fate_of(job: str, slot: int) -> Fate:
        fate, outcome = ask_as(account, lambda: list(_fate(settings, job, slot)))
        return fate, outcome

    session.paths.forget()  # the runs keep their own limits
    done = recover(
        [(each.job, each.to_run) for each in found],
        How(note=NOTE, config=session.config),
        at_once=at_once,
        fate_of=fate_of,
        on_progress=screen.show,
    )
    screen.end(done, found, again=_command(session, jobs, since, at_once))
    return _exit_code(done)


def _exit_code(done: Progress) -> int:
    if done.was_interrupted:
        return INTERRUPTED
    return NO if done.left or not all(result.is_well for result in done.results) else FINE


def _proposals(settings: Settings, words: Sequence[str], since: str) -> list[Proposal]:
    with open_index(settings.state_directory) as index:
        jobs = load_all(settings)
        ledger = Ledger(settings, jobs, index, now=time.time())
        chosen = select_slugs(settings, words, index)
        slugs = [slug for slug in ledger.known_jobs if chosen is None or slug in chosen]
        begin = parse_iso(since)
        after = 0.0 if begin is None else begin.timestamp() - 1
        return proposals(ledger, {job.slug: job for job in jobs}, slugs, since=after)


def _fate(settings: Settings, job: str, slot: int) -> Fate:
    with open_index(settings.state_directory) as index:
        accounts = Ledger(settings, load_all(settings), index, now=time.time()).accounts(
            [job], after=slot - 1, until=slot
        )
    if not accounts:
        return "", None
    found = accounts[0].slot
    return found.fate, found.run.outcome if found.run is not None else None


def _command(session: Session, jobs: Sequence[str], since: str, at_once: int) -> str:
    """Return what a person pastes in order to run them."""
    words = ["process-control", "recover", *jobs, "--since", since]
    words += ["--at-once", str(at_once)] if at_once != 2 else []
    words += ["--config", session.config] if session.config else []
    return shlex.join([*words, "--yes"])


def _as_values(proposal: Proposal) -> dict[str, Any]:
    names = ("job", "cause", "proposal", "why")
    return {name: getattr(proposal, name) for name in names} | {"slots": list(proposal.slots)}


def _of_values(values: dict[str, Any]) -> Proposal:
    """Return a proposal that the service user has made; slug and slots become words of a command of ours."""
    return Proposal(
        job=str(values["job"]),
        cause=str(values["cause"]),
        slots=[int(slot) for slot in values["slots"]],
        proposal=str(values["proposal"]),
        why=str(values["why"]),
    )

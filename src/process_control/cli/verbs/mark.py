"""`mark`: a planned time without a good run is settled by hand."""

import time
from datetime import UTC, datetime

import click

from process_control.actions import mark as action
from process_control.cli.chosen import become_whoever_may
from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.all_jobs import load_all
from process_control.config.not_found import no_such_job
from process_control.core.facts import one_line
from process_control.core.schedule.slots import Slot
from process_control.errors import UsageError
from process_control.system.clock import iso
from process_control.views.slot_words import TIME_HELP, account_named, named_time, slot_word
from process_control.views.slots import Ledger


@verb(
    "mark",
    epilog=f"TIME: {TIME_HELP} Takes planned times that were missed, whose run was lost, or that were skipped as "
    "too_late or overlap. In a pipe, separated by tabs: job, planned time, what was done, note. Exit code 0: marked; "
    "1: it has another fate; 66: no such job or planned time.",
)
@click.argument("job", metavar="JOB")
@click.argument("moment", metavar="TIME")
@click.option("--note", metavar="TEXT", required=True, help="Why: recorded in the audit log.")
@click.option("--dry-run", is_flag=True, help="Only show what would be marked.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def mark(session: Session, job: str, moment: str, note: str, dry_run: bool, as_json: bool) -> None:
    """Settle a planned time (slot) by hand: it is `skipped: marked`, and no trouble any more."""
    words = one_line(note)
    if words is None:
        raise UsageError("--note is empty", hint="--note TEXT says why the planned time needs no run")
    wanted = named_time("TIME", moment, datetime.now(UTC))
    actor = become_whoever_may(session, "mark")
    with open_index(actor.settings.state_directory) as index:
        jobs = load_all(actor.settings)
        ledger = Ledger(actor.settings, jobs, index, now=time.time())
        if job not in ledger.known_jobs:
            raise no_such_job(job, actor.settings.job_directory, [each.slug for each in jobs])
        slot = account_named(ledger, job, wanted).slot
    if dry_run:
        action.refuse_unless_open(slot)
    else:
        action.mark(actor, slot, note=words)
    _print(slot, words, "would mark" if dry_run else "marked", as_json=as_json)


def _print(slot: Slot, note: str, done: str, *, as_json: bool) -> None:
    if as_json:
        changed = done == "marked"
        answer = {"job": slot.job, "done": done, "changed": changed, "slot": iso(slot.slot), "note": note}
        print_json({"jobs": [answer]})
    elif is_terminal():
        talk(f"{slot.job}: {slot_word(slot.slot)}: {done}: {note}")
    else:
        print_tabbed([slot.job, iso(slot.slot), done, note])

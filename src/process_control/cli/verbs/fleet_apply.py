"""`fleet apply`: hand the job files of this host to the fleet."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from process_control.actions.rights import who
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.errors import FINE, NO
from process_control.fleet.library import require_the_library

if TYPE_CHECKING:
    from process_control.fleet.apply import Change


@verb(
    "apply",
    epilog=(
        "Exit code 0: the fleet has all jobs of this host; 1: it cannot have some. In a pipe, separated by tabs: job, "
        "added, changed, unchanged, removed, left or refused, lock, why."
    ),
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove the jobs that have no file here.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "changes": [...], ...}')
def apply(session: Session, *, dry_run: bool, prune: bool, as_json: bool) -> int:
    """Hand the job files of this host to the fleet: what each plans, and the hash of its file.

    Jobs with `run_on: local` are left out. A host runs a job only with the file that was applied, so bring the files to
    all hosts first. Runs in progress continue.
    """
    require_the_library()
    from process_control.fleet.apply import REFUSED
    from process_control.fleet.apply import apply as hand_over

    by = who(dict(os.environb))
    settings = session.settings("fleet apply", may_read=False)
    applied = hand_over(settings, by=by, dry_run=dry_run, prune=prune)
    changes, warnings = applied.changes, applied.warnings
    if as_json:
        rows = [change.to_json() for change in changes]
        print_json({"changes": rows, "warnings": warnings, "dry_run": dry_run})
    else:
        _show(changes, dry_run=dry_run)
        for warning in warnings:
            talk(f"warning: {warning}")
    return NO if any(change.change == REFUSED for change in changes) else FINE


def _show(changes: "Sequence[Change]", *, dry_run: bool) -> None:
    for change in changes:
        values = change.to_json()
        if not is_terminal():
            print_tabbed([values[name] for name in ("job", "change", "lock", "why")])
        elif change.change != "unchanged":
            print_tabbed([f"{change.job}: {change.change}" + (f"; {change.note}" if change.note else "")])
        for fault in change.faults:
            talk(f"{change.job}: {fault}")
    if is_terminal():
        count = sum(change.change in ("added", "changed", "removed") for change in changes)
        talk(f"{'would change' if dry_run else 'changed'}: {count} of {len(changes)} jobs")

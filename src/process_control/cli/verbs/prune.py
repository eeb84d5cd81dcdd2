"""`prune`: apply the retention settings now."""

import click

from process_control.actions.prune import prune as prune_now
from process_control.cli.print.error_output import error_as_json
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.core.measures import size
from process_control.errors import CannotRecord, Fault
from process_control.history.retention import Pruned


@verb(
    "prune",
    epilog=(
        "`retention` in the configuration sets how much of each job is kept. The end of a run does the same once a "
        "day. In a pipe, separated by tabs: remove or compress, path, bytes, why."
    ),
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def prune(session: Session, dry_run: bool, as_json: bool) -> int:
    """Delete logs and history beyond the `retention` settings, and compress old days of the journal."""
    settings = session.settings("prune", may_read=False)
    pruned = prune_now(settings, dry_run=dry_run)
    error = CannotRecord(faults=[Fault(fault) for fault in pruned.faults]) if pruned.faults else None
    if as_json:
        return _print_json(pruned, error, dry_run=dry_run)
    if not is_terminal():
        _print(pruned)
    talk_of(pruned, dry_run=dry_run)
    if error is not None:
        raise error
    return 0


def _print_json(pruned: Pruned, error: CannotRecord | None, *, dry_run: bool) -> int:
    """Print one object, the error in it; return the exit code."""
    removed = [
        {"path": removal.path, "size_bytes": removal.size_bytes, "why": removal.why}
        for removal in (*pruned.logs, *pruned.days)
    ]
    done = {"done": "would remove" if dry_run else "removed", "removed": removed, "compressed": pruned.compressed}
    print_json({**done, "faults": pruned.faults, **({"error": error_as_json(error)} if error else {})})
    return error.exit_code if error else 0


def _print(pruned: Pruned) -> None:
    for removal in (*pruned.logs, *pruned.days):
        print_tabbed(["remove", removal.path, removal.size_bytes, removal.why])
    for path in pruned.compressed:
        print_tabbed(["compress", path, None, None])


def talk_of(pruned: Pruned, *, dry_run: bool) -> None:
    """Sum up on stderr."""
    if pruned.is_running_elsewhere:
        talk("another prune is running")
        return
    would = "would remove" if dry_run else "removed"
    pack = "would compress" if dry_run else "compressed"
    talk(
        f"{would} {_count(len(pruned.logs), 'log')} and {_count(len(pruned.days), 'day')} of the journal "
        f"({size(pruned.freed_bytes)}), {pack} {_count(len(pruned.compressed), 'day')}"
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

"""`show`: the effective settings of a job, where each comes from, its state, and its next slots."""

import click

from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.views.show import in_words, look_at


@verb(
    "show",
    epilog=(
        "In a pipe, separated by tabs: lines `value`, key, value, origin; lines `slot`, UTC, local time, "
        "mark for the next planned times (slots). Values of the environment are not shown: they may be secrets."
    ),
)
@click.argument("job", metavar="JOB")
@click.option("--json", "as_json", is_flag=True, help="The job as `status --json` has it, its values and slots.")
@paged
def show(session: Session, job: str, as_json: bool) -> None:
    """Show the effective settings of a job and where each comes from, its schedule, and the next 10 planned times."""
    settings = session.settings("show")
    with open_index(settings.state_directory) as index:
        shown = look_at(settings, job, index)
    if as_json:
        print_json({"job": shown.to_json()})
    elif is_terminal():
        from process_control.cli.verbs.show_screen import show_on_screen

        show_on_screen(shown)
    else:
        for each in shown.values:
            print_tabbed(["value", each.key, in_words(each), each.origin])
        for slot in shown.slots:
            print_tabbed(["slot", f"{slot.moment:%Y-%m-%dT%H:%M:%S}.000Z", slot.local.isoformat(), slot.mark])

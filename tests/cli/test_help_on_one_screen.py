"""The help of every command and verb fits a screen of 24 lines and 80 columns; man pages have the long text."""

from collections.abc import Iterator

import click
import pytest

from process_control.cli.main import process_control
from process_control.cli.run_job.flags import help_text
from process_control.cli.verb_group import Verbs
from process_control.cli.verbs.cron_generate import cron_generate
from tools.command_of_click import command_of

LINES, COLUMNS = 24, 80
LONGER = {"process-control": "a line for each verb: what there is has to be seen at one look"}
"""Command line: why its help cannot be shorter."""


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Return each command line with its help on a terminal of 80 columns; click leaves two of them free."""
    ctx = click.Context(command, info_name=name, terminal_width=COLUMNS - 2, **command.context_settings)
    yield name, command.get_help(ctx)
    for verb in command.list_commands(ctx) if isinstance(command, Verbs) else ():
        found = command.get_command(ctx, verb) if isinstance(command, Verbs) else None
        if found is not None:
            yield from helps(found, f"{name} {verb}")


HELPS = {
    "run-job": help_text(),
    **dict(helps(cron_generate, "cron-generate")),
    **dict(helps(process_control, "process-control")),
}


@pytest.mark.parametrize("command_line", HELPS)
def test_help_fits_one_screen(command_line: str) -> None:
    lines = HELPS[command_line].rstrip().splitlines()

    assert [line for line in lines if len(line) > COLUMNS] == []
    assert (len(lines) > LINES) is (command_line in LONGER)


def test_every_verb_is_looked_at_and_those_of_groups_too() -> None:
    assert {"process-control status", "process-control import original", "process-control notify test"} <= set(HELPS)
    assert len(HELPS) > 24


def test_the_man_page_has_what_help_leaves_out() -> None:
    assert "sorted by name" not in HELPS["cron-generate"]
    assert "sorted by name" in command_of(cron_generate, "cron-generate").description

"""`help`: what a verb does, for whoever types the word instead of the option."""

from collections.abc import Sequence

import click

from process_control.cli.print.output import print_line
from process_control.cli.session import Verb
from process_control.cli.verb_group import Verbs


@click.command("help", cls=Verb)
@click.argument("words", nargs=-1, metavar="[VERB]...")
@click.pass_context
def help_of_a_verb(ctx: click.Context, words: Sequence[str]) -> None:
    """Show what a verb does and the options it takes; without VERB, all verbs."""
    at = ctx.find_root()
    for word in words:
        if not isinstance(at.command, Verbs):
            raise click.UsageError(f"'{at.command_path}' has no verbs", ctx)
        name, command, _ = at.command.resolve_command(at, [word])
        if command is None:
            raise click.UsageError(f"unknown verb '{word}'", ctx)
        at = click.Context(command, info_name=name, parent=at, **command.context_settings)
    print_line(at.get_help())

"""A group of verbs, each imported when it is asked for; main.py and the verbs that have verbs of their own use it."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

# ruff: noqa: ARG002  click calls these methods with what it has


class Verbs(click.Group):
    """Verbs by a table: name, then where the command lives (`module:attribute`) and what the list says of it."""

    def __init__(self, *arguments: Any, verbs: Mapping[str, tuple[str, str]], **keywords: Any) -> None:
        keywords["subcommand_metavar"] = "VERB [ARGS]..."
        keywords.setdefault("no_args_is_help", False)  # else a whole page is the error
        super().__init__(*arguments, **keywords)
        self.verbs = verbs
        self.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return None
        place = self.verbs[cmd_name][0]
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in self.verbs and not name.startswith("-"):
            hint = self._hint(name)
            raise click.UsageError(f"unknown verb '{name}'" + (f"\n{hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def _hint(self, name: str) -> str:
        from process_control.cli.other_words import OTHER_VERBS

        if name.lower() in OTHER_VERBS and "run" in self.verbs:
            return OTHER_VERBS[name.lower()]
        near = difflib.get_close_matches(name, list(self.verbs), n=1)
        return f"did you mean '{near[0]}'?" if near else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, words) for verb, (_, words) in self.verbs.items()])

"""A group of verbs, each imported when it is asked for; main.py and the verbs that have verbs of their own use it."""

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from process_control.core.suggestions import nearest

# ruff: noqa: ARG002  click calls these methods with what it has

OVERVIEW_COLUMNS = 80
#: Letters. A shorter clause does not say what a verb does.
MIN_CLAUSE = 20


class Verbs(click.Group):
    """Verbs by a table: name, then where the command lives (`module:attribute`) and what the list says of it.

    `purposes`: what one wants, and the verbs that do it, in the order in which the lists show them. With a `heading`
    the help is one screen: this line, a line for each verb, and the line `ending`.
    """

    def __init__(
        self,
        *arguments: Any,
        verbs: Mapping[str, tuple[str, str]],
        purposes: Mapping[str, Sequence[str]] | None = None,
        heading: str | None = None,
        ending: str = "",
        **keywords: Any,
    ) -> None:
        keywords["subcommand_metavar"] = "VERB [ARGS]..."
        keywords.setdefault("no_args_is_help", False)  # else a whole page is the error
        super().__init__(*arguments, **keywords)
        self.verbs = verbs
        self.heading = heading
        self.ending = ending
        self.purposes = purposes or {"verbs": list(verbs)}
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
        near = nearest(name, self.verbs)
        return f"did you mean '{near}'?" if near else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for purpose, verbs in self.purposes.items():
            with formatter.section(purpose.capitalize()):
                formatter.write_dl([(verb, self.verbs[verb][1]) for verb in verbs])

    def get_help(self, ctx: click.Context) -> str:
        return super().get_help(ctx) if self.heading is None else f"{self.overview()}\n{self.ending}"

    def overview(self) -> str:
        """Return all verbs by their purpose, one line each, none wider than a terminal of 80 columns."""
        purpose_width, name_width = (max(map(len, names)) for names in (self.purposes, self.verbs))
        columns = OVERVIEW_COLUMNS - purpose_width - name_width - 4
        lines = [
            f"{purpose if verb == verbs[0] else '':<{purpose_width}}  {verb:<{name_width}}  "
            + _first_part(words, columns)
            for purpose, verbs in self.purposes.items()
            for verb, words in ((verb, self.verbs[verb][1]) for verb in verbs)
        ]
        return "\n".join([*([self.heading] if self.heading else []), *lines])


def _first_part(words: str, columns: int) -> str:
    """Return as many whole clauses of `words` as fit into `columns`; a list is not cut in its middle."""
    ends = [found.start() for mark in ("[;:]| and ", ",") for found in reversed([*re.finditer(mark, words)])]
    fitting = [end for end in (len(words), *ends) if end <= columns]
    return words[: next((end for end in fitting if end >= MIN_CLAUSE), columns)]

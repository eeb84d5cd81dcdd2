"""A click command as values: what help, completion and man pages have to know of it.

What a value is follows from how it is called: FILE, DIR, ID of a run, JOB, REV; or from the choices of its type.
"""

import click

from process_control.cli.command import (
    DIRECTORIES,
    FILES,
    HOSTS,
    INCIDENTS,
    JOBS,
    REVISIONS,
    RUNS,
    Argument,
    Command,
    Flag,
)
from process_control.cli.verb_group import Verbs

VALUES = {"integer": "N", "integer range": "N"}
COMPLETES = {
    "FILE": FILES,
    "DIR": DIRECTORIES,
    "ID": RUNS,
    "JOB": JOBS,
    "INCIDENT": INCIDENTS,
    "REV..REV|REV": REVISIONS,
    "HOST,...": HOSTS,
}


def command_of(command: click.Command, name: str, words: str = "") -> Command:
    """Return `command` as it is called `name`, its verbs included; `words` are those of the list of verbs."""
    ctx = click.Context(command, info_name=name, **command.context_settings)
    flags = [_flag(each) for each in command.get_params(ctx) if isinstance(each, click.Option) and not each.hidden]
    arguments = [_argument(each, ctx) for each in command.params if isinstance(each, click.Argument)]
    words = words or command.get_short_help_str(200).rstrip(".")
    return Command(
        name=name,
        words=words[:1].lower() + words[1:],
        usage=(f"{name} {' '.join(command.collect_usage_pieces(ctx))}",),
        description=(command.help or "").replace("\f", ""),  # of what follows a form feed --help shows nothing
        epilog=command.epilog or "",
        flags=tuple(flags),
        argument=arguments[0] if arguments else None,
        verbs=_verbs(command, ctx),
    )


def _verbs(command: click.Command, ctx: click.Context) -> tuple[Command, ...]:
    if not isinstance(command, Verbs):
        return ()
    found = [(verb, command.get_command(ctx, verb), words) for verb, (_, words) in command.verbs.items()]
    return tuple(command_of(each, verb, words) for verb, each, words in found if each is not None)


def _flag(option: click.Option) -> Flag:
    value = "" if option.is_flag else option.metavar or VALUES.get(option.type.name, "WORD")
    return Flag(
        names=tuple(sorted(option.opts, key=len)),
        meaning=(option.help or "").rstrip("."),
        value=value.strip("[]"),
        value_is_optional=option._flag_needs_value,
        completes=COMPLETES.get(value, ""),
        choices=_choices(option),
        repeats=option.multiple,
    )


def _argument(argument: click.Argument, ctx: click.Context) -> Argument:
    value = argument.make_metavar(ctx)
    kind = value.strip("[].")
    return Argument(value=value, completes=COMPLETES.get(kind, ""), choices=_choices(argument))


def _choices(parameter: click.Parameter) -> tuple[str, ...]:
    return (
        ()
        if isinstance(parameter, click.Option) and parameter.is_flag
        else tuple(getattr(parameter.type, "choices", ()))
    )

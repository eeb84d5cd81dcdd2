"""A verb that looks, on other hosts: asks them all, and prints what they answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from process_control.cli.hosts.looked import Looked
from process_control.cli.hosts.show import show
from process_control.cli.session import Session
from process_control.errors import UsageError
from process_control.fleet.hosts import AskedHost, asked_hosts, names_a_group
from process_control.fleet.replies import replies_of

#: Answers may be long, or take long to be found.
LONG = ("history", "logs", "slots")
SECONDS, LONG_SECONDS = 5.0, 30.0
#: Options that are about this terminal.
HERE = ("hosts", "as_json", "as_csv", "no_header", "show_all")
REFUSED = {"watch": "--watch", "follow": "-f", "fix": "--fix", "dry_run": "--dry-run", "as_raw": "--raw"}
REFUSED |= {"legend": "--legend"}
SHOW = "show"


def look(
    session: Session,
    hosts: Sequence[str],
    *,
    jobs: str,
    tables: Mapping[str, Sequence[str]],
    options: Mapping[str, Any],
) -> int:
    """Ask the hosts, print what they answer and return the exit code. See `looks_at_hosts`.

    Raises UsageError (2) for what does not go with --host, ProcessControlError (1) without ssh.
    """
    ctx = click.get_current_context()
    verb = str(ctx.command.name)
    _refuse(verb, options)
    value = options.get(jobs) or ()
    words = [value] if isinstance(value, str) else list(value)
    before, words = (words[:1], words[1:]) if verb == "incidents" and words[:1] == [SHOW] else ([], words)
    groups = session.load().fleet_hosts if names_a_group(hosts, words) else {}
    asked = asked_hosts(hosts, words, groups, where=f"process-control {verb}")
    if before and len(asked) != 1:
        raise UsageError("an incident is of one host", where="incidents show", hint="incidents show HOST/ID")
    form = f"{verb} --count" if options.get("only_count") else verb
    commands = [(each.host, [verb, "--json", *_words(ctx, jobs, before, each)]) for each in asked]
    session.paths.forget()  # it is hosts that are waited for, not disks
    replies = replies_of(commands, form=form, seconds=LONG_SECONDS if verb in LONG else SECONDS)
    return show(Looked(form=form, replies=replies, words=words, columns=tables.get(form, ()), options=options))


def _refuse(verb: str, options: Mapping[str, Any]) -> None:
    for name, flag in REFUSED.items():
        if options.get(name):
            command = f"process-control {verb}"
            raise UsageError(f"{flag} does not go with --host", where=command, hint=f"ssh -t HOST {command} {flag}")
    if options.get("as_json") and options.get("as_csv"):
        raise UsageError("--json or --csv, not both", hint=f"process-control {verb} --help")


def _words(ctx: click.Context, jobs: str, before: Sequence[str], asked: AskedHost) -> list[str]:
    """Return the words of the command line for one host, as they were typed."""
    found: list[str] = []
    arguments: list[str] = [*before]
    for parameter in ctx.command.params:
        name = str(parameter.name)
        value = ctx.params.get(name)
        if name == jobs and isinstance(parameter, click.Argument):
            arguments += asked.jobs
        elif name == jobs:
            found += [f"{parameter.opts[0]}={word}" for word in asked.jobs]
        elif name in HERE or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        elif isinstance(parameter, click.Argument):
            arguments += [str(value)]
        elif isinstance(parameter, click.Option):
            found += _option(parameter, value)
    return [*found, "--", *arguments] if arguments else found


def _option(option: click.Option, value: Any) -> list[str]:
    name = max(option.opts, key=len)
    if option.is_flag:
        return [name] if value else []
    values = value if option.multiple else [value]
    return [f"{name}={each}" if name.startswith("--") else f"{name}{each}" for each in values]

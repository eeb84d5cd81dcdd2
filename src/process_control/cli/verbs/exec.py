"""`exec`: a command run as a job is, without a job file."""

import json
import os
import sys
from typing import Any

import click

from process_control.actions.start import command_of
from process_control.cli.session import Session, Verb, verb
from process_control.errors import UsageError

HINT = "process-control exec --name SLUG [OPTIONS] -- COMMAND [ARG]..."
#: The options that are keys of the job file.
KEYS = (
    *("timeout", "kill_grace", "silence_timeout", "stderr", "leftovers", "lock", "working_directory"),
    *("environment_file", "inherit_environment"),
)


class Exec(Verb):
    """A verb with a command behind `--`, which is taken as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, command = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        rest = super().parse_args(ctx, own)
        if ctx.params["command"] or not command:
            raise UsageError("write the command behind --", hint=HINT)
        ctx.params["command"] = command
        return rest


@verb("exec", cls=Exec, epilog="Exit codes as of run-job. Its traces go after `retention.days`.")
@click.option("--name", "slug", metavar="SLUG", required=True, help="Its name, which no job has.")
@click.option("--timeout", metavar="TIME", help="Time limit: 90s, 10m, 2h; 0: none. Default: 10m.")
@click.option("--kill-grace", metavar="TIME", help="Between TERM and KILL.")
@click.option("--silence-timeout", metavar="TIME", help="How long it may print nothing.")
@click.option("--stderr", metavar="WHAT", help="fail (default), warn or ignore: output on stderr.")
@click.option("--leftovers", metavar="WHAT", help="kill (default) or keep what it leaves running.")
@click.option("--lock", metavar="NAME", help="Not while another run has this lock.")
@click.option("--wait", metavar="TIME", help="If it is running, wait for it so long.")
@click.option("--working-directory", metavar="DIR", help="Where it runs.")
@click.option("--environment", metavar="KEY=VALUE", multiple=True, help="A variable; several may be given.")
@click.option("--environment-file", metavar="FILE", multiple=True, help="A file of variables: secrets.")
@click.option("--inherit-environment", metavar="KEY", multiple=True, help="A variable to pass on.")
@click.option("--memory", metavar="SIZE", help="How much memory it may use.")
@click.option("--note", metavar="TEXT", help="Why: recorded in the audit log.")
@click.option("--quiet", is_flag=True, help="Show only the report of a failed run.")
@click.argument("command", nargs=-1, metavar="-- COMMAND [ARG]...")
def exec_command(
    session: Session, slug: str, wait: str | None, note: str | None, quiet: bool, command: list[str], **given: Any
) -> None:
    """Run a command as a job: with lock, limits, log and history.

    \f
    It runs here and now, as the service user, in the environment of a job, and its output is shown. Of
    `default_job_config` what says how commands run applies. It has no schedule, no health and no mail; `list` and
    `check` do not show it, but `history`, `logs`, `audit`, `stop` and `status SLUG` do. No shell runs: for a pipe,
    write -- sh -c '…'. The command line and the values of --environment are kept in the state.
    """
    keys = {key: value for key in KEYS if (value := given[key])}
    variables = [variable.partition("=") for variable in given["environment"]]
    for name, equals, _ in variables:
        if not equals:
            raise UsageError(f"--environment {name}: no value", hint="--environment KEY=VALUE")
    if variables:
        keys["environment"] = {name: value for name, _, value in variables}
    if given["memory"]:
        keys["limits"] = {"memory": given["memory"]}
    flags = ["--config", session.config] if session.config else []
    flags += ["--debug"] if session.debug else []
    flags += [] if wait is None else [f"--wait={wait}"]
    flags += [] if note is None else ["--note", note]
    flags += ["--quiet" if quiet else "--show", "--ad-hoc", json.dumps(keys)]
    session.paths.forget()  # a run keeps its own limits
    sys.stdout.flush()
    words = [*command_of(slug, flags), *command]
    os.execv(words[0], words)

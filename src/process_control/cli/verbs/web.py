"""`web`: the page. Without a verb of its own it serves."""

import os
import sys

import click

from process_control.actions.rights import become_actor, who
from process_control.cli.print.output import talk
from process_control.cli.session import Session, options_of_every_verb
from process_control.cli.verb_group import Verbs
from process_control.config.keys.web_kinds import LISTEN_FORM
from process_control.errors import FINE, ProcessControlError
from process_control.state.block import Identity
from process_control.system.service_manager import ServiceManager

EXTRA = "pip install 'process-control[web]'"
VERBS = {
    "link": ("process_control.cli.verbs.web_link:web_link", "print the address that opens the page"),
    "passwd": ("process_control.cli.verbs.web_passwd:web_passwd", "print the line of a login for the configuration"),
    "token": ("process_control.cli.verbs.web_token:web_token", "tokens for programs: create, list, revoke"),
}


@click.group(
    "web",
    cls=Verbs,
    verbs=VERBS,
    invoke_without_command=True,
    epilog="TERM and Control-C end it, and no run. The page needs the extra process-control[web].",
)
@click.option("--listen", metavar="ADDRESS", help=f"{LISTEN_FORM}. Default: web.listen, 127.0.0.1:8765.")
@click.option("--read-only", is_flag=True, help="Nobody changes anything by the page.")
@click.option("--no-starts", is_flag=True, help="Start jobs through the scheduler only, as the systemd unit does.")
@click.pass_context
def web(ctx: click.Context, listen: str | None, read_only: bool, no_starts: bool) -> int:
    """Serve the page: how all jobs stand, each run with its output, why, and what to do about it.

    \f
    It listens on 127.0.0.1:8765, or where `web.listen` or --listen says. Without logins it answers a browser that has
    opened its link, which a terminal and `web link` show; on a unix socket root, the service user and members of
    `read_group`; and programs that send a token. With `web.users` people log in. Another address than loopback needs
    logins, and TLS files or a trusted proxy.
    """
    if ctx.invoked_subcommand is not None:
        if listen is not None or read_only or no_starts:
            raise click.UsageError(f"options of the server go with no verb: {ctx.invoked_subcommand}", ctx)
        return FINE
    return _serve(ctx.ensure_object(Session), listen, read_only=read_only, no_starts=no_starts)


web.subcommand_metavar = "[VERB]"
web.params += options_of_every_verb()


def _serve(session: Session, listen: str | None, *, read_only: bool, no_starts: bool) -> int:
    try:
        from process_control.web.server import serve
    except ModuleNotFoundError as error:
        raise ProcessControlError(
            f"the page needs a package that is not installed: {error.name}", hint=EXTRA
        ) from error
    identity = Identity()
    manager = ServiceManager()  # before rights are dropped, and root's environment with them
    settings = session.load()
    actor = become_actor(settings, by=who(dict(os.environb)), command="process-control web")
    session.paths.forget()

    def ready(url: str, link: str) -> None:
        if link and sys.stderr.isatty():
            talk(f"the page: {link}")
        elif link:
            talk(f"the page: {url}; process-control web link prints the address that opens it")
        else:
            talk(f"the page: {url}")
        manager.notify(f"READY=1\nSTATUS={url}")

    serve(
        actor.settings,
        config=session.config,
        identity=identity,
        listen=listen,
        read_only=read_only,
        starts_nothing=no_starts,
        ready=ready,
    )
    return FINE

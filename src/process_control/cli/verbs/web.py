"""`web`: the page."""

import os
import sys

import click

from process_control.actions.rights import become_actor, who
from process_control.cli.print.output import talk
from process_control.cli.session import Session, Verb, verb
from process_control.config.keys.web_kinds import LISTEN_FORM
from process_control.errors import FINE, ProcessControlError
from process_control.state.block import Identity
from process_control.system.service_manager import ServiceManager

EXTRA = "pip install 'process-control[web]'"


@verb(
    "web",
    cls=Verb,
    epilog=(
        "`web link` prints the address that opens the page, `web passwd NAME` the line of a login for the "
        "configuration, `web token create|list|revoke NAME` are for programs. TERM and Control-C end it, and no run."
    ),
)
@click.option("--listen", metavar="ADDRESS", help=f"{LISTEN_FORM}. Default: web.listen, 127.0.0.1:8765.")
@click.option("--read-only", is_flag=True, help="Nobody changes anything by the page.")
@click.option("--no-starts", is_flag=True, help="Start jobs through the scheduler only, as the systemd unit does.")
@click.argument("words", nargs=-1, metavar="[link | passwd NAME | token ...]")
def web(session: Session, words: tuple[str, ...], listen: str | None, read_only: bool, no_starts: bool) -> int:
    """Serve the page: how all jobs stand, each run with its output, why, and what to do about it."""
    if words:
        from process_control.cli.verbs.web_access import web_access

        return web_access(session, words)
    try:
        from process_control.web.server import serve
    except ModuleNotFoundError as error:
        raise ProcessControlError(
            f"the page needs a package that is not installed: {error.name}", hint=EXTRA
        ) from error
    identity = Identity()
    settings = session.load()
    actor = become_actor(settings, by=who(dict(os.environb)), command="process-control web")
    session.paths.forget()
    manager = ServiceManager()

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

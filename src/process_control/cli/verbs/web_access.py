"""`web link`, `web passwd`, `web token`: who may open the page."""

import sys
from pathlib import Path

import click

from process_control.cli.print.output import print_line, talk
from process_control.cli.session import Session
from process_control.core import layout
from process_control.core.roles import VIEWER
from process_control.errors import FINE, NotStarted, UsageError


def web_access(session: Session, words: tuple[str, ...]) -> int:
    """Do what the words say; return the exit code. Raises UsageError (2)."""
    verb, *others = words
    if verb == "link" and not others:
        return _link(session)
    if verb == "passwd" and len(others) == 1:
        return _passwd(others[0])
    raise UsageError(f"web {' '.join(words)}: no such command", hint="process-control web --help")


def _link(session: Session) -> int:
    settings = session.settings("web link", may_read=False)
    path = Path(layout.web_link(settings.run_directory))
    try:
        print_line(path.read_text().strip())
    except FileNotFoundError:
        raise NotStarted(
            "no page is served here without logins", hint="process-control web; with logins, open its address"
        ) from None
    return FINE


def _passwd(name: str) -> int:
    from process_control.web.access.passwords import hash_of

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("the password is empty")
    talk("for the configuration, below `web:`, `users:`")
    print_line(f"{name}: {{password: {hash_of(password)}, role: {VIEWER}}}")
    return FINE

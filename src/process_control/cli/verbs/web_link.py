"""`web link`: the address that opens the page of this host, where nobody logs in."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import click

from process_control.cli.print.output import print_json, print_line
from process_control.cli.session import Session, verb
from process_control.core import layout
from process_control.errors import FINE, NotStarted

CONNECT_SECONDS = 2.0


@verb(
    "link", epilog="Whoever opens it is admin until the server stops. Exit code 75: no page is served, or with logins."
)
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "url": ...}')
def web_link(session: Session, as_json: bool) -> int:
    """Print the address that opens the page in a browser, while it is served without logins."""
    settings = session.settings("web link", may_read=False)
    try:
        link = Path(layout.web_link(settings.run_directory)).read_text().strip()
    except FileNotFoundError:
        raise _not_served() from None
    address = urlsplit(link)
    try:
        # A server that was killed leaves its link, and somebody else may have its port next: nothing is sent.
        socket.create_connection((address.hostname or "", address.port or 0), timeout=CONNECT_SECONDS).close()
    except OSError:
        raise _not_served() from None
    if as_json:
        print_json({"url": link})
    else:
        print_line(link)
    return FINE


def _not_served() -> NotStarted:
    return NotStarted(
        "no page is served here without logins", hint="process-control web; with logins, open its address"
    )

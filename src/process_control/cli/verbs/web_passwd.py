"""`web passwd`: the line of a login, with the hash of its password."""

import sys

import click

from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.session import Session, verb
from process_control.config.keys.web_kinds import ACCOUNT_HINT, is_account_name
from process_control.core.roles import ROLES, VIEWER
from process_control.errors import FINE, UsageError

MIN_LENGTH = 8
MAX_LENGTH = 1024


@verb("passwd", epilog="The password comes from a prompt, in a pipe from the first line of stdin; nothing is stored.")
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), default=VIEWER, show_default=True, help="What the login may do.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "user": {"name", "password", "role"}}')
def web_passwd(_: Session, name: str, role: str, as_json: bool) -> int:
    """Print the line of a login for the configuration, below `web:`, `users:`, with the hash of a password."""
    from process_control.web.access.passwords import hash_of

    if not is_account_name(name):
        raise UsageError(f"not a name for a login: {name}", hint=ACCOUNT_HINT)
    hashed = hash_of(_password())
    if as_json:
        print_json({"user": {"name": name, "password": hashed, "role": role}})
        return FINE
    talk("for the configuration, below `web:`, `users:`")
    print_line(f"{name}: {{password: {hashed}, role: {role}}}")
    return FINE


def _password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise UsageError(f"the password has {len(password)} characters", hint=f"{MIN_LENGTH} to {MAX_LENGTH}")
    return password

"""`web token`: tokens with which programs use the API."""

import click

from process_control.actions.rights import Actor
from process_control.cli.chosen import become_whoever_may
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.cli.verb_group import Verbs
from process_control.config.keys.web_kinds import ACCOUNT_HINT, is_account_name
from process_control.core.roles import ROLES
from process_control.errors import FINE, ProcessControlError, UsageError
from process_control.web.access.audit import TOKEN_CREATED, TOKEN_REVOKED, record_access
from process_control.web.access.store import TOKENS, Grant, GrantStore

VERBS = {
    "create": ("process_control.cli.verbs.web_token:web_token_create", "make a token, and print it once"),
    "list": ("process_control.cli.verbs.web_token:web_token_list", "names, roles and ends of all tokens"),
    "revoke": ("process_control.cli.verbs.web_token:web_token_revoke", "end a token at once"),
}
COLUMNS = ("name", "role", "created_at", "ends_at", "by")
DAY_SECONDS = 86400
MAX_DAYS = 3650
_LIST = "process-control web token list"


@click.group("token", cls=Verbs, verbs=VERBS)
def web_token() -> None:
    """Tokens with which programs use the API of the page: sent as `Authorization: Bearer TOKEN`."""


@verb(
    "create", epilog="The token is printed on stdout, once; only its hash is kept. Exit code 1: there is one already."
)
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What programs may do with it.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=90, show_default=True, help="How long it lasts.")
@click.option("--dry-run", is_flag=True, help="Only show what would be made.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "token": {...}, "secret": ...}')
def web_token_create(session: Session, name: str, role: str, days: int, dry_run: bool, as_json: bool) -> int:
    """Make a token for the API."""
    if not is_account_name(name):
        raise UsageError(f"not a name for a token: {name}", hint=ACCOUNT_HINT)
    actor, store = _store(session, "web token create")
    if any(grant.name == name for grant in store.all()):
        raise ProcessControlError("there is a token of this name", where=name, hint=f"web token revoke {name}")
    if dry_run:
        return _print_made(None, name, f"would make a token {name}: {role}, {days} days", as_json=as_json)
    secret, grant = store.add(name=name, role=role, seconds=days * DAY_SECONDS, by=actor.by)
    record_access(actor, TOKEN_CREATED, account=name, role=role, detail=f"for {days} days")
    return _print_made(grant, secret, f"{name}: {role}, until {grant.ends_at}; it is shown this once", as_json=as_json)


@verb("list", epilog=f"In a pipe, separated by tabs: {', '.join(COLUMNS)}.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "tokens": [...]}')
def web_token_list(session: Session, as_json: bool) -> int:
    """Show all tokens that last, oldest first; none of them can be shown again itself."""
    _, store = _store(session, "web token list")
    tokens = [grant.to_json() for grant in store.all()]
    if as_json:
        print_json({"tokens": tokens})
        return FINE
    if not tokens and is_terminal():
        talk("no tokens (process-control web token create NAME --role ROLE)")
    for each in tokens:
        print_tabbed([each[column] for column in COLUMNS])
    return FINE


@verb("revoke", epilog="Exit code 1: there is no such token.")
@click.argument("name", metavar="NAME")
@click.option("--dry-run", is_flag=True, help="Only show what would be revoked.")
@click.option("--json", "as_json", is_flag=True, help="Print the token as JSON.")
def web_token_revoke(session: Session, name: str, dry_run: bool, as_json: bool) -> int:
    """End a token at once: what programs ask with it is refused from now on."""
    actor, store = _store(session, "web token revoke")
    found = [grant for grant in store.all() if grant.name == name]
    if not found:
        raise ProcessControlError("no such token", where=name, hint=_LIST)
    for grant in found if not dry_run else ():
        if store.end(grant.key):
            record_access(actor, TOKEN_REVOKED, account=name, role=grant.role)
    done = "would revoke" if dry_run else "revoked"
    if as_json:
        print_json({"done": done, "changed": not dry_run, "token": found[0].to_json()})
    else:
        talk(f"{name}: {done}")
    return FINE


def _store(session: Session, command: str) -> tuple[Actor, GrantStore]:
    actor = become_whoever_may(session, command)
    return actor, GrantStore(actor.settings.state_directory, TOKENS)


def _print_made(grant: Grant | None, secret: str, words: str, *, as_json: bool) -> int:
    if as_json:
        is_made = grant is not None
        print_json({"token": grant.to_json() if grant else None, "secret": secret if is_made else None})
        return FINE
    talk(words)
    if grant is not None:
        print_line(secret)
    return FINE

"""What all requests of one server share, and what each of them needs of it."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from process_control.actions.rights import Actor
from process_control.config.settings import Settings
from process_control.core.roles import OPERATOR, has_rights_of
from process_control.errors import NotPermitted
from process_control.state.block import Identity
from process_control.web.access.access import Access
from process_control.web.access.caller import Caller
from process_control.web.access.configuration import Configuration
from process_control.web.fleet_asked import AskedFleet
from process_control.web.kept_child import KeptChild
from process_control.web.live import Live
from process_control.web.snapshot import Watched


@dataclass(slots=True, kw_only=True)
class Site:
    """A server of the page."""

    settings: Settings
    #: The configuration file that was named; None: the default one.
    config: str | None
    access: Access
    #: Made before rights were dropped.
    identity: Identity
    host: str
    #: Nobody changes anything, whatever the configuration says.
    always_read_only: bool
    #: Kept what its file says.
    configuration: Configuration
    #: Whether runs are started through the scheduler only: under systemd, where this process may start none.
    starts_nothing: bool
    watched: Watched
    live: Live
    #: Reads days: see `web/day_child.py`.
    days: KeptChild
    fleet: AskedFleet

    @property
    def read_only(self) -> bool:
        """Whether nobody changes anything."""
        return self.always_read_only or self.settings.web_read_only

    def actor(self, caller: Caller) -> Actor:
        """Return who acts, for the audit. Raises NotPermitted (77) for a viewer, and while the page is read-only."""
        if self.read_only:
            raise NotPermitted("the page is read-only", hint="start it without --read-only, and web.read_only: false")
        if not has_rights_of(caller.role, OPERATOR):
            raise NotPermitted(f"a {caller.role} changes nothing", hint="ask for the role operator")
        return Actor(self.settings, by=caller.by, host=self.host)

    def command(self, *words: str) -> str:
        """Return the command line that gives the same as a screen."""
        named = ["--config", self.config] if self.config else []
        return shlex.join(["process-control", *words, *named])


def site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


def caller_of(request: Request) -> Caller:
    """Return who sends a request that the gate let through."""
    found: Caller = request.state.caller
    return found


def now() -> datetime:
    return datetime.now(UTC)


def as_json(value: dict[str, Any]) -> dict[str, Any]:
    """Return an answer in the form that all `--json` answers have."""
    return {"version": 1, **value}

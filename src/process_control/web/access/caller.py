"""Who sends a request, and with which role."""

from dataclasses import dataclass

from process_control.core.roles import ADMIN, OPERATOR, has_rights_of

LINK, SESSION, TOKEN, PROXY, PEER = "link", "session", "token", "proxy", "peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request."""

    #: Of the login, the token or the account of this host.
    name: str
    role: str
    #: How it is known: link, session, token, proxy, peer (an account of this host, through the socket).
    via: str
    #: What forms of this caller have to send back; "" for callers that are no browser.
    form_token: str = ""
    #: The key of the session, to end it; "" without one.
    session: str = ""

    @property
    def by(self) -> str:
        """The name for the audit."""
        return f"{self.name} (page)" if self.via != TOKEN else f"{self.name} (API)"

    @property
    def is_browser(self) -> bool:
        """Whether a browser sends what identifies it by itself, also when another site asks it to."""
        return self.via in (LINK, SESSION, PROXY)

    @property
    def acts(self) -> bool:
        return has_rights_of(self.role, OPERATOR)

    @property
    def is_admin(self) -> bool:
        return has_rights_of(self.role, ADMIN)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not answered."""

    status: int
    why: str
    hint: str = ""

"""Who a request comes from: decided from its headers, its cookie and its connection."""

import hashlib
import hmac
import os

from starlette.requests import Request

from process_control.actions.rights import Actor
from process_control.config.settings import Settings
from process_control.core.roles import ADMIN
from process_control.web.access.caller import LINK, PROXY, SESSION, TOKEN, Caller, Refused
from process_control.web.access.peer import caller_of, uid_of
from process_control.web.access.proxies import FORWARDED_PROTO, forwarded_for, is_trusted, last_of
from process_control.web.access.rate_limit import RateLimit
from process_control.web.access.store import SESSIONS, TOKENS, GrantStore, key_of, new_secret
from process_control.web.listen import Address, is_loopback

#: Cookies know no ports: each server of a host has a name of its own.
_COOKIE = "process-control"
#: The parameter of the link that has the token of this server.
LINK_PARAMETER = "token"
_BEARER = "bearer "
_TO_OPEN = "process-control web link prints the address to open; programs send a token: process-control web token"


class Access:
    """Knows who may ask a server. `settings` follow the configuration."""

    def __init__(self, settings: Settings, address: Address, *, host: str) -> None:
        self.settings = settings
        self.address = address
        self.host = host
        self.sessions = GrantStore(settings.state_directory, SESSIONS)
        self.tokens = GrantStore(settings.state_directory, TOKENS)
        self.limit = RateLimit()
        #: The secret of the link; whoever has it is admin until this server stops.
        self.link_secret = new_secret()
        self._link_cookie = new_secret()
        self._form_key = os.urandom(32)

    @property
    def cookie_name(self) -> str:
        return f"{_COOKIE}-{self.address.port}"

    @property
    def has_login(self) -> bool:
        return bool(self.settings.web_users)

    def actor(self, by: str) -> Actor:
        """Return who did something, for the records of logins and sessions."""
        return Actor(self.settings, by=by, host=self.host)

    def caller(self, request: Request) -> Caller | Refused:
        """Return who sends a request, or why it is refused."""
        header = request.headers.get("authorization", "")
        if header.lower().startswith(_BEARER):
            return self._of_token(header[len(_BEARER) :].strip())
        uid, is_proxy = self._uid(request), self.is_proxy(request)
        if is_proxy and (named := self._of_proxy(request)) is not None:
            return named
        if (cookie := request.cookies.get(self.cookie_name)) and (found := self._of_cookie(cookie)) is not None:
            return found
        if uid is not None and not is_proxy:
            return self._of_peer(uid)
        if self.has_login:
            return Refused(401, "nobody is logged in", "log in at /login")
        return Refused(403, "the page answers only a browser that has opened its link", _TO_OPEN)

    def refuses_connection(self, request: Request) -> Refused | None:
        """Return the refusal of a connection that goes round the proxy which encrypts for this server."""
        if self.address.is_loopback or request.url.scheme == "https" or self.is_proxy(request):
            return None
        if request.client is not None and is_loopback(request.client.host):
            return None
        return Refused(403, "this address answers its proxy only", "use the address of the proxy")

    def client(self, request: Request) -> str:
        """Return the address of whoever asks: that of the header only from a trusted proxy."""
        own = request.client.host if request.client else ""
        return (forwarded_for(request.headers) or own) if self.is_proxy(request) else own

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser talks TLS, with us or with a trusted proxy."""
        if self.is_proxy(request) and (scheme := last_of(request.headers, FORWARDED_PROTO)):
            return scheme.lower() == "https"
        return request.url.scheme == "https"

    def is_proxy(self, request: Request) -> bool:
        """Return whether a trusted proxy sends a request."""
        host = request.client.host if request.client else ""
        return is_trusted(self.settings.web_trusted_proxy, uid=self._uid(request), address=host)

    def opens_link(self, secret: str) -> str | None:
        """Return the cookie for a browser that opened the link; None when it is not that of this server."""
        is_ours = not self.has_login and hmac.compare_digest(secret.encode(), self.link_secret.encode())
        return self._link_cookie if is_ours else None

    def form_token(self, session: str) -> str:
        """Return what the forms of a session have to send back."""
        return hmac.new(self._form_key, session.encode(), hashlib.sha256).hexdigest()

    # --- by what a caller is known ---------------------------------------------------------------------------------

    def _of_token(self, secret: str) -> Caller | Refused:
        grant = self.tokens.find(secret)
        if grant is None:
            return Refused(401, "no such token, or it is over", "process-control web token create NAME --role ROLE")
        return Caller(name=grant.name, role=grant.role, via=TOKEN)

    def _of_proxy(self, request: Request) -> Caller | Refused | None:
        """Return whom the proxy names; None when it names nobody."""
        header = self.settings.web_user_header
        names = request.headers.getlist(header) if header else []
        if not names or names == [""]:
            return None
        user = self.settings.web_users.get(names[0])
        if len(names) > 1 or user is None:
            return Refused(403, "the proxy names nobody who may open the page", "web.users has the names and roles")
        return Caller(name=names[0], role=user["role"], via=PROXY, form_token=self.form_token(f"{PROXY}:{names[0]}"))

    def _of_cookie(self, secret: str) -> Caller | None:
        if not self.has_login:
            if not hmac.compare_digest(secret.encode(), self._link_cookie.encode()):
                return None
            return Caller(name="link", role=ADMIN, via=LINK, form_token=self.form_token(key_of(secret)))
        grant = self.sessions.find(secret)
        user = None if grant is None else self.settings.web_users.get(grant.name)
        hashed = None if user is None else user.get("password")
        # A new password ends the sessions of the old one.
        if grant is None or user is None or not hashed or grant.password != key_of(hashed):
            return None
        token = self.form_token(grant.key)
        return Caller(name=grant.name, role=user["role"], via=SESSION, form_token=token, session=grant.key)

    def _of_peer(self, uid: int) -> Caller | Refused:
        settings = self.settings
        peer = caller_of(uid, own_uid=os.geteuid(), user=settings.user, read_group=settings.read_group)
        if peer is not None:
            return peer
        if self.has_login:
            return Refused(401, "nobody is logged in", "log in at /login")
        why = f"uid {uid} is neither root, the service user nor a member of read_group"
        return Refused(403, why, "ask for read_group, or for a token: process-control web token")

    def _uid(self, request: Request) -> int | None:
        return uid_of(request.client.host) if request.client else None

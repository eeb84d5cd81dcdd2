"""Who a request comes from: decided from its headers, its cookie and its connection."""

import hashlib
import hmac
import os
from dataclasses import dataclass

from starlette.requests import Request

from process_control.config.settings import Settings
from process_control.core.roles import ADMIN
from process_control.web.access.caller import LINK, PROXY, SESSION, TOKEN, Caller
from process_control.web.access.peer import caller_of, uid_of
from process_control.web.access.rate_limit import RateLimit
from process_control.web.access.store import SESSIONS, TOKENS, GrantStore, key_of, new_secret
from process_control.web.listen import Address

#: Cookies know no ports: each server of a host has a name of its own.
_COOKIE = "process-control"
#: The parameter of the link that has the token of this server.
LINK_PARAMETER = "token"
UNIX_PROXY = "unix"
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not answered."""

    status: int
    why: str
    hint: str = ""


class Access:
    """Knows who may ask a server."""

    def __init__(self, settings: Settings, address: Address) -> None:
        self.settings = settings
        self.address = address
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

    def caller(self, request: Request) -> Caller | Refused:
        """Return who sends a request, or why it is refused."""
        if (header := request.headers.get("authorization", "")) and header.lower().startswith(_BEARER):
            return self._of_token(header[len(_BEARER) :].strip())
        uid, is_proxy = self._uid(request), self._is_proxy(request)
        if is_proxy and (named := self._of_proxy(request)) is not None:
            return named
        if (cookie := request.cookies.get(self.cookie_name)) and (found := self._of_cookie(cookie)) is not None:
            return found
        if uid is not None and not is_proxy:
            settings = self.settings
            peer = caller_of(uid, own_uid=os.geteuid(), user=settings.user, read_group=settings.read_group)
            if peer is not None:
                return peer
        if self.has_login:
            return Refused(401, "nobody is logged in", "log in at /login")
        if uid is not None:
            return Refused(
                403, f"uid {uid} is neither root, the service user nor a member of read_group", "set read_group"
            )
        hint = "process-control web link prints the address to open; programs send a token: process-control web token"
        return Refused(403, "the page answers only a browser that has opened its link", hint)

    def client(self, request: Request) -> str:
        """Return the address of whoever asks: that of the header only from a trusted proxy."""
        forwarded = request.headers.get("x-forwarded-for", "")
        if forwarded and self._is_proxy(request):
            return forwarded.rsplit(",", 1)[-1].strip()
        return request.client.host if request.client else ""

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser talks TLS, with us or with a trusted proxy."""
        if self._is_proxy(request) and (scheme := request.headers.get("x-forwarded-proto")):
            return scheme.lower() == "https"
        return request.url.scheme == "https"

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

    def _of_proxy(self, request: Request) -> Caller | None:
        header = self.settings.web_user_header
        name = request.headers.get(header, "") if header else ""
        user = self.settings.web_users.get(name)
        if not name or user is None:
            return None
        return Caller(name=name, role=user["role"], via=PROXY, form_token=self.form_token(f"{PROXY}:{name}"))

    def _of_cookie(self, secret: str) -> Caller | None:
        if not self.has_login:
            if not hmac.compare_digest(secret.encode(), self._link_cookie.encode()):
                return None
            return Caller(name="link", role=ADMIN, via=LINK, form_token=self.form_token(key_of(secret)))
        grant = self.sessions.find(secret)
        user = None if grant is None else self.settings.web_users.get(grant.name)
        if grant is None or user is None or not user.get("password"):
            return None
        token = self.form_token(grant.key)
        return Caller(name=grant.name, role=user["role"], via=SESSION, form_token=token, session=grant.key)

    def _uid(self, request: Request) -> int | None:
        return uid_of(request.client.host) if request.client else None

    def _is_proxy(self, request: Request) -> bool:
        proxies = self.settings.web_trusted_proxy
        if self._uid(request) is not None:
            return UNIX_PROXY in proxies
        return request.client is not None and request.client.host in proxies

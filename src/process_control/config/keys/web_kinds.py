"""Kinds and fields of the key `web`: where the page listens, and who may log in."""

import ipaddress
import re
from typing import Any

from process_control.config.keys.field import Field
from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.keys.list_kinds import TEXTS, list_of
from process_control.config.keys.number_kinds import BOOL
from process_control.config.keys.text_kinds import PATH, TEXT, one_of
from process_control.config.yaml.nodes import Faults, Map, Node, quoted
from process_control.core.roles import ROLES

_HASH_HINT = "process-control web passwd NAME prints the line"
_HASH = re.compile(r"scrypt\$[0-9]+\$[0-9]+\$[0-9]+\$[A-Za-z0-9_-]+\$[A-Za-z0-9_-]+", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}", re.ASCII)
ACCOUNT_HINT = "letters, digits and . _ - @, at most 64"
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})", re.ASCII)
_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", re.ASCII
)
UNIX = "unix:"
UNIX_PROXY = "unix"
PROXY_FORM = "an address such as 192.0.2.7, a network, or unix:ACCOUNT of the proxy"
LISTEN_FORM = "host:port such as 127.0.0.1:8765, or unix:/path/of/a/socket"
_ROLE = one_of(*ROLES)


def is_account_name(text: str) -> bool:
    """Return whether a text is a name for a login or a token."""
    return _ACCOUNT.fullmatch(text) is not None


def is_listen_address(text: str) -> bool:
    """Return whether a text is an address that a server can listen on: host:port, or unix:PATH with a whole path."""
    if text.startswith(UNIX):
        return text.startswith(f"{UNIX}/")
    found = _ADDRESS.fullmatch(text)
    return found is not None and int(found["port"]) < 65536


def _read_listen(key: str, node: Node, faults: Faults) -> str | None:
    text = text_or_none("an address", LISTEN_FORM, key, node, faults)
    if text is not None and not is_listen_address(text.strip()):
        faults.add(f"'{key}' must be an address, not {quoted(text)}", node, hint=f"write {LISTEN_FORM}")
    return None if text is None else text.strip()


def _read_proxy(key: str, node: Node, faults: Faults) -> str | None:
    text = text_or_none("an address", PROXY_FORM, key, node, faults)
    if text is not None and not is_proxy(text.strip()):
        faults.add(f"'{key}' must be an address, not {quoted(text)}", node, hint=f"write {PROXY_FORM}")
    return None if text is None else text.strip()


def is_proxy(text: str) -> bool:
    """Return whether a text names proxies: an address, a network, `unix`, or unix:ACCOUNT."""
    if text == UNIX_PROXY or (text.startswith(UNIX) and _ACCOUNT.fullmatch(text.removeprefix(UNIX))):
        return True
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _read_url(key: str, node: Node, faults: Faults) -> str | None:
    form = "a URL such as https://jobs.example.org"
    text = text_or_none("a URL", form, key, node, faults)
    if text is not None and not _URL.fullmatch(text.strip()):
        faults.add(f"'{key}' must be a URL, not {quoted(text)}", node, hint=f"write {form}")
    return None if text is None else text.strip().rstrip("/")


def _read_users(key: str, node: Node, faults: Faults) -> dict[str, dict[str, str]]:
    if not isinstance(node, Map):
        refuse("a map", USERS.form, key, node, faults, hint=_HASH_HINT)
        return {}
    found = {}
    for name, value in node.entries:
        if not _ACCOUNT.fullmatch(name.value):
            faults.add(f"'{key}' has an impossible name: {quoted(name.value)}", name, hint=ACCOUNT_HINT)
        found[name.value] = _read_user(f"{key}.{name.value}", value, faults)
    return found


def _read_user(key: str, node: Node, faults: Faults) -> dict[str, str]:
    """Return one login: {password: HASH, role: ROLE}; without a password it comes from the proxy's header only."""
    if not isinstance(node, Map):
        refuse("a map", "{password: HASH, role: operator}", key, node, faults, hint=_HASH_HINT)
        return {}
    user: dict[str, Any] = {"role": None}
    for name, value in node.entries:
        inner = f"{key}.{name.value}"
        if name.value == "role":
            user["role"] = _ROLE.read(inner, value, faults)
        elif name.value == "password":
            user["password"] = _read_hash(inner, value, faults)
        elif not name.value.startswith("x-"):
            faults.add(f"unknown key {quoted(inner)}", name, hint="write {password: HASH, role: operator}")
    if user["role"] is None and not any(name.value == "role" for name, _ in node.entries):
        faults.add(f"'{key}' has no 'role'", node, hint=f"write role: {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    return user


def _read_hash(key: str, node: Node, faults: Faults) -> str | None:
    """Return the hash of a password. A fault never shows the value: it may be the password itself."""
    text = text_or_none("the hash of a password", "the hash of a password", key, node, faults)
    if text is not None and not _HASH.fullmatch(text.strip()):
        faults.add(f"'{key}' must be the hash of a password, as scrypt$…", node, hint=_HASH_HINT)
    return None if text is None else text.strip()


LISTEN = Kind(
    name="`host:port` or `unix:PATH`", wanted="an address", form=LISTEN_FORM, annotation="str", read=_read_listen
)
PROXIES = list_of(
    Kind(name="address", wanted="an address", form=PROXY_FORM, annotation="str", read=_read_proxy),
    name="address or list",
    wanted="an address or a list of addresses",
    form=f"{PROXY_FORM}, or a list of them",
)
PAGE_URL = Kind(name="URL", wanted="a URL", form="a URL", annotation="str", read=_read_url)
USERS = Kind(
    name="map of names to logins",
    wanted="a map",
    form="a map of names, each with {password: HASH, role: ROLE}",
    annotation="dict[str, dict[str, str]]",
    read=_read_users,
)

WEB_FIELDS = (
    Field(
        key="listen",
        kind=LISTEN,
        attribute="web_listen",
        default="127.0.0.1:8765",
        default_words="127.0.0.1:8765",
        meaning="Where the page listens. Another address than loopback or a socket needs TLS files or `trusted_proxy`, "
        "and a login (`users`).",
        example="unix:/run/process-control/web.sock",
    ),
    Field(
        key="url",
        kind=PAGE_URL,
        attribute="web_url",
        default_words="none",
        meaning="The address of the page as people type it, for links in messages. Its host is among those that are "
        "answered.",
        example="https://jobs.example.org",
    ),
    Field(
        key="users",
        kind=USERS,
        attribute="web_users",
        default={},
        default_words="none: see `process-control web`",
        meaning="Who may log in: names, each with the hash that `process-control web passwd NAME` prints and a role. A "
        "`viewer` sees everything but values of environments; an `operator` runs, stops, holds, releases, pauses, "
        "silences, acknowledges and recovers; an `admin` also sees logins and ends sessions. A name without a password "
        "comes from `user_header` only.",
        example="{ann: {role: operator}}",
    ),
    Field(
        key="tls_cert_file",
        kind=PATH,
        attribute="web_tls_cert_file",
        default_words="none",
        meaning="The certificate of the page, with those that sign it, as PEM.",
        example="/etc/ssl/jobs.pem",
    ),
    Field(
        key="tls_key_file",
        kind=PATH,
        attribute="web_tls_key_file",
        default_words="none",
        meaning="The key of the certificate, as PEM, readable by the service user.",
        example="/etc/ssl/private/jobs.key",
    ),
    Field(
        key="trusted_proxy",
        kind=PROXIES,
        attribute="web_trusted_proxy",
        default=[],
        default_words="none",
        meaning="Addresses or networks of reverse proxies, whose `X-Forwarded-For`, `X-Forwarded-Proto` and "
        "`user_header` are believed. `unix:ACCOUNT`: what this account (of nginx, say) sends through the socket; "
        "`unix`: whatever comes through it.",
        example="unix:www-data",
    ),
    Field(
        key="user_header",
        kind=TEXT,
        attribute="web_user_header",
        default_words="none",
        meaning="The header in which a `trusted_proxy` names the account that it has checked; a proxy on this host "
        "then has to come through the socket, as `unix:ACCOUNT`.",
        example="X-Remote-User",
    ),
    Field(
        key="allowed_hosts",
        kind=TEXTS,
        attribute="web_allowed_hosts",
        default=[],
        default_words="localhost, the loopback addresses, and the host of `url`",
        meaning="Names by which the page is asked, besides these; a request with another `Host` is refused.",
        example="jobs.example.org",
    ),
    Field(
        key="read_only",
        kind=BOOL,
        attribute="web_read_only",
        default=False,
        default_words="false",
        meaning="Nobody changes anything by the page, whatever the role.",
        example="true",
    ),
)

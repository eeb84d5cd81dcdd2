"""Where the page may listen, and by which names it may be asked. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from process_control.config.keys.web_kinds import LISTEN_FORM, UNIX, UNIX_PROXY, is_listen_address
from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, UsageError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LOOPBACK: dict[int, Any] = {4: ipaddress.ip_network("127.0.0.0/8"), 6: ipaddress.ip_network("::1/128")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address to listen on: a path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def is_unix(self) -> bool:
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it."""
        return self.is_unix or is_loopback(self.host)


def address_of(text: str) -> Address:
    """Return the address that a text names: host:port, or unix:PATH. Raises UsageError (2)."""
    if not is_listen_address(text):
        raise UsageError(f"--listen {text}: not an address", hint=LISTEN_FORM)
    if text.startswith(UNIX):
        return Address(path=text.removeprefix(UNIX))
    host, _, port = text.rpartition(":")
    return Address(host=host, port=int(port))


def is_loopback(host: str) -> bool:
    """Return whether only this host can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_safe(address: Address, settings: Settings) -> None:
    """Raise BadConfiguration (78) for what would let others in: without encryption, without a login, as anybody."""
    where = settings.path or ""
    has_tls = bool(settings.web_tls_cert_file)
    if has_tls != bool(settings.web_tls_key_file):
        missing = "tls_key_file" if has_tls else "tls_cert_file"
        raise BadConfiguration(f"'web' has no '{missing}'", where=where, hint="TLS needs the certificate and its key")
    if settings.web_user_header:
        _check_proxies_that_name_people(settings, where)
    if address.is_loopback:
        return
    if not settings.web_users:
        raise BadConfiguration(
            f"other hosts reach {address.host}:{address.port}, and nobody has to log in",
            where=where,
            hint="add a login: process-control web passwd NAME; or listen on 127.0.0.1",
        )
    if not has_tls and not settings.web_trusted_proxy:
        raise BadConfiguration(
            f"passwords would go to {address.host}:{address.port} in the clear",
            where=where,
            hint="set web.tls_cert_file and web.tls_key_file, or web.trusted_proxy",
        )


def _check_proxies_that_name_people(settings: Settings, where: str) -> None:
    """Raise BadConfiguration (78) when other accounts of this host could say who they are as a proxy does."""
    for proxy in settings.web_trusted_proxy:
        if proxy.startswith(UNIX) or (proxy == UNIX_PROXY and settings.read_group is None):
            continue
        if proxy == UNIX_PROXY or ipaddress.ip_network(proxy).overlaps(_LOOPBACK[ipaddress.ip_network(proxy).version]):
            raise BadConfiguration(
                f"every account of this host could send {settings.web_user_header} as {proxy}",
                where=where,
                hint="let the proxy come through the socket: listen: unix:PATH, trusted_proxy: unix:ACCOUNT",
            )


def allowed_hosts(address: Address, *, url: str | None, more: Iterable[str]) -> frozenset[str]:
    """Return the names by which the page may be asked, in lower case, without ports."""
    own = urlsplit(url).hostname if url else None
    names = [*LOOPBACK_NAMES, *more, *([own] if own else [])]
    if address.host and address.is_loopback:
        names.append(address.host)
    return frozenset(name.lower() for name in names)


def host_of(header: str) -> str:
    """Return the name in a Host header, in lower case, without its port."""
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).lower()


def origin_of(headers: Mapping[str, str]) -> str | None:
    """Return host and port of the Origin header; None without one, "" for `null` and what is no URL."""
    origin = headers.get("origin")
    return None if origin is None else urlsplit(origin).netloc.lower()

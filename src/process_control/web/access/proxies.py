"""Which connections are those of a trusted proxy, and what its headers say."""

import ipaddress
import pwd
from collections.abc import Iterable
from functools import lru_cache

from starlette.datastructures import Headers

from process_control.config.keys.web_kinds import UNIX, UNIX_PROXY

FORWARDED_FOR, FORWARDED_PROTO = "x-forwarded-for", "x-forwarded-proto"


def is_trusted(proxies: Iterable[str], *, uid: int | None, address: str) -> bool:
    """Return whether a connection is that of a proxy: of the account `uid` through the socket, or from an address."""
    named = tuple(proxies)
    if uid is not None:
        return UNIX_PROXY in named or any(_uid_of(each) == uid for each in named if each.startswith(UNIX))
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks_of(named))


@lru_cache(maxsize=8)
def networks_of(proxies: tuple[str, ...]) -> tuple["ipaddress.IPv4Network | ipaddress.IPv6Network", ...]:
    """Return the addresses and networks among them."""
    return tuple(ipaddress.ip_network(each) for each in proxies if not each.startswith(UNIX_PROXY))


@lru_cache(maxsize=64)
def _uid_of(proxy: str) -> int | None:
    account = proxy.removeprefix(UNIX)
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        return int(account) if account.isascii() and account.isdigit() else None


def forwarded_for(headers: Headers) -> str | None:
    """Return the address that the proxy has seen: the last one, as whoever asks may have sent others before it."""
    last = last_of(headers, FORWARDED_FOR)
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return None


def last_of(headers: Headers, name: str) -> str:
    """Return the last value of a header that is a list, also when it was sent several times; "" without it."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()

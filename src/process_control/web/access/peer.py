"""Which account of this host is at the other end of a unix socket, and what it may do, see unix(7), SO_PEERCRED."""

import grp
import pwd
import socket
import struct

from process_control.core.roles import ADMIN, VIEWER
from process_control.system.account import group_named, service_account
from process_control.web.access.caller import PEER, Caller

_CREDENTIALS = struct.Struct("3i")
#: In place of an address, what a request says of the account at the other end.
PREFIX = "uid:"


def name_of_peer(connection: socket.socket) -> str:
    """Return what stands in place of the address of a client that came through the socket."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return f"{PREFIX}{_CREDENTIALS.unpack(found)[1]}"


def uid_of(client: str) -> int | None:
    """Return the uid at the other end; None for a request that came by TCP."""
    return int(client.removeprefix(PREFIX)) if client.startswith(PREFIX) else None


def caller_of(uid: int, *, own_uid: int, user: str | None, read_group: str | None) -> Caller | None:
    """Return who an account of this host is: root and the service user admin, members of `read_group` viewer."""
    name = _name_of(uid)
    service_uid = service_account(user).uid if user is not None else own_uid
    if uid in (0, own_uid, service_uid):
        return Caller(name=name, role=ADMIN, via=PEER)
    if read_group is not None and _is_member(uid, name, read_group):
        return Caller(name=name, role=VIEWER, via=PEER)
    return None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_member(uid: int, name: str, group: str) -> bool:
    gid = group_named(group)
    if gid is None:
        return False
    try:
        return pwd.getpwuid(uid).pw_gid == gid or name in grp.getgrgid(gid).gr_mem
    except KeyError:
        return False

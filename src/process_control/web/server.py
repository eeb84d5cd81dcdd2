"""The server: binds the address, writes the link file, and serves until TERM or INT."""

import logging
import os
import signal
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from process_control.config.keys.web_kinds import UNIX_PROXY
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import FINE, BadConfiguration, CannotRecord, NotPermitted, NotStarted
from process_control.state.block import Identity
from process_control.system.account import group_named
from process_control.system.linux import return_memory_soon
from process_control.web.access.access import LINK_PARAMETER, Access
from process_control.web.access.configuration import Configuration
from process_control.web.application import make_application
from process_control.web.connection import MAX_HEAD_BYTES, Connection
from process_control.web.fleet_asked import AskedFleet
from process_control.web.kept_child import KeptChild
from process_control.web.listen import Address, address_of, check_safe
from process_control.web.live import Live
from process_control.web.site import Site
from process_control.web.snapshot import Watched

#: How long answers in progress may take when the server has to stop.
STOP_SECONDS = 3
#: `sun_path` of unix(7), without its final zero.
MAX_PATH = 107
LINK_MODE = 0o600
#: Who may connect to the socket. Everybody: the account at the other end decides. With `trusted_proxy: unix` whoever
#: connects is a proxy, so that it is for our account and `read_group`.
FOR_ALL, FOR_GROUP, FOR_US = 0o666, 0o660, 0o600


def serve(
    settings: Settings,
    *,
    config: str | None,
    identity: Identity,
    listen: str | None,
    read_only: bool,
    starts_nothing: bool,
    ready: Callable[[str, str], None],
) -> None:
    """Serve the page until TERM or INT. `ready` gets its address, and the link that opens it ("" where people log in).

    Raises UsageError (2), BadConfiguration (78), NotPermitted (77), NotStarted (75), CannotRecord (74).
    """
    # The server sends a signal that has ended it once more to us: what it has left is removed all the same.
    signal.signal(signal.SIGTERM, _end)
    return_memory_soon()
    address = address_of(listen or settings.web_listen)
    check_safe(address, settings)
    has_tls = bool(settings.web_tls_cert_file)
    _check_certificate(settings)
    with _listening(address, settings) as listening:
        if not address.is_unix:
            address = Address(host=address.host, port=listening.getsockname()[1])
        access = Access(settings, address, host=os.uname().nodename)
        site = _site(settings, access, config, identity, read_only=read_only, starts_nothing=starts_nothing)
        url = url_of(address, has_tls=has_tls)
        link = "" if access.has_login or address.is_unix else f"{url}/?{LINK_PARAMETER}={access.link_secret}"
        with _link_file(settings, link):
            _run(make_application(site), listening, settings, lambda: ready(url, link))


def _check_certificate(settings: Settings) -> None:
    """Raise BadConfiguration (78) for a certificate or a key that cannot be used."""
    certificate, key = settings.web_tls_cert_file, settings.web_tls_key_file
    if certificate is None or key is None:
        return
    try:
        for path in (certificate, key):
            with open(path, "rb"):
                pass
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        where = error.filename or key
        why = error.strerror if error.filename else "it is not the key of the certificate, or none at all"
        raise BadConfiguration(f"TLS cannot be used: {why}", where=where, hint="PEM, readable by the user") from error


def url_of(address: Address, *, has_tls: bool) -> str:
    """Return the address for a browser; of a socket, its path in the form that curl takes."""
    if address.is_unix:
        return f"unix:{address.path}"
    return f"{'https' if has_tls else 'http'}://{address.host}:{address.port}"


def _site(
    settings: Settings, access: Access, config: str | None, identity: Identity, *, read_only: bool, starts_nothing: bool
) -> Site:
    watched = Watched(settings)
    return Site(
        settings=settings,
        config=config,
        access=access,
        identity=identity,
        host=access.host,
        always_read_only=read_only,
        configuration=Configuration(settings, lambda new: check_safe(access.address, new)),
        starts_nothing=starts_nothing,
        watched=watched,
        live=Live(watched),
        days=KeptChild("day_child"),
        fleet=AskedFleet(),
    )


def _run(application: ASGIApp, listening: socket.socket, settings: Settings, ready: Callable[[], None]) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # of what strangers send nothing is logged
    config = uvicorn.Config(
        application,
        http=Connection,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who is a proxy is decided by `access`
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=settings.web_tls_cert_file,
        ssl_keyfile=settings.web_tls_key_file,
        log_config=None,
    )
    _Server(config, ready).run(sockets=[listening])


def _end(_: int, __: object) -> None:
    raise SystemExit(FINE)


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


@contextmanager
def _listening(address: Address, settings: Settings) -> Iterator[socket.socket]:
    """Open the listening socket. Raises NotStarted (75) when something else listens there, BadConfiguration (78)."""
    if address.is_unix:
        with _listening_at_path(address.path, settings) as listening:
            yield listening
        return
    host = address.host.strip("[]")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(1024)
            yield listening
    except socket.gaierror as error:
        raise BadConfiguration(f"no such host: {host}", where=settings.path or "", hint="web.listen") from error
    except OSError as error:
        raise _not_bound(error, f"{address.host}:{address.port}") from error


def _not_bound(error: OSError, where: str) -> NotStarted | NotPermitted:
    if isinstance(error, PermissionError):
        return NotPermitted("not permitted to listen there", where=where, hint="use a port above 1023")
    return NotStarted(f"cannot listen: {error.strerror}", where=where, hint="choose another: --listen 127.0.0.1:0")


@contextmanager
def _listening_at_path(path: str, settings: Settings) -> Iterator[socket.socket]:
    if len(os.fsencode(path)) > MAX_PATH:
        raise BadConfiguration(f"the path of the socket has more than {MAX_PATH} bytes", where=path)
    _remove_dead_socket(path)
    group = group_named(settings.read_group)
    are_proxies = UNIX_PROXY in settings.web_trusted_proxy
    mode = FOR_ALL if not are_proxies else FOR_US if group is None else FOR_GROUP
    was = os.umask(~mode & 0o777)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listening:
        try:
            listening.bind(path)
        except OSError as error:
            raise _not_bound(error, path) from error
        finally:
            os.umask(was)
        if mode == FOR_GROUP and group is not None:
            with suppress(PermissionError):
                os.chown(path, -1, group)
        listening.listen(1024)
        try:
            yield listening
        finally:
            with suppress(OSError):
                os.unlink(path)


def _remove_dead_socket(path: str) -> None:
    """Remove a socket that nobody listens at. Raises NotStarted (75) when somebody does, or it is no socket."""
    try:
        is_socket = stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise NotStarted("something else has this name", where=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as other:
        try:
            other.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise NotStarted("another server listens there", where=path)


@contextmanager
def _link_file(settings: Settings, link: str) -> Iterator[None]:
    """Keep the link where the service user finds it, while it opens something."""
    path = Path(layout.web_link(settings.run_directory))
    with suppress(FileNotFoundError):
        path.unlink()
    if not link:
        yield
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, LINK_MODE)
        with open(descriptor, "w") as file:
            file.write(f"{link}\n")
    except OSError as error:
        raise CannotRecord(str(error.strerror), where=str(path)) from error
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_text() == f"{link}\n":  # not that of a server that began later
                path.unlink()

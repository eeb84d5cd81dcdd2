"""A proxy that ends TLS in front of a server without it, and may demand a certificate of who connects: mutual TLS."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 65536


@contextmanager
def tls_proxy(target: str, certificate: Path, key: Path, *, clients_of: Path | None = None) -> Iterator[str]:
    """Forward to `target` until the end of the context; yield the address.

    `clients_of`: the authority whose certificates are let in; None: everybody is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of)
    loop = asyncio.new_event_loop()
    # asyncio, as no two threads may read and write one TLS connection at once.
    server = loop.run_until_complete(asyncio.start_server(_forwarding_to(target), "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _forwarding_to(target: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    host, _, port = target.rpartition(":")

    async def forward(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        try:
            far_in, far_out = await asyncio.open_connection(host, int(port))
        except OSError:
            near_out.close()
            return
        try:
            await asyncio.gather(_copy(near_in, far_out), _copy(far_in, near_out))
        finally:
            for each in (near_out, far_out):
                each.transport.abort()
                with suppress(OSError):
                    await each.wait_closed()

    return forward


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    target.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

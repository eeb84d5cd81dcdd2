"""A connection: who is at its other end, and how long it may take. The server waits for nobody without a limit."""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from process_control.web.access.peer import name_of_peer

#: From the connection, or the last answer, to the whole head of a request.
HEAD_SECONDS = 10.0
#: How long somebody may read nothing of what is sent.
WRITE_SECONDS = 60.0
#: Connections at once; one more is closed. Each of them takes a descriptor, and files need some too.
MAX_CONNECTIONS = 600
MAX_HEAD_BYTES = 32 << 10


class Connection(H11Protocol):
    """HTTP/1.1 with deadlines. Through a unix socket, the client's address is its uid."""

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        connection: Any = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            self.client = (name_of_peer(connection), 0)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            _cancel(self._deadline)

    def on_response_complete(self) -> None:
        before = self.cycle
        super().on_response_complete()
        if self.cycle is before and not self.transport.is_closing():
            self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._write_deadline)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._deadline)
        _cancel(self._write_deadline)
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        _cancel(self._deadline)
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

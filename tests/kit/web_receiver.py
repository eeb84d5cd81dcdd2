"""Real HTTP receivers on loopback: one that answers as the test says and keeps what came, and ones that misbehave."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit.mail_server import Script


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """An answer of the receiver."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """An HTTP server. `replies` gives the next answers; then 200.

    `behind`: it is a proxy too, that answers with this TLS itself whatever host a client wants to be connected with.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, behind: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.came = threading.Condition()
        #: Called with each request and its answer before that is sent.
        self.before_reply: Callable[[Request, Reply], None] = lambda *_: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.came:
                    request = Request(self.command, self.path, dict(self.headers.items()), body)
                    receiver.requests.append(request)
                    reply = receiver.replies.pop(0) if receiver.replies else Reply()
                    receiver.came.notify_all()
                receiver.before_reply(request, reply)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST  # noqa: N815

            def do_CONNECT(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with suppress(OSError), behind.wrap_socket(self.connection, server_side=True) as line:  # type: ignore[union-attr]
                    self.rfile = line.makefile("rb")  # type: ignore[assignment]
                    self.wfile = line.makefile("wb")  # type: ignore[assignment]
                    self.handle_one_request()
                    self.wfile.flush()
                self.close_connection = True

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  a client that leaves is no news
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https" if tls is not None else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def wait_for(self, count: int, *, seconds: float = 60.0) -> list[Request]:
        """Return the requests when so many have come."""
        with self.came:
            if not self.came.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")
            return list(self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiver(tls: ssl.SSLContext | None = None, *, behind: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    server = Receiver(tls, behind=behind)
    try:
        yield server
    finally:
        server.close()


# --- receivers that misbehave, for kit.mail_server.bad_server --------------------------------------------------------


def after_request(*parts: bytes, repeated: bytes = b"") -> Script:
    """Read a request, then send the parts; then `repeated` for ever, one each 10 ms, until the other side leaves."""

    def script(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        for part in parts:
            connection.sendall(part)
        pause = threading.Event()
        while repeated:
            connection.sendall(repeated)
            pause.wait(0.01)
        connection.close()

    return script

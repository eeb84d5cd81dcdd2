"""A dead man's switch outside of the host, as a server that notes the pings."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, Queue

from kit.events import PATIENCE_SECONDS

Ping = tuple[str, str, str]


@dataclass
class Outside:
    """The server. A ping is its method, its path and what it says."""

    server: HTTPServer
    pings: "Queue[Ping]" = field(default_factory=Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/ping/1234"

    def next_ping(self) -> Ping:
        return self.pings.get(timeout=PATIENCE_SECONDS)

    def came(self) -> list[Ping]:
        """Return the pings that have come and were not asked for yet."""
        found = []
        try:
            while True:
                found.append(self.pings.get_nowait())
        except Empty:
            return found


@contextmanager
def outside() -> Iterator[Outside]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._note("")

        def do_POST(self) -> None:
            self._note(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _note(self, body: str) -> None:
            there.pings.put((self.command, self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    there = Outside(HTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=there.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield there
    finally:
        there.server.shutdown()
        there.server.server_close()
        thread.join()

"""A TCP proxy that can stop to forward, as a network that is cut: connections stay open, and nothing comes through."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards from `address` to a port of this host."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._forwards = threading.Event()
        self._forwards.set()
        self._sockets: list[socket.socket] = []
        #: held while these are changed: one that is accepted in the last moment must not outlive the proxy
        self._changing = threading.Lock()
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Forward nothing until the end of the context; what was sent meanwhile arrives then."""
        self._forwards.clear()
        try:
            yield
        finally:
            self._forwards.set()

    def close(self) -> None:
        self._forwards.set()
        with self._changing:
            self._is_closed = True
            for each in (self._listener, *self._sockets):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._port))
                except OSError:  # the server just starts again: as a network has it, the next one may succeed
                    near.close()
                    continue
                with self._changing:
                    if self._is_closed:
                        near.close()
                        far.close()
                        return
                    self._sockets += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                self._forwards.wait()
                target.sendall(chunk)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Forward to a port of this host until the end of the context."""
    found = Proxy(port)
    try:
        yield found
    finally:
        found.close()

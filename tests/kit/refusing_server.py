"""A gRPC server that refuses every call, as one with authorization does whose caller shows nothing: bytes of HTTP/2.

With UNIMPLEMENTED it is one that is too old for every call.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS, HEADERS, PING, ACK, ENDS = 4, 1, 6, 1, 5
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"  # in the static table of HPACK
PERMISSION_DENIED, UNIMPLEMENTED = 7, 12


@contextmanager
def refusing_server(words: str, status: int = PERMISSION_DENIED, *, came: list[bytes] | None = None) -> Iterator[str]:
    """Serve until the end of the context; yield the address. `came`: gets the headers of each call, as HPACK."""
    heads = [] if came is None else came
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, _refusal(words, status), heads), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, refusal: bytes, came: list[bytes]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, refusal, came), daemon=True).start()


def _serve(connection: socket.socket, refusal: bytes, came: list[bytes]) -> None:
    with connection, connection.makefile("rb") as stream:
        stream.read(len(PREFACE))
        connection.sendall(_frame(SETTINGS, 0, 0, b""))
        while head := stream.read(9):
            length, kind, flags, number = int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:])
            content = stream.read(length)
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.sendall(_frame(kind, ACK, 0, content if kind == PING else b""))
            elif kind == HEADERS:
                came.append(content)
                connection.sendall(_frame(HEADERS, ENDS, number, refusal))


def _refusal(words: str, status: int) -> bytes:
    values = {"content-type": "application/grpc", "grpc-status": str(status), "grpc-message": words}
    literal = [
        bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in values.items()
    ]
    return STATUS_200 + b"".join(literal)


def _frame(kind: int, flags: int, number: int, content: bytes) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", number) + content


#: The codes of HPACK (RFC 7541, appendix B) for `Bearer ` and keys of a few letters and digits.
_CODES = {"B": "1011101", "e": "00101", "a": "00011", "r": "101100", " ": "010100"}
_CODES |= {
    "0": "00000",
    "1": "00001",
    "2": "00010",
    "c": "00100",
    "i": "00110",
    "o": "00111",
    "s": "01000",
    "t": "01001",
}


def huffman(text: str) -> bytes:
    """Return how HPACK writes a text of `Bearer 012aceiorst`."""
    bits = "".join(_CODES[letter] for letter in text)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)

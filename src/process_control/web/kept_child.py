"""A child of the server that answers one question after the other, so that what it reads is not in our memory.

It is started with the first question, and ends when none has come for a while.
"""

import pickle
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from process_control.errors import NotStarted
from process_control.system.ask import decode_answer
from process_control.system.interpreter import python

MAX_SECONDS = 60.0
PROGRAM = "import sys; sys.path[:] = {}; from process_control.web.{} import main; main({})"
LENGTH = struct.Struct("!I")


class KeptChild:
    """A process that runs `main` of a module of this package; see `web/day_child.py` for what it answers."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def ask(self, name: str, *arguments: object) -> tuple[Any, BinaryIO]:
        """Return the answer, plain JSON values, and an open file with what belongs to it.

        Raises ProcessControlError and OSError of the child; NotStarted (75) when it does not answer.
        """
        question = pickle.dumps((name, arguments))
        with self._lock:
            answer = self._answer(question) or self._answer(question)  # it may have ended just now
            if answer is None:
                raise NotStarted("it could not be read in time", hint="try again in a moment")
        text, payload = answer
        try:
            return decode_answer(text), payload
        except BaseException:
            payload.close()
            raise

    def _answer(self, question: bytes) -> tuple[bytes, BinaryIO] | None:
        """Return text and file that the child sends; None when it has ended, or had to be."""
        try:
            connection = self._connection or self._start()
            connection.sendall(question)
            head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, 1)
            if len(head) == LENGTH.size and descriptors:
                payload = open(descriptors[0], "rb")  # noqa: SIM115 - for the caller
                return _exactly(connection, LENGTH.unpack(head)[0]), payload
        except OSError:
            pass
        self._end()
        return None

    def _start(self) -> socket.socket:
        self._process, self._connection = start_child(self._module)
        self._connection.settimeout(MAX_SECONDS)
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()


def start_child(
    module: str, *, kind: socket.SocketKind = socket.SOCK_STREAM
) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """Start a process that runs `main` of a module of this package; return it, and the connection to it."""
    ours, theirs = socket.socketpair(type=kind)
    with theirs:
        program = PROGRAM.format([path for path in sys.path if path], module, theirs.fileno())
        command = [*python(), "-I", "-S", "-c", program]
        process = subprocess.Popen(  # Ctrl-C is for the server: the child sees that it has ended
            command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0
        )
    threading.Thread(target=process.wait, daemon=True).start()  # it may end while nobody asks
    return process, ours


def _exactly(connection: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        part = connection.recv(length - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return bytes(found)

"""A disk that answers as a test says: a FUSE file system in memory, served by a process of its own. Root only.

It knows what a log, a program and a mapped file need. `fails` and `hangs` name a request and a file.
"""

import contextlib
import ctypes
import errno
import os
import signal
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, OPEN, READ, WRITE = 1, 2, 3, 4, 9, 14, 15, 16
RELEASE, FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, CREATE = 18, 20, 25, 26, 27, 28, 29, 35
_NO_ANSWER = (FORGET, 36, 42)
_UMOUNT_LAZILY = 2  # MNT_DETACH of umount2(2)
_DIRECTORY, _FILE = 0o040755, 0o100755
_MOST = 1 << 17

ANY = "*"
Request = tuple[int, str]
"""An opcode of fuse.h and the name of a file, or ANY."""


class _Node:
    def __init__(self, name: str, mode: int, data: bytes = b"") -> None:
        self.name, self.mode, self.data = name, mode, bytearray(data)
        self.children: dict[str, int] = {}


class _Server:
    def __init__(self, descriptor: int, files: Mapping[str, bytes], fails: dict[Request, list[int]]) -> None:
        self._descriptor = descriptor
        self._fails = fails
        self._nodes = {1: _Node("", _DIRECTORY)}
        for name, data in files.items():
            self._add(1, name, _FILE, data)

    def serve(self, hangs: "set[Request]") -> None:
        while True:
            try:
                request = os.read(self._descriptor, _MOST + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                continue
            opcode, unique, node = struct.unpack_from("<4xIQQ", request)
            if opcode in _NO_ANSWER or (opcode, self._name(node)) in hangs:
                continue
            number, answer = 0, b""
            wrong = self._fails.get((opcode, self._name(node))) or self._fails.get((opcode, ANY)) or []
            if wrong:
                number = wrong.pop(0)
            else:
                try:
                    answer = self._answer(opcode, node, request[40:])
                except OSError as error:
                    number = error.errno or errno.EIO
            with contextlib.suppress(OSError):  # who asked was killed
                os.write(self._descriptor, struct.pack("<IiQ", 16 + len(answer), -number, unique) + answer)

    def _name(self, node: int) -> str:
        return self._nodes[node].name if node in self._nodes else ""

    def _add(self, parent: int, name: str, mode: int, data: bytes = b"") -> int:
        number = len(self._nodes) + 1
        self._nodes[number] = _Node(name, mode, data)
        self._nodes[parent].children[name] = number
        return number

    def _attributes(self, number: int) -> bytes:
        node = self._nodes[number]
        return struct.pack("<6Q10I", number, len(node.data), 0, 0, 0, 0, 0, 0, 0, node.mode, 1, 0, 0, 0, 4096, 0)

    def _entry(self, number: int) -> bytes:
        return struct.pack("<4Q2I", number, 0, 0, 0, 0, 0) + self._attributes(number)

    def _answer(self, opcode: int, number: int, body: bytes) -> bytes:
        if opcode == INIT:
            return struct.pack("<4I2H2I2HI7I", 7, 31, 0, 0, 8, 6, _MOST, 1, 0, 0, 0, *[0] * 7)
        if number not in self._nodes:
            raise OSError(errno.ENOSYS, "")
        node = self._nodes[number]
        if opcode == LOOKUP:
            found = node.children.get(body.rstrip(b"\0").decode())
            if found is None:
                raise OSError(errno.ENOENT, "")
            return self._entry(found)
        if opcode == SETATTR:
            valid, size = struct.unpack_from("<I12xQ", body)
            if valid & 8:
                del node.data[size:]
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<Q2I", 0, 0, 0) + self._attributes(number)
        if opcode == MKDIR:
            return self._entry(self._add(number, body[8:].rstrip(b"\0").decode(), _DIRECTORY))
        if opcode == CREATE:
            return self._entry(self._add(number, body[16:].rstrip(b"\0").decode(), _FILE)) + bytes(16)
        if opcode in (OPEN, OPENDIR):
            return bytes(16)
        offset, size = struct.unpack_from("<8xQI", body) if opcode in (READ, WRITE) else (0, 0)
        if opcode == READ:
            return bytes(node.data[offset : offset + size])
        if opcode == WRITE:
            node.data.extend(bytes(max(0, offset + size - len(node.data))))
            node.data[offset : offset + size] = body[40 : 40 + size]
            return struct.pack("<2I", size, 0)
        if opcode in (RELEASE, RELEASEDIR, READDIR, FSYNC, FLUSH):
            return b""
        raise OSError(errno.ENOSYS, "")


@contextlib.contextmanager
def answering_disk(
    path: Path,
    files: Mapping[str, bytes],
    *,
    fails: Mapping[Request, list[int]] | None = None,
    hangs: "frozenset[Request]" = frozenset(),
    longest_seconds: int = 0,
) -> Iterator[Path]:
    """Mount it at `path`, with these files, executable, at its top.

    Each request in `fails` is answered with these error numbers, one after the other, and then as it should be; one in
    `hangs` never: whoever asks waits until this context ends, or `longest_seconds` have passed.
    """
    path.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"/dev/fuse cannot be opened here: {error.strerror}")
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"answering", os.fsencode(path), b"fuse", 0, options):
        os.close(descriptor)
        pytest.skip(f"FUSE cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    server = os.fork()
    if server == 0:
        try:
            signal.alarm(longest_seconds)
            wrong = {request: list(numbers) for request, numbers in (fails or {}).items()}
            _Server(descriptor, files, wrong).serve(set(hangs))
        finally:
            os._exit(0)
    try:
        os.close(descriptor)  # the server alone has it: with its end everybody who waits gets ENOTCONN
        yield path
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        libc.umount2(os.fsencode(path), _UMOUNT_LAZILY)

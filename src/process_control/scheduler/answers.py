"""The socket of the scheduler: one JSON line asks, one JSON line answers. The verbs: status, run, reload, drain.

Whoever may give commands may ask for all of them; members of `read_group` may ask for the status. The kernel says who
asks (SO_PEERCRED, unix(7)).
"""

import json
import os
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, NotPermitted, ProcessControlError, UsageError
from process_control.system.account import account_of

MAX_LINE = 1 << 16
MAX_CONNECTIONS = 64
#: `sun_path` of unix(7), without its final zero.
MAX_PATH = 107


class Scheduler(Protocol):
    """What is asked of the scheduler."""

    def status(self) -> dict[str, Any]:
        """Return its state, for JSON."""

    def may_read(self, groups: frozenset[int]) -> bool:
        """Return whether members of these groups may ask for it."""

    def order_by_hand(self, job: str, *, by: str) -> dict[str, Any]:
        """Start a run without a planned time."""

    def reload(self) -> int:
        """Read the job files again; return how many jobs are planned."""

    def drain(self) -> int:
        """Start nothing more; return how many runs have not ended."""


class Answers:
    """The listening socket, and the connections that wait for an answer."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._listening: socket.socket | None = None
        self._path = ""
        self._connections: dict[int, socket.socket] = {}
        self._read: dict[int, bytes] = {}
        self._wait_for_drain: list[int] = []

    def open(self, path: str, *, group: int | None) -> None:
        """Listen at `path`, for our account and for members of `group`.

        A socket that a dead scheduler has left there is replaced: we hold the lock. Raises BadConfiguration (78).
        """
        if len(os.fsencode(path)) > MAX_PATH:
            raise BadConfiguration(
                f"the path of the socket has more than {MAX_PATH} bytes", where=path, hint="set a shorter run_directory"
            )
        with suppress(FileNotFoundError):
            os.unlink(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        was = os.umask(0o117)
        try:
            listening.bind(path)
        finally:
            os.umask(was)
        if group is not None:
            with suppress(PermissionError):  # our account is not in it: its members look at files
                os.chown(path, -1, group)
        listening.listen(MAX_CONNECTIONS)
        self._listening, self._path = listening, path

    def close(self) -> None:
        for connection in list(self._connections.values()):
            self._forget(connection.fileno())
        if self._listening is not None:
            self._listening.close()
            with suppress(OSError):
                os.unlink(self._path)

    def descriptors(self) -> dict[int, int]:
        """Return what is to be polled, and for what."""
        found = dict.fromkeys(self._connections, select.POLLIN)
        if self._listening is not None and len(found) < MAX_CONNECTIONS:
            found[self._listening.fileno()] = select.POLLIN
        return found

    def handle(self, descriptor: int) -> None:
        """Accept, read, answer: whatever can be done for this descriptor now."""
        if self._listening is not None and descriptor == self._listening.fileno():
            with suppress(OSError):
                connection, _ = self._listening.accept()
                connection.setblocking(False)
                self._connections[connection.fileno()] = connection
                self._read[connection.fileno()] = b""
            return
        connection = self._connections[descriptor]
        try:
            data = connection.recv(MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._read[descriptor] += data
        if not data or len(self._read[descriptor]) > MAX_LINE:
            self._forget(descriptor)
        elif b"\n" in self._read[descriptor]:
            line, _, self._read[descriptor] = self._read[descriptor].partition(b"\n")
            self._answer(descriptor, line)

    def say_that_it_is_drained(self) -> None:
        for descriptor in self._wait_for_drain:
            self._send(descriptor, {"version": 1, "drained": True, "running": 0})
        self._wait_for_drain.clear()

    def _answer(self, descriptor: int, line: bytes) -> None:
        try:
            asked = json.loads(line)
            verb = asked.get("verb") if isinstance(asked, dict) else None
            answer = self._do(descriptor, verb, asked)
        except ProcessControlError as error:
            answer = {"version": 1, "error": {"exit_code": error.exit_code, "what": str(error)}}
        except ValueError:
            answer = {"version": 1, "error": {"exit_code": UsageError.exit_code, "what": "not a line of JSON"}}
        self._send(descriptor, answer)

    def _do(self, descriptor: int, verb: object, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer. Raises UsageError, NotPermitted."""
        uid, groups = _peer(self._connections[descriptor])
        may_change = uid in (0, os.geteuid())
        if verb == "status" and (may_change or self._scheduler.may_read(groups)):
            return {"version": 1, "scheduler": self._scheduler.status()}
        does: dict[object, Callable[[], dict[str, Any]]] = {
            "run": lambda: self._run(asked, account_of(uid).name),
            "reload": self._reload,
            "drain": lambda: self._drain(descriptor),
        }
        if verb != "status" and verb not in does:
            raise UsageError(f"no such verb: {verb}", hint="status, run, reload, drain")
        if not may_change:
            raise NotPermitted("not permitted", where=f"scheduler: {verb}")
        return does[verb]()

    def _run(self, asked: dict[str, Any], by: str) -> dict[str, Any]:
        jobs = asked.get("jobs")
        if not isinstance(jobs, list) or not all(isinstance(job, str) and is_slug(job) for job in jobs):
            raise UsageError("which jobs?", hint='{"verb": "run", "jobs": ["backup"]}')
        return {"version": 1, "ordered": [self._scheduler.order_by_hand(job, by=by) for job in jobs]}

    def _reload(self) -> dict[str, Any]:
        return {"version": 1, "jobs": self._scheduler.reload()}

    def _drain(self, descriptor: int) -> dict[str, Any]:
        running = self._scheduler.drain()
        if running:
            self._wait_for_drain.append(descriptor)  # a second line comes when they have ended
        return {"version": 1, "drained": not running, "running": running}

    def _send(self, descriptor: int, answer: dict[str, Any]) -> None:
        """Send a line; whoever does not take it is forgotten."""
        connection = self._connections.get(descriptor)
        if connection is None:
            return
        try:
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        self._connections.pop(descriptor).close()
        self._read.pop(descriptor)
        if descriptor in self._wait_for_drain:
            self._wait_for_drain.remove(descriptor)


def _peer(connection: socket.socket) -> tuple[int, frozenset[int]]:
    """Return uid and groups of who asks: the groups of the process, and those of the account."""
    size = struct.calcsize("3i")
    _, uid, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    account = account_of(uid)
    with suppress(OSError, KeyError):
        return uid, frozenset([gid, *os.getgrouplist(account.name, gid)])
    return uid, frozenset([gid])

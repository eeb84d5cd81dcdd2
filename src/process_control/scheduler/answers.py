"""The socket of the scheduler: one JSON line asks, one JSON line answers. The verbs: status, run, reload, drain.

Whoever may give commands may ask for all of them; members of `read_group` may ask for the status. The kernel says who
asks (SO_PEERCRED, unix(7)).
"""

import json
import os
import select
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, NotPermitted, NotStarted, ProcessControlError, UsageError
from process_control.system.account import account_of

MAX_LINE = 1 << 16
MAX_CONNECTIONS = 64
#: So many may wait to be accepted; the kernel refuses more.
BACKLOG = 1024
#: `sun_path` of unix(7), without its final zero.
MAX_PATH = 107
#: Of a note or a name, in characters.
MAX_TEXT = 500


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= MAX_TEXT


#: What `run` takes, and whether a value is one for it. `report`: send a line when a run has a process, and at its end.
_OF_RUN: dict[str, Callable[[Any], bool]] = {
    "verb": lambda _: True,
    "jobs": lambda _: True,
    "configuration": lambda value: value is None or isinstance(value, str),
    "report": _is_switch,
    "slow_start": _is_switch,
    "force": _is_switch,
    "slot": lambda value: type(value) is int,
    "note": _is_text,
    "by": _is_text,
    "web": _is_switch,
}


#: What of it is for the run.
_OPTIONS = ("slow_start", "force", "slot", "note", "web")


class Scheduler(Protocol):
    """What is asked of the scheduler."""

    def status(self) -> dict[str, Any]:
        """Return its state, for JSON."""

    def may_read(self, groups: frozenset[int]) -> bool:
        """Return whether members of these groups may ask for it."""

    def is_configured_by(self, path: str | None) -> bool:
        """Return whether it reads this configuration file."""

    def order_by_hand(self, job: str, *, by: str, options: Mapping[str, object]) -> dict[str, Any]:
        """Start a run by hand."""

    def reload(self) -> int:
        """Read the job files again; return how many jobs are planned."""

    def drain(self, *, by: str) -> int:
        """Start nothing more; return how many runs have not ended."""


class _Connection:
    """One that asks: what it has sent, and what it has not taken yet."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.received = b""
        self.unsent = b""
        self.waits_for_drain = False
        #: numbers of the starts whose progress is reported to it
        self.follows: set[int] = set()

    @property
    def is_idle(self) -> bool:
        return not self.unsent and not self.waits_for_drain and not self.follows

    @property
    def has_hung_up(self) -> bool:
        """Whether nobody is there for an answer; one who only sends nothing more still is."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def receive(self) -> bool:
        """Read what is there; return False when nothing more comes."""
        try:
            data = self.socket.recv(MAX_LINE + 1 - len(self.received))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += data
        return bool(data)

    def send(self) -> bool:
        """Send what it takes now, the rest later; return False when nobody is there."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


class Answers:
    """The listening socket, and the connections that wait for an answer."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._listening: socket.socket | None = None
        self._path = ""
        #: by descriptor, the oldest first
        self._connections: dict[int, _Connection] = {}

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
        listening.listen(BACKLOG)
        self._listening, self._path = listening, path

    def close(self) -> None:
        for descriptor in list(self._connections):
            self._forget(descriptor)
        if self._listening is not None:
            self._listening.close()
            with suppress(OSError):
                os.unlink(self._path)

    def descriptors(self) -> dict[int, int]:
        """Return what is to be polled, and for what. Whoever does not take an answer is asked nothing more."""
        found = {
            descriptor: select.POLLOUT if connection.unsent else select.POLLIN
            for descriptor, connection in self._connections.items()
        }
        if self._listening is not None and self._makes_space():
            found[self._listening.fileno()] = select.POLLIN
        return found

    def handle(self, descriptor: int) -> None:
        """Accept, read, answer: whatever can be done for this descriptor now."""
        if self._listening is not None and descriptor == self._listening.fileno():
            self._accept(self._listening)
            return
        connection = self._connections.get(descriptor)
        if connection is None:  # it was forgotten a moment ago
            return
        is_there = connection.send() if connection.unsent else connection.receive()
        while is_there and b"\n" in connection.received and not connection.unsent:
            line, _, connection.received = connection.received.partition(b"\n")
            is_there = self._answer(connection, line)
        if not is_there or (len(connection.received) > MAX_LINE and not connection.unsent):
            self._forget(descriptor)

    def say_that_it_is_drained(self) -> None:
        for descriptor, connection in list(self._connections.items()):
            if connection.waits_for_drain:
                connection.waits_for_drain = False
                if not self._send(connection, {"version": 1, "drained": True, "running": 0}):
                    self._forget(descriptor)

    def report(self, number: int, facts: Mapping[str, object]) -> None:
        """Send what became of a start to whoever follows it."""
        for descriptor, connection in list(self._connections.items()):
            if number in connection.follows:
                if "code" in facts:
                    connection.follows.discard(number)
                if not self._send(connection, {"version": 1, "start": number, **facts}):
                    self._forget(descriptor)

    def _makes_space(self) -> bool:
        """Return whether one more may connect: when there are many, the oldest that waits for nothing has to go."""
        if len(self._connections) < MAX_CONNECTIONS:
            return True
        idle = next((descriptor for descriptor, each in self._connections.items() if each.is_idle), None)
        if idle is not None:
            self._forget(idle)
        return idle is not None

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            self._connections[connection.fileno()] = _Connection(connection)

    def _answer(self, connection: _Connection, line: bytes) -> bool:
        """Answer a line; return False when nobody is there for it."""
        try:
            asked = json.loads(line)
            verb = asked.get("verb") if isinstance(asked, dict) else None
            answer = self._do(connection, str(verb), asked)
        except ProcessControlError as error:
            answer = {"version": 1, "error": {"exit_code": error.exit_code, "what": str(error)}}
        except (ValueError, RecursionError):
            answer = {"version": 1, "error": {"exit_code": UsageError.exit_code, "what": "not a line of JSON"}}
        return self._send(connection, answer)

    def _do(self, connection: _Connection, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer. Raises UsageError, NotPermitted."""
        uid, groups = _peer(connection.socket)
        may_change = uid in (0, os.geteuid())
        if verb == "status" and (may_change or self._scheduler.may_read(groups)):
            return {"version": 1, "scheduler": self._scheduler.status()}
        does: dict[str, Callable[[], dict[str, Any]]] = {
            "run": lambda: self._run(connection, asked, uid),
            "reload": self._reload,
            "drain": lambda: self._drain(connection, account_of(uid).name),
        }
        if verb != "status" and verb not in does:
            raise UsageError(f"no such verb: {verb[:40]}", hint="status, run, reload, drain")
        if not may_change:
            raise NotPermitted("not permitted", where=f"scheduler: {verb}")
        return does[verb]()

    def _run(self, connection: _Connection, asked: dict[str, Any], uid: int) -> dict[str, Any]:
        """Start jobs by hand. Raises UsageError (2) for what is no question, NotStarted (75)."""
        jobs = asked.get("jobs")
        if not isinstance(jobs, list) or not all(isinstance(job, str) and is_slug(job) for job in jobs):
            raise UsageError("which jobs?", hint='{"verb": "run", "jobs": ["backup"]}')
        wrong = [name for name, value in asked.items() if not (is_right := _OF_RUN.get(name)) or not is_right(value)]
        if wrong:
            raise UsageError(f"not understood: {', '.join(wrong)[:40]}")
        if "configuration" in asked and not self._scheduler.is_configured_by(asked["configuration"]):
            raise UsageError("this scheduler has another configuration")
        if connection.has_hung_up:  # its user was shown that the jobs were not started
            raise NotStarted("nobody waits for the answer")
        # Root may name the person behind sudo; the page names its user, and has the rights of our own account.
        by = str(asked.get("by") or "") if uid == 0 or asked.get("web") else ""
        options: dict[str, object] = {name: asked[name] for name in _OPTIONS if name in asked}
        ordered = [self._scheduler.order_by_hand(job, by=by or account_of(uid).name, options=options) for job in jobs]
        if asked.get("report"):
            connection.follows.update(each["start"] for each in ordered)
        return {"version": 1, "ordered": ordered}

    def _reload(self) -> dict[str, Any]:
        return {"version": 1, "jobs": self._scheduler.reload()}

    def _drain(self, connection: _Connection, by: str) -> dict[str, Any]:
        running = self._scheduler.drain(by=by)
        connection.waits_for_drain = running > 0  # a second line comes when they have ended
        return {"version": 1, "drained": not running, "running": running}

    def _send(self, connection: _Connection, answer: dict[str, Any]) -> bool:
        """Send a line, or what of it is taken now; return False when nobody is there."""
        connection.unsent += json.dumps(answer).encode() + b"\n"
        return connection.send()

    def _forget(self, descriptor: int) -> None:
        self._connections.pop(descriptor).socket.close()


def _peer(connection: socket.socket) -> tuple[int, frozenset[int]]:
    """Return uid and groups of who asks: the groups of the process, and those of the account."""
    size = struct.calcsize("3i")
    _, uid, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    account = account_of(uid)
    with suppress(OSError, KeyError):
        return uid, frozenset([gid, *os.getgrouplist(account.name, gid)])
    return uid, frozenset([gid])

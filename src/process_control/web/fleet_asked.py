"""Asks the fleet what ran, and what a run has printed: through a child, some at a time, each with a limit of time."""

import asyncio
import json
import os
import pickle
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from anyio import to_thread
from starlette.responses import PlainTextResponse, Response

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import is_slug
from process_control.errors import JobNotFound, ProcessControlError
from process_control.fleet.library import NotInstalled, require_the_library
from process_control.fleet.output import lines_of
from process_control.history.log_line import Line
from process_control.web.api.table import RUN_ID
from process_control.web.kept_child import start_child

#: Questions at a time, and how long whoever comes then waits.
AT_ONCE, WAIT_SECONDS = 4, 10.0
#: The child answers within its own limit, `ANSWER_SECONDS` there; one that does not is killed.
CHILD_SECONDS = 50.0
SEND_SECONDS = 5.0
MAX_QUESTION_BYTES, MAX_ANSWER_BYTES = 128 << 10, 16 << 20

_RUN_ID = re.compile(RUN_ID)


class NoAnswerOfFleet(ProcessControlError):
    """What was asked of the fleet cannot be answered; `status`: what HTTP calls that."""

    def __init__(self, status: int, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfLog:
    """A piece of what a run of the fleet has printed."""

    job: str
    #: in the history of its host
    run_id: str
    host: str
    #: outcome, reason and detail; None: it is in flight
    ended: Mapping[str, str | None] | None
    #: ISO 8601
    began: str | None
    lines: Sequence[Line]
    #: those before this byte are in the piece before; None: there are none, or none can be had
    older: int | None
    #: what a reader has to know, in sentences
    notes: Sequence[str]


class AskedFleet:
    """The fleet as the requests of one server ask it."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._child: _Child | None = None

    async def in_turn(self, answer: Callable[[], Response]) -> Response:
        """Call a question to the fleet in a thread and return the answer: never more than some at a time.

        Raises NoAnswerOfFleet (503) when none of them ends for a while.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise NoAnswerOfFleet(503, "the fleet is busy with other requests", hint="try again in a moment") from None
        try:
            return await to_thread.run_sync(answer, abandon_on_cancel=True)
        except asyncio.CancelledError:  # a server that ends does not wait for the fleet
            return PlainTextResponse("the server of this page ends\n", 503)
        finally:
            self._turns.release()

    def runs(self, settings: Settings, job: str) -> list[dict[str, Any]]:
        """Return the last runs of a job on all hosts, as `--json` has them: one in flight first, then the newest.

        Raises JobNotFound (66), NoAnswerOfFleet.
        """
        if not is_slug(job):
            raise JobNotFound(f"no job '{job}'")
        found: list[dict[str, Any]] = self._ask(settings, "runs", job)
        return found

    def piece(self, settings: Settings, job: str, run_id: str, before: int | None) -> PieceOfLog:
        """Return the last piece of a log, or the one before a byte; its end from the result of the run at least.

        Raises JobNotFound (66), NoAnswerOfFleet.
        """
        if not is_slug(job) or not has_log(run_id):
            raise JobNotFound(f"the fleet knows no run '{run_id}'", where=job)
        found = self._ask(settings, "log", job, run_id, before, _lock_of(settings, job))
        is_from_host, host_answers = found.pop("is_from_host"), found.pop("host_answers")
        lines, notes = lines_of(found.pop("output")), found["notes"]
        if not is_from_host and (before is not None or not lines):
            if not host_answers:
                hint = "is its worker running? process-control fleet hosts"
                raise NoAnswerOfFleet(504, f"host {found['host']} does not answer", where=job, hint=hint)
            raise JobNotFound(notes[0], where=job, hint=f"process-control history {job} --fleet")
        return PieceOfLog(job=job, lines=lines, **found)

    # --- the child ---------------------------------------------------------------------------------------------------

    def _ask(self, settings: Settings, name: str, *arguments: object) -> Any:
        if settings.fleet_address is None:
            hint = "fleet: {address: HOST:7233} in the configuration switches the fleet on"
            raise JobNotFound("this host belongs to no fleet", hint=hint)
        try:
            require_the_library()
        except NotInstalled as error:
            raise NoAnswerOfFleet(501, error.faults[0].what, hint=error.faults[0].hint) from error
        question = pickle.dumps((name, (settings, *arguments)))
        text = self._answer(question) or self._answer(question)  # it may have ended just now
        if not text:
            raise NoAnswerOfFleet(502, "the fleet could not be asked", hint="try again in a moment")
        answer = json.loads(text)
        if "found" in answer:
            return answer["found"]
        fault = {"where": answer["where"], "hint": answer["hint"]}
        if answer["status"] == 404:
            raise JobNotFound(answer["what"], **fault)
        raise NoAnswerOfFleet(answer["status"], answer["what"], **fault)

    def _answer(self, question: bytes) -> bytes:
        """Return what the child sends; nothing when it has ended meanwhile."""
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                process = self._send(question, write_end)
            finally:
                os.close(write_end)
            text = self._read(read_end, time.monotonic() + CHILD_SECONDS)
        except OSError:
            return b""
        finally:
            os.close(read_end)
        if not text:
            self._end(process)
        if text is None:
            raise NoAnswerOfFleet(504, "the fleet has not answered in time", hint="process-control fleet doctor")
        return text

    def _send(self, question: bytes, pipe: int) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._child is not None:
                try:
                    socket.send_fds(self._child.connection, [question], [pipe])
                    return self._child.process
                except OSError:  # it has ended because nobody asked, or it hangs
                    self._forget()
            process, connection = start_child("fleet_child", kind=socket.SOCK_SEQPACKET)
            connection.settimeout(SEND_SECONDS)
            self._child = _Child(process, connection)
            socket.send_fds(connection, [question], [pipe])
            return process

    def _read(self, pipe: int, until: float) -> bytes | None:
        """Return all that comes out of a pipe; None when that takes too long. Raises NoAnswerOfFleet (502)."""
        found = bytearray()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            part = os.read(pipe, 1 << 16)
            if not part:
                return bytes(found)
            found += part
            if len(found) > MAX_ANSWER_BYTES:
                raise NoAnswerOfFleet(502, f"the fleet has answered with more than {MAX_ANSWER_BYTES >> 20} MiB")
        return None

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """End a child, unless another one is asked already."""
        with self._lock:
            if self._child is not None and self._child.process is process:
                self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            self._child.connection.close()
            with suppress(ProcessLookupError):
                self._child.process.kill()
            self._child = None


class _Child(NamedTuple):
    process: "subprocess.Popen[bytes]"
    connection: socket.socket


def has_log(run_id: str | None) -> bool:
    """Return whether a run has an id of the history of a host: it has begun there."""
    return run_id is not None and _RUN_ID.fullmatch(run_id) is not None


def _lock_of(settings: Settings, job: str) -> str | None:
    """Return the lock of a job, as its file here says."""
    try:
        return load_job(job, settings).lock
    except ProcessControlError:
        return None

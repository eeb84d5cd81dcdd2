"""Reads days for the server, in a process of its own: for a screen, and for the API."""

import gc
import os
import pickle
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from process_control.config.all_jobs import LoadedJobs
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.system.ask import encode_answer
from process_control.views.live_statuses import ALL_AGAIN_SECONDS
from process_control.web import day_reading
from process_control.web.kept_child import LENGTH

#: It ends when nobody has asked for so long.
IDLE_SECONDS = 60.0
QUESTIONS: dict[str, Callable[..., Any]] = {"screen": day_reading.write_picture, "api": day_reading.write_json}


def main(descriptor: int) -> None:
    """Answer questions until the server ends, or none comes."""
    gc.disable()  # many objects are made for an answer, and few of them refer to each other
    known = _KnownJobs()
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as questions:
        while select.select([connection], [], [], IDLE_SECONDS)[0]:
            try:
                name, (settings, *arguments) = pickle.load(questions)
            except EOFError:
                return
            with open(os.memfd_create("answer", os.MFD_CLOEXEC), "w+b") as payload:
                text = encode_answer(_question(name, settings, known, arguments, payload))
                payload.flush()
                payload.seek(0)
                socket.send_fds(connection, [LENGTH.pack(len(text))], [payload.fileno()])
                connection.sendall(text)
            gc.collect()
            gc.freeze()  # what is kept, such as all jobs, is not looked through again after the next answer


def _question(
    name: str, settings: Settings, known: "_KnownJobs", arguments: Sequence[Any], payload: BinaryIO
) -> Callable[[], object]:
    return lambda: QUESTIONS[name](settings, known.now(settings), *arguments, payload)


class _KnownJobs:
    """The jobs of the directory, read again as often as those of the overview."""

    def __init__(self) -> None:
        self._loaded = LoadedJobs()
        self._jobs: Sequence[Job | InvalidJob] = ()
        self._stamp: object = None
        self._read_at = 0.0

    def now(self, settings: Settings) -> Sequence[Job | InvalidJob]:
        """Return all jobs. Raises ProcessControlError when the directory cannot be read."""
        stamp = (settings.job_directory, _changed_at(settings.job_directory), _changed_at(settings.path))
        if stamp != self._stamp or time.monotonic() - self._read_at >= ALL_AGAIN_SECONDS:
            self._jobs = self._loaded.load(settings)
            self._stamp, self._read_at = stamp, time.monotonic()
        return self._jobs


def _changed_at(path: str | None) -> int | None:
    try:
        return None if path is None else os.stat(path).st_mtime_ns
    except OSError:
        return None

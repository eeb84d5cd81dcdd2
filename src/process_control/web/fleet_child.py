"""Asks the fleet for the server, in a process of its own: neither the library nor its threads are in that of the page.

The server sends a question together with the pipe for its answer, so that many are asked side by side.
"""

import json
import os
import pickle
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, JobNotFound, NotPermitted, NotStarted, ProcessControlError
from process_control.fleet.connection import NoAnswerInTime
from process_control.fleet.logs import piece_of_log
from process_control.fleet.past import last_runs
from process_control.web.fleet_asked import MAX_QUESTION_BYTES

#: It ends when nobody has asked for so long: longer than an answer may take.
IDLE_SECONDS = 60.0
#: All that is asked for one answer.
ANSWER_SECONDS = 40.0
#: Of what hosts say of a run: words of a fixed list, and sentences.
MAX_WORD, MAX_SENTENCE = 32, 2000
#: What HTTP calls it when the fleet does not answer, by the class of the error: this page is a gateway to it.
STATUS = (
    (JobNotFound, 404),
    (NoAnswerInTime, 504),
    (NotStarted, 502),
    (NotPermitted, 502),
    (BadConfiguration, 500),
)


def main(descriptor: int) -> None:
    """Answer questions until the server ends, or none comes."""
    with socket.socket(fileno=descriptor) as connection:
        while select.select([connection], [], [], IDLE_SECONDS)[0]:
            question, pipes, _, _ = socket.recv_fds(connection, MAX_QUESTION_BYTES, 1)
            if not question:
                break
            threading.Thread(target=_answer, args=(question, pipes[0]), daemon=True).start()
    os._exit(0)  # the library has crashed at the interpreter's exit, after its work was done


def _answer(question: bytes, pipe: int) -> None:
    with suppress(BrokenPipeError), open(pipe, "wb") as answer:  # nobody waits for it any more
        answer.write(json.dumps(_found(question)).encode())


def _found(question: bytes) -> dict[str, Any]:
    try:
        name, arguments = pickle.loads(question)
        return {"found": QUESTIONS[name](*arguments)}
    except ProcessControlError as error:
        fault = error.faults[0]
        status = next((status for kind, status in STATUS if isinstance(error, kind)), 502)
        return {"status": status, "what": fault.what, "where": fault.where, "hint": fault.hint}
    except Exception as error:  # noqa: BLE001 - whatever it is: what servers and hosts send is not ours
        what = f"what the fleet has answered is not understood: {type(error).__name__}: {str(error)[:200]}"
        return {"status": 502, "what": what, "where": "", "hint": "process-control fleet doctor"}


def _runs(settings: Settings, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job as `history --fleet --json` has them."""
    return [_bounded(run.to_json()) for run in last_runs(settings, job, seconds=ANSWER_SECONDS)]


def _bounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[: _most(name)] if isinstance(value, str) else value for name, value in values.items()}


def _most(name: str) -> int:
    return MAX_WORD if name in ("outcome", "reason") else MAX_SENTENCE


def _log(settings: Settings, job: str, run_id: str, before: int | None, lock: str | None) -> dict[str, Any]:
    """Return a piece of a log, with the run that it is of."""
    place, piece = piece_of_log(settings, job, run_id, before, lock=lock, seconds=ANSWER_SECONDS)
    ended = place.ended
    how = (
        {}
        if ended is None
        else {"outcome": ended.outcome or ended.fate, "reason": ended.reason, "detail": ended.detail}
    )
    return {
        "run_id": place.run_id,
        "host": place.host,
        "ended": None if ended is None else _bounded(how),
        "began": piece.began or place.began,
        "output": piece.output,
        "older": piece.older,
        "notes": list(piece.notes),
        "is_from_host": piece.is_from_host,
        "host_answers": piece.host_answers,
    }


QUESTIONS: dict[str, Callable[..., Any]] = {"runs": _runs, "log": _log}

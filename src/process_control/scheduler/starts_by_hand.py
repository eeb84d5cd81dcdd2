"""Have the scheduler that runs start jobs by hand, so that their runs are its own: warm, and independent of a terminal.

What a scheduler cannot do, or not this one, the caller starts itself. Once the question was sent nothing is
started a second way: whoever does not know whether a run began says so.
"""

import json
import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from process_control.actions.rights import who
from process_control.actions.start import (
    LOCK_WAIT_SECONDS,
    LOOK_AGAIN_SECONDS,
    MAX_WORDS,
    STARTS_WITHIN_SECONDS,
    How,
    Started,
)
from process_control.actions.start import start as start_directly
from process_control.config.settings import Settings
from process_control.core.facts import one_line
from process_control.errors import NotPermitted, NotStarted
from process_control.notify.message import escape_controls
from process_control.scheduler.answers import MAX_LINE
from process_control.scheduler.client import TIMEOUT_SECONDS, connected
from process_control.state.block import read_block
from process_control.system import proc
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.lock_waiters import waiting_pids

#: Each question and its answer fit into a line of the socket.
JOBS_AT_ONCE = 200


def start(
    settings: Settings, slugs: Sequence[str], account: Account, how: How, *, of_caller: Collection[str] = ()
) -> list[Started]:
    """Start a run of each job: through the scheduler when one runs, else as `actions.start` does.

    `of_caller`: jobs that take variables of the caller's environment. `account`: as there.
    """
    found: dict[str, Started] = {}
    if b"PROCESS_CONTROL_RUN_ID" not in os.environb:  # else it is a sub-job: its outer run is its parent
        theirs = [slug for slug in slugs if slug not in of_caller]
        found = {each.slug: each for each in start_through_the_scheduler(settings, theirs, account, how)}
    left = [slug for slug in slugs if slug not in found]
    found.update((each.slug, each) for each in (start_directly(settings, left, account, how) if left else []))
    return [found[slug] for slug in slugs]


def start_through_the_scheduler(settings: Settings, slugs: Sequence[str], account: Account, how: How) -> list[Started]:
    """Have the scheduler start a run of each job; those that are missing in the result it does not take, or none runs.

    `account`: as for `start`.
    """
    found: list[Started] = []
    for first in range(0, len(slugs), JOBS_AT_ONCE):
        answer = _ask(settings, slugs[first : first + JOBS_AT_ONCE], account, how)
        if answer is None:
            break
        found += answer
    return found


def _ask(settings: Settings, slugs: Sequence[str], account: Account, how: How) -> list[Started] | None:
    """Have the scheduler start them; return None when none runs, or when it does not take them."""
    question = json.dumps(_question(settings, slugs, how)).encode() + b"\n"
    if len(question) > MAX_LINE:
        return None
    try:
        with connected(settings) as connection:
            if connection is None:
                return None
            try:
                connection.sendall(question)
            except OSError:
                return None  # it ended before it had the whole line
            answer = ask_as(account, lambda: _Starts(settings, slugs, connection).wait())
    except (NotPermitted, NotStarted):  # it was not asked
        return None
    return None if answer is None else [_started(slug, each) for slug, each in zip(slugs, answer, strict=True)]


def _question(settings: Settings, slugs: Sequence[str], how: How) -> dict[str, Any]:
    question: dict[str, Any] = {
        "verb": "run",
        "jobs": list(slugs),
        "configuration": settings.path,
        "report": True,
        "by": how.by or who(dict(os.environb)),
    }
    note = one_line(how.note) if how.note else None
    options = {"slow_start": how.slow_start, "force": how.force, "slot": how.slot, "note": note}
    options |= {"web": how.by is not None}
    return question | {name: value for name, value in options.items() if value not in (None, False)}


def _started(slug: str, answer: dict[str, Any]) -> Started:
    """Return what the child has seen, which deserves no more trust than the service user."""
    run_id, why, code = answer["run_id"], answer["why"], answer["exit_code"]
    return Started(
        slug=slug,
        run_id=str(run_id) if run_id is not None else None,
        why=escape_controls(str(why)[:MAX_WORDS]) if why is not None else None,
        exit_code=int(code) if code is not None else None,
    )


class _Starts:
    """Some starts that were asked for, until it is known of each what became of it."""

    def __init__(self, settings: Settings, slugs: Sequence[str], connection: socket.socket) -> None:
        self._state_directory = settings.state_directory
        self._slugs = slugs
        self._connection = connection
        self._received = b""
        self._is_closed = False
        #: by the number of the start
        self._jobs: dict[int, str] = {}
        self._guards: dict[int, int] = {}
        self._results: dict[int, dict[str, Any]] = {}
        self._waits_since: dict[int, float] = {}

    def wait(self) -> list[dict[str, Any]] | None:
        """Return run id, why and exit code of each; None when the scheduler does not take these starts."""
        try:
            refusal = self._wait_for_the_numbers()
            if refusal is not None:
                code, why = refusal
                return None if code != NotStarted.exit_code else [_result(why=why, code=code) for _ in self._slugs]
            limit = time.monotonic() + STARTS_WITHIN_SECONDS
            while self._open() and time.monotonic() < limit:
                self._look()
                for line in self._lines(LOOK_AGAIN_SECONDS):
                    self._take(line)
        except KeyboardInterrupt:
            self._take_back()
            raise
        for number in self._open():
            self._results[number] = self._unknown(self._jobs[number])
        return [self._results[number] for number in self._jobs]

    def _open(self) -> list[int]:
        return [number for number in self._jobs if number not in self._results]

    def _wait_for_the_numbers(self) -> tuple[int, str] | None:
        """Read which starts were ordered; return exit code and reason when none was."""
        limit = time.monotonic() + TIMEOUT_SECONDS
        while not self._jobs:
            for answer in self._lines(0.1):
                if "error" in answer:
                    return int(answer["error"]["exit_code"]), str(answer["error"]["what"])
                if "ordered" in answer:
                    self._jobs = {
                        int(each["start"]): slug for each, slug in zip(answer["ordered"], self._slugs, strict=True)
                    }
                else:
                    self._take(answer)
            if self._jobs:
                break
            if self._is_closed:
                return NotStarted.exit_code, "the scheduler ended before it answered; " + _to_look(self._slugs)
            if time.monotonic() > limit:
                what = f"the scheduler does not answer within {TIMEOUT_SECONDS:g} s"
                return NotStarted.exit_code, f"{what}; to start it without it: run-job {self._slugs[0]}"
        return None

    def _lines(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield what comes in, after `seconds` at the latest."""
        if self._is_closed:
            time.sleep(seconds)
            return
        self._connection.settimeout(seconds)
        with suppress(TimeoutError):
            try:
                data = self._connection.recv(MAX_LINE)
            except ConnectionError:
                data = b""
            self._is_closed = not data
            self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            yield json.loads(line)

    def _take(self, report: dict[str, Any]) -> None:
        number = report.get("start")
        if number not in self._jobs or number in self._results:
            return
        if "pid" in report:
            self._guards[number] = int(report["pid"])
        if "code" in report:
            self._look()
            code = NotStarted.exit_code if report["code"] is None else int(report["code"])
            ended = Started.ended(self._jobs[number], code, str(report["words"]))
            self._results.setdefault(number, _result(why=ended.why, code=code))

    def _look(self) -> None:
        """Find the runs that have begun, by their blocks, and the starts that wait for their lock."""
        now = time.monotonic()
        runners = _waiting_runners(self._guards.values()) if self._guards else {}
        for number in self._open():
            guard = self._guards.get(number)
            if guard is None:
                if self._is_closed:
                    self._results[number] = self._unknown(self._jobs[number])
                continue
            has_ended = self._is_closed and not proc.is_alive(guard, None)  # asked first, as in `actions.start`
            block = read_block(self._state_directory, self._jobs[number])
            if block is not None and block.get("guard_pid") == guard:
                self._results[number] = _result(run_id=str(block["run_id"]))
            elif guard not in runners:
                self._waits_since.pop(number, None)
                if has_ended:
                    self._results[number] = self._unknown(self._jobs[number])
            elif now - self._waits_since.setdefault(number, now) > LOCK_WAIT_SECONDS:
                why = f"queued: it starts when its lock is free; to cancel: kill {runners[guard]}"
                self._results[number] = _result(why=why)

    def _take_back(self) -> None:
        """Stop the starts that wait for their lock: after Control-C nobody expects them to run."""
        for runner in _waiting_runners(self._guards.values()).values():
            with suppress(OSError):
                os.kill(runner, 15)

    def _unknown(self, job: str) -> dict[str, Any]:
        what = "the scheduler ended before the run began" if self._is_closed else "the scheduler has not started it yet"
        return _result(why=f"{what}; {_to_look([job])}", code=NotStarted.exit_code)


def _result(*, run_id: str | None = None, why: str | None = None, code: int | None = None) -> dict[str, Any]:
    return {"run_id": run_id, "why": why, "exit_code": code}


def _to_look(slugs: Sequence[str]) -> str:
    return f"whether it runs all the same: process-control status {slugs[0]}"


def _waiting_runners(guards: Iterable[int]) -> dict[int, int]:
    """Return the runner of each of these guards that waits for its lock."""
    found = {proc.parent_of(pid): pid for pid in waiting_pids()}
    return {guard: found[guard] for guard in guards if guard in found}

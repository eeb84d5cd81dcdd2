"""Run planned times after an outage, several at once, each exactly once even if others start them meanwhile.

Each is a separate `run-job` in a new session: it continues when the caller exits, and refuses a planned time that was
run or claimed meanwhile.
"""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from process_control.actions.start import How, command_of
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.core.schedule.slots import RAN

RUN, FAILED, NOT_STARTED, RUN_BY_OTHERS = "run", "failed", "not started", "run by another start"
STAGGER_SECONDS = 0.1
MAX_WORDS = 4096

#: The fate of a planned time, and the outcome of its run.
Fate = tuple[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one planned time (UTC seconds)."""

    job: str
    slot: int
    done: str
    exit_code: int
    why: str | None = None

    @property
    def is_well(self) -> bool:
        return self.done in (RUN, RUN_BY_OTHERS)


@dataclass(slots=True, kw_only=True)
class Progress:
    """The progress: what has ended, what is running, what has not begun."""

    results: list[Result] = field(default_factory=list)
    running: list[tuple[str, int]] = field(default_factory=list)
    left: list[tuple[str, int]] = field(default_factory=list)
    was_interrupted: bool = False


def recover(
    wanted: Sequence[tuple[str, Sequence[int]]],
    how: How,
    *,
    at_once: int,
    fate_of: Callable[[str, int], Fate],
    on_progress: Callable[[Progress], None],
) -> Progress:
    """Run the planned times (UTC seconds, rising) of each job, those of one job one after the other.

    After a failed run the job's other times are not run. `fate_of(job, slot)` is called when the exit code is not 0.
    `at_once` limits the runs in progress. After Control-C nothing more is started; runs in progress continue. It is
    ignored from then on, so that the caller can print what runs and what is left.
    """
    control_c = _ControlC()
    crew = _Crew([(job, deque(slots)) for job, slots in wanted if slots], how, fate_of, control_c)
    try:
        while crew.has_more:
            started = crew.start_one() if len(crew.running) < at_once else False
            on_progress(crew.progress())
            if crew.wait_for_one(STAGGER_SECONDS if started else None):
                on_progress(crew.progress())
    except KeyboardInterrupt:
        crew.was_interrupted = True
    finally:
        crew.let_go()
        control_c.forget()
    return crew.progress()


class _ControlC:
    """Control-C, which is heard only while this is entered, and once.

    Elsewhere a run that was just started would be missing in the list of those that continue.
    """

    def __init__(self) -> None:
        self._was_heard = self._raises = False
        self._before = signal.getsignal(signal.SIGINT)
        if self._before != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._hear)

    def _hear(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._was_heard = True
        self._raise()

    def _raise(self) -> None:
        if self._was_heard and self._raises:
            self._raises = False
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        self._raises = True
        self._raise()

    def __exit__(self, *_: object) -> None:
        self._raises = False

    def forget(self) -> None:
        """Let Control-C do again what it did before, unless it was heard."""
        if not self._was_heard:
            signal.signal(signal.SIGINT, self._before)


@dataclass(slots=True)
class _Running:
    job: str
    slot: int
    process: "subprocess.Popen[bytes]"
    complaints: IO[bytes]
    handle: int


class _Crew:
    """The runs in progress, and the planned times that follow."""

    def __init__(
        self,
        jobs: Sequence[tuple[str, deque[int]]],
        how: How,
        fate_of: Callable[[str, int], Fate],
        control_c: "_ControlC",
    ) -> None:
        self.running: list[_Running] = []
        self.was_interrupted = False
        self._waiting = deque(jobs)
        self._ended_early: list[tuple[str, int]] = []
        self._rest: dict[str, deque[int]] = {}
        self._results: list[Result] = []
        self._how = how
        self._fate_of = fate_of
        self._control_c = control_c

    @property
    def has_more(self) -> bool:
        return bool(self._waiting or self.running)

    def progress(self) -> Progress:
        left = [(job, slot) for job, slots in [*self._waiting, *self._rest.items()] for slot in slots]
        return Progress(
            results=self._results,
            running=[(each.job, each.slot) for each in self.running],
            left=sorted(left + self._ended_early),
            was_interrupted=self.was_interrupted,
        )

    def start_one(self) -> bool:
        """Start the next planned time; return False when none can be started now."""
        if not self._waiting:
            return False
        job, slots = self._waiting.popleft()
        self._rest[job] = slots
        slot = slots.popleft()
        complaints = tempfile.TemporaryFile()  # noqa: SIM115  it has no name, so nothing is left after a kill
        process = subprocess.Popen(
            command_of(job, [*replace(self._how, slot=slot).flags(), "--wait", "--quiet"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        self.running.append(_Running(job, slot, process, complaints, os.pidfd_open(process.pid)))
        return True

    def wait_for_one(self, seconds: float | None) -> bool:
        """Wait at most `seconds` until a run has ended, and add its result; return whether one has."""
        if not self.running:
            if seconds is not None:
                with self._control_c:
                    time.sleep(seconds)
            return False
        poll = select.poll()
        for each in self.running:
            poll.register(each.handle, select.POLLIN)
        with self._control_c:
            ready = poll.poll(None if seconds is None else seconds * 1000)
        ended = {handle for handle, _ in ready}
        for each in [each for each in self.running if each.handle in ended]:
            self._note(each)
        return bool(ended)

    def _note(self, each: _Running) -> None:
        code = each.process.wait()
        each.complaints.seek(0)
        words = each.complaints.read(MAX_WORDS).decode("utf-8", "replace").strip()
        result = self._result(each, code, words)
        self.running.remove(each)
        self._close(each)
        self._results.append(result)
        slots = self._rest.pop(each.job)
        if slots and result.is_well:
            self._waiting.appendleft((each.job, slots))
        else:
            self._ended_early += [(each.job, slot) for slot in slots]

    def _result(self, each: _Running, code: int, words: str) -> Result:
        done, why = RUN, None
        if code:
            fate, outcome = self._fate_of(each.job, each.slot)
            why = words.partition("\n")[0].removeprefix(f"{each.job}: ") or f"run-job ended with {code}"
            done = FAILED if fate == RAN else NOT_STARTED
            if fate == RAN and outcome in (SUCCEEDED, WARNED, None):
                done = RUN_BY_OTHERS
        return Result(job=each.job, slot=each.slot, done=done, exit_code=code, why=why)

    def let_go(self) -> None:
        """Detach from the runs in progress, which continue."""
        for each in self.running:
            each.process.returncode = 0  # nobody waits for it
            self._close(each)

    def _close(self, each: _Running) -> None:
        os.close(each.handle)
        each.complaints.close()

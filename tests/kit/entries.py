"""The three ways to a planned run: cron's line, an order of the scheduler to its launcher, and the lock of the fleet.

What a test says once to each of them: write the job, let a planned time come, wait for what becomes of it, release.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack

from temporalio.client import Client, WorkflowHandle

from kit.apart import apart
from kit.fleets import Fleet
from kit.harness import Box, until
from kit.runs import next_slot
from kit.schedulers import Launcher
from process_control.core.fleet.decide import run_id_of
from process_control.core.fleet.lock_state import Start
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.payloads import DATA_CONVERTER
from process_control.fleet.updates import send
from process_control.fleet.wire import workflow_id

CRON, SCHEDULER, FLEET = "cron", "scheduler", "fleet"
#: What becomes of a planned time: fate, outcome, reason.
Fate = tuple[str, str | None, str | None]
#: Past planned times of a test, a minute apart.
_HOURS_AGO = 3


class Entry(ABC):
    """One way to start the jobs of a box at their planned times."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._first = (int(time.time()) // 60 - 60 * _HOURS_AGO) * 60
        self._count = 0

    def write(self, slug: str, text: str) -> None:
        """Write the file of a job, with a schedule that has a planned time in the past."""
        self.box.job(slug, f"{text}\n{schedule_at(self._first)}")

    @abstractmethod
    def plan(self, slug: str) -> Callable[[], Fate]:
        """Let the next planned time of a job come; return what waits for its fate."""

    def run(self, slug: str) -> Fate:
        """Let the next planned time come, and return its fate."""
        return self.plan(slug)()

    def release(self, slug: str) -> None:
        assert self.box.process_control("release", slug, *self.words).exit_code == 0

    @property
    def words(self) -> list[str]:
        """What a verb that changes the job has to be told besides."""
        return []

    def _next(self) -> int:
        self._count += 1
        return self._first + 60 * self._count


class OfLauncher(Entry):
    """The scheduler's way: its launcher forks the run."""

    def __init__(self, box: Box, launcher: Launcher) -> None:
        super().__init__(box)
        self._launcher = launcher

    def plan(self, slug: str) -> Callable[[], Fate]:
        slot = self._next()
        number, _ = self._launcher.start(slug, due=slot)

        def wait() -> Fate:
            self._launcher.wait(number)
            return fate_in(self.box, slug, slot)

        return wait


class OfCron(Entry):
    """The way of cron's line, which finds its planned time by the clock and the schedule in the file."""

    def __init__(self, box: Box, stack: ExitStack) -> None:
        super().__init__(box)
        self._stack = stack
        self._slot = self._first
        self._in_flight = 0

    def plan(self, slug: str) -> Callable[[], Fate]:
        if self._in_flight:  # another version of the file: a start in flight has the planned time of this one
            text = (self.box.job_directory / f"{slug}.yaml").read_text()
            self._slot = self._next()
            self.box.job(slug, f"{text.rpartition('schedule:')[0]}{schedule_at(self._slot)}")
        elif (self.box.state_directory / "jobs" / slug / "block").exists():
            next_slot(self.box, slug)
        slot = self._slot
        live = self._stack.enter_context(self.box.start(slug, "--scheduled", via="stub"))
        self._in_flight += 1

        def wait() -> Fate:
            live.wait()
            self._in_flight -= 1
            return fate_in(self.box, slug, slot)

        return wait


class OfFleet(Entry):
    """The way of the fleet: the lock of the job has a host run it."""

    def __init__(self, box: Box, fleet: Fleet, host: str) -> None:
        super().__init__(box)
        self._address = fleet.server.address
        self._host = host

    @property
    def words(self) -> list[str]:
        return ["--fleet"]

    def write(self, slug: str, text: str) -> None:
        super().write(slug, f"{text}\nrun_on: {{host: {self._host}}}")
        applied = self.box.process_control("fleet", "apply")
        assert applied.exit_code == 0, applied

    def plan(self, slug: str) -> Callable[[], Fate]:
        slot = self._next()
        apart(lambda: asyncio.run(_start(self._address, slug, slot)))
        return lambda: until(
            lambda: apart(lambda: asyncio.run(_fate(self._address, slug, slot))), f"the fate of {slot} of {slug}"
        )


async def _start(address: str, job: str, slot: int) -> None:
    """Have a job started for a planned time as its lock does, also while it is held."""
    run_id = run_id_of(job, slot, job)
    wanted = Start(run_id=run_id, job=job, arrived=time.time(), slot=slot, force=True)
    await send(await _lock_of(address, job), LockV1.start, wanted)


async def _fate(address: str, job: str, slot: int) -> Fate | None:
    fates = (await (await _lock_of(address, job)).query(LockV1.state)).jobs[job].fates
    return next(((fate.fate, fate.outcome, fate.reason) for fate in fates if fate.slot == slot), None)


async def _lock_of(address: str, lock: str) -> WorkflowHandle[LockV1, None]:
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    return client.get_workflow_handle_for(LockV1.run, workflow_id(lock))


def schedule_at(slot: int) -> str:
    """Return keys of a job with one planned time a year."""
    at = time.gmtime(slot)
    day = f"{at.tm_min} {at.tm_hour} {at.tm_mday} {at.tm_mon} *"
    return f'schedule: "{day}"\ntime_zone: UTC\nstart_within: 400d\n'


def fate_in(box: Box, slug: str, slot: int) -> Fate:
    """Return what the journal says of a planned time."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(slot))
    of_slot = [each for each in box.journal() if each.get("job") == slug and each.get("scheduled_at") == at]
    (last,) = [each for each in of_slot if each["event"] in ("end", "skip")]
    return ("skipped", None, last["reason"]) if last["event"] == "skip" else ("ran", last["outcome"], last["reason"])

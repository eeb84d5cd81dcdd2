"""The runs of one host: what its worker does with an order, from the job file to the report of the end."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client

from process_control.actions.stop import stop_run
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings, load_settings
from process_control.core import layout
from process_control.core.facts import LOST, SKIPPED, SUCCEEDED, WARNED
from process_control.core.fleet.lock_state import Ended
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.core.schedule.slots import MISSED, RAN
from process_control.errors import ProcessControlError
from process_control.execution.stop import ask_start_to_stop
from process_control.fleet.beats import CANCELLED, FORGOTTEN, TAKEN, Beats
from process_control.fleet.output import last_output
from process_control.fleet.waits import Waits
from process_control.fleet.wire import RUN, Order
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.state.block import Identity
from process_control.state.past_runs import open_index
from process_control.system import proc
from process_control.system.clock import iso
from process_control.system.interpreter import python
from process_control.system.json_text import decode

T = TypeVar("T")
#: So often the server hears of a run.
BEAT_SECONDS = 1.0
#: A run that is to be stopped may not have begun yet.
LOOK_AGAIN_SECONDS = 0.2
MAX_WORDS = 4096
#: Among so many of the last runs of a job that of a planned time is looked for.
MAX_RUNS_BEFORE = 100
_PACKAGE = Path(__file__).parents[1]


class HostRuns:
    """The activity `run`. `host`: what this host is called in the fleet."""

    def __init__(self, client: Client, settings: Settings, *, host: str, identity: Identity) -> None:
        self._client = client
        self._settings = settings
        self._host = host
        self._identity = identity
        self._in_progress: set[_HostRun] = set()

    def stop_all(self) -> int:
        """Have all runs stopped, as `process-control stop` does; return how many there are."""
        for each in self._in_progress:
            each.ask_to_stop()
        return len(self._in_progress)

    @activity.defn(name=RUN)
    async def run(self, order: Order) -> Ended:
        """Run a job, and return how that went when no process of it is left."""
        refusal = await asyncio.to_thread(self._refusal, order)
        if refusal is not None:
            return refusal
        one = _HostRun(self._client, self._settings, self._host, self._identity, order)
        self._in_progress.add(one)
        try:
            return await one.until_it_has_ended()
        finally:
            self._in_progress.discard(one)

    def _refusal(self, order: Order) -> Ended | None:
        """Return why this host does not run the job: its file is another one than that which was applied."""
        slug = order.start.job
        try:
            job = load_job(slug, self._settings)
        except ProcessControlError as error:
            return self._refused(str(error.faults[0]))
        if job.version == order.hash:
            return None
        what = f"{slug}.yaml is version {job.version} here, and {order.hash} was applied"
        return self._refused(f"{what}: bring the job directory up to date, or run process-control fleet apply")

    def _refused(self, why: str) -> Ended:
        return Ended(fate=MISSED, reason="refused", detail=why, host=self._host)


class _HostRun:
    """One run on this host."""

    def __init__(self, client: Client, settings: Settings, host: str, identity: Identity, order: Order) -> None:
        self._settings = settings
        self._host = host
        self._identity = identity
        self._order = order
        self._id = run_id(time.time(), os.urandom(RANDOM_BYTES))
        self._result = layout.fleet_result(settings.state_directory, self._id)
        self._beats = Beats(client, self._id)
        self._waits = Waits(client, order, self._id, run_directory=settings.run_directory, identity=identity)
        self._stopping: asyncio.Task[None] | None = None
        #: the pid of its keeper; None: there is none yet
        self._keeper: int | None = None
        #: whether its guard has a stop request, for the time before the run begins
        self._has_asked = False
        self._has_ended = False

    async def until_it_has_ended(self) -> Ended:
        """Have it run, and report each second that it does; return how it went."""
        answer = await self._beats.first(lambda: self._stopping is not None)
        if answer != TAKEN:
            self._has_ended = True
            why = "the server had given it up" if answer == FORGOTTEN else "it was stopped before it began"
            return Ended(fate=SKIPPED, reason="stopped", detail=why, host=self._host)
        try:
            keeper = await self._despite_a_stop(asyncio.create_task(self._start()))
        except OSError as error:
            why = f"its keeper cannot be started: {error.strerror}"
            return Ended(fate=MISSED, reason="refused", detail=why, host=self._host)
        self._keeper = keeper.pid
        beating = asyncio.create_task(self._beat(keeper))
        await self._despite_a_stop(asyncio.create_task(keeper.wait()))
        self._has_ended = True
        beating.cancel()
        if self._stopping is not None:
            await self._despite_a_stop(self._stopping)
        return await self._despite_a_stop(asyncio.create_task(asyncio.to_thread(self._how_it_ended)))

    async def _despite_a_stop(self, task: asyncio.Task[T]) -> T:
        """Wait for a task and return its result. A stop cancels this wait: it is passed on to the run instead."""
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if not self._beats.is_given_up():  # that is for the keeper
                    self.ask_to_stop()
        return task.result()

    async def _start(self) -> asyncio.subprocess.Process:
        lease = self._order.lease if self._order.on_partition == "kill" else 0
        program = str(_PACKAGE / "entry" / "keeper.py")
        words = [str(os.getpid()), self._result, f"{self._result}.err", str(lease), str(self._beats.taken_at)]
        return await asyncio.create_subprocess_exec(
            *(*python(), "-I", "-S", program, *words, *self._command()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    def _command(self) -> list[str]:
        """Return the command line of `run-job`."""
        start = self._order.start
        words = [*python(), "-I", "-S", str(_PACKAGE / "entry" / "stub.py"), f"--run-id={self._id}"]
        words += ["--config", self._settings.path] if self._settings.path else []
        words += ["--note", start.note] if start.note else []
        words += ["--slow-start"] if start.slow else []
        words += [f"--slow-start-step={start.slow_step}"] if start.slow_step else []
        words += ["--force"] if start.force and start.slot is None else []
        if start.slot is not None:
            words += ["--scheduled=fleet", f"--due={start.slot}", f"--queued={self._queued_seconds()}"]
            words += [f"--rerun={start.attempt}"] if start.attempt > 1 else []
            words += ["--caught-up"] if start.is_caught_up else []
        by = start.by or "fleet"
        return [*words, f"--by={by}", "--", start.job]

    def _queued_seconds(self) -> int:
        """Return how long the start has waited for its lock in the fleet, by the clock of the server."""
        asked = activity.info().scheduled_time.timestamp()
        return max(0, int(asked - self._order.start.arrived))

    async def _beat(self, keeper: asyncio.subprocess.Process) -> None:
        """Report each second that it is running, and hand to its keeper what the server answers."""
        while True:
            answer = await self._beats.send()
            if answer == CANCELLED:
                self.ask_to_stop()
            if answer in (TAKEN, CANCELLED):
                self._say(keeper, f"{self._beats.taken_at}")
            elif answer == FORGOTTEN and self._order.on_partition == "kill":
                self._say(keeper, "kill")
            if answer == TAKEN:
                await self._waits.report()
            await asyncio.sleep(BEAT_SECONDS)

    def _say(self, keeper: asyncio.subprocess.Process, line: str) -> None:
        if keeper.stdin is not None:
            with suppress(ConnectionError):
                keeper.stdin.write(line.encode() + b"\n")

    def ask_to_stop(self) -> None:
        """Have it stopped; does nothing when that was asked before."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        """Stop the run as `process-control stop` does, as soon as there is one; its keeper sees its end."""
        while not self._has_ended:
            if not await asyncio.to_thread(self._stop_once):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _stop_once(self) -> bool:
        """Stop this run, and no other one of the job: somebody may have started it by hand, or cron.

        Until the run has begun, its guard keeps the request: a start that waits, as for the lock, ends its wait.
        """
        slug = self._order.start.job
        try:
            done = stop_run(self._settings, slug, self._id, self._identity, by="fleet", note="stopped in the fleet")
        except (ProcessControlError, OSError):
            return False
        if done is None and not self._has_asked and self._keeper is not None:
            guards = proc.children(self._keeper)
            self._has_asked = any(ask_start_to_stop(guard, parent=self._keeper) for guard in guards)
        return done is not None and done.is_stopped

    # --- how it went --------------------------------------------------------------------------------------------------

    def _how_it_ended(self) -> Ended:
        """Return what the history of this host says of the run; without a record, why there was none."""
        code, killed = self._code()
        words = self._words()
        with open_index(self._settings.state_directory) as index:
            run = index.runs_by_id([self._id]).get(self._id) or self._run_before(index)
        if run is not None and run.outcome is not None:
            is_skipped = run.outcome == SKIPPED
            return Ended(
                fate=SKIPPED if is_skipped else RAN,
                outcome=None if is_skipped else run.outcome,
                reason="stopped" if is_skipped and self._stopping is not None else run.reason,
                detail=killed or run.detail,
                exit_code=run.exit_code,
                host=self._host,
                host_run_id=run.run_id,
                started_at=run.started_at,
                ended_at=run.ended_at,
                verdict=run.verdict,
                slow_start=run.slow_start,
                output=last_output(self._settings, run),
            )
        if run is not None or code is None or killed is not None:
            why = killed or "its keeper was killed"
            return Ended(
                fate=RAN, outcome=LOST, reason="runner_killed", detail=why, host=self._host, host_run_id=self._id
            )
        if self._stopping is not None:
            why = "it was stopped before it began"
            return Ended(fate=SKIPPED, reason="stopped", detail=why, host=self._host)
        why = words or f"run-job ended with {code}"
        reported = code if self._has_reported() else None
        return Ended(fate=MISSED, reason="refused", detail=why, exit_code=reported, host=self._host)

    def _has_reported(self) -> bool:
        """Return whether `run-job` could report its refusal here; else, without its code, a control process does."""
        try:
            load_settings(self._settings.path, dict(os.environb))
        except ProcessControlError:
            return False
        return True

    def _run_before(self, index: Index) -> Run | None:
        """Return the run of this host that went well, of which the fleet has not heard: it is not run once more."""
        start = self._order.start
        if start.attempt == 1 or start.slot is None:
            return None
        runs = index.runs(jobs=[start.job], outcomes=[SUCCEEDED, WARNED], since=iso(start.slot), limit=MAX_RUNS_BEFORE)
        return next((run for run in runs if run.scheduled_at == iso(start.slot)), None)

    def _code(self) -> tuple[int | None, str | None]:
        """Return the exit code of `run-job`, and why the run was killed; None: its keeper could not write it."""
        try:
            value = decode(Path(self._result).read_text())
            os.unlink(self._result)
            return int(value["code"]), value["killed"]  # type: ignore[index]  # or TypeError
        except (OSError, ValueError, TypeError, KeyError):
            return None, None

    def _words(self) -> str:
        """Return what `run-job` has printed to stderr."""
        path = f"{self._result}.err"
        try:
            with open(path, "rb") as file:
                words = file.read(MAX_WORDS).decode("utf-8", "replace").strip()
            os.unlink(path)
        except OSError:
            return ""
        return words

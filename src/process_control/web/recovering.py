"""Runs what an outage left, some at once, while somebody looks at the progress: one recovery at a time.

Each planned time is started as `run --slot` starts it, so that nothing runs twice. When the server stops, runs in
progress continue, and what has not begun is proposed again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from process_control.config.settings import Settings
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.errors import NotStarted, ProcessControlError
from process_control.state.past_runs import open_index
from process_control.system.clock import iso

WAITING, RUNNING, RUN, FAILED, NOT_STARTED, LEFT = "waiting", "running", "run", "failed", "not started", "left"
LOOK_SECONDS = 0.5
#: Runs of a job in which the one for a planned time is looked for.
LATELY = 50

#: Starts the run of a job for a planned time; returns its result as `run --json` has it.
Start = Callable[[str, int], dict[str, object]]


@dataclass(slots=True)
class Item:
    """One planned time (UTC seconds), and what became of it."""

    job: str
    slot: int
    state: str = WAITING
    run_id: str | None = None
    why: str | None = None

    @property
    def planned(self) -> datetime:
        return datetime.fromtimestamp(self.slot, UTC)


@dataclass(slots=True, kw_only=True)
class Recovery:
    """One recovery: what was asked for, by whom, and how far it is."""

    by: str
    at_once: int
    items: Sequence[Item]
    began_at: str = field(default_factory=lambda: iso(time.time()))
    is_over: bool = False
    is_stopped: bool = False

    def count(self, state: str) -> int:
        return sum(item.state == state for item in self.items)


class Recoveries:
    """The recovery of a server that runs, or ran last."""

    def __init__(self) -> None:
        self.last: Recovery | None = None
        self._lock = threading.Lock()

    def begin(self, settings: Settings, start: Start, recovery: Recovery) -> None:
        """Run it in a thread of its own. Raises NotStarted (75) while another one runs."""
        with self._lock:
            if self.last is not None and not self.last.is_over:
                raise NotStarted("another recovery is in progress", hint="wait for its end, or stop it")
            self.last = recovery
        threading.Thread(target=_run, args=(settings, start, recovery), name="recover", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more; what runs continues."""
        if self.last is not None:
            self.last.is_stopped = True


def _run(settings: Settings, start: Start, recovery: Recovery) -> None:
    try:
        while not recovery.is_stopped:
            _look(settings, recovery.items)
            item = _next(recovery)
            if item is not None:
                _begin(item, start)
            elif not recovery.count(RUNNING):
                break
            else:
                time.sleep(LOOK_SECONDS)
        while recovery.count(RUNNING):
            time.sleep(LOOK_SECONDS)
            _look(settings, recovery.items)
    finally:
        for item in recovery.items:
            if item.state == WAITING:
                item.state = LEFT
        recovery.is_over = True


def _next(recovery: Recovery) -> Item | None:
    """Return the next one to start: those of one job one after the other, none after one that failed."""
    if recovery.count(RUNNING) >= recovery.at_once:
        return None
    blocked: set[str] = {item.job for item in recovery.items if item.state == RUNNING}
    ended_badly = {item.job for item in recovery.items if item.state in (FAILED, NOT_STARTED)}
    for item in recovery.items:
        if item.state == WAITING and item.job in ended_badly:
            item.state, item.why = LEFT, "an earlier time of it was not run"
        elif item.state == WAITING and item.job not in blocked:
            return item
    return None


def _begin(item: Item, start: Start) -> None:
    try:
        result = start(item.job, item.slot)
    except ProcessControlError as error:
        item.state, item.why = NOT_STARTED, str(error)
        return
    run_id, why = result.get("run_id"), result.get("why")
    item.run_id = run_id if isinstance(run_id, str) else None
    item.why = str(why) if why else None
    item.state = RUNNING if result.get("exit_code") is None else NOT_STARTED


def _look(settings: Settings, items: Sequence[Item]) -> None:
    """Note which runs have ended."""
    running = [item for item in items if item.state == RUNNING]
    if not running:
        return
    try:
        with open_index(settings.state_directory) as index:
            for item in running:
                at = iso(item.slot)
                for run in index.runs(jobs=[item.job], limit=LATELY):
                    if run.run_id == item.run_id or (item.run_id is None and run.scheduled_at == at):
                        item.run_id = run.run_id
                        if run.outcome is not None:
                            item.state = RUN if run.outcome in (SUCCEEDED, WARNED) else FAILED
                            item.why = run.why or None
                        break
    except (ProcessControlError, OSError):  # a full disk, say: it is looked at again
        return

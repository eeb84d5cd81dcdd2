"""Wait until the runs of jobs have ended, and return how."""

import os
import select
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from process_control.config.settings import Settings
from process_control.errors import ProcessControlError
from process_control.execution.stop import open_runner
from process_control.state.block import Block, Identity, read_block, runner_is_alive
from process_control.state.past_runs import open_index

LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A run that was waited for."""

    slug: str
    #: The job's block when the wait began.
    block: Block
    #: The recorded end of the run; empty while it is running, and when it is unknown.
    end: dict[str, object] = field(default_factory=dict)
    #: Whether it was still running when the time limit had passed.
    is_running: bool = False

    @property
    def run_id(self) -> str:
        return str(self.block["run_id"])

    def to_json(self) -> dict[str, object]:
        start = {name: self.block.get(name) for name in ("run_id", "job", "trigger", "scheduled_at", "started_at")}
        names = ("outcome", "reason", "detail", "exit_code", "signal")
        end = self.end
        return start | {"ended_at": end.get("ended_at") or end.get("at")} | {name: end.get(name) for name in names}


def wait(
    settings: Settings, slugs: Sequence[str], *, named: Collection[str] = (), seconds: float | None = None
) -> list[Awaited]:
    """Wait until the runs of these jobs have ended, at most `seconds` (None: without limit); return their ends.

    For jobs that are `named` by their slug a run that has already ended is returned too, so that a script gets the
    result of a run that it has started, however short.
    """
    state, limit = settings.state_directory, None if seconds is None else time.monotonic() + seconds
    watched = []
    for slug in slugs:
        block = read_block(state, slug)
        lives = block is not None and block.get("end") is None and runner_is_alive(block)
        if block is not None and (lives or slug in named):
            watched.append((slug, block, _handle_of(block) if lives else None))
    try:
        ended = [_ends(state, slug, block, handle, limit) for slug, block, handle in watched]
    finally:
        for _, _, handle in watched:
            if handle is not None:
                os.close(handle)
    return [
        Awaited(slug=slug, block=block, end=_end_of(state, slug, block), is_running=not has_ended)
        for (slug, block, _), has_ended in zip(watched, ended, strict=True)
    ]


def _handle_of(block: Block) -> int | None:
    """Return a pidfd of the runner; None when it is in another pid namespace (a container that shares the state)."""
    identity = Identity()
    return open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)


def _ends(state_directory: str, slug: str, watched: Block, handle: int | None, limit: float | None) -> bool:
    """Wait for one run, by the pidfd of its runner if there is one; return False when the limit passed before."""
    if handle is not None:
        return bool(select.select([handle], [], [], _seconds_left(limit))[0])
    while True:
        left = _seconds_left(limit)
        block = read_block(state_directory, slug)
        if block is None or block.get("run_id") != watched["run_id"] or block.get("end") is not None:
            return True
        if not runner_is_alive(block):
            return True
        if left is not None and left <= 0:
            return False
        select.select([], [], [], LOOK_AGAIN_SECONDS if left is None else min(left, LOOK_AGAIN_SECONDS))


def _seconds_left(limit: float | None) -> float | None:
    return None if limit is None else max(0.0, limit - time.monotonic())


def _end_of(state_directory: str, slug: str, watched: Block) -> dict[str, object]:
    """Return the end of the run, empty while it is running: from the block, or from the history after a later run."""
    run_id = str(watched["run_id"])
    block = read_block(state_directory, slug) or {}
    end = block.get("end")
    if block.get("run_id") == run_id and isinstance(end, dict):
        return end
    try:
        with open_index(state_directory) as index:
            run = index.runs_by_id([run_id]).get(run_id)
    except (OSError, ProcessControlError):
        return {}
    return run.to_json() if run is not None and run.outcome is not None else {}

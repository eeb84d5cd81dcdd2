"""Stop runs from outside: send a stop request, wait until the whole tree is gone, kill what does not end."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.facts import LOST
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, JobNotFound, ProcessControlError
from process_control.execution import stop as signals_of_stop
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.state.block import Block, Identity, read_block, require_own_proc, runner_is_alive
from process_control.state.secrets_of_run import describe_survivors
from process_control.state.waiting_starts import starts_before_the_lock
from process_control.system import proc
from process_control.system.clock import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The result of one stop."""

    slug: str
    #: Whether the process tree is gone because of the stop.
    is_stopped: bool
    #: What happened, in words.
    words: str
    run_id: str | None = None
    #: The processes that could not be ended, in words.
    left: tuple[str, ...] = ()

    @property
    def done(self) -> str:
        """The result as one word."""
        return "stopped" if self.is_stopped else "not stopped"

    def to_json(self) -> dict[str, object]:
        return {
            "job": self.slug,
            "done": self.done,
            "changed": self.is_stopped,
            "run_id": self.run_id,
            "why": self.words,
            "left": list(self.left),
            "stopped": self.is_stopped,  # former names, kept until 1.0
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """A run that got a stop request."""

    settings: Settings
    slug: str
    block: Block
    #: The pidfd of its runner; None: the runner is gone, but some of its processes are not.
    handle: int | None
    #: How long its end may take, in seconds.
    seconds: float = 0.0


Progress = Callable[[str], None]


def stop(
    settings: Settings,
    slugs: Sequence[str],
    identity: Identity,
    *,
    by: str,
    note: str | None = None,
    progress: Progress | None = None,
) -> list[Stopped]:
    """Send stop requests to the runs of all these jobs, then wait until their trees are gone.

    `identity` was made before rights were dropped; `progress` is called with a sentence for each runner to be killed.
    Raises JobNotFound (66), CannotRecord (74).
    """
    asked = [ask_to_stop(settings, slug, identity, by=by, note=note) for slug in slugs]
    return [wait_until_stopped(each, progress) if isinstance(each, Stopping) else each for each in asked]


def has_something_to_stop(settings: Settings, slug: str) -> bool:
    """Return whether the last run of a job has not ended, or has left processes, whatever became of its file."""
    block = read_block(settings.state_directory, slug)
    return block is not None and not _is_over(block)


def stop_run(
    settings: Settings, slug: str, run_id: str, identity: Identity, *, by: str, note: str | None = None
) -> Stopped | None:
    """Stop this run of the job as `stop` does; return None, and do nothing, when its job has another run or none.

    Raises CannotRecord (74).
    """
    require_own_proc()
    block = read_block(settings.state_directory, slug)
    if block is None or block.get("run_id") != run_id or _is_over(block):
        return None
    asked = _ask_a_run_to_stop(settings, slug, block, identity, by=by, note=note)
    return wait_until_stopped(asked) if isinstance(asked, Stopping) else asked


def ask_to_stop(
    settings: Settings, slug: str, identity: Identity, *, by: str, note: str | None = None
) -> Stopping | Stopped:
    """Send a stop request to the job's run, and record the caller. Raises JobNotFound (66), CannotRecord (74)."""
    require_own_proc()
    block = read_block(settings.state_directory, slug) if is_slug(slug) else None
    if block is None:
        _raise_unless_job(slug, settings)
    if block is None or _is_over(block):
        return _ask_a_start_to_stop(settings, slug, identity, by=by, note=note)
    asked = _ask_a_run_to_stop(settings, slug, block, identity, by=by, note=note)
    return _ask_a_start_to_stop(settings, slug, identity, by=by, note=note) if asked is None else asked


def _is_over(block: Block) -> bool:
    """Return whether the block's run has ended, and has left no process behind."""
    return block.get("end") is not None and not block.get("left")


def _ask_a_run_to_stop(
    settings: Settings, slug: str, block: Block, identity: Identity, *, by: str, note: str | None
) -> Stopping | Stopped | None:
    """Send a stop request to the run of this block; return None when no process of it is left."""
    handle = signals_of_stop.open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    if handle is None and block.get("end") is None and runner_is_alive(block):
        # Its runner may be alive elsewhere, and has to end the processes that we see.
        return Stopped(
            slug=slug, is_stopped=False, words="it runs in another pid namespace (a container): stop it there"
        )
    if handle is None and not signals_of_stop.survivors(block):
        return None
    _record_stop(settings, block, identity, by=by, note=note)
    seconds = signals_of_stop.seconds_to_end(block, lambda slug: read_block(settings.state_directory, slug))
    if handle is not None and not signals_of_stop.ask_runner_to_stop(
        block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace
    ):
        os.close(handle)
        return Stopped(slug=slug, is_stopped=False, words="the run ended by itself just now")
    return Stopping(settings=settings, slug=slug, block=block, handle=handle, seconds=seconds)


def _ask_a_start_to_stop(
    settings: Settings, slug: str, identity: Identity, *, by: str, note: str | None
) -> Stopping | Stopped:
    """With nothing running: stop a scheduled start that has no run yet (its condition, its delay, its pool)."""
    starts = (
        starts_before_the_lock(settings.state_directory, settings.run_directory, slug, identity)
        if is_slug(slug)
        else ()
    )
    for start in starts:
        known = {"boot_id": identity.boot_id, "pid_namespace": identity.pid_namespace}
        handle = signals_of_stop.open_runner(start, **known)
        if handle is None:
            continue
        _record_stop(settings, start, identity, by=by, note=note)
        signals_of_stop.ask_runner_to_stop(start, **known)
        seconds = _grace_of(slug, settings) + signals_of_stop.PATIENCE_SECONDS
        return Stopping(settings=settings, slug=slug, block=start, handle=handle, seconds=seconds)
    return _nothing(slug)


def _grace_of(slug: str, settings: Settings) -> float:
    try:
        return load_job(slug, settings).kill_grace_seconds
    except ProcessControlError:
        return 10.0


def wait_until_stopped(asked: Stopping, progress: Progress | None = None) -> Stopped:
    """Wait until the tree is gone; send TERM and KILL to what its runner could not end.

    A runner that does not end in time is killed.
    """
    block, run_id = asked.block, str(asked.block.get("run_id"))
    if asked.handle is None:
        return _end_survivors(asked, run_id)
    was_killed = False
    try:
        if not signals_of_stop.wait_until_gone(asked.handle, asked.seconds):
            if progress is not None:
                progress(_why_it_is_killed(asked))
            was_killed = signals_of_stop.kill_runner(asked.handle)
            if not was_killed:
                return _could_not_be_ended(asked)
    finally:
        os.close(asked.handle)
    if "run_id" not in block:
        return Stopped(slug=asked.slug, is_stopped=True, words="stopped a start that had not begun its run yet")
    left = signals_of_stop.end_survivors(block, grace_seconds=0.5) if signals_of_stop.survivors(block) else []
    if left:
        named = _named(asked, left)
        words = f"run {run_id} was stopped, but these could not be ended: {', '.join(named)}"
        return Stopped(slug=asked.slug, is_stopped=False, words=words, run_id=run_id, left=named)
    by_itself = None if was_killed else _ended_by_itself(asked, run_id)
    if by_itself is not None:
        return Stopped(slug=asked.slug, is_stopped=False, words=by_itself, run_id=run_id)
    how = ", which is lost: its runner had to be killed" if was_killed else ""
    return Stopped(slug=asked.slug, is_stopped=True, words=f"stopped run {run_id}{how}", run_id=run_id)


def _ended_by_itself(asked: Stopping, run_id: str) -> str | None:
    """Return in words that the run's last command had ended before the stop came; None: the stop has ended it."""
    now = read_block(asked.settings.state_directory, asked.slug) or {}
    end = now.get("end") if now.get("run_id") == run_id else None
    if not isinstance(end, dict) or end.get("reason") == "stopped" or end.get("outcome") == LOST:
        return None
    return f"run {run_id} ended by itself just now: {end.get('outcome')}"


def _why_it_is_killed(asked: Stopping) -> str:
    runner = int(str(asked.block["pid"]))
    return (
        f"{asked.slug}: its runner, pid {runner}, has not ended within {asked.seconds:g} s and is killed now: "
        f"{proc.state_in_words(runner)}"
    )


def _could_not_be_ended(asked: Stopping) -> Stopped:
    runner, run_id = int(str(asked.block["pid"])), str(asked.block.get("run_id"))
    words = f"run {run_id} could not be ended: its runner, pid {runner}, {proc.state_in_words(runner)}"
    return Stopped(slug=asked.slug, is_stopped=False, words=words, run_id=run_id, left=_named(asked, [runner]))


def _end_survivors(asked: Stopping, run_id: str) -> Stopped:
    """End what is left of a run whose runner is gone."""
    slug, block = asked.slug, asked.block
    count = len(signals_of_stop.survivors(block))
    grace = block.get("kill_grace_seconds")
    left = signals_of_stop.end_survivors(block, grace_seconds=float(grace) if isinstance(grace, (int, float)) else 10.0)
    if left:
        named = _named(asked, left)
        words = f"these processes of run {run_id} could not be ended: {', '.join(named)}"
        return Stopped(slug=slug, is_stopped=False, words=words, run_id=run_id, left=named)
    words = f"ended {count} process(es) that run {run_id} had left behind"
    return Stopped(slug=slug, is_stopped=True, words=words, run_id=run_id)


def _named(asked: Stopping, pids: list[int]) -> tuple[str, ...]:
    """Return the processes in words, with command lines only when the run's secrets are known."""
    block = asked.block
    try:
        job = load_job(str(block["job"]), asked.settings)
    except ProcessControlError:
        job = None
    return tuple(describe_survivors(asked.settings.state_directory, block, job, pids))


def _nothing(slug: str) -> Stopped:
    return Stopped(slug=slug, is_stopped=False, words="nothing is running")


def _raise_unless_job(slug: str, settings: Settings) -> None:
    try:
        load_job(slug, settings)
    except BadConfiguration:
        if not os.path.isdir(settings.job_directory):
            raise JobNotFound(f"no such job: {slug}", hint="run-job --list-jobs") from None


def _record_stop(settings: Settings, block: Block, identity: Identity, *, by: str, note: str | None) -> None:
    record: dict[str, object] = {"event": "stop", "at": iso(time.time())}
    record |= {"run_id": block["run_id"]} if "run_id" in block else {}
    record |= {"job": block["job"], "by": by, "host": identity.host}
    if note is not None:
        record["detail"] = note
    journal.append(settings.state_directory, record)
    announce(settings, record)

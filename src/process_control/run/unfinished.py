"""Settle unfinished runs under a lock: a missing end, or processes that are still alive.

Lean module, imported when there is such a run.
"""

import posix

from process_control.core import layout
from process_control.errors import CannotRecord, NotStarted
from process_control.execution import groups_of_runs
from process_control.execution.stop import survivors
from process_control.run import group
from process_control.run.holder import refuse_beside_a_live_run
from process_control.run.other_jobs import job_named, store_of
from process_control.run.refusal import skip
from process_control.run.run import GO, Go, Stop
from process_control.state.block import is_unsettled, read_block, runner_lives_here
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.run.run import Run
    from process_control.run.world import World
    from process_control.state.block import Block
    from process_control.state.job_state import JobRecord


def settle(run: "Run", world: "World", unsettled: "list[Block]") -> Go | Stop:
    """Record the missing ends of runs under this lock, which must be held; refuse the start if one is still alive.

    A run without an end is `lost` unless a process of it survives: then this start is refused (75), naming it.
    """
    for found in unsettled:
        block = found
        if block.get("end") is None and not runner_lives_here(block, world.identity):
            # Without the lock, as when its file was removed, a run may have recorded its end during this look.
            block = read_block(world.store.state_directory, str(found["job"])) or found
        if not is_unsettled(block):
            continue
        if block.get("end") is None and runner_lives_here(block, world.identity):
            world.lock.release()
            return refuse_beside_a_live_run(run, world)
        if block.get("end") is None or block.get("left"):
            answer = refuse_survivors(run, world, block)
            if isinstance(answer, Stop):
                return answer
        if block.get("end") is None or not block.get("journaled"):
            _close(run, world, block)
    return GO


def settle_without_a_start(run: "Run", world: "World", block: "Block") -> None:
    """Settle the last run for a start that is stopped by the gate; do nothing while the lock is held."""
    if block.get("end") is None and runner_lives_here(block, world.identity):
        return
    if not world.lock.take():
        return
    block = world.store.previous_run() or {}  # the last holder of the lock may have settled it
    try:
        is_open = block.get("end") is None or not block.get("journaled")
        if block and is_open and not survivors(block):
            _close(run, world, block)
    finally:
        world.lock.release()


def refuse_survivors(run: "Run", world: "World", block: "Block") -> Go | Stop:
    """Refuse to start beside surviving processes of an earlier run, and name them."""
    left = survivors(block)
    if not left:
        return GO
    from process_control.state.secrets_of_run import describe_survivors

    world.lock.release()
    job = job_named(str(block.get("job")), world.settings, known=run.job)
    shown = ", ".join(describe_survivors(world.store.state_directory, block, job, left[:5]))
    what = f"not started: run {block.get('run_id')} of {block.get('started_at')} left processes running: {shown}"
    if run.request.scheduled:
        skip(run, world, "overlap", what)
    hint = f"end them: run-job --kill-job {block.get('job')}"
    return Stop(error=NotStarted(what, where=run.job.slug, hint=hint))


def _close(run: "Run", world: "World", block: "Block") -> None:
    """Write the missing end to the journal: the one in the block, or `lost`. Raises CannotRecord (74)."""
    try:
        store = store_of(str(block["job"]), known=world.store)
        is_recovered = bool(block.pop("recovered", False))  # after a boot the journal has no more than the block
        end = block.get("end") or (None if is_recovered else _in_journal("end", block, store))
        if not isinstance(end, dict):
            _close_as_lost(run, world, block, store)
        elif block.get("end") is None or is_recovered:  # killed, or power lost, between its two writes
            _count(run, world, end, store)
            _post(world, end)
            store.write_run({**block, "end": end, "journaled": True, "left": []})
            world.people.announce(end)
        else:  # it was announced at its end, but could not be written, or perhaps not
            _count(run, world, end, store)
            if _in_journal("end", block, store) is None:
                _record(store, block, end)
            else:
                store.write_run({**block, "journaled": True, "left": []})
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
        return
    group.remove(str(block.get("cgroup")))
    if store is not world.store:
        store.close()


def _in_journal(event: str, block: "Block", store: "JobRecord") -> dict[str, object] | None:
    from process_control.history.journal_reader import event_of_run

    since = str(block.get("started_at") or "")
    return event_of_run(store.state_directory, event=event, run_id=str(block["run_id"]), since=since)


def _close_as_lost(run: "Run", world: "World", block: "Block", store: "JobRecord") -> None:
    from process_control.history.lost_run import lost_end
    from process_control.run.usage_of_killed import used_by

    if block.get("log") is None:  # the path is too long for the block, or there is no log
        start = _in_journal("start", block, store)
        block["log"] = start and start.get("log")
    lost = lost_end(block, now=iso(world.clock.now()), boot_id=world.identity.boot_id)
    lost.update(used_by(block))
    changes: list[dict[str, object]] = []

    def post(_: str | None) -> None:
        changes.extend(_count(run, world, lost, store))
        _post(world, lost)

    _record(store, block, lost, post=post)
    for record in (lost, *changes):
        world.people.announce(record)
    _lead_on(world, block)
    groups_of_runs.remove_forsaken()


def _lead_on(world: "World", block: "Block") -> None:
    """Start the followers of a run that was lost, if it had a planned time."""
    from datetime import datetime

    slot = block.get("scheduled_at")
    if isinstance(slot, str):
        from process_control.run.follow import lead_on

        lead_on(world.settings, str(block["job"]), int(datetime.fromisoformat(slot).timestamp()))


def _post(world: "World", end: dict[str, object]) -> None:
    """Mail and ping an end that was not reported. Do it before the new run, which may take hours."""
    world.people.ping_end(end)
    if world.people.are_mailed(str(end["outcome"])):
        from process_control.notify.event import post_end_of_another

        post_end_of_another(world.people.outbox, end)
        world.people.deliver()


def _record(
    store: "JobRecord", block: "Block", end: dict[str, object], post: "Callable[[str | None], None] | None" = None
) -> None:
    fault = store.record_end(block, end, left=[], post=post)
    if fault is not None:
        raise CannotRecord(fault)


def _count(run: "Run", world: "World", end: dict[str, object], store: "JobRecord") -> list[dict[str, object]]:
    """Count a run into its job's health, unless that was done; return the records that this added to the journal."""
    if run.request.is_ad_hoc and store is world.store:
        return []
    from process_control.core.health import NO_POLICY, Policy
    from process_control.state.health_changes import count_run

    job = job_named(store.slug, world.settings, known=run.job)
    if job is None and posix.access(layout.ad_hoc(store.state_directory, store.slug), posix.F_OK):
        return []
    try:
        changes = count_run(store, end, policy=NO_POLICY if job is None else Policy.from_job(job))
    except (CannotRecord, ValueError):  # an unreadable health holds the job; the end is recorded anyway
        return []
    if changes and changes[0]["event"] == "hold":
        end["held"] = f"held: {changes[0].get('detail')}"
    return changes

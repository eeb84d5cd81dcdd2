"""What the last run under a lock left open: a missing end, or processes that are still alive.

Lean room, imported when there is something of the kind.
"""

from process_control.errors import CannotRecord, NotStarted
from process_control.run.run import Run, let_the_lock_go, skip
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.state.block import Block
    from process_control.state.job_state import JobRecord


def settle(run: Run, unsettled: "list[Block]") -> int | None:
    """With the lock held: see to it that no run under this lock is still alive, and close what was left open.

    A run without an end is `lost` unless a process of it survives: then this start is refused (75), naming it.
    """
    for block in unsettled:
        if block.get("end") is None and run.adapters.runner_lives(block):
            from process_control.run.overlap import refuse_beside_a_live_run

            let_the_lock_go(run)
            return refuse_beside_a_live_run(run)
        if block.get("end") is None or block.get("left"):
            refuse_survivors(run, block)
        if block.get("end") is None or not block.get("journaled"):
            _close(run, block)
    return None


def settle_without_a_start(run: Run, block: "Block") -> None:
    """Close what the last run left open for a start that is turned away anyhow; not while somebody has the lock."""
    if block.get("end") is None and run.adapters.runner_lives(block):
        return
    run.lock = run.adapters.take_lock(run.job.lock)
    if run.lock is None:
        return
    block = run.adapters.store.previous_run() or {}  # whoever had the lock may have closed it
    try:
        is_open = block.get("end") is None or not block.get("journaled")
        if block and is_open and not run.adapters.survivors_of(block):
            _close(run, block)
    finally:
        let_the_lock_go(run)


def refuse_survivors(run: Run, block: dict[str, object]) -> None:
    """Refuse to start beside what an earlier run left alive. Raises NotStarted (75), naming the processes."""
    survivors = run.adapters.survivors_of(block)
    if not survivors:
        return
    let_the_lock_go(run)
    shown = ", ".join(run.adapters.describe_survivors(block, survivors[:5]))
    what = f"not started: run {block.get('run_id')} of {block.get('started_at')} left processes alive: {shown}"
    if run.request.scheduled:
        skip(run, "overlap", what)
    raise NotStarted(what, where=run.job.slug, mend=f"end them: run-job --kill-job {block.get('job')}")


def _close(run: Run, block: "Block") -> None:
    """Write the end that the journal does not have: the one the block kept, or `lost`. Raises CannotRecord (74)."""
    try:
        store = run.adapters.store_of(str(block["job"]))
        is_recovered = bool(block.pop("recovered", False))  # after a boot: the journal has no more than the block
        end = block.get("end") or (None if is_recovered else _end_in_journal(block, store))
        if not isinstance(end, dict):
            _close_as_lost(run, block, store)
        elif block.get("end") is None or is_recovered:  # killed, or the power cut, between its two writes
            _count(run, end, store)
            _post(run, end)
            store.write_run({**block, "end": end, "journaled": True, "left": []})
            run.adapters.announce(end)
        else:  # announced when it came, though the disk would not have it, or not surely
            _count(run, end, store)
            if _end_in_journal(block, store) is None:
                _record(store, block, end)
            else:
                store.write_run({**block, "journaled": True, "left": []})
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
        return
    run.adapters.remove_cgroup(str(block.get("cgroup")))
    if store is not run.adapters.store:
        store.close()


def _end_in_journal(block: "Block", store: "JobRecord") -> dict[str, object] | None:
    return store.in_journal("end", str(block["run_id"]), since=str(block.get("started_at") or ""))


def _close_as_lost(run: Run, block: "Block", store: "JobRecord") -> None:
    from process_control.history.lost_run import lost_end

    if block.get("log") is None:  # too long for the block, or there was none
        start = store.in_journal("start", str(block["run_id"]), since=str(block.get("started_at") or ""))
        block["log"] = start and start.get("log")
    lost = lost_end(block, now=iso(run.adapters.clock.now()), boot_id=run.adapters.identity.boot_id)
    lost.update(run.adapters.used_by(block))
    changes: list[dict[str, object]] = []

    def post(_: str | None) -> None:
        changes.extend(_count(run, lost, store))
        _post(run, lost)

    _record(store, block, lost, post=post)
    for record in (lost, *changes):
        run.adapters.announce(record)
    run.adapters.remove_forsaken_cgroups()


def _post(run: Run, end: dict[str, object]) -> None:
    """Let people know of an end that nobody told, now: the run that begins may take hours."""
    if run.adapters.must_be_told(str(end["outcome"])):
        from process_control.notify.event import post_end_of_another

        post_end_of_another(run.adapters.postman, end)
        run.adapters.have_news_told()


def _record(
    store: "JobRecord", block: "Block", end: dict[str, object], post: "Callable[[str | None], None] | None" = None
) -> None:
    fault = store.record_end(block, end, left=[], post=post)
    if fault is not None:
        raise CannotRecord(fault)


def _count(run: Run, end: dict[str, object], store: "JobRecord") -> list[dict[str, object]]:
    """Count a run into its job's health, unless that was done; return what the journal was told of it."""
    from process_control.core.health import NO_POLICY, Policy
    from process_control.state.health_changes import count_run

    job = run.adapters.job_named(store.slug)
    try:
        changes = count_run(store, end, policy=NO_POLICY if job is None else Policy.of(job))
    except (CannotRecord, ValueError):  # an unreadable health holds the job; the end itself is recorded
        return []
    if changes and changes[0]["event"] == "hold":
        end["held"] = f"held: {changes[0].get('detail')}"
    return changes

"""Record the start of a run, durably, before anything is executed.

Lean module.
"""

import posix

from process_control.core.job_environment import variables_of_run
from process_control.errors import BadConfiguration, CannotRecord
from process_control.run import group, log
from process_control.run.run import GO, Go, Stop
from process_control.system import proc
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job
    from process_control.run.run import Run
    from process_control.run.world import World


def record_the_start(run: "Run", world: "World") -> Go | Stop:
    """Create the log, and write the start to block and journal.

    Raises CannotRecord (74), unless the job has `run_unlogged`.
    """
    prepare_the_commands(run, world)
    try:
        run.log = world.log.open(run.id, run.started_at, notifier=world.people.notifier)
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
        run.unrecorded = True
    run.cgroup = world.group.make(run.id)
    try:
        limits = _set_limits(run, world) if asks_for_limits(run.job) else None
    except BadConfiguration:
        _forget(run, world)
        raise
    if run.slot is not None and "stale" in run.job.excluded:
        _warn_of_calendars(run, world)
    facts = facts_of_the_start(run, world, limits)
    run.block = block_of(run, facts)
    previous = world.store.previous_run()
    run.is_of_a_new_version = previous is None or previous.get("hash") != run.job.plan_hash
    start = {**facts, "event": "start", "at": iso(run.started_at)}
    if run.job.environment_file:
        from process_control.state.fingerprints import fingerprints

        start["secrets"] = fingerprints(world.store.state_directory, world.people.notifier.secrets)
    try:
        world.store.write_start(run.block)
        world.store.append(start)
    except CannotRecord:
        if not run.job.run_unlogged:
            _forget(run, world)
            raise
        run.unrecorded = True
    world.people.announce(start)
    world.people.ping_start(start)
    return GO


def prepare_the_commands(run: "Run", world: "World") -> None:
    """Build the environment, and have its secrets masked. Raises the errors of an unsafe or broken file of it."""
    settings = world.settings
    variables = variables_of_run(
        job=run.job.slug,
        run_id=run.id,
        trigger=run.request.trigger,
        scheduled_at=run.scheduled_at,
        slow_start=run.slow_start,
        config=None if settings.default_path else settings.path,
    )
    world.people.notifier.secrets = world.commands.prepare(variables)


def asks_for_limits(job: "Job") -> bool:
    """Return whether the job asks for any limit besides its times."""
    of_group = job.memory_limit_bytes, job.processes_limit
    of_each = job.cpu_seconds_limit, job.open_files_limit, job.file_size_limit_bytes, job.nice, job.io_class
    return of_group != (None, None) or of_each != (None, None, None, None, None)


def _set_limits(run: "Run", world: "World") -> "dict[str, object]":
    """Set the limits of the run; return those in force, by key.

    A missing one makes the run `warned`, once a day. Raises BadConfiguration (78) when the job requires it.
    """
    from process_control.run.job_limits import set_limits
    from process_control.state.once_a_day import is_first_today

    done = set_limits(run.job, run.cgroup)
    world.commands.limits = done.limits
    if done.missing and is_first_today(world.store.state_directory, run.job.slug, "limits"):
        run.not_in_force = f"{done.missing}; see man process-control-job"
    return done.in_force


def _warn_of_calendars(run: "Run", world: "World") -> None:
    """Make the run `warned`, once a day, when a calendar cannot be read."""
    from process_control.state.once_a_day import is_first_today

    if is_first_today(world.store.state_directory, run.job.slug, "calendars"):
        run.not_in_force = "; ".join(filter(None, (run.not_in_force, run.job.excluded["stale"])))


def _forget(run: "Run", world: "World") -> None:
    """Remove the log and the group of a run that did not start."""
    world.store.take_start_back()
    if run.cgroup is not None:
        group.remove(run.cgroup)
    if run.log is not None:
        log.forget(run.log)


def facts_of_the_start(run: "Run", world: "World", limits: "dict[str, object] | None") -> dict[str, object]:
    """Return the fields of start record and block for a run that starts now. `limits` are those in force."""
    run.lateness = lateness(run, world)
    facts: dict[str, object] = {
        **run.facts_for_the_record(),
        **run.lateness,
        "lock": run.job.lock,
        "pid": posix.getpid(),
        "pid_start": run.pid_start,
        "boot_id": world.identity.boot_id,
        "pid_ns": world.identity.pid_namespace,
        "log": run.log,
    }
    return {**facts, "limits": limits} if limits else facts


def lateness(run: "Run", world: "World") -> dict[str, object]:
    """Return how late a planned run begins, and the parts of the delay, in seconds; empty for a run by hand.

    The whole is taken from the wall clock, which may be set; the part of this process by one that is not set.
    """
    if run.slot is None:
        return {}
    late = max(0.0, world.clock.now() - run.slot)
    in_process = min(proc.seconds_since(run.pid_start), late)
    in_queue = min(run.request.queued_seconds, late - in_process)
    in_lock = min(run.waited_seconds, in_process)
    in_places = min(run.queue_waited_seconds, in_process - in_lock)
    in_jitter = min(run.jitter_waited_seconds, in_process - in_lock - in_places)
    in_gate = in_process - in_lock - in_places - in_jitter
    parts = {"trigger": late - in_process - in_queue, "gate": in_gate, "lock": in_lock}
    if run.job.jitter_seconds:
        parts["jitter"] = in_jitter
    if in_queue or in_places:
        parts["queue"] = in_queue + in_places
    parts = {name: round(seconds, 3) for name, seconds in parts.items()}
    return {"late_seconds": round(sum(parts.values()), 3), "late_parts": parts}


def block_of(run: "Run", facts: dict[str, object]) -> dict[str, object]:
    """Return the block of a run that starts now: the fields of its start, and some that the journal does not need."""
    return {
        **facts,
        "guard_pid": posix.getppid(),
        "kill_grace_seconds": run.job.kill_grace_seconds,
        "timeout_seconds": _longest_seconds(run),
        "started_at": iso(run.started_at),
        "hash": run.job.plan_hash,
        "cgroup": run.cgroup,
        "end": None,
        "journaled": False,
        "left": [],
    }


def _longest_seconds(run: "Run") -> float | None:
    """Return how long all attempts may take, without the last grace; None for no limit."""
    job = run.job
    if not run.timeout_seconds:
        return None
    between = job.kill_grace_seconds + job.retry_max_delay_seconds * (1 + job.retry_jitter)
    return run.timeout_seconds * job.retry_attempts + between * (job.retry_attempts - 1)

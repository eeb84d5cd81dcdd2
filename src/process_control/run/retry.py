"""Record an attempt that is to be retried, wait, and prepare the next one.

Lean module, loaded during the first attempt of jobs with retries.
"""

import posix

from process_control.core.facts import TREE
from process_control.core.retry import delay_before
from process_control.errors import CannotRecord
from process_control.execution.guard import START_SECONDS
from process_control.execution.pause import pause
from process_control.run.end import attempt_record
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.run.run import Judged, Run
    from process_control.run.world import World


def wait_for_the_next(run: "Run", world: "World", facts: "Facts", judged: "Judged") -> bool:
    """Return whether the next attempt may begin; False when the run was stopped meanwhile, which `facts` then show."""
    capture = world.log.capture
    run.attempts.append(attempt_record(run, facts, judged, log_offset=capture.log_offsets()[-1]))
    _add_up(run, facts)
    seconds = _delay(run)
    _record(run, world, judged, seconds)
    world.people.notifier.say(
        f"attempt {run.attempt} of {run.job.retry_attempts}: {judged.detail or judged.reason}; next in {seconds:.3g} s"
    )
    inbox = world.inbox
    world.guard.end_within(seconds + START_SECONDS)
    pause(inbox, seconds)
    if inbox.stopping:
        facts.awaited_attempt = run.attempt + 1
        facts.guard_died, facts.stopped_by = inbox.guard_died, inbox.stopped_by
        facts.stopped_by_request = inbox.stop_requested
        return False
    run.attempt += 1
    capture.begin_attempt()
    run.cgroup = world.group.make(run.id)
    world.commands.begin_attempt(run.attempt, run.cgroup)
    return True


def _add_up(run: "Run", facts: "Facts") -> None:
    """Add the CPU time of the attempt to the run: the next one has a new control group, which begins at 0."""
    if facts.cpu_of == TREE:
        run.cpu_seconds_before += facts.cpu_seconds
    run.memory_bytes_before = max(run.memory_bytes_before, facts.memory_bytes)


def _delay(run: "Run") -> float:
    job = run.job
    return delay_before(
        run.attempt + 1,
        delay_seconds=job.retry_delay_seconds,
        factor=job.retry_factor,
        max_delay_seconds=job.retry_max_delay_seconds,
        jitter=job.retry_jitter,
        chance=int.from_bytes(posix.urandom(2), "big") / 65535,
    )


def _record(run: "Run", world: "World", judged: "Judged", seconds: float) -> None:
    """Record the attempt in journal, block and syslog. What cannot be written is reported at the end of the run."""
    record: dict[str, object] = {
        "event": "attempt",
        "at": iso(world.clock.now()),
        **run.facts_for_the_record(),
        **run.attempts[-1],
        "verdict": judged.verdict,
        "decided_by": judged.decided_by,
        "delay_seconds": round(seconds, 3),
        "log": run.log,
    }
    run.block["attempts"] = run.attempts
    run.block["cpu_seconds"], run.block["memory_bytes"] = run.cpu_seconds_before, run.memory_bytes_before
    try:
        world.store.append(record)
        world.store.write_run(run.block)
    except CannotRecord:
        pass
    world.people.announce(record)

"""Record a start without a run: its planned time is skipped, waits, or fails.

Lean module, loaded only then.
"""

from process_control.core import facts as words
from process_control.core.facts import Facts
from process_control.errors import BY_SIGNAL, RUNNER_KILLED, STOPPED, NotStarted
from process_control.run.run import Stop
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def skip(run: "Run", world: "World", reason: str, detail: str, *, unplanned: bool = False) -> Stop:
    """Record that this slot was skipped, and why; the exit code is 0. `unplanned`: no key of the job asks for it.

    A slot that `catch_up` is to run later stays missed.
    """
    if run.request.is_catching_up:
        return Stop(NotStarted.exit_code)
    record: dict[str, object] = {
        "event": "skip",
        "at": iso(world.clock.now()),
        **run.facts_for_the_record(),
        "outcome": words.SKIPPED,
        "reason": reason,
        "detail": detail,
    }
    if unplanned:
        record["unplanned"] = True
    world.store.append(record)
    world.store.end_claim()
    world.people.announce(record)
    return Stop()


def note_waiting(run: "Run", world: "World", for_what: str) -> None:
    """Record that a scheduled start waits, so that its planned time has a record even if it is killed."""
    at = iso(world.clock.now())
    record: dict[str, object] = {"event": "waiting", "at": at, **run.facts_for_the_record(), "detail": for_what}
    world.store.append(record)
    world.people.announce(record)


def fail_as_stopped(run: "Run", world: "World", when: str) -> Stop:
    """Record a start that a stop has ended before its command: nobody is mailed of what was asked for.

    When the guard was killed, the next start finds the claim of this one, and records what became of it.
    """
    inbox, facts = world.inbox, Facts()
    if inbox.guard_died:
        return Stop(RUNNER_KILLED)
    facts.stopped_by, facts.stopped_by_request = inbox.stopped_by, inbox.stop_requested
    how = words.STOPPED_ON_REQUEST
    if not inbox.stop_requested:
        how = f"stopped: run-job received signal {words.signal_name(inbox.stopped_by or 15)}"
    fail(run, world, "stopped", f"{how} {when}", facts)
    return Stop(STOPPED if inbox.stopped_by is None else BY_SIGNAL + inbox.stopped_by)


def fail(run: "Run", world: "World", reason: str, detail: str, facts: "Facts | None" = None) -> Stop:
    """Record a run that failed without having been started (`on_overlap: fail`, a condition), and report it."""
    if run.request.is_catching_up:
        return Stop(NotStarted.exit_code)
    facts = facts or Facts()
    now = iso(world.clock.now())
    end: dict[str, object] = {
        "event": "end",
        "at": now,
        **run.facts_for_the_record(),
        "started_at": now,
        "outcome": words.FAILED,
        "reason": reason,
        "exit_code": None,
        "signal": None,
        "duration_seconds": 0.0,
        "detail": detail,
        "verdict": "fail",
        "decided_by": None,
        "attempts": [],
        "log": None,
    }
    world.store.append(end)
    world.store.end_claim()
    world.people.post_end(end, facts)
    world.people.announce(end)
    world.people.deliver()
    world.people.report(end, facts)
    return Stop(NotStarted.exit_code)

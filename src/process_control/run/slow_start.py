"""End a pause, become the probe or begin a slow start, before the commands are chosen.

Lean module, loaded for jobs with the key slow_start, and for those that were held. The lock must be held.
"""

import zlib

from process_control.core import gate
from process_control.run.refusal import skip
from process_control.run.run import GO, Go, Stop
from process_control.run.start import prepare_the_commands
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.health import Cause, Health
    from process_control.run.run import Run
    from process_control.run.world import World
    from process_control.state.health_changes import Changed

MAX_PROGRAMS = 20
FOLDED = "others "

Seen = dict[str, object]


def end_the_pause(run: "Run", world: "World") -> None:
    """Release a job whose pause is over, unless it was held again meanwhile. Raises CannotRecord (74)."""
    from process_control.core.health import PAUSE_IS_OVER, Cause, Policy
    from process_control.core.health_table import after_pause

    now, policy = iso(world.clock.now()), Policy.from_job(run.job)
    _change(run, world, lambda health: after_pause(health, now, policy), Cause(at=now, why=PAUSE_IS_OVER))


def prepare(run: "Run", world: "World") -> Go | Stop:
    """Set in `run` whether it uses slow_start_command, and the step of the slow start."""
    if run.permission == gate.PROBE_IS_DUE:
        return _become_the_probe(run, world)
    health = world.store.read_health() or {}
    if "change" in run.job.slow_start_after or "new" in run.job.slow_start_after:
        health = _note_the_version(run, world, health)
    if health.get("state") == "slow_start" and not run.request.force:
        done = health.get("slow_successes")
        run.slow_start = True
        run.slow_start_step = f"{(done if isinstance(done, int) else 0) + 1} of {run.job.slow_start_runs}"
    return GO


def prepare_for_the_fleet(run: "Run", world: "World") -> Go:
    """Begin a slow start when other programs than in the last run here are at the paths of the commands.

    All else the lock of the job has decided. It hears that this run is a slow one, though it has not asked for that.
    """
    if "change" not in run.job.slow_start_after:
        return GO
    seen = (world.store.read_health() or {}).get("seen")
    now = _seen_now(run, world)
    if seen == now:
        return GO
    from process_control.core.health import Cause

    _change(run, world, lambda health: _with_seen(health, now), Cause(at=iso(world.clock.now())))
    is_other = isinstance(seen, dict) and seen.get("file") == now["file"]
    if is_other and not (run.slow_start or run.request.force):
        run.slow_start, run.slow_start_step = True, f"1 of {run.job.slow_start_runs}"
    return GO


def _become_the_probe(run: "Run", world: "World") -> Go | Stop:
    """Make this run of a held job the probe, with slow_start_command; Stop if there is one or the hold has changed."""
    from process_control.core.health import Cause, Event, Policy, State
    from process_control.core.health_table import next_health

    policy = Policy.from_job(run.job)
    cause = Cause(at=iso(world.clock.now()), run_id=run.id)

    def step(health: "Health") -> "Health":
        if health.probe_run is not None:  # it never ended, and is not running: we hold the lock
            gone = Cause(at=cause.at, run_id=health.probe_run, counts=False)
            health = next_health(health, Event.LOST, cause=gone, policy=policy)
        return next_health(health, Event.PROBE_DUE, cause=cause, policy=policy)

    health = _change(run, world, step, cause).new
    if health.state is State.HELD and health.probe_run != run.id:
        world.lock.release()
        return skip(run, world, "held", gate.hold_in_words(health.to_record()))
    run.permission = gate.GO
    if health.state is not State.HELD:
        return prepare(run, world) if run.job.slow_start_runs else GO
    run.slow_start, run.slow_start_step = True, "probe"
    return GO


# --- a new version of the job -----------------------------------------------------------------------------------------


def _note_the_version(run: "Run", world: "World", health: dict[str, object]) -> dict[str, object]:
    """Record the version that runs now; a new one may begin a slow start. Return the health after that."""
    known, now = health.get("seen"), _seen_now(run, world)
    if known == now:
        return health
    from process_control.core.health import Cause, Event, Policy
    from process_control.core.health_table import next_health

    previous = world.store.previous_run()
    if not isinstance(known, dict):
        known = None if previous is None else {"file": previous.get("version")}
    is_new = known is None
    why = "its very first version" if known is None else what_changed(known, now)
    policy = Policy.from_job(run.job)
    cause = Cause(at=iso(world.clock.now()), why=why, run_id=run.id, seen=now, is_new=is_new)

    def step(health: "Health") -> "Health":
        if why is None:
            return _with_seen(health, now)
        return next_health(health, Event.CHANGED, cause=cause, policy=policy)

    return _change(run, world, step, cause).new.to_record()


def _seen_now(run: "Run", world: "World") -> Seen:
    """Return the version that runs now: of the file, and of the programs of its commands."""
    from process_control.run.programs import programs_of

    prepare_the_commands(run, world)
    return {"file": run.job.version, "programs": _few(programs_of(run.job, world.commands))}


def _with_seen(health: "Health", seen: Seen) -> "Health":
    from dataclasses import replace

    return replace(health, seen=seen)


def what_changed(known: Seen, now: Seen) -> str | None:
    """Return in words what has changed; None when nothing is known to have changed."""
    if known.get("file") not in (None, now["file"]):
        return f"the job file changed, from version {known['file']} to {now['file']}"
    before, programs = known.get("programs"), now["programs"]
    if not isinstance(before, list) or not isinstance(programs, list) or before == programs:
        return None
    others = [str(program) for program in programs if program not in before]
    names = [program.rsplit(" ", 3)[0] for program in others if not program.startswith(FOLDED)]
    return f"another program is at {', '.join(names)}" if names else "a program of its commands changed"


def _few(programs: list[str]) -> list[str]:
    """Return the stamps of the first programs and a digest of the rest, since health is a small record."""
    if len(programs) <= MAX_PROGRAMS:
        return programs
    rest = "\n".join(programs[MAX_PROGRAMS:]).encode("utf-8", "surrogateescape")
    return [*programs[:MAX_PROGRAMS], f"{FOLDED}{zlib.crc32(rest)}"]


def _change(run: "Run", world: "World", step: "Callable[[Health], Health]", cause: "Cause") -> "Changed":
    """Change the health on the disk, and log the new records of the journal in the syslog."""
    from process_control.core.health import Policy
    from process_control.state.health_changes import change

    changed = change(world.store, step, cause, host=world.identity.host, policy=Policy.from_job(run.job))
    for record in changed.records:
        world.people.announce(record)
    return changed

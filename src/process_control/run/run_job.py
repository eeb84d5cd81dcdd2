"""One run, from the planned time to the exit code: the sequence of steps of every start.

Lean module: only lean modules are imported before the command is executed; what the end needs is imported while the
job runs.
"""

import posix

from process_control.core import gate, layout
from process_control.errors import BadConfiguration, CannotRecord, NotPermitted
from process_control.run.attempts import run_attempts
from process_control.run.daily_prune import prune_daily
from process_control.run.end import end_of, record_the_end
from process_control.run.gate import ask_the_gate
from process_control.run.run import GO, Go, Request, Run, Stop
from process_control.run.slot import claim_the_slot
from process_control.run.start import record_the_start
from process_control.state.block import is_unsettled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job
    from process_control.run.world import World

#: `watch` looks every minute: an older look is a sign that nothing starts it any more.
MAX_LOOK_AGE_SECONDS = 300.0


def run_job(request: Request, job: "Job", world: "World") -> int:
    """Run `job` once and return the exit code of `run-job`.

    Raises an error of `errors.py` when it cannot start; a job that fails is an exit code.
    """
    run = Run(request, job, started_at=world.clock.now(), host=world.identity.host)
    if not run.commands:
        raise BadConfiguration(f"job '{job.slug}' has no command", where=job.path)
    stopped = take_the_steps(run, world)
    if stopped is not None and run.slot is not None and request.scheduled and not request.is_catching_up:
        start_the_followers(run, world)
    if request.scheduled and not is_watched(world.settings.state_directory, run.started_at):
        start_a_look(world)
    if stopped is not None:
        if stopped.error is not None:
            raise stopped.error
        return stopped.exit_code
    facts, judged = run_attempts(run, world)
    end = end_of(run, world, facts, judged)
    record_the_end(run, world, facts, end)
    world.lock.release()
    world.guard.end_within(None)  # a reader of the report may take long
    world.people.deliver()
    if run.slot is not None:
        start_the_followers(run, world)
    if run.is_of_a_new_version and not request.is_ad_hoc:
        note_the_version(run, world)
    if run.job.catch_up_which == "all" and run.request.scheduled and not run.request.is_catching_up:
        from process_control.run.catch_up import start_when_one_was_missed

        start_when_one_was_missed(run, world)
    prune_daily(world.settings, world.clock.now())
    if run.slot is None and world.people.notifier.is_live:
        note_that_nothing_follows(run, world, end)
    world.people.report(end, facts)  # last, as the caller may not read it
    return judged.exit_code


def is_watched(state_directory: str, now: float) -> bool:
    """Return whether `watch` has looked lately; True also where it never has."""
    try:
        looked_at = posix.stat(layout.watch_note(state_directory)).st_mtime
    except OSError:
        return True
    return -MAX_LOOK_AGE_SECONDS <= now - looked_at <= MAX_LOOK_AGE_SECONDS


def start_a_look(world: "World") -> None:
    """Start a look of `watch`, as nothing else does. Never raises, and does not wait."""
    try:
        from process_control.run.dead_watch import start
    except Exception:  # noqa: BLE001  the package was replaced meanwhile: the next start does it
        return
    start(world.settings)


def start_the_followers(run: Run, world: "World") -> None:
    """Start the jobs that come after this one (`after`), as its planned time has its record. Never raises."""
    try:
        from process_control.run.follow import lead_on
    except Exception:  # noqa: BLE001  the package was replaced meanwhile: `watch` does it
        return
    lead_on(world.settings, run.job.slug, run.slot or 0)


def note_that_nothing_follows(run: Run, world: "World", end: "dict[str, object]") -> None:
    """Have the report on the terminal name the jobs that come after a run for a planned time. Never raises."""
    try:
        from process_control.run.follow import what_would_follow
    except Exception:  # noqa: BLE001  the package was replaced meanwhile
        return
    end["nothing_follows"] = what_would_follow(run, world)


def note_the_version(run: Run, world: "World") -> None:
    """Record the version of the job's file if it is new. Never raises."""
    try:
        from process_control.run.new_version import note
    except Exception:  # noqa: BLE001  the package was replaced meanwhile: the next start does it
        return
    note(run, world)


def take_the_steps(run: Run, world: "World") -> Stop | None:
    """Do the steps before the first command. Return the Stop that ended them; None when the run has started."""
    try:
        for step in (
            open_the_record,
            claim_the_slot,
            pass_the_gate,
            take_the_lock,
            settle_unfinished_runs,
            choose_the_commands,
            record_the_start,
        ):
            answer = step(run, world)
            if isinstance(answer, Stop):
                if run.slot is not None and run.request.slot is not None and not run.request.is_following:
                    world.store.give_slot_back(run.slot)  # it has no record
                return answer
    except (CannotRecord, BadConfiguration, NotPermitted, OSError):
        if run.slot is not None:
            world.store.give_slot_back(run.slot)
        world.lock.release()  # before the error is shown, as the caller may not read it
        raise
    return None


def open_the_record(run: Run, world: "World") -> Go | Stop:
    """Open the job's block. With `run_unlogged` continue without one, as for a job without history."""
    try:
        world.store.open_since_boot(world.identity.boot_id, _recover)
    except CannotRecord:
        if not run.job.run_unlogged:
            raise
    return GO


def _recover(state_directory: str, boot_id: str) -> None:
    from process_control.state.after_boot import recover

    recover(state_directory, boot_id)


def pass_the_gate(run: Run, world: "World") -> Go | Stop:
    """Ask the job's file and its health; wait for the causes (`after`); ask `only_if`; then wait as `jitter` says.

    A job without these keys imports nothing more.
    """
    answer = ask_the_gate(run, world)
    if isinstance(answer, Stop):
        return answer
    if run.job.after and run.request.scheduled and not (run.request.is_following or run.request.is_of_the_fleet):
        from process_control.run.causes import wait_for_the_causes

        answer = wait_for_the_causes(run, world)
        if isinstance(answer, Stop):
            return answer
    if run.job.only_if_command:
        from process_control.run.only_if import ask_only_if

        answer = ask_only_if(run, world)
        if isinstance(answer, Stop):
            return answer
    makes_up = run.request.is_catching_up or run.request.is_caught_up
    if run.job.jitter_seconds and run.request.scheduled and not makes_up:
        from process_control.run.jitter import wait_for_jitter

        return wait_for_jitter(run, world)
    return GO


def take_the_lock(run: Run, world: "World") -> Go | Stop:
    """Take the job's lock, or do what `on_overlap` says when another run holds it; then the places that it needs.

    A job without a pool, on a host without `max_concurrent`, imports nothing more.
    """
    if not world.lock.take():
        from process_control.run.overlap import meet_the_holder

        answer = meet_the_holder(run, world)
        if isinstance(answer, Stop):
            return answer
    if run.job.pool is None and world.settings.max_concurrent is None:
        return GO
    from process_control.run.places import take_places

    return take_places(run, world)


def settle_unfinished_runs(run: Run, world: "World") -> Go | Stop:
    """Settle unfinished runs under the lock, which must be held."""
    unsettled = [block for block in world.lock.blocks() if is_unsettled(block)]
    if not unsettled:
        return GO
    from process_control.run.unfinished import settle

    return settle(run, world, unsettled)


def choose_the_commands(run: Run, world: "World") -> Go | Stop:
    """Check the gate again if the run before us changed the health, then choose the full or the slow-start command.

    The lock must be held. A healthy job without the key slow_start reads nothing here.
    """
    if not world.store.health_is_as_read():
        answer = ask_the_gate(run, world)
        if isinstance(answer, Stop):
            world.lock.release()
            return answer
    if run.permission == gate.HELD or (run.permission == gate.GO and not run.job.slow_start_runs):
        return GO
    from process_control.run import slow_start

    if run.request.is_of_the_fleet and run.permission == gate.GO:
        return slow_start.prepare_for_the_fleet(run, world)
    if run.permission == gate.PAUSE_IS_OVER:
        slow_start.end_the_pause(run, world)
        return choose_the_commands(run, world)
    return slow_start.prepare(run, world)

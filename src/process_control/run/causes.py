"""The causes of a job (`after`): what a start for a planned time does about them.

Lean module, loaded for jobs with that key. `core/chain.py` decides.
"""

from process_control.core.chain import CAUSE_MISSING, PENDING, SKIP, START, WAIT, decide
from process_control.errors import CannotRecord, NotStarted
from process_control.execution.guard import START_SECONDS
from process_control.execution.pause import pause
from process_control.run.refusal import fail_as_stopped, note_waiting, skip
from process_control.run.run import GO, Go, Stop
from process_control.state.cause_fates import cause_fates
from process_control.system import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.chain import CauseFate
    from process_control.run.run import Run
    from process_control.run.world import World

LOOK_AGAIN_SECONDS = 0.5
#: The blocks show most that happens to the causes; not a run for an older planned time than their last.
READ_ALL_SECONDS = 15.0


def claim_as_a_follower(run: "Run", world: "World") -> Go | Stop:
    """Claim the planned time of a start by a cause that has ended, or do nothing: another cause is waited for.

    Nor is anything done when another start has that planned time, or when the job's file has changed meanwhile.
    """
    slot, job = run.request.slot or 0, run.job
    if not job.after or not _has_slot(run, slot):
        return Stop()
    what, _ = decide(fates_of(run, world, slot))
    if what == WAIT:
        return Stop()
    from process_control.config.cache.planned_slots import last_slot
    from process_control.state.claim_by_hand import claim_by_hand

    if world.store.is_open:
        taken = claim_by_hand(
            world.store,
            slot,
            pid_start=run.pid_start,
            boot_id=world.identity.boot_id,
            force=False,
            is_following=True,
            runs_now=what == START,
        )
        if taken is not None:
            return Stop()
    run.slot = slot
    run.is_for_an_older_slot = slot < (last_slot(job, world.settings, world.clock.now()) or 0)
    what, detail = decide(fates_of(run, world, slot))  # a cause may have been run again meanwhile
    return skip(run, world, CAUSE_MISSING, detail) if what == SKIP and not job.disabled else GO


def wait_for_the_causes(run: "Run", world: "World") -> Go | Stop:
    """Wait until the causes have had their runs of this planned time, then ask the gate once more."""
    what, detail = decide(fates_of(run, world, run.slot or 0))
    if what == WAIT and run.request.is_catching_up:
        return Stop(NotStarted.exit_code)
    if what == WAIT:
        what, detail = _wait(run, world)
        if world.inbox.stopping:
            return fail_as_stopped(run, world, "while it waited for its causes (after)")
        run.started_at = world.clock.now()
        if what == START:
            return _ask_the_gate_again(run, world)
    return skip(run, world, CAUSE_MISSING, detail) if what == SKIP else GO


def _wait(run: "Run", world: "World") -> "tuple[str, str]":
    """Wait until it is decided what to do, at most as long as `within` of the causes says."""
    longest = max(_limits(run).values())
    world.guard.end_within(longest + START_SECONDS)
    world.inbox.hear_the_others()
    asked = world.clock.monotonic()
    seen: list[bytes] = []
    read_at, known = 0.0, ""
    fates: list[CauseFate] = []
    while True:
        waited = world.clock.monotonic() - asked
        blocks = _blocks(run, world)
        if blocks != seen or waited - read_at >= READ_ALL_SECONDS or not fates:
            fates, seen, read_at = fates_of(run, world, run.slot or 0), blocks, waited
        what, detail = decide(fates)
        if what == WAIT and (late := _late(run, fates, waited)) is not None:
            what, detail = SKIP, late
        if what != WAIT or world.inbox.stopping:
            break
        if detail != known:
            known = detail
            _note(run, world, detail)
        pause(world.inbox, LOOK_AGAIN_SECONDS)
    world.guard.end_within(START_SECONDS)
    run.cause_waited_seconds = world.clock.monotonic() - asked
    return what, detail


def _note(run: "Run", world: "World", detail: str) -> None:
    try:
        note_waiting(run, world, detail)
    except CannotRecord:
        if not run.job.run_unlogged:
            raise


def _limits(run: "Run") -> "dict[str, float]":
    """Return how long each cause is waited for, in seconds."""
    return {str(each["job"]): each["within_seconds"] or run.job.start_within_seconds for each in run.job.after}


def _late(run: "Run", fates: "list[CauseFate]", waited: float) -> str | None:
    """Return which cause was waited for as long as it may be, in words; None: none was."""
    from process_control.core.measures import duration

    limits = _limits(run)
    for fate in fates:
        if fate.state == PENDING and waited >= limits[fate.job]:
            return f"{fate.in_words}; waited {duration(limits[fate.job])} (within)"
    return None


def _blocks(run: "Run", world: "World") -> "list[bytes]":
    from process_control.core import layout
    from process_control.state.block import BLOCK_BYTES

    directory = world.settings.state_directory
    return [proc.read_small(layout.block(directory, str(each["job"])), BLOCK_BYTES) for each in run.job.after]


def _ask_the_gate_again(run: "Run", world: "World") -> Go | Stop:
    from process_control.config.job_directory import load_job
    from process_control.run.gate import ask_the_gate

    if load_job(run.job.slug, world.settings).disabled:
        return skip(run, world, "disabled", "the job file was changed while this start waited")
    return ask_the_gate(run, world)


def fates_of(run: "Run", world: "World", slot: int) -> "list[CauseFate]":
    """Return what became of that planned time of the causes, as recorded now."""
    if run.job.schedule_of:
        return cause_fates(run.job, slot, world.settings.state_directory)

    def is_planned(slug: str, slot: int) -> bool:
        from process_control.config.cache.planned_slots import has_slot
        from process_control.config.job_directory import load_job
        from process_control.errors import ProcessControlError

        try:
            return has_slot(load_job(slug, world.settings), slot)
        except ProcessControlError:  # invalid now: what it planned when it was valid is not known here
            return True

    return cause_fates(run.job, slot, world.settings.state_directory, is_planned=is_planned)


def _has_slot(run: "Run", slot: int) -> bool:
    """Return whether the job has that planned time: one with the schedule of its causes has all of theirs."""
    if run.job.schedule_of:
        return True
    from process_control.config.cache.planned_slots import has_slot

    return has_slot(run.job, slot)

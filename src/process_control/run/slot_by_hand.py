"""Claim a past planned time for `run --slot`: it must not be run twice.

Lean module, loaded only then.
"""

from process_control.errors import BadConfiguration, NotStarted
from process_control.run.run import GO, Go, Stop
from process_control.state.claim_by_hand import claim_by_hand
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def claim_the_slot_by_hand(run: "Run", world: "World") -> Go | Stop:
    """Claim the requested planned time, or refuse: its last run succeeded, is running, or is about to start.

    Whether the schedule has this time is not checked.
    """
    slot, store, slug = run.request.slot or 0, world.store, run.job.slug
    if slot > world.clock.now():
        raise BadConfiguration(f"{iso(slot)} is in the future", where=slug, hint=f"process-control show {slug}")
    taken = None
    if store.is_open:
        boot_id, force = world.identity.boot_id, run.request.force
        only_missed = run.request.is_catching_up
        taken = claim_by_hand(
            store, slot, pid_start=run.pid_start, boot_id=boot_id, force=force, only_missed=only_missed
        )
    if taken is None:
        run.slot = slot
        return GO
    if run.request.is_catching_up:  # it was run or settled meanwhile
        return Stop()
    hint = "to run it again all the same: --force" if taken.may_be_forced else f"process-control wait {slug}"
    return Stop(error=NotStarted(f"no run for the planned time {iso(slot)}: {taken.why}", where=slug, hint=hint))

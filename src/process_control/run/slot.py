"""Claim the planned time of a scheduled start: each planned time is run once.

Lean module.
"""

from process_control.core.facts import FLEET
from process_control.core.gate import start_window_seconds
from process_control.errors import BadConfiguration
from process_control.run.run import GO, Go, Stop
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def claim_the_slot(run: "Run", world: "World") -> Go | Stop:
    """Find the planned time of a scheduled start, and claim it.

    Raises BadConfiguration for a job of the fleet that something else than its worker starts for a planned time.
    """
    if run.request.scheduled and run.request.trigger != FLEET and world.settings.fleet_address is not None:
        _refuse_jobs_of_the_fleet(run, world)
    if run.request.slot is not None:
        return _claim_the_one_asked_for(run, world)
    if not run.request.scheduled:
        return GO
    if not run.job.schedule and run.request.trigger != FLEET:
        raise BadConfiguration(
            f"job '{run.job.slug}' has no schedule, so --scheduled has no planned time (slot) to run",
            where=run.job.path,
            hint="add the key schedule, or leave --scheduled out",
        )
    from process_control.config.cache.planned_slots import last_slot

    now = world.clock.now()
    slot = last_slot(run.job, world.settings, now)
    if run.request.due is not None:
        slot = run.request.due
    if slot is None:
        return Stop()
    is_late = _is_late(run, now - slot)
    if is_late:
        from process_control.run import late_start

        if late_start.is_stray(run, world, slot):
            return late_start.leave_as_stray(run, world, now)
    if not _claim(run, world, slot):
        world.people.announce({"event": "repeat", **run.facts_for_the_record(), "scheduled_at": iso(slot)})
        return Stop()
    run.slot = slot
    _record_the_forgotten(run, world)
    return late_start.skip_as_too_late(run, world, slot, now) if is_late else GO


def _is_late(run: "Run", seconds: float) -> bool:
    """Return whether the start comes too late, so long after its planned time. The fleet decides that of its starts."""
    if run.request.is_of_the_fleet:
        return False
    return seconds - run.request.queued_seconds > start_window_seconds(run.job)


def _claim(run: "Run", world: "World", slot: int) -> bool:
    pid_start, boot_id = run.pid_start, world.identity.boot_id
    if not (run.request.is_rerun and world.store.is_open):
        return world.store.claim_slot(slot, pid_start=pid_start, boot_id=boot_id)
    from process_control.state.claim_by_hand import claim_by_hand

    return claim_by_hand(world.store, slot, pid_start=pid_start, boot_id=boot_id, force=False) is None


def _refuse_jobs_of_the_fleet(run: "Run", world: "World") -> None:
    from process_control.core.fleet.membership import belongs_to_fleet

    if belongs_to_fleet(run.job.run_on, world.settings.fleet_address):
        raise BadConfiguration(
            f"job '{run.job.slug}' belongs to the fleet, which starts it at its planned times",
            where=run.job.path,
            hint="run cron-generate, which leaves it out; or add to the job: run_on: local",
        )


def _claim_the_one_asked_for(run: "Run", world: "World") -> Go | Stop:
    if run.request.is_following:
        from process_control.run.causes import claim_as_a_follower

        answer = claim_as_a_follower(run, world)
    else:
        from process_control.run.slot_by_hand import claim_the_slot_by_hand

        answer = claim_the_slot_by_hand(run, world)
    _record_the_forgotten(run, world)
    return answer


def _record_the_forgotten(run: "Run", world: "World") -> None:
    for forgotten in world.store.forgotten_slots:
        from process_control.run.forgotten_start import record_forgotten

        record_forgotten(run, world, forgotten)

"""Stop starts that must not run now: quietly when scheduled, with an error by hand.

Lean module. `core/gate.py` decides what the health permits.
"""

from process_control.core import gate
from process_control.errors import NotStarted
from process_control.run.run import GO, Go, Stop
from process_control.state.block import is_unsettled, runner_lives_here
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def ask_the_gate(run: "Run", world: "World") -> Go | Stop:
    """Turn away what must not run now: a job that is disabled or held, backs off, or has a day excluded."""
    if run.request.is_ad_hoc:
        return GO
    scheduled = run.request.scheduled
    if scheduled and run.job.disabled:
        return turn_away(run, world, "disabled", "the job file says so")
    if run.job.excluded and (answer := _of_excluded_days(run, world)) is not None:
        return answer
    try:
        health = _health_of(run, world)
        run.permission, doubt = _permission(run, world, health), None
    except ValueError as error:
        run.permission, doubt, health = gate.HELD, gate.garbage_in_words(error), None
    if run.permission == gate.BACKING_OFF and run.request.is_of_the_fleet:
        run.permission = gate.GO
    if run.permission == gate.BACKING_OFF:
        return turn_away(run, world, "backoff", gate.backoff_in_words(health or {}))
    if run.permission != gate.HELD or (run.request.force and not scheduled):
        return GO
    if scheduled:
        return turn_away(run, world, "held", doubt or gate.hold_in_words(health or {}))
    slug = run.job.slug
    hint = f"run it once with run-job --force {slug}, or release it: process-control release {slug}"
    words = doubt or hold_for_people(health or {}, world.clock.now())
    return turn_away(run, world, "held", words, by_hand=NotStarted(words, where=slug, hint=hint))


def _of_excluded_days(run: "Run", world: "World") -> Stop | None:
    """Stop a planned time on an excluded day; None on other days.

    Raises BadConfiguration (78) when a calendar that decides this cannot be read.
    """
    scheduled, excluded = run.request.scheduled, run.job.excluded
    if "fault" in excluded and (scheduled or not run.request.force):
        from process_control.errors import BadConfiguration

        what, where, hint = excluded["fault"]
        raise BadConfiguration(what, where=where, hint=hint)
    for slot, day in excluded["slots"] if scheduled else ():
        if slot == run.slot:
            return turn_away(run, world, "excluded", f"exclude: {day}")
    return None


def turn_away(run: "Run", world: "World", reason: str, detail: str, *, by_hand: NotStarted | None = None) -> Stop:
    """Skip the planned time, or refuse the start by hand.

    An unfinished last run is settled anyway: a held job may not start for weeks.
    """
    block = world.store.previous_run()
    if world.lock.descriptor is None and block is not None and is_unsettled(block):
        from process_control.run.unfinished import settle_without_a_start

        settle_without_a_start(run, world, block)
    if by_hand is not None:
        return Stop(error=by_hand)
    from process_control.run.refusal import skip

    return skip(run, world, reason, detail)


def hold_for_people(health: dict[str, object], now: float) -> str:
    from datetime import UTC, datetime

    from process_control.core.hold_in_words import hold_for_people

    return hold_for_people(health, datetime.fromtimestamp(now, UTC))


def _health_of(run: "Run", world: "World") -> dict[str, object] | None:
    """Return the health, rebuilt when it was lost; None for a job without history. Raises ValueError if unreadable."""
    store = world.store
    health = store.read_health()
    if health is not None or store.is_new or not store.is_open:
        return health
    from process_control.core.health import Policy
    from process_control.state.health_changes import restore_health

    restore_health(store, Policy.from_job(run.job))
    return store.read_health()


def _permission(run: "Run", world: "World", health: dict[str, object] | None) -> str:
    """Return what the health permits this start to do. Raises ValueError for an invalid health."""
    job, now = run.job, world.clock.now()
    longest_backoff = job.backoff_max_delay_seconds if job.backoff_delay_seconds else None
    permission = gate.permission(
        health,
        now=iso(now),
        slot=_moment_that_counts(run, now),
        latest_backoff=iso(now + longest_backoff) if longest_backoff else None,
        latest_probe=iso(now + job.hold_release_after_seconds) if job.hold_release_after_seconds else None,
    )
    if permission == gate.PROBE_IS_DUE and (run.request.is_catching_up or _probe_is_running(world, health or {})):
        return gate.HELD
    return permission


def _moment_that_counts(run: "Run", now: float) -> str | None:
    """Return the time to compare with holds: planned time if scheduled, now if catching up, None by hand."""
    if not run.request.scheduled:
        return None
    return iso(now) if run.request.is_catching_up else run.scheduled_at


def _probe_is_running(world: "World", health: dict[str, object]) -> bool:
    block = world.store.previous_run()
    is_its_run = block is not None and block.get("run_id") == health.get("probe_run")
    return block is not None and is_its_run and runner_lives_here(block, world.identity)

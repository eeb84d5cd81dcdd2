"""Skip a scheduled start that is too late for its slot, or for which the job's file has no planned time.

Lean module, loaded only then. cron holds the time zone, the host's name and the crontab of when it read them; we look
at what they are now.
"""

from process_control.core import layout
from process_control.core.facts import FAILED
from process_control.core.gate import start_window_seconds
from process_control.core.skips import MIN_IN_A_ROW, TOO_LATE, unplanned_skips_in_words
from process_control.run.refusal import skip
from process_control.run.run import Stop
from process_control.state.block import read_mark, write_mark
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def is_stray(run: "Run", world: "World", slot: int) -> bool:
    """Return whether the slot is from before the job's version came into force: nobody planned this start."""
    previous = world.store.previous_run()
    if previous is not None and previous.get("version") == run.job.version:  # the file was only touched
        return False
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.state.job_versions import since_of_version

    return slot < since_of_version(run.job, world.settings, now=world.clock.now())


def leave_as_stray(run: "Run", world: "World", now: float) -> Stop:
    """Stop with exit code 0; record this once for each version of the file."""
    version = run.job.version
    record: dict[str, object] = {
        "event": "stray",
        "at": iso(now),
        **run.facts_for_the_record(),
        "detail": f"a start by {run.request.trigger}, but the job file plans no such time",
    }
    mark = _mark_of(run, world, "stray")
    if (read_mark(mark) or {}).get("version") != version:
        world.store.append(record)
    write_mark(mark, {"version": version, "seconds": int(now), "at": iso(now), "trigger": run.request.trigger})
    world.people.announce(record)
    return Stop()


def skip_as_too_late(run: "Run", world: "World", slot: int, now: float) -> Stop:
    """Skip the slot; mail people, once until there is a run. A quiet exit."""
    from process_control.core.measures import duration

    key = "start_within" if run.job.catch_up_which in (None, "none") else "catch_up.within"
    late = f"{duration(int(now - slot))} after its planned time, {key}: {duration(start_window_seconds(run.job))}"
    stop = skip(run, world, TOO_LATE, late, unplanned=True)
    count = _count(run, world)
    if count == MIN_IN_A_ROW[TOO_LATE] and world.people.are_mailed(FAILED):
        from process_control.notify.event import post_unplanned_skips

        sentence = unplanned_skips_in_words([("skipped", TOO_LATE, late)] * count) or late
        at = iso(world.clock.now())
        post_unplanned_skips(world.people.outbox, run.asked(), run_id=run.id, at=at, sentence=sentence)
        world.people.deliver()
    return stop


def _count(run: "Run", world: "World") -> int:
    """Return how many starts in a row, with this one, were too late; a run in between resets the count."""
    previous = world.store.previous_run()
    after = None if previous is None else previous.get("run_id")
    mark = _mark_of(run, world, "too_late")
    known = read_mark(mark) or {}
    before = known.get("count")
    count = before + 1 if isinstance(before, int) and known.get("after") == after else 1
    write_mark(mark, {"after": after, "count": count})
    return count


def _mark_of(run: "Run", world: "World", name: str) -> str:
    return layout.note(world.store.state_directory, run.job.slug, name)

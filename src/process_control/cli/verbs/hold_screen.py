"""What `hold`, `pause` and `release` print of each job."""

from collections.abc import Sequence
from datetime import UTC, datetime

from process_control.actions.hold import Done
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.core.health import State
from process_control.core.hold_in_words import hold_for_people
from process_control.core.moments import day_and_time, parse_iso

IN_A_PIPE = "In a pipe, separated by tabs: job, what was done, state now, why."


def print_done(done: Sequence[Done], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in done]})
    elif is_terminal():
        for each in done:
            talk(f"{each.slug}: {_in_words(each)}")
    else:
        for each in done:
            print_tabbed([each.slug, each.what, each.health.state.value, each.health.why])


def _in_words(done: Done) -> str:
    """Return what became of one job, for a person: what it is held for, or how the next runs will be."""
    old, new, now = done.changed.old, done.health, datetime.now(UTC)
    if new.state is not State.HELD:
        slowly = "; the next runs use slow_start_command" if new.state is State.SLOW_START else ""
        return f"{done.what}{slowly}"
    until = day_and_time(parse_iso(new.release_at), now)
    note = f" (note: {new.why})" if new.why else ""
    if old.state is not State.HELD:
        return f"paused until {until}{note}" if until else f"on hold{note}"
    if not done.changed.is_change:
        already = f"already paused until {until}" if until else f"already {hold_for_people(new.to_record(), now)}"
        return f"{already}; not changed"
    if old.release_at and not new.release_at:
        return f"the pause is now a hold without end{note}"
    if old.release_at and new.release_at != old.release_at:
        return f"the pause is now until {until}{note}"
    return hold_for_people(new.to_record(), now)

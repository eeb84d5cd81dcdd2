"""Change a job's health on the disk: one step of the table, under the short lock, with its records in the journal."""

from collections.abc import Callable
from dataclasses import dataclass

from process_control.core.health import NO_POLICY, Cause, Event, Health, Policy
from process_control.core.health_changes import Change, changes
from process_control.core.health_table import next_health
from process_control.state.health_file import change_health
from process_control.state.health_rebuild import Record, cause_of, health_after, rebuild_health
from process_control.state.job_state import JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The health before and after, and the records added to the journal, which the caller logs in the syslog."""

    old: Health
    new: Health
    records: list[Record]

    @property
    def is_change(self) -> bool:
        return self.old != self.new


def change_by_hand(store: JobRecord, event: Event, cause: Cause, *, host: str, policy: Policy = NO_POLICY) -> Changed:
    """Take one step of the table, for a person or the gate. Rebuilds an unreadable health first.

    Raises CannotRecord (74).
    """

    def step(health: Health) -> Health:
        return next_health(health, event, cause=cause, policy=policy)

    return change(store, step, cause, host=host, policy=policy)


def change(
    store: JobRecord, step: Callable[[Health], Health], cause: Cause, *, host: str, policy: Policy = NO_POLICY
) -> Changed:
    """Replace the health by `step(health)`. Raises CannotRecord (74)."""
    seen: list[Health] = []

    def restored(_: Record | None) -> Record:
        return rebuild_health(store.state_directory, store.slug, policy)

    def changed(old: Record | None) -> Record | None:
        before = Health.from_record(_sound(old, restored))
        after = step(before)
        seen[:] = [before, after]
        return None if after == before and old is not None else after.to_record()

    lines = _lines_of(store.slug, cause, host, policy, restored)
    records = change_health(store, changed, lines=lines, restore=restored)
    before, after = seen
    return Changed(old=before, new=after, records=records)


def count_run(store: JobRecord, end: Record, *, policy: Policy = NO_POLICY) -> list[Record]:
    """Count a run's end into the health; return the records added to the journal.

    Raises ValueError for an unreadable health, which stays unchanged, and CannotRecord (74).
    """
    host = str(end.get("host") or "")
    return change_health(
        store,
        lambda old: health_after(old, end, policy=policy),
        lines=_lines_of(store.slug, cause_of(end), host, policy, None),
    )


def restore_health(store: JobRecord, policy: Policy = NO_POLICY) -> None:
    """Rebuild a missing health from the journal, so that a hold is not lost. Raises CannotRecord (74)."""
    change_health(store, lambda old: rebuild_health(store.state_directory, store.slug, policy) if old is None else None)


def restore_unreadable_health(store: JobRecord, policy: Policy | None = None) -> None:
    """Build a health that cannot be understood again from the journal. Raises CannotRecord (74)."""

    def rebuilt(_: Record | None = None) -> Record:
        return rebuild_health(store.state_directory, store.slug, policy or NO_POLICY)

    def sound(old: Record | None) -> Record | None:
        return old if old is not None and _is_sound(old) else rebuilt()

    change_health(store, sound, restore=rebuilt)


def _is_sound(record: Record) -> bool:
    try:
        Health.from_record(record)
    except ValueError:
        return False
    return True


def _sound(old: Record | None, restored: Callable[[Record | None], Record]) -> Record | None:
    try:
        Health.from_record(old)
    except ValueError:
        return restored(None)
    return old


def _lines_of(
    slug: str, cause: Cause, host: str, policy: Policy, restored: Callable[[Record | None], Record] | None
) -> Callable[[Record | None, Record], list[Record]]:
    def lines(old: Record | None, new: Record) -> list[Record]:
        before = Health.from_record(old if restored is None else _sound(old, restored))
        happened = changes(before, Health.from_record(new), cause, policy)
        records = [_record_of(each, cause, slug=slug, host=host) for each in happened]
        if records:
            records[-1]["health"] = new
        return records

    return lines


def _record_of(change: Change, cause: Cause, *, slug: str, host: str) -> Record:
    who, _, _ = (cause.by or "").partition("@")
    record: Record = {"event": change.event, "at": cause.at, "job": slug, "by": who or None, "host": host}
    record |= {"run_id": cause.run_id, "detail": change.detail, **change.facts}
    return {name: value for name, value in record.items() if value is not None or name in ("by", "detail")}

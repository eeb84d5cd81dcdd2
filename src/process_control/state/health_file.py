"""Replace the health of a job on the disk, under the job's short lock. `job_state.py` reads it.

Lean module, not imported by a run that leaves the health unchanged.
"""

import posix

from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.system import atomic_file
from process_control.system.json_text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.state.job_state import JobRecord

    HealthRecord = dict[str, object] | None
    HealthChange = Callable[[HealthRecord], HealthRecord]
    HealthLines = Callable[[HealthRecord, dict[str, object]], list[dict[str, object]]]

#: Keys of a health on the disk: the id of its last change in the journal, and whether the journal could not be written
#: then. After a boot they show whether journal or health is behind, see `after_boot`.
CHANGE, UNRECORDED = "change", "untold"


def change_health(
    store: "JobRecord",
    change: "HealthChange",
    *,
    lines: "HealthLines | None" = None,
    restore: "HealthChange | None" = None,
) -> "list[dict[str, object]]":
    """Replace the health by `change(old)`, under the short lock; None leaves it unchanged. Return the new records.

    The records, `lines(old, new)`, are appended to the journal first: a kill in between leaves a record without its
    change, never a change without a record. `restore(None)` replaces an unreadable health; without `restore` that
    raises ValueError. Raises CannotRecord (74) when journal or health cannot be written, after it tried both.
    """
    store.take_short_lock("health")
    try:
        old = _old_health(store, restore)
        new = change(old)
        if new is None:
            return []
        marked: dict[str, object] = {**new, CHANGE: posix.urandom(6).hex()}
        records = lines(old, marked) if lines is not None else []
        fault = _append(store, records)
        _mark(marked, given=new.get(CHANGE), old=old or {}, is_recorded=bool(records), is_unrecorded=fault is not None)
        atomic_file.write(store.health_path, encode(marked).encode("ascii") + b"\n")
        if fault is not None:
            raise fault
        return records
    except OSError as error:
        raise CannotRecord(f"the job's health cannot be written: {error.strerror}", where=store.health_path) from error
    finally:
        store.release_short_lock()


def _old_health(store: "JobRecord", restore: "HealthChange | None") -> "dict[str, object] | None":
    try:
        return store.read_health()
    except ValueError:
        if restore is None:
            raise
        return restore(None)


def _append(store: "JobRecord", records: "list[dict[str, object]]") -> CannotRecord | None:
    """Append the records; return an error instead of raising it, so that a hold is written anyway."""
    try:
        if records:
            journal.append_all(store.state_directory, records)
    except CannotRecord as error:
        return error
    return None


def _mark(
    marked: "dict[str, object]", *, given: object, old: "dict[str, object]", is_recorded: bool, is_unrecorded: bool
) -> None:
    """Set in the health the last change that the journal has."""
    if not is_recorded:
        marked[CHANGE] = given or old.get(CHANGE)
        is_unrecorded = old.get(UNRECORDED) is True and given is None
    marked.pop(UNRECORDED, None)
    if is_unrecorded:
        marked[UNRECORDED] = True
    if marked[CHANGE] is None:
        del marked[CHANGE]

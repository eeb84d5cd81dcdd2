"""The health of a job on the disk, replaced under the job's short lock. `job_state.py` reads it.

Lean module: a run whose health stays as it is imports it not at all.
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
    HealthTold = Callable[[HealthRecord, dict[str, object]], list[dict[str, object]]]

CHANGE, UNTOLD = "change", "untold"
"""Of a health on the disk: the id of the last change that the journal was told, the same as in its line there; and
whether the journal would not take that line. After a boot they say which of the two is behind, see `after_boot`."""


def change_health(
    store: "JobRecord",
    change: "HealthChange",
    *,
    told: "HealthTold | None" = None,
    restore: "HealthChange | None" = None,
) -> "list[dict[str, object]]":
    """Replace the health by what `change(old)` returns, under the short lock; None leaves it.

    The journal gets what `told(old, new)` says of it, before, and it is returned: who is killed in between leaves a
    change that was announced, never one that nobody knows of. `restore(None)` is the old health when it cannot be
    understood; without it that raises ValueError. Raises CannotRecord (74); what can be written is written first.
    """
    store.take_short_lock("health")
    try:
        old = _old_health(store, restore)
        new = change(old)
        if new is None:
            return []
        marked: dict[str, object] = {**new, CHANGE: posix.urandom(6).hex()}
        records = told(old, marked) if told is not None else []
        fault = _tell(store, records)
        _mark(marked, given=new.get(CHANGE), old=old or {}, is_told=bool(records), is_untold=fault is not None)
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


def _tell(store: "JobRecord", records: "list[dict[str, object]]") -> CannotRecord | None:
    """Append the records. Return what hinders it: a hold counts more than its line in the journal."""
    try:
        if records:
            journal.append_all(store.state_directory, records)
    except CannotRecord as error:
        return error
    return None


def _mark(
    marked: "dict[str, object]", *, given: object, old: "dict[str, object]", is_told: bool, is_untold: bool
) -> None:
    """Say in the health up to which change the journal knows of it."""
    if not is_told:
        marked[CHANGE] = given or old.get(CHANGE)
        is_untold = old.get(UNTOLD) is True and given is None
    marked.pop(UNTOLD, None)
    if is_untold:
        marked[UNTOLD] = True
    if marked[CHANGE] is None:
        del marked[CHANGE]

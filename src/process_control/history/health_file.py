"""The health of a job on the disk, replaced under the job's short lock. `record.py` reads it.

Lean room: a run whose health stays as it is imports it not at all.
"""

import errno
import posix

from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.json_text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.history.record import JobRecord
    from process_control.ports import HealthChange, HealthTold

_FLAGS = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC


def change_health(
    store: "JobRecord", change: "HealthChange", *, told: "HealthTold | None", restore: "HealthChange | None"
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
        records = told(old, new) if told is not None else []
        fault = _tell(store, records)
        _replace(store.health_path, new)
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


def _replace(path: str, value: "dict[str, object]") -> None:
    """Write a small record in the place of the one that is there, durably. Raises OSError, and leaves nothing then."""
    descriptor = posix.open(path + ".new", _FLAGS, 0o640)
    try:
        data = encode(value).encode("ascii") + b"\n"
        if posix.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, posix.strerror(errno.ENOSPC))
        posix.fdatasync(descriptor)
    except OSError:
        posix.unlink(path + ".new")
        raise
    finally:
        posix.close(descriptor)
    posix.rename(path + ".new", path)

"""Writes the journal: one file for each day, one line for each event. Everything else about the past is made from it.

Lean module. A record is one `write` on an `O_APPEND` descriptor and begins with a newline, so a torn record damages no
other. When `append` returns, the record is on the disk.

Every record carries `boot_id` and `up`, the seconds of CLOCK_BOOTTIME (which counts while the host sleeps): two
neighbours show a reboot, a step of the clock, a host that was stopped. `up` is of the moment `at`; a record that is
written later than that says when, in `written_at`, and `up` is of then.
"""

import posix
import time

from process_control.core import layout
from process_control.errors import CannotRecord
from process_control.system import proc
from process_control.system.clock import day, iso
from process_control.system.json_text import encode
from process_control.system.linux import preallocate

_FLAGS = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
RESERVE_BYTES = 1 << 20
_RESERVE_AGAIN_BYTES = 256 << 10
_TO_THE_SECOND = 19
_boot = ""


def append(state_directory: str, record: "dict[str, object]", *, now: float | None = None) -> None:
    """Append one record to the file of the day of `now` (UTC seconds), durably. Raises CannotRecord (74)."""
    append_all(state_directory, [record], now=now)


def append_all(state_directory: str, records: "list[dict[str, object]]", *, now: float | None = None) -> None:
    """Append several records in one write, with one wait for the disk. Raises CannotRecord (74)."""
    moment = time.time() if now is None else now
    path = layout.journal_day(state_directory, day(moment))
    up = round(time.clock_gettime(time.CLOCK_BOOTTIME), 3)
    line = "".join(["\n" + encode(_with_clocks(record, moment, up)) for record in records]).encode("ascii")
    try:
        descriptor = posix.open(path, _FLAGS, 0o640)
        try:
            _reserve(descriptor, state_directory)
            written = posix.write(descriptor, line)
            posix.fdatasync(descriptor)
        finally:
            posix.close(descriptor)
    except OSError as error:
        raise CannotRecord(f"the journal cannot be written: {error.strerror}", where=path) from error
    if written != len(line):
        raise CannotRecord("the journal cannot be written: No space left on device", where=path)


def _with_clocks(record: "dict[str, object]", moment: float, up: float) -> "dict[str, object]":
    """Return the record with the boot and its clock."""
    known: dict[str, object] = {"up": up} if "boot_id" in record else {"boot_id": _boot_id(), "up": up}
    written_at = iso(moment)
    if str(record.get("at"))[:_TO_THE_SECOND] not in (written_at[:_TO_THE_SECOND], iso(moment - 1)[:_TO_THE_SECOND]):
        known["written_at"] = written_at
    return {**record, **known}


def _boot_id() -> str:
    global _boot
    if not _boot:
        _boot = proc.boot_id()
    return _boot


def _reserve(descriptor: int, state_directory: str) -> None:
    """Reserve disk for further records, so that the end of a run can be recorded on a full disk."""
    status = posix.fstat(descriptor)
    if status.st_size == 0:  # made by us, or by somebody who may have been killed before the directory was synced
        from process_control.system.atomic_file import sync_directory

        sync_directory(layout.journal(state_directory))
    if status.st_blocks * 512 - status.st_size > _RESERVE_AGAIN_BYTES:
        return
    try:
        preallocate(descriptor, RESERVE_BYTES, offset=status.st_size)
    except OSError:  # no space, or a file system that cannot reserve it: the write itself decides
        pass


def make_day(state_directory: str, moment: float) -> None:
    """Make the file of the day of `moment` (UTC seconds) ahead of time, with disk reserved. Raises OSError."""
    descriptor = posix.open(layout.journal_day(state_directory, day(moment)), _FLAGS, 0o640)
    try:
        _reserve(descriptor, state_directory)
    finally:
        posix.close(descriptor)

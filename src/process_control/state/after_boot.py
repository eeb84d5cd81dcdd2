"""Repair blocks and healths of all jobs from the journal, once after each boot.

Lean module, imported by a start whose block is not from this boot. The journal is synced after each record; blocks are
only in memory until the kernel writes them back. So after a power cut a block may have an earlier run, and a health may
lack a change that the journal has. The journal is right.
"""

import fcntl
import posix
import time

from process_control.core import layout
from process_control.core.job import is_slug
from process_control.errors import CannotRecord
from process_control.history import journal_reader
from process_control.state.block import Block, run_in, slot_line, slots_in
from process_control.state.health_file import CHANGE, UNRECORDED, change_health
from process_control.state.job_state import JobRecord
from process_control.state.shared_locks import share_lock
from process_control.system import atomic_file
from process_control.system.clock import iso
from process_control.system.plain_file import open_plain

Record = dict[str, object]

#: How long before the power cut the journal is read. Linux writes back what is older than 30 s, and checks every 5 s
#: (vm.dirty_expire_centisecs, vm.dirty_writeback_centisecs); the rest is a margin for slow disks and power saving.
WRITE_BACK_SECONDS = 600
#: How many records are read whatever their times: the clock may have been set forward in between.
MIN_RECORDS = 3000
PATIENCE_SECONDS = 30.0
#: Events that are recorded only after this recovery: one without a boot id is from an earlier boot.
_PUT_RIGHT_BEFORE = ("start", "end", "skip", "attempt", "hold", "release", "backoff", "slow_start", "probe")
_LOCK = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def recover(state_directory: str, boot_id: str) -> None:
    """Repair blocks and healths from the journal, unless that was done since this boot. Never raises."""
    done = layout.recovered(state_directory)
    if _is_done(done, boot_id):
        return
    try:
        lock = posix.open(layout.recovery_lock(state_directory), _LOCK, 0o600)
    except OSError:  # a full disk: each start does it without the lock then
        lock = -1
    try:
        _wait_for(lock)
        if not _is_done(done, boot_id) and _recover_all(state_directory, boot_id):
            atomic_file.write(done, boot_id.encode("ascii"))
    except OSError:
        pass
    finally:
        if lock >= 0:
            posix.close(lock)


def _is_done(path: str, boot_id: str) -> bool:
    try:
        with open_plain(path) as file:
            return file.read(64) == boot_id.encode("ascii")
    except OSError:
        return False


def _wait_for(lock: int) -> None:
    """Wait until no other start does the same, for a limited time: doing it twice at once does no harm."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while lock >= 0 and time.monotonic() < limit:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return


def _recover_all(state_directory: str, boot_id: str) -> bool:
    """Repair all jobs; return whether all could be repaired."""
    is_whole = True
    for slug, known in _known_of_late(state_directory, boot_id).items():
        try:
            _recover_job(state_directory, slug, known, boot_id)
        except (CannotRecord, OSError):
            is_whole = False
    return is_whole


# --- what the journal has --------------------------------------------------------------------------------------------


class Known:
    """What the journal has about one job from the minutes before the power cut."""

    __slots__ = ("ends", "health", "is_of_this_boot", "slot", "start", "started")

    def __init__(self) -> None:
        self.start: Record | None = None
        #: Ids of runs, the last first.
        self.started: list[object] = []
        self.ends: dict[object, Record] = {}
        self.slot: str | None = None
        self.health: Record | None = None
        self.is_of_this_boot = False

    def add(self, record: Record, boot_id: str) -> None:
        """Add a record; records come from the newest to the oldest."""
        event, slot, health = record["event"], journal_reader.claimed_slot(record), record.get("health")
        if event == "start":
            self.is_of_this_boot = self.is_of_this_boot or record.get("boot_id") == boot_id
            self.started.append(record.get("run_id"))
            self.start = self.start or record
        elif event == "end":
            self.ends.setdefault(record.get("run_id"), record)
        if isinstance(slot, str) and slot > (self.slot or ""):  # a run by hand may be for an older slot
            self.slot = slot
        if self.health is None and isinstance(health, dict):
            self.health = health


def _known_of_late(state_directory: str, boot_id: str) -> dict[str, Known]:
    """Read the journal backwards, to WRITE_BACK_SECONDS before the last record of an earlier boot.

    That is far enough: the power was cut after that record, and whatever was written so long before the cut is on the
    disk. Records name their boot. In journals of earlier versions only starts do; other events in _PUT_RIGHT_BEFORE are
    of an earlier boot then, since they are recorded after this recovery only. Refusals and mails are judged by time.
    """
    jobs: dict[str, Known] = {}
    oldest, count = "", 0
    booted_at = iso(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
    for record in journal_reader.backwards(state_directory):
        at, slug = record.get("at"), record.get("job")
        if not isinstance(at, str):
            continue
        count += 1
        if not oldest and _is_of_an_earlier_boot(record, at, boot_id, booted_at):
            oldest = _earlier(at)
        if oldest and at < oldest and count > MIN_RECORDS:
            break
        if isinstance(slug, str) and is_slug(slug):
            jobs.setdefault(slug, Known()).add(record, boot_id)
    return jobs


def _is_of_an_earlier_boot(record: Record, at: str, boot_id: str, booted_at: str) -> bool:
    if "boot_id" in record:
        return record["boot_id"] != boot_id
    return record["event"] in _PUT_RIGHT_BEFORE or at < booted_at


def _earlier(at: str) -> str:
    from datetime import datetime

    try:
        return iso(max(0.0, datetime.fromisoformat(at).timestamp() - WRITE_BACK_SECONDS))
    except (ValueError, OverflowError):  # no valid time: the next record has one
        return ""


# --- one job ---------------------------------------------------------------------------------------------------------


def _recover_job(state_directory: str, slug: str, known: Known, boot_id: str) -> None:
    """Repair the block and the health of one job. Raises CannotRecord (74), OSError."""
    store = JobRecord(state_directory, slug)
    store.open()
    try:
        store.take_short_lock("block")
        try:
            content = store.content()
            run, slot = run_in(content), _slot_to_claim(content, known)
            run = None if run is not None and run.get("boot_id") == boot_id else _run_to_write(run, known)
            if run is not None or slot is not None:
                store.put_durably(run, slot)
        finally:
            store.release_short_lock()
        if run is not None and run.get("lock") not in (None, slug):
            share_lock(state_directory, str(run["lock"]), slug)
        if known.health is not None:
            _recover_health(store, known)
    finally:
        store.close()


def _slot_to_claim(content: bytes, known: Known) -> bytes | None:
    """Return the slot line that the block should have, None when it has it: the last slot with a run or a skip."""
    from datetime import datetime

    try:
        slot = int(datetime.fromisoformat(known.slot or "").timestamp())
    except (ValueError, OverflowError):
        return None
    slots = slots_in(content)
    # A later slot in the block was claimed without a run, or the clock was ahead: claim_slot reads the journal then.
    return slot_line(slot, None) if slots is None or slots[0] < slot else None


def _run_to_write(run: Block | None, known: Known) -> Block | None:
    """Return the run that the block should have, None when it has it.

    It is marked `recovered`, with its end if the journal has it. The next start then counts and reports the run without
    another search of the journal, since this may not have been completed.
    """
    start = known.start
    if start is not None and not known.is_of_this_boot and (run is None or _is_older(run, start, known)):
        run = {name: value for name, value in start.items() if name not in ("event", "at", "up")}
        run |= {"started_at": start["at"], "guard_pid": None, "cgroup": None}
    elif run is None or run.get("end") is not None:
        return None
    run_id = run.get("run_id")
    if run_id not in known.ends and run_id not in known.started:
        return None  # it began, and may have ended, long ago: settling it reads the journal
    return {**run, "end": known.ends.get(run_id), "journaled": False, "left": [], "recovered": True}


def _is_older(run: Block, start: Record, known: Known) -> bool:
    """Return whether the run in the block is earlier than the journal's last start.

    A later one was written to the block, and the power was cut before the journal had its start.
    """
    run_id = run.get("run_id")
    if run_id == start.get("run_id"):
        return False
    return run_id in known.started or bool(run.get("journaled")) or str(run.get("started_at")) < str(start["at"])


def _recover_health(store: JobRecord, known: Known) -> None:
    """Copy the last change in the journal to a health that lacks it. Raises CannotRecord (74).

    The journal gets a change before the health, so a health with another change is older, unless the journal could not
    be written then. An unreadable health stays: it holds the job.
    """
    recorded = known.health or {}

    def newer(health: Record | None) -> Record | None:
        if not recorded.get(CHANGE) or (health or {}).get(UNRECORDED):
            return None
        return None if health is not None and health.get(CHANGE) == recorded[CHANGE] else recorded

    try:
        change_health(store, newer)
    except ValueError:
        pass

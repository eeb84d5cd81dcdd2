"""After a boot: what the journal knows and the blocks and healths of jobs do not, put right once for all jobs.

Lean module, imported by a start whose block knows nothing of this boot. A record in the journal is on the disk before
anybody goes on; a block is in memory only until the kernel writes it back. After a power cut blocks may tell of the run
before, and a health may lack the change that the journal has. The journal is right.
"""

import fcntl
import posix
import time

from process_control.core import layout
from process_control.core.job import is_slug
from process_control.errors import CannotRecord
from process_control.history import journal_reader
from process_control.state.block import Block, run_in, slot_line, slots_in
from process_control.state.health_file import CHANGE, UNTOLD, change_health
from process_control.state.job_state import JobRecord
from process_control.state.shared_locks import share_lock
from process_control.system import atomic_file
from process_control.system.clock import iso
from process_control.system.plain_file import open_plain

Record = dict[str, object]

WRITE_BACK_SECONDS = 600
"""Of so much before the power cut the journal is read. Linux writes back what is older than 30 s and looks every 5 s
(vm.dirty_expire_centisecs, vm.dirty_writeback_centisecs); the rest is for a slow disk and a laptop that saves power."""
MIN_RECORDS = 3000
"""That are read, whatever their times say: a clock may have been set forward in between."""
PATIENCE_SECONDS = 30.0
_PUT_RIGHT_BEFORE = ("start", "end", "skip", "attempt", "hold", "release", "backoff", "slow_start", "probe")
"""Events that nobody has recorded since this boot without having been here before."""
_LOCK = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC


def recover(state_directory: str, boot_id: str) -> None:
    """Put blocks and healths right by the journal, unless that was done since this boot. Never raises."""
    done = layout.recovered(state_directory)
    if _is_done(done, boot_id):
        return
    try:
        lock = posix.open(layout.recovery_lock(state_directory), _LOCK, 0o600)
    except OSError:  # a full disk: then each start does it for itself
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
    """Wait until no other start does the same; not for ever: done twice at once it comes to the same."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while lock >= 0 and time.monotonic() < limit:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return


def _recover_all(state_directory: str, boot_id: str) -> bool:
    """Return whether everything could be put right."""
    is_whole = True
    for slug, known in _known_of_late(state_directory, boot_id).items():
        try:
            _recover_job(state_directory, slug, known, boot_id)
        except (CannotRecord, OSError):
            is_whole = False
    return is_whole


# --- what the journal knows ------------------------------------------------------------------------------------------


class Known:
    """What the journal knows of one job, of the minutes before the power cut."""

    __slots__ = ("ends", "health", "is_of_this_boot", "slot", "start", "started")

    def __init__(self) -> None:
        self.start: Record | None = None
        self.started: list[object] = []  # ids of runs, the last first
        self.ends: dict[object, Record] = {}
        self.slot: str | None = None
        self.health: Record | None = None
        self.is_of_this_boot = False

    def add(self, record: Record, boot_id: str) -> None:
        """Take a record that is older than all before."""
        event, slot, health = record["event"], record.get("scheduled_at"), record.get("health")
        if event == "start":
            self.is_of_this_boot = self.is_of_this_boot or record.get("boot_id") == boot_id
            self.started.append(record.get("run_id"))
            self.start = self.start or record
        elif event == "end":
            self.ends.setdefault(record.get("run_id"), record)
        if isinstance(slot, str) and slot > (self.slot or ""):  # a run by hand may be for an older one
            self.slot = slot
        if self.health is None and isinstance(health, dict):
            self.health = health


def _known_of_late(state_directory: str, boot_id: str) -> dict[str, Known]:
    """Read the journal backwards, to WRITE_BACK_SECONDS before the last record of an earlier boot.

    That is far enough: the power was cut later than that record, and whatever was written so long before the cut is on
    the disk. Records name their boot. Of those of earlier versions only starts do: whoever had a run, a skip or a hold
    recorded since this boot was here first, so such records are of earlier boots; of a refusal or a mail only the clock
    can tell.
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
    except (ValueError, OverflowError):  # no time: the next record has one
        return ""


# --- one job put right -----------------------------------------------------------------------------------------------


def _recover_job(state_directory: str, slug: str, known: Known, boot_id: str) -> None:
    """Raises CannotRecord (74), OSError."""
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
    # One that is later was claimed and came to nothing, or the clock was ahead: claim_slot asks the journal then.
    return slot_line(slot, None) if slots is None or slots[0] < slot else None


def _run_to_write(run: Block | None, known: Known) -> Block | None:
    """Return the run that the block should tell of, None when it does.

    It is marked `recovered`, with its end when the journal has that: the next start need not ask the journal again,
    counts it and has it told, for nobody knows how far that had come.
    """
    start = known.start
    if start is not None and not known.is_of_this_boot and (run is None or _is_older(run, start, known)):
        run = {name: value for name, value in start.items() if name not in ("event", "at", "up")}
        run |= {"started_at": start["at"], "guard_pid": None, "cgroup": None}
    elif run is None or run.get("end") is not None:
        return None
    run_id = run.get("run_id")
    if run_id not in known.ends and run_id not in known.started:
        return None  # it began, and may have ended, long ago: whoever settles it looks
    return {**run, "end": known.ends.get(run_id), "journaled": False, "left": [], "recovered": True}


def _is_older(run: Block, start: Record, known: Known) -> bool:
    """Whether the block tells of an earlier run than the journal's last start.

    A later one was noted in the block, and the power was cut before the journal had its start.
    """
    run_id = run.get("run_id")
    if run_id == start.get("run_id"):
        return False
    return run_id in known.started or bool(run.get("journaled")) or str(run.get("started_at")) < str(start["at"])


def _recover_health(store: JobRecord, known: Known) -> None:
    """Put the last change of the journal into a health that does not know of it. Raises CannotRecord (74).

    A change is told to the journal before the health has it, so another one than the journal's last is an earlier one,
    unless the journal would not take it. A health that cannot be understood stays: it holds the job.
    """
    told = known.health or {}

    def newer(health: Record | None) -> Record | None:
        if not told.get(CHANGE) or (health or {}).get(UNTOLD):
            return None
        return None if health is not None and health.get(CHANGE) == told[CHANGE] else told

    try:
        change_health(store, newer)
    except ValueError:
        pass

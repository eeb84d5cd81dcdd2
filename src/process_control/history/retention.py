"""Retention: removes expired logs and journal days, and compresses older days.

For each job the number, the age and the total bytes of logs are limited; the newest log is kept whatever its size, and
the log of a current run is never touched. Journal days are removed whole, never one on which a current run began; days
older than two are compressed. Control groups that killed runs left are removed too. `prune.stamp` has the day on which
this was last done; its lock lets one process do it at a time.
"""

import calendar
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from process_control.core import layout
from process_control.core.schedule.version import GONE
from process_control.execution import groups_of_runs
from process_control.history import journal
from process_control.history.compressed_day import compress
from process_control.system import writers_lock
from process_control.system.clock import DAY_SECONDS, day
from process_control.system.json_text import decode
from process_control.system.plain_file import open_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from process_control.config.settings import Settings

PLAIN_DAYS = 2
_MAX_NOTE = 1 << 20
LiveBlocks = Callable[[str], list[dict[str, object]]]
BeforeDaysGo = Callable[[list[str]], None]

LOG_NAME = re.compile(r"(?P<base>.{1,64}-(?P<start>[0-9]{8}-[0-9]{6})-[0-9a-z]{16}\.log)(?P<index>\.idx)?")
DAY_NAME = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl(\.gz)?")


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that has expired."""

    path: str
    #: with its index
    size_bytes: int
    #: the limit that it exceeds, in words
    why: str


@dataclass(slots=True)
class Pruned:
    """What was done (in a dry run: would be done), and what failed."""

    logs: list[Removal] = field(default_factory=list)
    days: list[Removal] = field(default_factory=list)
    compressed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_running_elsewhere: bool = False

    @property
    def freed_bytes(self) -> int:
        return sum(removal.size_bytes for removal in (*self.logs, *self.days))


def apply_retention(
    settings: "Settings",
    dry_run: bool = False,
    *,
    live_blocks: LiveBlocks,
    now: float | None = None,
    before_days_go: BeforeDaysGo = lambda _: None,
) -> Pruned:
    """Remove what has expired, compress old journal days, and make tomorrow's. A dry run changes nothing.

    `live_blocks(state_directory)` returns the blocks of all current runs, `before_days_go(days)` is called before days
    of the journal (YYYY-MM-DD) are removed. A file that cannot be removed is one of the `faults`, and does not stop
    the rest.
    """
    moment = time.time() if now is None else now
    pruned = Pruned()
    if dry_run:
        _prune(settings, pruned, moment, live_blocks, before_days_go, dry_run=True)
        return pruned
    with _prune_lock(settings.state_directory, moment) as alone:
        if alone:
            _prune(settings, pruned, moment, live_blocks, before_days_go, dry_run=False)
        else:
            pruned.is_running_elsewhere = True
    return pruned


@contextmanager
def _prune_lock(state_directory: str, moment: float) -> Iterator[bool]:
    """Lock the stamp and write today's day to it. Yield False when another process has locked it."""
    path = layout.prune_stamp(state_directory)
    try:
        stamp = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield True  # no state directory: nothing ever ran
        return
    try:
        if os.fstat(stamp).st_mode & 0o077:  # as earlier versions left it: a reader could keep prune from its work
            with suppress(OSError):
                os.fchmod(stamp, 0o600)
        try:
            fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        text = f"{day(moment)}\n".encode("ascii")
        with suppress(OSError):  # a full disk: what follows frees space
            os.pwrite(stamp, text, 0)
            os.ftruncate(stamp, len(text))
        yield True
    finally:
        os.close(stamp)


def _prune(
    settings: "Settings",
    pruned: Pruned,
    moment: float,
    live_blocks: LiveBlocks,
    before_days_go: BeforeDaysGo,
    *,
    dry_run: bool,
) -> None:
    reference_time = _reference_time(_names(layout.journal(settings.state_directory)), moment, settings.retention_days)
    running = live_blocks(settings.state_directory)
    in_use = {str(block["log"]) for block in running if block.get("log")}
    for slug in _subdirectories(settings.output_directory):
        _prune_logs(
            layout.logs(settings.output_directory, slug), settings, in_use, pruned, reference_time, dry_run=dry_run
        )
    began = min((str(block.get("started_at"))[:10] for block in running), default=day(reference_time))
    oldest = min(day(reference_time - settings.retention_days * DAY_SECONDS), began)
    if not dry_run and (going := _days_before(oldest, settings.state_directory)):
        _trying(pruned, settings.state_directory, before_days_go, going)
    _prune_journal(settings, pruned, reference_time, oldest=oldest, dry_run=dry_run)
    if not dry_run:
        _prune_versions(settings, pruned, reference_time)
        groups_of_runs.remove_forsaken()
    if not dry_run and os.path.isdir(layout.journal(settings.state_directory)):
        _trying(pruned, settings.state_directory, journal.make_day, settings.state_directory, moment + DAY_SECONDS)


def _reference_time(names: list[str], moment: float, retention_days: int) -> float:
    """Return the moment from which ages are measured: `moment`, unless all earlier days would expire at once.

    Then a clock that jumped ahead is likelier than a host that was off, and the end of the newest such day is used.
    If the clock is right, there is a newer day tomorrow.
    """
    days = [match["day"] for name in names if (match := DAY_NAME.fullmatch(name)) and match["day"] < day(moment)]
    newest = max(days, default=None)
    if newest is None or newest >= day(moment - retention_days * DAY_SECONDS):
        return moment
    try:
        return calendar.timegm(time.strptime(newest, "%Y-%m-%d")) + DAY_SECONDS
    except ValueError:  # no day of any calendar
        return moment


# --- logs ------------------------------------------------------------------------------------------------------------


def _prune_logs(
    directory: str, settings: "Settings", in_use: set[str], pruned: Pruned, moment: float, *, dry_run: bool
) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name, size, why in _logs_to_remove(handle, directory, settings, in_use, moment):
            path = os.path.join(directory, name)
            removal = Removal(path, size, why)
            if dry_run or _trying(pruned, path, _unlink_log, handle, name):
                pruned.logs.append(removal)
    finally:
        os.close(handle)


def _unlink_log(handle: int, name: str) -> None:
    """Remove a log and its index. The log goes first: an index alone is removed next time."""
    for part in (name, f"{name}.idx"):
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=handle)


def _logs_to_remove(
    handle: int, directory: str, settings: "Settings", in_use: set[str], moment: float
) -> Iterator[tuple[str, int, str]]:
    """Yield (name, bytes with its index, why) of each expired log."""
    oldest = time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment - settings.retention_days * DAY_SECONDS))
    kept = kept_bytes = 0
    for name, start, size in _logs(handle):
        if os.path.join(directory, name) in in_use:
            continue
        if start < oldest:
            yield name, size, f"older than {settings.retention_days} days"
        elif kept >= settings.retention_runs:
            yield name, size, f"more than {settings.retention_runs} runs"
        elif kept and kept_bytes + size > settings.retention_log_bytes:
            yield name, size, f"more than {settings.retention_log_bytes:,} bytes of logs"
        else:
            kept += 1
            kept_bytes += size


def _logs(handle: int) -> list[tuple[str, str, int]]:
    """Return (name, start, bytes with its index) of all logs in the directory, newest first."""
    sizes: dict[str, int] = {}
    starts: dict[str, str] = {}
    with os.scandir(handle) as entries:
        for entry in entries:
            match = LOG_NAME.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    sizes[match["base"]] = sizes.get(match["base"], 0) + entry.stat(follow_symlinks=False).st_size
                    starts[match["base"]] = match["start"]
    return sorted(((name, starts[name], size) for name, size in sizes.items()), key=lambda log: log[0], reverse=True)


# --- journal ---------------------------------------------------------------------------------------------------------


def _days_before(oldest: str, state_directory: str) -> list[str]:
    """Return the days of the journal before `oldest`."""
    matches = (DAY_NAME.fullmatch(name) for name in _names(layout.journal(state_directory)))
    return sorted({match["day"] for match in matches if match is not None and match["day"] < oldest})


def _prune_journal(settings: "Settings", pruned: Pruned, moment: float, *, oldest: str, dry_run: bool) -> None:
    directory = layout.journal(settings.state_directory)
    oldest_plain = day(moment - PLAIN_DAYS * DAY_SECONDS)
    for name in sorted(_names(directory)):
        match = DAY_NAME.fullmatch(name)
        path = os.path.join(directory, name)
        if match is None or not _is_file(path):
            continue
        if match["day"] < oldest:
            removal = Removal(path, os.stat(path).st_size, f"older than {settings.retention_days} days")
            if dry_run or _trying(pruned, path, os.unlink, path):
                pruned.days.append(removal)
        elif (
            match["day"] < oldest_plain
            and name.endswith(layout.DAYS[0])
            and (dry_run or _trying(pruned, path, compress, path))
        ):
            pruned.compressed.append(path)


def _prune_versions(settings: "Settings", pruned: Pruned, moment: float) -> None:
    """Remove the last version of each job that is gone for longer than anything of it is kept."""
    oldest = day(moment - settings.retention_days * DAY_SECONDS)
    directory = layout.versions(settings.state_directory)
    for name in sorted(_names(directory)):
        path = os.path.join(directory, name)
        if not _is_file(path) or day(os.stat(path).st_mtime) >= oldest:  # of thousands few are as old
            continue
        record = _record_in(path)
        if record.get("state") == GONE and str(record.get("at"))[:10] < oldest:
            _trying(pruned, path, os.unlink, path)
    _trying(pruned, directory, writers_lock.remove_torn, directory, layout.versions_lock(settings.state_directory))


def _record_in(path: str) -> "dict[str, Any]":
    try:
        with open_plain(path) as file:
            value = decode(file.read(_MAX_NOTE).decode("utf-8", "replace"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _subdirectories(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _trying(pruned: Pruned, path: str, act: Callable[..., None], *arguments: object) -> bool:
    """Call `act`; on an OSError add it to the faults and return False."""
    try:
        act(*arguments)
    except OSError as error:
        pruned.faults.append(f"{path}: {error.strerror or error}")
        return False
    return True

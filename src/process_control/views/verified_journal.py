"""Whether the journal still has what was sealed: the seals of a syslog, held against the days."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.seals import MARK, Seal, seal_in, seals_of
from process_control.errors import CannotRecord, NotPermitted
from process_control.history.day_content import content, digests
from process_control.history.index.kept_lines import Differences, differences
from process_control.system.clock import DAY_SECONDS, day
from process_control.system.syslog_files import lines_of_files, lines_of_systemd, usual_files


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSeal:
    """The first seal of a day that does not hold."""

    seal: Seal
    day: str
    #: What is before it was sealed earlier, and holds.
    first_byte: int
    why: str
    #: None: there is no index, or no day, to compare.
    differences: Differences | None


@dataclass(slots=True, kw_only=True)
class Verified:
    """The result."""

    #: How many seals were held against a day, and of how many days.
    seals: int = 0
    days: int = 0
    #: How many of them do not hold.
    broken: int = 0
    first: BrokenSeal | None = None
    #: Sealed days that `retention.days` has removed since.
    pruned: list[str] = field(default_factory=list)


def read_seals(file: str | None) -> list[Seal]:
    """Return all seals in a file, or in what the syslog of this host keeps. With our present rights.

    Raises NotPermitted (77) and CannotRecord (74) for a file that was named and cannot be read.
    """
    if file is not None:
        try:
            return _seals(lines_of_files([file], MARK))
        except OSError as error:
            kind = NotPermitted if isinstance(error, PermissionError) else CannotRecord
            raise kind(f"cannot be read: {error.strerror or error}", where=file) from error
    found: list[Seal] = []
    for path in usual_files():
        try:
            found += _seals(lines_of_files([path], MARK))
        except OSError:
            continue  # what the others have counts
    return found + _seals(lines_of_systemd(MARK))


def _seals(lines: Iterable[str]) -> list[Seal]:
    return [seal for line in lines if (seal := seal_in(line)) is not None]


def verify(settings: Settings, seals: Sequence[Seal], *, now: float) -> Verified:
    """Hold the seals of our journal against it. Raises OSError."""
    state_directory = settings.state_directory
    mine = seals_of(seals, layout.journal(state_directory), os.uname().nodename)
    oldest = day(now - settings.retention_days * DAY_SECONDS)
    verified = Verified()
    for path, group in groupby(mine, key=lambda seal: seal.path):
        of_day = list(group)
        name = os.path.basename(path).removesuffix(layout.DAYS[0])
        try:
            found = digests(content(state_directory, name), (seal.size_bytes for seal in of_day))
        except FileNotFoundError:
            if name < oldest:
                verified.pruned.append(name)
                continue
            found = {}
        broken = [seal for seal in of_day if found.get(seal.size_bytes) != seal.sha256]
        verified.seals += len(of_day)
        verified.days += 1
        verified.broken += len(broken)
        if broken and verified.first is None:
            verified.first = _described(state_directory, name, of_day, broken[0], settings.retention_days)
    return verified


def _described(state_directory: str, name: str, of_day: Sequence[Seal], seal: Seal, retention_days: int) -> BrokenSeal:
    """Return what is wrong with the part of the day that this seal was the first to contain."""
    earlier = [each.size_bytes for each in of_day if each.size_bytes < seal.size_bytes]
    first_byte = max(earlier, default=0)
    try:
        size = sum(map(len, content(state_directory, name)))
        found = differences(
            state_directory, name, content(state_directory, name), first_byte=first_byte, last_byte=seal.size_bytes
        )
    except FileNotFoundError:
        why = f"the day is gone, though retention.days keeps {retention_days}"
        return BrokenSeal(seal=seal, day=name, first_byte=0, why=why, differences=None)
    why = "it has other bytes now"
    if size < seal.size_bytes:
        why = f"it has only {size:,} bytes now"
    return BrokenSeal(seal=seal, day=name, first_byte=first_byte, why=why, differences=found)


def directories_of(seals: Iterable[Seal]) -> list[str]:
    """Return the journals that the seals are of."""
    return sorted({os.path.dirname(seal.path) for seal in seals})

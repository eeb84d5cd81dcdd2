"""The clocks at a look of `watch`, and what has happened since the look before. Pure.

`up` (CLOCK_BOOTTIME) counts while the host sleeps, `mono` (CLOCK_MONOTONIC) does not; `at` is of the clock that can be
set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: Looks come every minute: an older one is a sign that nobody starts them.
LOOK_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """When a look was taken, by all clocks, in seconds."""

    #: UTC
    at: float
    boot_id: str
    up: float
    mono: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time without a look."""

    #: UTC seconds: the look before
    since: float
    #: whether the host was started in it
    boot: bool
    #: seconds for which the host slept, and by which the clock was set; unknown after another boot
    suspended: float = 0.0
    stepped: float = 0.0


def look_in(note: Mapping[str, object] | None) -> Look | None:
    """Return the look that a note describes; None without one, or when the note makes no sense."""
    at, boot_id, up, mono = (None if note is None else note.get(name) for name in ("at", "boot_id", "up", "mono"))
    if not isinstance(at, str) or not isinstance(boot_id, str):
        return None
    if not isinstance(up, int | float) or not isinstance(mono, int | float):
        return None
    try:
        return Look(at=datetime.fromisoformat(at).timestamp(), boot_id=boot_id, up=up, mono=mono)
    except ValueError:
        return None


def gap_between(before: Look, now: Look) -> Gap | None:
    """Return what happened between two looks that are more than LOOK_SECONDS apart; None when all is well."""
    boot = before.boot_id != now.boot_id
    passed = now.at - before.at if boot else max(now.at - before.at, now.up - before.up)
    if passed <= LOOK_SECONDS:
        return None
    if boot:
        return Gap(since=before.at, boot=True)
    passed = now.up - before.up
    suspended = passed - (now.mono - before.mono)
    stepped = now.at - before.at - passed
    return Gap(since=before.at, boot=False, suspended=round(suspended, 1), stepped=round(stepped, 1))

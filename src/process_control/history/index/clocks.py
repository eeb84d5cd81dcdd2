"""What the clocks in the records show of the host: when it was started, and where its clock was set.

Every record has the time of the day, the boot, and the seconds since that boot: of two neighbours of one boot both
clocks have gone on by the same, or the time of the day was set.
"""

import sqlite3
from datetime import datetime

SMALLEST_STEP_SECONDS = 5.0
#: So far a clock may go wrong by itself, or be slewed: 1 ms in a second.
DRIFT = 0.001
LAST_BOOT = "SELECT boot_id, first_at, first_up, last_at, last_up FROM boot ORDER BY last_at DESC LIMIT 1"
KEEP_BOOT = """INSERT INTO boot (boot_id, first_at, first_up, last_at, last_up) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (boot_id) DO UPDATE SET
        first_at = iif(excluded.first_up < first_up, excluded.first_at, first_at),
        first_up = min(excluded.first_up, first_up),
        last_at = iif(excluded.last_up > last_up, excluded.last_at, last_at),
        last_up = max(excluded.last_up, last_up)"""
KEEP_STEP = "INSERT OR IGNORE INTO clock_step (boot_id, up, before, after) VALUES (?, ?, ?, ?)"
_TO_THE_MINUTE = 16


class ClockTrack:
    """The clocks of one record after the other, in the order of the journal."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._boot = ""
        self._first: tuple[str, float] = ("", 0.0)
        self._last: tuple[str, float] = ("", 0.0)
        self._is_changed = False
        self._steps: list[tuple[str, float, str, str]] = []
        for boot, first_at, first_up, last_at, last_up in database.execute(LAST_BOOT):
            self._boot, self._first, self._last = boot, (first_at, first_up), (last_at, last_up)

    def see(self, at: object, boot: object, up: object, written_at: object) -> None:
        """Take the clocks of a record; one of an earlier version, or with values that make no sense, shows nothing."""
        moment = written_at if written_at is not None else at
        if not isinstance(boot, str) or not isinstance(up, float | int) or not isinstance(moment, str) or not boot:
            return
        if boot != self._boot:
            self.keep()
            self._boot, self._first = boot, (moment, up)
        elif up < self._last[1]:  # two that wrote at once, or a file that is read again
            return
        elif moment[:_TO_THE_MINUTE] != self._last[0][:_TO_THE_MINUTE]:
            self._look_for_a_step(moment, up)
        self._last = moment, up
        self._is_changed = True

    def _look_for_a_step(self, moment: str, up: float) -> None:
        before, up_before = self._last
        try:
            passed = seconds_of(moment) - seconds_of(before)
        except ValueError:
            return
        if abs(passed - (up - up_before)) > max(SMALLEST_STEP_SECONDS, (up - up_before) * DRIFT):
            self._steps.append((self._boot, up, before, moment))

    def keep(self) -> None:
        """Write what was seen into the index."""
        if self._is_changed:
            self._database.execute(KEEP_BOOT, (self._boot, *self._first, *self._last))
        self._database.executemany(KEEP_STEP, self._steps)
        self._steps.clear()
        self._is_changed = False


def seconds_of(moment: str) -> float:
    """Return an ISO 8601 time as UTC seconds. Raises ValueError."""
    return datetime.fromisoformat(moment).timestamp()

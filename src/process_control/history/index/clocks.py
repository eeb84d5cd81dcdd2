"""What the clocks in the records show of the host: when it was started, and where its clock was set.

Every record has the time of the day, the boot, and the seconds since that boot: of two neighbours of one boot both
clocks have gone on by the same, or the time of the day was set.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SMALLEST_STEP_SECONDS = 5.0
#: So far a clock may go wrong by itself, or be slewed: 1 ms in a second.
DRIFT = 0.001
BOOTS = "SELECT boot_id, first_at, first_up, last_at, last_up FROM boot"
KEEP_BOOT = """INSERT INTO boot (boot_id, first_at, first_up, last_at, last_up) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (boot_id) DO UPDATE SET
        first_at = iif(excluded.first_up < first_up, excluded.first_at, first_at),
        first_up = min(excluded.first_up, first_up),
        last_at = iif(excluded.last_up > last_up, excluded.last_at, last_at),
        last_up = max(excluded.last_up, last_up)"""
KEEP_STEP = "INSERT OR IGNORE INTO clock_step (boot_id, up, before, after, up_before) VALUES (?, ?, ?, ?, ?)"
#: A step that undoes another may be of another size by this part: the clock ran on, and was slewed.
SAME_SIZE = 0.02
_TO_THE_MINUTE = 16
#: What the clock showed (ISO 8601), and the seconds since the boot.
Clocks = tuple[str, float]


class ClockTrack:
    """The clocks of one record after the other, in the order of the journal.

    Lines that were seen before show nothing, so a file may be folded again; records of two boots may be mixed.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        #: first and last of each boot
        self._boots: dict[str, tuple[Clocks, Clocks]] = {
            boot: ((first_at, first_up), (last_at, last_up))
            for boot, first_at, first_up, last_at, last_up in database.execute(BOOTS)
        }
        self._boot = ""
        self._last: Clocks = ("", 0.0)
        self._changed: set[str] = set()
        self._steps: list[tuple[str, float, str, str, float]] = []

    def see(self, at: object, boot: object, up: object, written_at: object) -> None:
        """Take the clocks of a record; one of an earlier version, or with values that make no sense, shows nothing."""
        moment = written_at if written_at is not None else at
        if not isinstance(boot, str) or not isinstance(up, float | int) or not isinstance(moment, str) or not boot:
            return
        if boot != self._boot and not self._turn_to(boot, moment, up):
            return
        last_at, last_up = self._last
        if up <= last_up:  # two that wrote at once, or a file that is read again
            return
        if moment[:_TO_THE_MINUTE] != last_at[:_TO_THE_MINUTE] and not self._compare(moment, up):
            return
        self._last = moment, up

    def _turn_to(self, boot: str, moment: str, up: float) -> bool:
        """Go on with another boot; return False when its first time makes no sense."""
        self._leave()
        if boot not in self._boots:
            try:
                seconds_of(moment)
            except ValueError:
                return False
            self._boots[boot] = (moment, up), (moment, up)
        self._boot, self._last = boot, self._boots[boot][1]
        self._changed.add(boot)
        return True

    def _leave(self) -> None:
        if self._boot:
            self._boots[self._boot] = self._boots[self._boot][0], self._last
            self._boot = ""

    def _compare(self, moment: str, up: float) -> bool:
        """Look for a step of the clock since the record before; return False when the time makes no sense."""
        before, up_before = self._last
        try:
            passed = seconds_of(moment) - seconds_of(before)
        except ValueError:
            return False
        if abs(passed - (up - up_before)) > max(SMALLEST_STEP_SECONDS, (up - up_before) * DRIFT):
            self._steps.append((self._boot, up, before, moment, up_before))
        return True

    def keep(self) -> None:
        """Write what was seen into the index."""
        self._leave()
        if self._changed:
            rows = [(boot, *first, *last) for boot in self._changed for first, last in [self._boots[boot]]]
            self._database.executemany(KEEP_BOOT, rows)
        self._database.executemany(KEEP_STEP, self._steps)
        self._steps.clear()
        self._changed.clear()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the clock: what it showed at two neighbours (UTC seconds), and the seconds since the boot then."""

    before: float
    after: float
    up_before: float
    up: float

    @property
    def seconds(self) -> float:
        """By how much the clock was set; below 0: back."""
        return self.after - self.before - (self.up - self.up_before)


@dataclass(frozen=True, slots=True)
class WrongTime:
    """A time in which the clock of a boot was wrong: from one `up` to another, and what sets its times right."""

    since_up: float
    until_up: float
    #: the first time that it showed, in UTC seconds
    first_shown: float
    correction: float


def wrong_times(steps: Sequence[Step]) -> list[WrongTime]:
    """Return when the clock was wrong, by its steps in one boot, rising.

    A step and a later one that undoes it enclose such a time. A step back that undoes none shows that the clock was
    ahead since the boot, or since the step before. One forward may be of a host that was paused, and shows nothing.
    """
    found: list[WrongTime] = []
    open_steps: list[Step] = []
    for step in steps:
        first = next((each for each in reversed(open_steps) if _undoes(step, each)), None)
        if first is not None:
            del open_steps[open_steps.index(first) :]
            found.append(WrongTime(first.up, step.up, first.after, -first.seconds))
        else:
            open_steps.append(step)
    for number, step in enumerate(open_steps):
        if step.seconds < 0:
            since = open_steps[number - 1] if number else None
            first_shown = step.before - step.up_before if since is None else since.after
            found.append(WrongTime(0.0 if since is None else since.up, step.up, first_shown, step.seconds))
    return found


def _undoes(step: Step, before: Step) -> bool:
    rest = abs(step.seconds + before.seconds)
    return rest <= max(2 * SMALLEST_STEP_SECONDS, SAME_SIZE * abs(before.seconds))


@dataclass(frozen=True, slots=True)
class TrueClock:
    """The times of records, set right where they were written while the clock was wrong."""

    wrong_times: Mapping[str, Sequence[WrongTime]]

    def moment(self, record: Mapping[str, Any], key: str) -> float | None:
        """Return the time that stands under a key of a record, as UTC seconds; None when it makes no sense."""
        text = record.get(key)
        try:
            moment = seconds_of(text) if isinstance(text, str) else None
        except (ValueError, OverflowError):
            return None
        boot, up = record.get("boot_id"), record.get("up")
        if moment is None or not isinstance(boot, str) or not isinstance(up, float | int):
            return moment
        for wrong in self.wrong_times.get(boot, ()):
            if wrong.since_up <= up < wrong.until_up and moment >= wrong.first_shown - SMALLEST_STEP_SECONDS:
                return moment + wrong.correction
        return moment


def seconds_of(moment: str) -> float:
    """Return an ISO 8601 time as UTC seconds. Raises ValueError."""
    return datetime.fromisoformat(moment).timestamp()

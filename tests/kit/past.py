"""A past for `why`: a job that is planned at 02:30 UTC, and the journal of the days before, as a host leaves it."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

from kit.builders import State, iso
from kit.harness import TESTER, Box

UTC_ZONE = {"TZ": "UTC"}
DAY = timedelta(days=1)
OTHER = "* * * * *"
LATER_HOURS = 12 if datetime.now(UTC).hour < 5 else 0
"""How much later a story of `why` happens than it is told: none is of a night that is not over."""


def hour(told: int) -> int:
    """Return the hour (UTC) of the story at which it happens, of the one that is told."""
    return (told + LATER_HOURS) % 24


def yesterday(hour: int = 2, minute: int = 30, *, days: int = 1) -> datetime:
    """Return a time of yesterday, or of a day before."""
    today = datetime.now(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today - days * DAY


@dataclass
class Past:
    """Records of a host with one boot, `up` for ten days, unless a test says otherwise. In the order of time."""

    box: Box
    schedule: str = "30 2 * * *"
    state: State = field(init=False)
    boot: str = "boot-a"
    began: datetime = field(default_factory=lambda: yesterday(0, 0, days=10))

    def __post_init__(self) -> None:
        self.box.environment["TZ"] = "UTC"
        self.state = State(self.box.state_directory, logs=self.box.output_directory)

    def write(self, at: datetime, **record: Any) -> None:
        clocks = {"boot_id": self.boot, "up": (at - self.began).total_seconds()}
        self.state.write({"at": iso(at), "host": "db1", **clocks, **record}, day=f"{at:%Y-%m-%d}")

    def new_boot(self, at: datetime) -> None:
        """The host is on again: what follows is of another boot."""
        self.boot, self.began = "boot-b", at

    def version(
        self,
        at: datetime,
        job: str = "backup",
        *,
        schedule: str | None = "",
        state: str = "valid",
        **more: Any,
    ) -> None:
        """Somebody saw a version of the job's file that had come at `at`, with the job's schedule or another one."""
        schedule = self.schedule if schedule == "" else schedule
        planned: dict[str, Any] = {"time_zone": "UTC", "disabled": False, "exclude": [], "start_within": 600.0}
        values = planned if state == "valid" else dict.fromkeys(planned)
        schedules = [schedule] if schedule is not None and state == "valid" else None
        mark = f"{abs(hash((at, job, schedule, state))):012x}"[:12]
        self.write(
            at, event="version", job=job, hash=mark, since=iso(at), state=state, by="cron",
            **{**values, "schedule": schedules, "catch_up": None, **more},
        )  # fmt: skip

    def start_of(self, job: str, at: datetime, *, seconds: float = 1.0, **end: Any) -> str:
        """A run of another job, or of this one, for the time `at`."""
        run_id = self.state.new_id(at)
        same = {"run_id": run_id, "job": job, "trigger": "cron", "scheduled_at": iso(at), "by": "root"}
        self.write(at, event="start", **same, log=end.get("log"), version="0123456789ab", slow_start=False)
        ended = at + timedelta(seconds=seconds)
        facts = {"reason": None, "exit_code": 0, "signal": None, "detail": None, "log": None, "attempts": []}
        self.write(
            ended, event="end", **same, started_at=iso(at), duration_seconds=seconds, slow_start=False,
            **{"outcome": "succeeded", **facts, **end},
        )  # fmt: skip
        return run_id

    def skip(self, at: datetime, reason: str, detail: str, job: str = "backup", **more: Any) -> None:
        self.write(
            at, event="skip", run_id=self.state.new_id(at), job=job, trigger="cron", scheduled_at=iso(at),
            outcome="skipped", reason=reason, detail=detail, by="root", **more,
        )  # fmt: skip


def masked(text: str, *, near: bool = True) -> str:
    """Return an answer without what differs from run to run: the day, the clock of now, ids and lengths.

    Without `near`, clock times that are near now stay.
    """
    day = r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
    for pattern, replacement in (
        (rf" +{day} \d\d \w{{3}} \d\d:\d\d UTC", "  NOW"),
        *([(rf"{day}\s(?:{_near_now()})\b", "Day NOW")] if near else []),
        (rf"{day}\s(\d\d:\d\d)", r"Day \1"),
        (r"\b\d{4}-\d\d-\d\d(T\d\d:\d\d)", r"DATE\1"),
        (r"\b(Day\s|DATET|2099\s)(\d\d)(?=:\d\d)", lambda found: f"{found[1]}{hour(int(found[2])):02d}"),
        (r"\b0(\s)(\d+)(?=(\s\*){3})", lambda found: f"0{found[1]}{hour(int(found[2]))}"),
        (rf"{yesterday():%Y-%m-%d}", "DATE"),
        (r"\b[0-9a-hjkmnp-tv-z]{16}\b", "RUN"),
        (r"\(in\s\d+\s(?:s|min|h|days)\)", "(in SPAN)"),
        (r"\bfor\s\d+\s(?:s|min|h|days)\b", "for SPAN"),
        (r"by\s\w+@[\w.-]+", "by WHO"),
        (rf"started by {TESTER}\b", "started by root"),
    ):
        text = re.sub(pattern, replacement, text)  # type: ignore[call-overload]
    return text


def _near_now(later_hours: int = 0) -> str:
    """Return a pattern of the clock times around now, or so many hours later."""
    now = datetime.now(UTC) + timedelta(hours=later_hours)
    return "|".join(f"{now + timedelta(minutes=minutes):%H:%M}" for minutes in range(-5, 17))


def words_like(golden: str, shown: str) -> list[str]:
    """Return the words of an answer, NOW for a clock time near now only where the golden text says NOW.

    So a time of the story stays as it is, also in the minutes in which now is near it.
    """
    pairs = zip_longest(masked(shown, near=False).split(), golden.split(), fillvalue="")
    now = re.compile(rf"(?:{_near_now(LATER_HOURS)})\b")
    return [now.sub("NOW", word) if expected.startswith("NOW") else word for word, expected in pairs]

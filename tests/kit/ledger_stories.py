"""Stories of a job as a host may live them, and the count of its planned times by a second, naive implementation.

A story is a list of things that happened, in true time. `naive_books` walks over it minute by minute, with a reading of
cron expressions of its own; nothing here asks the product.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86400
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns")
MIDNIGHTS = ((2026, 3, 28), (2026, 10, 24), (2026, 3, 7), (2026, 10, 31), (2026, 4, 4), (2026, 10, 3), (2026, 6, 1))
EXPRESSIONS = (
    "* * * * *", "*/7 * * * *", "30 2 * * *", "0 * * * *", "15 */2 * * *", "5-55/10 1-3 * * *", "0 2 1 * 1",
    "*/20 2 * * 0",    "45 1 28-31 * *", "10,40 2-3 * 3,10 6-7", "0 0 * * *", "59 23 * * *",
)  # fmt: skip


@dataclass(kw_only=True)
class Edit:
    """From `since` on the file is another one; `seen` is when somebody recorded it."""

    since: float
    seen: float
    state: str
    schedule: tuple[str, ...] = ()
    disabled: bool = False
    exclude: tuple[str, ...] = ()
    start_within: float = 600.0

    @property
    def hash(self) -> str:
        return str(abs(hash((self.state, self.schedule, self.disabled, self.exclude, self.start_within))))


@dataclass(kw_only=True)
class Happening:
    """What a start, or somebody, left: run, skip, refusal, mark, hold, release, other (a run of another job)."""

    kind: str
    at: float
    slot: int | None = None
    until: float | None = None
    reason: str | None = None


@dataclass(kw_only=True)
class Story:
    """One job, three days, one zone. `clock_is_off`: times (from, until, by so many seconds) within a boot."""

    zone: str
    first: int
    now: int
    edits: list[Edit] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    boots: list[float] = field(default_factory=list)
    clock_is_off: list[tuple[float, float, float]] = field(default_factory=list)
    begins: float = 0.0

    def shown(self, moment: float) -> float:
        """Return what the clock showed."""
        return moment + sum(by for since, until, by in self.clock_is_off if since <= moment < until)


# --- the naive count -------------------------------------------------------------------------------------------------


def naive_books(story: Story, after: float, until: float) -> dict[int, tuple[str, str | None]]:
    """Return fate, and reason of a skip, of each planned time in (after, until], minute by minute."""
    of_slot = {(each.kind, each.slot): each for each in story.happenings if each.slot is not None}
    refused = {
        _slot_refused(story, each.at) for each in story.happenings if each.kind == "refusal" and each.slot is None
    }
    books: dict[int, tuple[str, str | None]] = {}
    for minute in range(int(after) // MINUTE * MINUTE, int(min(until, story.now)) + 1, MINUTE):
        if not (max(after, story.begins - 1) < minute <= min(until, story.now)):
            continue
        plan = _plan_at(story, minute)
        is_planned = plan is not None and _is_due(plan.schedule, story.zone, minute)
        kinds = [kind for kind in ("mark", "run", "skip", "refusal") if (kind, minute) in of_slot]
        if not is_planned and not kinds:
            continue
        if kinds and kinds[0] != "refusal":
            fates = {"mark": ("skipped", "marked"), "run": ("ran", None)}
            books[minute] = fates.get(
                kinds[0], ("skipped", of_slot["skip", minute].reason if kinds[0] == "skip" else "")
            )
        elif kinds or plan is None or minute in refused:
            books[minute] = "missed", None
        elif plan.disabled:
            books[minute] = "skipped", "disabled"
        elif any(_day(story.zone, minute) in _days(words) for words in plan.exclude):
            books[minute] = "skipped", "excluded"
        elif _is_held(story, minute):
            books[minute] = "skipped", "held"
        else:
            books[minute] = "due" if story.now - minute <= plan.start_within else "missed", None
    return books


def _plan_at(story: Story, minute: int) -> Edit | None:
    plan = None
    for edit in story.edits:
        if edit.since <= minute:
            plan = None if edit.state == "gone" else edit if edit.state == "valid" else plan
    return plan


def _slot_refused(story: Story, at: float) -> int | None:
    for minute in range(int(at) // MINUTE * MINUTE, int(at) - DAY, -MINUTE):
        plan = _plan_at(story, minute)
        if plan is not None and _is_due(plan.schedule, story.zone, minute):
            return minute if at - minute <= plan.start_within else None
    return None


def _is_held(story: Story, minute: int) -> bool:
    changes = [each for each in story.happenings if each.kind in ("hold", "release") and each.at <= minute]
    last = max(changes, key=lambda each: each.at, default=None)
    return last is not None and last.kind == "hold" and (last.until is None or minute < last.until)


def _is_due(schedule: Sequence[str], zone: str, minute: int) -> bool:
    return any(_fires(expression, zone, minute) for expression in schedule)


@lru_cache(maxsize=1 << 20)
def _fires(expression: str, zone: str, minute: int) -> bool:
    """Debian cron: a wildcard job follows the wall clock; a fixed one runs once, also when the clock was changed."""
    wall = datetime.fromtimestamp(minute, ZoneInfo(zone))
    columns = expression.split()
    if columns[0][0] == "*" or columns[1][0] == "*":
        return _matches(columns, wall.replace(tzinfo=None))
    if wall.fold:  # shown for the second time
        return False
    before = datetime.fromtimestamp(minute - MINUTE, ZoneInfo(zone)).replace(tzinfo=None)
    passed = int((wall.replace(tzinfo=None) - before).total_seconds()) if wall.tzinfo else 0
    walls = range(MINUTE, passed + 1, MINUTE)  # one, or all that were skipped
    return any(
        _matches(columns, datetime.fromtimestamp(before.replace(tzinfo=UTC).timestamp() + each, UTC)) for each in walls
    )


def _matches(columns: Sequence[str], wall: datetime) -> bool:
    minute, hour, day, month, weekday = columns
    if not (_in(wall.minute, minute) and _in(wall.hour, hour) and _in(wall.month, month)):
        return False
    of_month, of_week = _in(wall.day, day), _in(wall.isoweekday() % 7, weekday) or _in(wall.isoweekday(), weekday)
    return (of_month and of_week) if day[0] == "*" or weekday[0] == "*" else (of_month or of_week)


def _in(number: int, column: str) -> bool:
    for term in column.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        low, high = (0, 99) if first == "*" else (int(first), int(last or first))
        if low <= number <= high and (number - low) % int(step or 1) == 0:
            return True
    return False


def _day(zone: str, minute: int) -> str:
    return f"{datetime.fromtimestamp(minute, ZoneInfo(zone)):%Y-%m-%d}"


def _days(words: str) -> Sequence[str]:
    first, _, last = words.partition("..")
    return [f"{first[:8]}{number:02}" for number in range(int(first[8:]), int((last or first)[8:]) + 1)]


# --- stories ---------------------------------------------------------------------------------------------------------


def random_story(seed: int) -> Story:
    """Return the story of that number: the same at each call."""
    dice = random.Random(seed)
    first = int(datetime(*dice.choice(MIDNIGHTS), tzinfo=UTC).timestamp())
    story = Story(zone=dice.choice(ZONES), first=first, now=first + 3 * DAY - dice.randrange(DAY))
    story.boots = [first - 5 * DAY, *sorted(_odd(dice, story) for _ in range(dice.randrange(3)))]
    story.edits = list(_edits(dice, story))
    story.clock_is_off = list(_wrong_clocks(dice, story))
    story.happenings = sorted(_happenings(dice, story), key=lambda each: each.at)
    return story


def _odd(dice: random.Random, story: Story) -> float:
    """Return a moment within the story that is no full minute."""
    return story.first + dice.randrange((story.now - story.first) // MINUTE - 1) * MINUTE + dice.randrange(7, 53)


def _edits(dice: random.Random, story: Story) -> Iterator[Edit]:
    moments = sorted({_odd(dice, story) for _ in range(dice.randrange(6))})
    starts = [story.first - dice.choice((HOUR + 11, -3 * HOUR - 11)), *moments]
    starts = sorted(set(starts))
    state = ""
    for since, end in zip(starts, [*starts[1:], story.now], strict=True):
        states = ["valid"] * 5 + ([] if state == "gone" else ["invalid", "gone"] if state else ["invalid"])
        state = dice.choice(states)
        seen = since + dice.choice((0, 0, 1)) * dice.random() * max(0, end - since - 1)
        of_file = {
            "schedule": tuple(dice.sample(EXPRESSIONS, dice.choice((1, 1, 1, 2)))),
            "disabled": dice.random() < 0.15,
            "exclude": _some_days(dice, story) if dice.random() < 0.25 else (),
            "start_within": float(dice.choice((60, 600, 7200))),
        }
        yield Edit(since=since, seen=seen, state=state, **(of_file if state == "valid" else {}))  # type: ignore[arg-type]


def _some_days(dice: random.Random, story: Story) -> tuple[str, ...]:
    day = datetime.fromtimestamp(story.first + DAY, UTC)
    return (
        (f"{day:%Y-%m-%d}",)
        if dice.random() < 0.5 or day.day > 27
        else (f"{day:%Y-%m-%d}..{day:%Y-%m}-{day.day + 1:02}",)
    )


def _wrong_clocks(dice: random.Random, story: Story) -> Iterator[tuple[float, float, float]]:
    ends = [*story.boots[1:], float(story.now)]
    for began, end in zip(story.boots, ends, strict=True):
        since = max(began, story.first) + 600
        if dice.random() < 0.3 and end - since > 6 * HOUR:
            yield since, since + dice.randrange(600, 3 * HOUR), dice.choice((-5400.0, 3720.0, 9000.0))


def _happenings(dice: random.Random, story: Story) -> Iterator[Happening]:
    starts_come = dice.random()
    for minute in range(story.first, story.now, MINUTE):
        shown = int(story.shown(minute + 7)) // MINUTE * MINUTE
        plan = _plan_at(story, shown)
        if plan is None or not _is_due(plan.schedule, story.zone, shown) or dice.random() > starts_come:
            continue
        yield _of_a_start(dice, shown, minute + 7.0)
    for _ in range(dice.randrange(4)):
        at = _odd(dice, story)
        kind = dice.choice(("hold", "hold", "release"))
        yield Happening(
            kind=kind, at=at, until=at + dice.randrange(DAY) if kind == "hold" and dice.random() < 0.4 else None
        )
    for _ in range(dice.randrange(4)):
        yield Happening(kind="refusal", at=_odd(dice, story))
    for _ in range(dice.randrange(3)):
        yield Happening(kind="mark", at=story.now - 3.0, slot=int(_odd(dice, story)) // MINUTE * MINUTE)
    for since, until, _ in story.clock_is_off:  # what shows that the clock was set, both times
        yield Happening(kind="other", at=since - 1)
        yield Happening(kind="other", at=since + 1)
        yield Happening(kind="other", at=until - 1)
        yield Happening(kind="other", at=until + 1)


def _of_a_start(dice: random.Random, slot: int, at: float) -> Happening:
    kind = dice.choice(("run", "run", "run", "run", "skip", "refusal"))
    reason = dice.choice(("overlap", "backoff", "too_late")) if kind == "skip" else None
    return Happening(kind=kind, at=at, slot=slot, reason=reason)

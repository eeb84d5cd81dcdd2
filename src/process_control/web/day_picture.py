"""The lanes of a day as SVG: a path for each kind of stretch, lanes that look alike as one."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from process_control.core.day import PLANNED, TROUBLES, WORST_FIRST, Day, Lane, Stretch, cells
from process_control.core.moments import took

CELL_SECONDS = 300
HEIGHT = 14
#: Where each kind begins in the height of a lane, and how high it is: different without colours too.
SHAPES: Mapping[str, tuple[int, int]] = {
    "failed": (0, 14), "lost": (0, 14), "missed": (0, 14), "running": (3, 11), "warned": (2, 12),
    "skipped": (6, 2), "succeeded": (4, 10), "due": (4, 6), "planned": (4, 6),
}  # fmt: skip
_UNKNOWN = (2, 12)
#: More stretches of a lane are not read out one by one.
MAX_WORDS = 6
#: Jobs of one row that are named.
MAX_NAMED = 60

#: (kind, first cell, number of cells), by time
Pattern = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One lane, or several that look alike."""

    jobs: Sequence[str]
    has_trouble: bool
    svg: Markup
    #: What it shows, for where the picture alone says too little: on a phone.
    words: str


def pattern_of(stretches: Iterable[Stretch], day: Day) -> Pattern:
    """Return how a lane looks: the worst kind of each cell, neighbours of one kind as one."""
    found, at = [], 0
    for kind, group in groupby(cells(stretches, day.begin, CELL_SECONDS, cells_of(day))):
        length = len(list(group))
        if kind is not None:
            found.append((kind, at, length))
        at += length
    return tuple(found)


def _look(lane: Lane, day: Day) -> Hashable:
    """Return what decides how a lane looks; for short planned runs their length does not."""
    past = tuple((each.begin, each.end, each.kind) for each in lane.past)
    fits = lane.planned_seconds < CELL_SECONDS - _latest_in_cell(lane.begins, day.begin)
    return past, lane.begins, 0.0 if fits else lane.planned_seconds


@lru_cache(maxsize=8192)
def _latest_in_cell(begins: tuple[float, ...], begin: float) -> float:
    """Return how far behind the beginning of its cell the latest of them is, in seconds."""
    return max(((each - begin) % CELL_SECONDS for each in begins), default=0.0)


def cells_of(day: Day) -> int:
    return round((day.end - day.begin) / CELL_SECONDS)


def hours_of(day: Day) -> int:
    return round((day.end - day.begin) / 3600)


def rows_of(day: Day, zone: tzinfo | None) -> list[Row]:
    """Return the lanes of a day, what failed or was missed first; lanes that look alike are one row."""
    alike: dict[Pattern, list[Lane]] = defaultdict(list)
    patterns: dict[Hashable, Pattern] = {}
    for lane in day.lanes:
        look = _look(lane, day)
        if look not in patterns:
            patterns[look] = pattern_of(lane.stretches, day)
        alike[patterns[look]].append(lane)
    return [_row(pattern, lanes, cells_of(day), zone) for pattern, lanes in alike.items()]


def _row(pattern: Pattern, lanes: Sequence[Lane], count: int, zone: tzinfo | None) -> Row:
    words = in_words(lanes[0].stretches, zone)
    return Row(
        jobs=[lane.job for lane in lanes],
        has_trouble=any(kind in TROUBLES for kind, _, _ in pattern),
        svg=_svg(pattern, words, count),
        words=words,
    )


def _svg(pattern: Pattern, words: str, count: int) -> Markup:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, at, length in pattern:
        y, height = SHAPES.get(kind, _UNKNOWN)
        by_kind[kind].append(f"M{at} {y}h{length}v{height}h-{length}z")
    paths = [
        Markup('<path class="k-{}" d="{}"/>').format(kind if kind in SHAPES else "unknown", "".join(parts))
        for kind, parts in by_kind.items()
    ]
    head = Markup('<svg class="lane" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">')
    return Markup("").join([head.format(count, HEIGHT, words), *paths, Markup("</svg>")])


def in_words(stretches: Sequence[Stretch], zone: tzinfo | None) -> str:
    """Return what a lane shows, in words; of many stretches how many of each kind, and when the one to look at was."""
    if len(stretches) <= MAX_WORDS:
        return ", ".join(_one_in_words(each, zone) for each in stretches)
    of_kind: dict[str, list[float]] = defaultdict(list)
    for each in stretches:
        of_kind[each.kind].append(each.begin)
    kinds = sorted(of_kind, key=_rank)
    return ", ".join(f"{len(of_kind[kind])} {kind}{_when(kind, of_kind[kind], zone)}" for kind in kinds)


def _when(kind: str, begins: Sequence[float], zone: tzinfo | None) -> str:
    if kind == PLANNED:
        return f" (first {clock_of(min(begins), zone)})"
    return f" (last {clock_of(max(begins), zone)})" if kind in TROUBLES else ""


def counted(stretches: Iterable[Stretch], *, planned: int = 0) -> list[tuple[str, int]]:
    """Return how many stretches there are of each kind, the worst first; and so many more planned ones."""
    numbers = Counter(each.kind for each in stretches)
    if planned:
        numbers[PLANNED] += planned
    return sorted(numbers.items(), key=lambda pair: _rank(pair[0]))


def clock_of(moment: float, zone: tzinfo | None) -> str:
    return f"{datetime.fromtimestamp(moment, UTC).astimezone(zone):%H:%M}"


def _one_in_words(each: Stretch, zone: tzinfo | None) -> str:
    length = f", {took(each.end - each.begin)}" if each.end > each.begin else ""
    return f"{clock_of(each.begin, zone)} {each.kind}{length}"


# --- what lies behind the lanes --------------------------------------------------------------------------------------


def background(day: Day) -> Markup:
    """Return hours, quiet windows, collisions, clock changes and the line for now: behind all lanes."""
    count = cells_of(day)

    def place(moment: float) -> float:
        return min(max((moment - day.begin) / CELL_SECONDS, 0), count)

    def band(name: str, begin: float, end: float) -> Markup:
        x = place(begin)
        return Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="1"/>').format(
            name, x, max(place(end) - x, 0.3)
        )

    def line(name: str, moment: float) -> Markup:
        return Markup('<line class="{0}" x1="{1:.2f}" x2="{1:.2f}" y1="0" y2="1"/>').format(name, place(moment))

    shapes = [band("quiet", begin, end) for begin, end in day.quiet]
    shapes += [line("hour", day.begin + hour * 3600) for hour in range(hours_of(day))]
    shapes += [band("collision", each.begin, each.end) for each in day.collisions]
    shapes += [line("clock-change", at) for at, _ in day.clock_changes]
    if day.begin <= day.now < day.end:
        shapes.append(line("now", day.now))
    head = Markup('<svg class="behind" viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true">').format(count)
    return Markup("").join([head, *shapes, Markup("</svg>")])


# --- the same as a list ----------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A job in an hour: when it begins first, and how often."""

    job: str
    begin: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfKind:
    """What begins in an hour of one kind: how many, and the first jobs of it."""

    kind: str
    count: int
    jobs: Sequence[Named]
    #: How many jobs are not named.
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What begins in an hour, or is planned to: by kind, the worst first."""

    begin: float
    is_now: bool
    kinds: Sequence[OfKind]


def by_hour(day: Day, named: int) -> list[Hour]:
    """Return the hours of a day in which something begins; of each kind at most `named` jobs."""
    found: dict[int, dict[str, _Beginnings]] = defaultdict(lambda: defaultdict(_Beginnings))
    alike: dict[tuple[float, ...], list[str]] = defaultdict(list)
    for lane in day.lanes:
        alike[lane.begins].append(lane.job)
        for (number, kind), begins in _hours_of(lane.past, day).items():
            found[number][kind].add([lane.job], begins, named)
    for moments, jobs in alike.items():
        by_number: dict[int, list[float]] = defaultdict(list)
        for at in moments:
            by_number[int((at - day.begin) // 3600)].append(at)
        for number, begins in by_number.items():
            found[number][PLANNED].add(jobs, begins, named)
    return [
        Hour(
            begin=day.begin + number * 3600,
            is_now=number == (day.now - day.begin) // 3600,
            kinds=[found[number][kind].of_kind(kind, named) for kind in sorted(found[number], key=_rank)],
        )
        for number in sorted(found)
    ]


def _hours_of(stretches: Iterable[Stretch], day: Day) -> dict[tuple[int, str], list[float]]:
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for each in stretches:
        found[int((max(each.begin, day.begin) - day.begin) // 3600), each.kind].append(each.begin)
    return found


@dataclass(slots=True)
class _Beginnings:
    """What begins in an hour of one kind, while it is counted."""

    count: int = 0
    jobs: int = 0
    #: Those that may be among the first.
    first: list[Named] = field(default_factory=list)

    def add(self, jobs: Sequence[str], begins: Sequence[float], named: int) -> None:
        """Add jobs, each of which begins at all of these moments."""
        self.count += len(jobs) * len(begins)
        self.jobs += len(jobs)
        first = min(begins)
        self.first += [Named(job, first, len(begins)) for job in jobs[:named]]

    def of_kind(self, kind: str, named: int) -> OfKind:
        first = sorted(self.first, key=lambda each: each.begin)[:named]
        return OfKind(kind=kind, count=self.count, jobs=first, others=max(self.jobs - named, 0))


def _rank(kind: str) -> int:
    return WORST_FIRST.index(kind) if kind in WORST_FIRST else len(WORST_FIRST)

"""The lanes of a day as SVG: a path for each kind of stretch, lanes that look alike as one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from process_control.core.day import TROUBLES, WORST_FIRST, Day, Lane, Stretch, cells
from process_control.core.moments import took

CELL_SECONDS = 300
HEIGHT = 14
#: Where each kind begins in the height of a lane, and how high it is: told apart without colours too.
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


def pattern_of(lane: Lane, day: Day) -> Pattern:
    """Return how a lane looks: the worst kind of each cell, neighbours of one kind as one."""
    count = cells_of(day)
    found, at = [], 0
    for kind, group in groupby(cells(lane.stretches, day.begin, CELL_SECONDS, count)):
        length = len(list(group))
        if kind is not None:
            found.append((kind, at, length))
        at += length
    return tuple(found)


def cells_of(day: Day) -> int:
    return round((day.end - day.begin) / CELL_SECONDS)


def hours_of(day: Day) -> int:
    return round((day.end - day.begin) / 3600)


def rows_of(day: Day, zone: tzinfo | None) -> list[Row]:
    """Return the lanes of a day, what failed or was missed first; lanes that look alike are one row."""
    alike: dict[Pattern, list[Lane]] = defaultdict(list)
    for lane in day.lanes:
        alike[pattern_of(lane, day)].append(lane)
    return [
        Row(
            jobs=[lane.job for lane in lanes],
            has_trouble=any(kind in TROUBLES for kind, _, _ in pattern),
            svg=_svg(pattern, lanes[0].stretches, cells_of(day), zone),
        )
        for pattern, lanes in alike.items()
    ]


def _svg(pattern: Pattern, stretches: Sequence[Stretch], count: int, zone: tzinfo | None) -> Markup:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, at, length in pattern:
        y, height = SHAPES.get(kind, _UNKNOWN)
        by_kind[kind].append(f"M{at} {y}h{length}v{height}h-{length}z")
    paths = [
        Markup('<path class="k-{}" d="{}"/>').format(kind if kind in SHAPES else "unknown", "".join(parts))
        for kind, parts in by_kind.items()
    ]
    head = Markup('<svg class="lane" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">')
    return Markup("").join([head.format(count, HEIGHT, in_words(stretches, zone)), *paths, Markup("</svg>")])


def in_words(stretches: Sequence[Stretch], zone: tzinfo | None) -> str:
    """Return what a lane shows, in words; of many stretches how many of each kind."""
    if len(stretches) > MAX_WORDS:
        return ", ".join(f"{count} {kind}" for kind, count in counted(stretches))
    return ", ".join(_one_in_words(each, zone) for each in stretches)


def counted(stretches: Iterable[Stretch]) -> list[tuple[str, int]]:
    """Return how many stretches there are of each kind, the worst first."""
    numbers: dict[str, int] = defaultdict(int)
    for each in stretches:
        numbers[each.kind] += 1
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
    found: dict[int, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    for lane in day.lanes:
        for each in lane.stretches:
            of_kind = found[int((max(each.begin, day.begin) - day.begin) // 3600)][each.kind]
            of_kind.setdefault(lane.job, []).append(each.begin)
    return [
        Hour(
            begin=day.begin + number * 3600,
            is_now=number == (day.now - day.begin) // 3600,
            kinds=[_of_kind(kind, found[number][kind], named) for kind in sorted(found[number], key=_rank)],
        )
        for number in sorted(found)
    ]


def _of_kind(kind: str, begins: Mapping[str, Sequence[float]], named: int) -> OfKind:
    jobs = sorted((Named(job, min(times), len(times)) for job, times in begins.items()), key=lambda each: each.begin)
    count = sum(each.times for each in jobs)
    return OfKind(kind=kind, count=count, jobs=jobs[:named], others=max(len(jobs) - named, 0))


def _rank(kind: str) -> int:
    return WORST_FIRST.index(kind) if kind in WORST_FIRST else len(WORST_FIRST)

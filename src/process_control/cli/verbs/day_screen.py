"""`day` on a terminal: a ruler of hours, how many jobs run at once, a lane for each job, and what to look at."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby

from rich.text import Text

from process_control.cli.print.screen import OUTCOME_STYLES, console, draws_unicode, height, width
from process_control.cli.print.table import paragraph, shortened
from process_control.core.day import DUE, MISSED, PLANNED, RUNNING, TROUBLES, WORST_FIRST, Day, Stretch, cells, load
from process_control.core.moments import span
from process_control.notify.message import escape_controls

CELLS_PER_HOUR = (12, 6, 4, 3, 2, 1)
LABEL = 18
SHORTEST_LABEL = 15
#: Lines besides the lanes: title, ruler, load, what to look at, legend, the prompt.
AROUND_THE_LANES = 12
FEWEST_LANES = 5
MAX_SHOWN = 4
DRAWN = {
    "succeeded": "█", "warned": "▓", "failed": "✗", "lost": "?", "skipped": "·",
    RUNNING: "▸", MISSED: "!", DUE: "…", PLANNED: "░",
}  # fmt: skip
LETTERS = {
    "succeeded": "=", "warned": "w", "failed": "F", "lost": "L", "skipped": "-",
    RUNNING: ">", MISSED: "!", DUE: "d", PLANNED: ".",
}  # fmt: skip
#: For an outcome that is none, as of an edited record.
UNKNOWN = "¿"
UNKNOWN_LETTER = "U"
#: How busy a column is, against the busiest one.
BARS, DIGITS = " ▁▂▃▄▅▆▇█", " 123456789"
STYLES = {**{str(kind): style for kind, style in OUTCOME_STYLES.items() if kind}, RUNNING: "cyan"}
STYLES |= {MISSED: "bold red", DUE: "cyan", PLANNED: "blue"}


def show_day(day: Day, zone: tzinfo, *, show_all: bool, max_label: int = LABEL) -> None:
    """Print the day, as wide as the terminal; with more jobs than lines the rest is one lane of numbers.

    `max_label`: of the names in front of the lanes, in cells.
    """
    screen = console()
    picture = _Picture(day, zone, unicode=draws_unicode(screen), max_label=max_label)
    lanes = day.lanes
    max_lanes = len(lanes) if show_all else max(height() - AROUND_THE_LANES, FEWEST_LANES)
    shown = lanes if len(lanes) <= max_lanes else lanes[: max_lanes - 1]
    lines = [picture.title(), *picture.ruler()]
    lines += (
        [picture.load("jobs, up to {most:,}", [each for lane in lanes for each in lane.stretches])] if lanes else []
    )
    lines += [picture.lane(lane.job, lane.stretches) for lane in shown]
    rest = lanes[len(shown) :]
    if rest:
        lines.append(picture.load(f"{len(rest):,} more jobs", [each for lane in rest for each in lane.stretches]))
    for line in [*lines, Text(), *_findings(day, zone), *picture.legend()]:
        screen.print(line)


class _Picture:
    """How a day is drawn in the width that there is."""

    def __init__(self, day: Day, zone: tzinfo, *, unicode: bool, max_label: int) -> None:
        self._day = day
        self._zone = zone
        self._hours = round((day.end - day.begin) / 3600)
        longest = max((len(lane.job) for lane in day.lanes), default=0)
        self._label = max(SHORTEST_LABEL, min(longest, max_label, width() // 3))
        columns = width() - self._label - 2
        self._per_hour = next((each for each in CELLS_PER_HOUR if each * self._hours <= columns), 1)
        self._count = self._hours * self._per_hour
        self._seconds = 3600 / self._per_hour
        self._drawn = DRAWN if unicode else LETTERS
        self._unicode = unicode

    def title(self) -> Text:
        local = _local(self._day.begin, self._zone)
        minutes = 60 // self._per_hour
        return Text(f"{local:%A %d %B %Y}, {local.tzname()}, {minutes} minutes a column", style="bold")

    def ruler(self) -> list[Text]:
        """Return the hours, every third one, and below them where now is."""
        marks = [" "] * (self._count + 2)
        for hour in range(0, self._hours, 3):
            place = hour * self._per_hour
            marks[place : place + 2] = f"{_local(self._day.begin + hour * 3600, self._zone):%H}"
        lines = [Text(" " * (self._label + 2) + "".join(marks).rstrip(), style="dim")]
        if self._day.begin <= self._day.now < self._day.end:
            place = int((self._day.now - self._day.begin) // self._seconds)
            sign = "▼" if self._unicode else "v"
            words = f"{sign} now {_clock(self._day.now, self._zone)}"
            if place + len(words) > self._count:
                words, place = f"{words[2:]} {sign}", place - len(words) + 1
            lines.append(Text(" " * (self._label + 2 + place) + words, style="dim"))
        return lines

    def lane(self, job: str, stretches: Sequence[Stretch]) -> Text:
        has_trouble = any(each.kind in TROUBLES for each in stretches)
        line = self._named(job, style="bold red" if has_trouble else "")
        found = cells(stretches, self._day.begin, self._seconds, self._count)
        for kind, group in groupby(found):
            sign = " " if kind is None else self._sign(kind)
            line.append(sign * len(list(group)), style="" if kind is None else STYLES.get(kind, ""))
        line.rstrip()
        return line

    def load(self, name: str, stretches: Iterable[Stretch]) -> Text:
        """Return how many jobs run in each column: as digits, or of ten and more as bars."""
        numbers = load(stretches, self._day.begin, self._seconds, self._count)
        most = max(numbers, default=0)
        if most < 10:
            signs = "".join(str(number) if number else " " for number in numbers)
        else:
            bars = BARS if self._unicode else DIGITS
            signs = "".join(bars[-(-number * (len(bars) - 1) // most)] for number in numbers)
        line = self._named(name.format(most=most), style="dim").append(signs)
        line.rstrip()
        return line

    def legend(self) -> list[Text]:
        """Explain the signs that were used."""
        used = {each.kind for lane in self._day.lanes for each in lane.stretches}
        known = [kind for kind in WORST_FIRST if kind in used]
        signs = [f"{self._sign(kind)} {escape_controls(kind)}" for kind in (*known, *sorted(used - {*known}))]
        return paragraph("   ".join(signs), width(), indent=0, style="dim") if used else []

    def _sign(self, kind: str) -> str:
        return self._drawn.get(kind, UNKNOWN if self._unicode else UNKNOWN_LETTER)

    def _named(self, name: str, *, style: str) -> Text:
        return Text().append(f"{shortened(name, self._label):<{self._label}}  ", style=style)


def _findings(day: Day, zone: tzinfo) -> list[Text]:
    """Return what to look at: troubles, what collides, the peak, quiet times, clock changes."""
    found = []
    if not day.lanes:
        found.append("nothing ran, and nothing is planned")
    for at, seconds in day.clock_changes:
        direction = "forward" if seconds > 0 else "back"
        after = _clock(at, zone)
        found.append(f"the clock goes {direction} by {span(abs(seconds))} to {after}")
    for each in day.collisions[:MAX_SHOWN]:
        window = f"{_clock(each.begin, zone)}-{_clock(each.end, zone)}"
        found.append(f"one lock, '{each.lock}': {_names(each.jobs)} at {window}")
    if len(day.collisions) > MAX_SHOWN:
        found.append(f"and {len(day.collisions) - MAX_SHOWN} more times at which jobs share a lock (--json has all)")
    if day.peak is not None and day.peak[0] > 1:
        found.append(f"most at once: {day.peak[0]:,} jobs at {_clock(day.peak[1], zone)}")
    if day.quiet and day.lanes:
        times = sorted(day.quiet[:MAX_SHOWN])
        windows = ", ".join(f"{_clock(begin, zone)}-{_clock(end, zone, is_end=True)}" for begin, end in times)
        found.append(f"quiet: {windows}{' and shorter times' if len(day.quiet) > MAX_SHOWN else ''}")
    return [line for words in found for line in paragraph(f"{words[:1].upper()}{words[1:]}.", width(), indent=0)]


def _names(jobs: Sequence[str]) -> str:
    shown = ", ".join(jobs[:MAX_SHOWN])
    return shown if len(jobs) <= MAX_SHOWN else f"{shown} and {len(jobs) - MAX_SHOWN:,} more"


def _local(moment: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone)


def _clock(moment: float, zone: tzinfo, *, is_end: bool = False) -> str:
    words = f"{_local(moment, zone):%H:%M}"
    return "24:00" if is_end and words == "00:00" else words

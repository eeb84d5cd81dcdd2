"""Charts of a job's last runs, as SVG: a bar a run, lines for what half and 19 of 20 need, failures marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup

from process_control.core.facts import FAILED, LOST, SUCCEEDED, WARNED
from process_control.history.index.past_run import Run

WIDTH, HEIGHT = 560, 170
LEFT, RIGHT, TOP, BOTTOM = 8, 92, 18, 24
#: Labels of lines nearer than this would cover each other.
LABEL_HEIGHT = 15
MAX_RUNS = 100
#: Fewer runs that went well do not show what is usual.
MIN_RUNS = 3

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One run, with its value."""

    value: float
    #: When it began, in words.
    when: str
    outcome: str | None

    @property
    def is_bad(self) -> bool:
        return self.outcome in (FAILED, LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows, and the same in a sentence."""

    title: str
    summary: str
    svg: Markup


def chart(title: str, what: str, bars: Sequence[Bar], write: Write) -> Chart | None:
    """Return the chart of runs (oldest first), None without one. `write`: makes words of a value."""
    if not bars:
        return None
    bars = bars[-MAX_RUNS:]
    good = sorted(bar.value for bar in bars if bar.outcome in (SUCCEEDED, WARNED))
    middle, most = (percentile(good, share) if len(good) >= MIN_RUNS else None for share in (0.5, 0.95))
    summary = _summary(what, bars, middle, most, write)
    return Chart(title=title, summary=summary, svg=_svg(title, summary, bars, middle, most, write))


def bars_of(runs: Sequence[Run], value: Callable[[Run], float | None], when: Callable[[str], str]) -> list[Bar]:
    """Return the bars of runs (newest first) that have ended and have a value."""
    found = []
    for run in runs:
        number = value(run)
        if run.outcome is not None and number is not None:
            found.append(Bar(value=number, when=when(run.started_at), outcome=run.outcome))
    return found[::-1]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value (of a rising list) that so many of all do not exceed."""
    return values[max(ceil(share * len(values)) - 1, 0)]


def _summary(what: str, bars: Sequence[Bar], middle: float | None, most: float | None, write: Write) -> str:
    runs = "1 run" if len(bars) == 1 else f"{len(bars)} runs"
    largest = max(bars, key=lambda bar: bar.value)
    bad = sum(bar.is_bad for bar in bars)
    words = f"{what} of the last {runs}: " if len(bars) > 1 else f"{what} of the only run: "
    if middle is not None and most is not None:
        words += f"half at most {write(middle)}, 19 of 20 at most {write(most)}, "
    words += f"the largest {write(largest.value)} ({largest.when})" if len(bars) > 1 else write(largest.value)
    return f"{words}; {bad} failed." if bad else f"{words}; none failed."


def _svg(
    title: str, summary: str, bars: Sequence[Bar], middle: float | None, most: float | None, write: Write
) -> Markup:
    top = max(bar.value for bar in bars) or 1.0
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = min(width / len(bars), 24.0)

    def y(value: float) -> float:
        return TOP + height * (1 - value / top)

    shapes = [_bar(bar, LEFT + number * step, step, y(bar.value), TOP + height) for number, bar in enumerate(bars)]
    right = LEFT + width
    axis = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        LEFT, right, TOP + height, TOP + height
    )
    lines = _lines([("p50", middle), ("p95", most)], y, right, write)
    largest = Markup('<text x="{}" y="12">{}</text>').format(LEFT, f"{write(top)} at most")
    first = Markup('<text x="{}" y="{}">{}</text>').format(LEFT, HEIGHT - 7, bars[0].when)
    last = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(right, HEIGHT - 7, bars[-1].when)
    ends = [first, last] if len(bars) > 1 else [first]
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><desc>{}</desc>').format(
        WIDTH, HEIGHT, title, summary
    )
    return Markup("").join([head, axis, *shapes, *lines, largest, *ends, Markup("</svg>")])


def _bar(bar: Bar, x: float, step: float, y: float, bottom: float) -> Markup:
    thick = max(step * 0.7, 1.0)
    y = min(y, bottom - 1.5)
    found = Markup('<rect class="o-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        bar.outcome if bar.outcome in (SUCCEEDED, WARNED, FAILED, LOST) else "skipped", x, y, thick, bottom - y
    )
    if not bar.is_bad:
        return found
    middle, above = x + thick / 2, y - 6
    cross = f"M{middle - 3:.1f} {above - 3:.1f}l6 6m0 -6l-6 6"
    return found + Markup('<path class="cross" d="{}"/>').format(cross)


def _lines(
    wanted: Sequence[tuple[str, float | None]], y: Callable[[float], float], right: float, write: Write
) -> list[Markup]:
    """Return the lines from the lowest on, with labels that do not cover each other."""
    known = [(name, value, y(value)) for name, value in wanted if value is not None]
    labels: list[float] = []
    for _, _, at in known:
        labels.append(min(at + 4, labels[-1] - LABEL_HEIGHT) if labels else at + 4)
    down = max(0.0, LABEL_HEIGHT - min(labels, default=LABEL_HEIGHT))
    return [
        Markup('<line class="{0}" x1="{1}" x2="{2}" y1="{3:.1f}" y2="{3:.1f}"/>').format(name, LEFT, right, at)
        + Markup('<text x="{}" y="{:.1f}">{}</text>').format(right + 6, label + down, f"{name} {write(value)}")
        for (name, value, at), label in zip(known, labels, strict=True)
    ]

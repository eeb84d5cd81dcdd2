"""Drawings of the figures as SVG, legible on light and dark pages: bars against their goals, and a waterfall."""

import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

from measuring import Row
from results import amount, goal_of

WIDTH = 1000
LABELS = 430
RIGHT = 170
STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.small { font-size: 11.5px; fill: #59636e }
.right { text-anchor: end } .middle { text-anchor: middle }
.figure { font-weight: 600; font-variant-numeric: tabular-nums }
.track { fill: #818b981f } .line { stroke: #818b98; stroke-width: 1 } .grid { stroke: #818b9840; stroke-width: 1 }
.goal { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3 }
.reached { fill: #2da44e } .missed { fill: #cf222e } text.missed { fill: #cf222e } text.reached { fill: #1a7f37 }
.work { fill: #0969da } .imports { fill: #bf8700 }
.spread { stroke: #1f2328; stroke-width: 1.5; opacity: .65 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .goal { stroke: #9198a1 } .spread { stroke: #e6edf3 }
  .reached { fill: #2ea043 } .missed { fill: #da3633 } text.missed { fill: #f85149 } text.reached { fill: #3fb950 }
  .work { fill: #4493f8 } .imports { fill: #d29922 }
}"""


class Drawing:
    """Shapes on a sheet of WIDTH points; texts are escaped here."""

    def __init__(self, title: str, under: str) -> None:
        self._title = title
        self._shapes: list[str] = []
        self.text(0, 20, title, "title")
        self.text(0, 42, under, "small")

    def text(self, x: float, y: float, text: str, style: str = "") -> None:
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(text)}</text>')

    def bar(self, x: float, y: float, width: float, height: float, style: str, *, round_by: float = 2) -> None:
        size = f'width="{max(width, 0.5):.1f}" height="{height:.1f}" rx="{round_by}"'
        self._shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{style}"/>')

    def line(self, x: float, y: float, to_x: float, to_y: float, style: str) -> None:
        ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
        self._shapes.append(f'<line {ends} class="{style}"/>')

    def svg(self, height: float) -> str:
        box = f"-16 -8 {WIDTH + 32} {height + 16:.0f}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{WIDTH + 32}" role="img">'
        lines = [head, f"<title>{escape(self._title)}</title>", f"<style>{STYLE}</style>", *self._shapes, "</svg>"]
        return "\n".join(lines) + "\n"


def draw_goals(rows: Sequence[Row], under: str) -> str:
    """Return a bar for each row that has a goal: what of the allowed is used up, the goal being one line for all."""
    drawing = Drawing("How much of what the goals allow is used", under)
    shown = [row for row in rows if row.share_of_goal is not None]
    space = WIDTH - LABELS - RIGHT
    most = max([1.25, *(1.05 * _shares(row)[2] for row in shown)])
    top, step = 84.0, 42.0
    goal_x = LABELS + space / most
    bottom = top + step * len(shown)
    drawing.text(goal_x, top - 14, "the goal", "small middle")
    for number, row in enumerate(shown):
        y = top + step * number
        _label(drawing, y, row)
        drawing.bar(LABELS, y + 5, space, 18, "track", round_by=3)
        share, low, high = _shares(row)
        drawing.bar(LABELS, y + 5, space * share / most, 18, row.verdict, round_by=3)
        drawing.line(LABELS + space * max(low, 0.0) / most, y + 14, LABELS + space * high / most, y + 14, "spread")
        drawing.text(WIDTH, y + 13, amount(row.median, row.unit), f"figure right {row.verdict}")
        drawing.text(WIDTH, y + 28, f"goal {goal_of(row)}", "small right")
    drawing.line(goal_x, top - 8, goal_x, bottom - 6, "goal")
    drawing.text(LABELS, bottom + 12, "shorter is better; the thin line spans the 10th to the 90th percentile", "small")
    return drawing.svg(bottom + 16)


def _label(drawing: Drawing, y: float, row: Row) -> None:
    drawing.text(LABELS - 12, y + 13, _shortened(row.what), "right")
    against = f"{row.measure}, against {row.against}" if row.unit == "×" else row.measure
    drawing.text(LABELS - 12, y + 28, _shortened(against, 74), "small right")


def _shortened(text: str, most: int = 62) -> str:
    return textwrap.shorten(text, most, placeholder=" …")


def _shares(row: Row) -> tuple[float, float, float]:
    """Return the shares of the goal of median, better and worse end."""
    goal = row.goal or 1.0
    if row.at_least:
        return goal / row.median, goal / row.p90, goal / row.p10
    return row.median / goal, row.p10 / goal, row.p90 / goal


def draw_waterfall(steps: Sequence[dict[str, Any]], under: str, *, bare_milliseconds: float | None) -> str:
    """Return the steps of one run as bars that begin where the one before ended, imports in another colour."""
    drawing = Drawing("Where the time of a cold run goes", under)
    whole = sum(step["milliseconds"] for step in steps)
    space, top, row = WIDTH - LABELS - 60.0, 84.0, 30.0
    bottom = top + row * len(steps)
    for tick in range(0, int(whole) + 1, 2 if whole < 30 else 10):
        x = LABELS + space * tick / whole
        drawing.line(x, top - 4, x, bottom, "grid")
        drawing.text(x, bottom + 16, f"{tick} ms", "small middle")
    if bare_milliseconds is not None and bare_milliseconds < whole:
        x = LABELS + space * bare_milliseconds / whole
        drawing.line(x, top - 8, x, bottom, "goal")
        drawing.text(x, top - 14, f"python3 -I -S -c pass: {bare_milliseconds:.1f} ms", "small middle")
    begin = 0.0
    for number, step in enumerate(steps):
        y, length, imports = top + row * number, step["milliseconds"], step["imports"]
        drawing.text(LABELS - 12, y + 17, step["step"], "right")
        x = LABELS + space * begin / whole
        if imports * 50 < whole:
            imports = 0.0  # too little to be seen
        drawing.bar(x, y + 4, space * (length - imports) / whole, 18, "work")
        if imports:
            drawing.bar(x + space * (length - imports) / whole, y + 4, space * imports / whole, 18, "imports")
        begin += length
        end = LABELS + space * begin / whole
        at_left = end + 60 > WIDTH
        drawing.text(x - 6 if at_left else end + 6, y + 17, f"{length:.2f}", f"figure {'right' if at_left else ''}")
    _legend(drawing, bottom + 38)
    return drawing.svg(bottom + 44)


def _legend(drawing: Drawing, y: float) -> None:
    for x, style, words in ((LABELS, "work", "at work"), (LABELS + 90, "imports", "loading modules")):
        drawing.bar(x, y - 10, 12, 12, style)
        drawing.text(x + 18, y, words, "small")

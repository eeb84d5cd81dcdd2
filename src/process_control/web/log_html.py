"""Rows of a log as HTML: colours of the terminal, times, a link to each row, and what was cut or dropped."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup

from process_control.core.terminal_markup import html_of
from process_control.history.log_line import DROPPED, STDERR, Line
from process_control.views.log_pages import LogOfRun

NONE, RELATIVE, CLOCK = WAYS = ("none", "relative", "clock")
#: Bytes of a row that are turned into HTML, and characters of them that are shown.
MAX_BYTES, MAX_SHOWN = 8 << 10, 2000
OF_STDERR = Markup('<span class="hidden">stderr: </span>')
_COUNT_OF_MORE = re.compile(r"… \(\d+ more\)$")


@dataclass(frozen=True, slots=True)
class Times:
    """How the times of rows are shown: not, since the beginning of the run, or as a clock in a zone."""

    way: str = NONE
    #: None: that of the host.
    zone: tzinfo | None = None


def rows_html(
    log: LogOfRun, rows: Iterable[Line], times: Times, *, hits: Sequence[int] = (), is_begun: bool = False
) -> Markup:
    """Return rows in the order given. `hits`: the offsets of those to be seen first."""
    return Markup("\n").join(row_html(log, row, times, is_hit=row.offset in hits, is_begun=is_begun) for row in rows)


def row_html(log: LogOfRun, row: Line, times: Times, *, is_hit: bool = False, is_begun: bool = False) -> Markup:
    """Return one row. Its id and its link name its place, which stays the same while the log grows."""
    if row.stream == DROPPED:
        return Markup('<div class="row dropped" id="D{}">{}</div>').format(row.offset, _dropped(row))
    classes = "row err" if row.stream == STDERR else "row"
    classes += " hit" if is_hit else ""
    classes += " begun" if is_begun else ""
    link = Markup('<a class="at" href="?at={0}#L{0}" aria-label="{1}">{2}</a>').format(
        row.offset, _label(log, row), _time(log.began, row, times) or Markup("&middot;")
    )
    mark = OF_STDERR if row.stream == STDERR else ""
    return Markup('<div class="{}" id="L{}">{}{}<span class="text">{}</span></div>').format(
        classes, row.offset, link, mark, _text(log, row)
    )


def piece_html(rows: Iterable[Line], began: datetime | None, times: Times) -> Markup:
    """Return the rows of a piece that another host has sent: whole, as the piece is bounded, and without links."""
    return Markup("\n").join(_row_of_piece(row, began, times) for row in rows)


def _row_of_piece(row: Line, began: datetime | None, times: Times) -> Markup:
    if row.stream == DROPPED:
        return Markup('<div class="row dropped">{}</div>').format(_dropped(row))
    classes, mark = ("row err", OF_STDERR) if row.stream == STDERR else ("row", "")
    words = _time(began, row, times)
    at = Markup('<span class="at">{}</span>').format(words) if words else ""
    text = Markup(html_of(row.text))
    return Markup('<div class="{}">{}{}<span class="text">{}</span></div>').format(classes, at, mark, text)


def _dropped(row: Line) -> str:
    return f"{row.dropped:,} bytes were dropped here, see limits.log_bytes"


def gap_html(offset: int, left_out: int) -> Markup:
    """Return the row in the place of output that came too fast to be shown."""
    return Markup(
        '<div class="row dropped" id="G{0}">{1} bytes came too fast to be shown one after the other: '
        '<a href="?after={0}">show them</a></div>'
    ).format(offset, f"{left_out:,}")


def _label(log: LogOfRun, row: Line) -> str:
    at = _time(log.began, row, Times(RELATIVE))
    return f"link to the line at byte {row.offset}" + (f", after {at}" if at else "")


def _text(log: LogOfRun, row: Line) -> Markup:
    data, is_cut = row.text, not row.ends
    if len(data) > MAX_BYTES:
        data = row.shown
        is_cut = is_cut or len(data) > MAX_BYTES
        data = data[:MAX_BYTES]
    html = Markup(html_of(data, secrets=log.secrets, max_line=MAX_SHOWN))
    if not is_cut and "… (" not in html[-40:]:
        return html
    if len(row.text) <= MAX_SHOWN:
        return html
    if is_cut:  # of what was turned into HTML: the line has more
        html = Markup(_COUNT_OF_MORE.sub("…", html))
    return html + Markup(' <a class="whole" href="/runs/{}/line?at={}">the whole line</a>').format(
        log.run_id, row.offset
    )


def _time(began: datetime | None, row: Line, times: Times) -> str:
    if row.seconds is None or times.way == NONE:
        return ""
    if times.way == CLOCK:
        moment = None if began is None else began + timedelta(seconds=row.seconds)
        return "" if moment is None else f"{moment.astimezone(times.zone):%H:%M:%S}.{moment.microsecond // 1000:03d}"
    minutes, seconds = divmod(row.seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:06.3f}" if hours else f"{minutes}:{seconds:06.3f}"

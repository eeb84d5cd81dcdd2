"""What a run has printed, as text that crosses the wire: bounded in bytes, with secrets masked before anything is cut.

Each line: its stream (a capital letter when the next line of the stream continues it), the seconds since the start of
the run, and the text; of dropped bytes their number.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from process_control.config.settings import Settings
from process_control.core.masking import mask
from process_control.core.terminal_markup import plain_text
from process_control.errors import ProcessControlError
from process_control.history.index.past_run import Run
from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line
from process_control.history.log_place import BEGINNING, place_before_end
from process_control.history.log_rows import Reading, is_compressed
from process_control.views.log_pages import log_of_run, page_before

#: Of a run's output in its result.
RESULT_BYTES = 64 << 10
#: Of a log at once.
PIECE_BYTES = 256 << 10
PIECE_ROWS = 4000
#: What is read of a log for its last lines: more than one long line.
_REACH = 3 * RESULT_BYTES
#: What a piece has at most as text: each byte may be written as `\\xff`, each line has its stream and its time. Lines
#: that have not ended, and those in place of dropped bytes, may be more than were asked for.
MAX_ROWS = PIECE_ROWS + 32
MAX_CHARACTERS = 4 * PIECE_BYTES + 32 * MAX_ROWS
MAX_SENTENCES, MAX_SENTENCE = 10, 500
#: Below what a clock can add; no run takes as long as a century.
_MAX_SECONDS, _MAX_DIGITS = 4e9, 18
#: What moves the cursor, or is not shown.
_STEERS = re.compile(rb"[\x08\r\x1b]")


def last_output(settings: Settings, run: Run) -> str:
    """Return the last lines of a run; where they cannot be masked, the reason as a line of stderr."""
    try:
        log = log_of_run(settings, run)
        start = BEGINNING if is_compressed(log.path) else place_before_end(log.path, _REACH)
        rows = list(Reading(log.path, secrets=log.secrets, start=start).rows())
    except ProcessControlError as error:
        return "" if run.log is None else written([Line(None, STDERR, f"[not shown: {error.faults[0].what}]".encode())])
    except OSError:
        return ""
    return written(last_of(_masked(rows, log.secrets), RESULT_BYTES))


def piece(settings: Settings, run: Run, before: int | None) -> tuple[str, int | None, Sequence[str]]:
    """Return some lines of a log, where those before them end (None: there are none), and its notes.

    Raises ProcessControlError for a log that is gone, or cannot be masked.
    """
    log = log_of_run(settings, run)
    page = page_before(log, before, count=PIECE_ROWS)
    rows = [*page.rows, *page.begun]
    older = _beginning_of(rows, page.older)
    lines = [row for row in rows if older is None or row.offset >= older]
    return written(_masked(lines, log.secrets)), older, log.doubts  # what is read may be a hundred times a piece


def _beginning_of(rows: Sequence[Line], older: int | None) -> int | None:
    """Return where a piece begins that has no more bytes of these lines than it may; `older`: where they all do."""
    latest_first = sorted(rows, key=lambda row: row.offset, reverse=True)
    bytes_left = PIECE_BYTES
    for number, row in enumerate(latest_first):
        bytes_left -= len(row.text)
        if bytes_left < 0 and number:
            return latest_first[number - 1].offset
    return older


def _masked(rows: Sequence[Line], secrets: Sequence[str]) -> list[Line]:
    """Return lines in which no secret comes together when colours and what is overwritten are left out.

    Whoever shows them on another host does that, and does not know the secrets.
    """
    return [_masked_line(row, list(secrets)) for row in rows] if secrets else list(rows)


def _masked_line(row: Line, secrets: list[str]) -> Line:
    if not _STEERS.search(row.text):
        return row
    plain = plain_text(row.text)
    masked = mask(plain, secrets)
    return row if masked == plain else replace(row, text=masked.encode("utf-8", "surrogateescape"))


def last_of(rows: Sequence[Line], most: int) -> list[Line]:
    """Return the last lines, of at most so many bytes; of a longer one its end."""
    found: list[Line] = []
    for row in reversed(rows):
        text = written([row])
        most -= len(text.encode())
        if most < 0 and not found:
            return [Line(row.seconds, row.stream, row.text[most:], row.ends)]
        if most < 0:
            break
        found.append(row)
    return found[::-1]


def written(rows: Iterable[Line]) -> str:
    """Return lines as text."""
    return "".join(map(_written, rows))


def _written(row: Line) -> str:
    stream = row.stream if row.ends else row.stream.upper()
    seconds = "" if row.seconds is None else f"{row.seconds:.6f}"
    text = str(row.dropped) if row.stream == DROPPED else row.text.decode("utf-8", "backslashreplace")
    return f"{stream} {seconds} {text}\n"


def bounded(text: str) -> str:
    """Return what another host has sent as lines: all of it, or as much of its end as a piece may be."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
    if len(text) <= MAX_CHARACTERS and text.count("\n") <= MAX_ROWS:
        return text
    _, _, whole = text[-MAX_CHARACTERS:].partition("\n")
    return "\n".join(whole.split("\n")[-MAX_ROWS - 1 :])


def bounded_words(sentences: Sequence[str]) -> list[str]:
    """Return sentences of another host: some, none of them long."""
    some = (each[:MAX_SENTENCE].encode("utf-8", "backslashreplace").decode() for each in sentences[:MAX_SENTENCES])
    return [" ".join(each.split())[:MAX_SENTENCE] for each in some]


def lines_of(text: str) -> list[Line]:
    """Return the lines of such a text; what is none is left out: it comes from another host."""
    found = []
    for each in text.split("\n"):
        mark, _, rest = each.partition(" ")
        seconds, _, words = rest.partition(" ")
        stream = mark.lower()
        if stream not in (STDOUT, STDERR, DROPPED):
            continue
        is_number = stream == DROPPED and words.isdecimal() and len(words) <= _MAX_DIGITS
        content = b"" if stream == DROPPED else words.encode("utf-8", "surrogatepass")
        dropped = int(words) if is_number else 0
        found.append(Line(_seconds(seconds), stream, content, ends=mark == stream, dropped=dropped))
    return found


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < _MAX_SECONDS else None

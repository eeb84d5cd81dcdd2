"""The index of the history, opened with a progress on the terminal: indexing a long history takes seconds."""

import sys
from collections.abc import Sequence

from process_control.cli.print.output import talk
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.history.index.index import Garbled, Index
from process_control.state import past_runs

#: Bytes of the journal that are indexed in about a second: for less no progress is shown.
MIN_SHOWN_BYTES = 64 << 20
_LINE_BEGIN, _CLEAR = "\r", "\r\x1b[K"


def open_index(state_directory: str) -> Index:
    """Return the open index. While a long history is indexed, stderr shows the progress when it is a terminal."""
    shown = _Folding()
    try:
        return past_runs.open_index(state_directory, progress=shown.show if sys.stderr.isatty() else None)
    finally:
        shown.clear()


def report_garbled(settings: Settings, garbled: Sequence[Garbled]) -> None:
    """Print to stderr which files of the journal have unreadable lines; the rest of them counts."""
    for found in garbled:
        file = layout.journal_file(settings.state_directory, found.file)
        if found.lines == 1:
            talk(f"{file}: ignored 1 unreadable line")
        else:
            talk(f"{file}: ignored {found.lines} unreadable lines")


class _Folding:
    """One line on the terminal, written again whenever the percentage changes."""

    def __init__(self) -> None:
        self._text = ""

    def show(self, done_bytes: int, all_bytes: int) -> None:
        if all_bytes < MIN_SHOWN_BYTES:
            return
        percent = 100 * done_bytes // all_bytes
        text = f"indexing {all_bytes >> 20:,} MiB of history: {percent} %"
        if text != self._text:
            self._text = text
            self._write(_LINE_BEGIN + text)

    def clear(self) -> None:
        if self._text:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        terminal = getattr(sys.stderr, "live", sys.stderr)  # not what a pager collects
        terminal.write(text)
        terminal.flush()

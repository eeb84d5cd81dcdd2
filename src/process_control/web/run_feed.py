"""What a run prints, for all pages that show it: read once, and kept only until the slowest reader could have had it.

For pages that are further behind than what is kept the log itself is read, once for all at the same place. Each has its
own speed: a client that does not read costs its one event in progress, and delays nobody.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from anyio import to_thread

from process_control.config.settings import Settings
from process_control.history.journal_tail import JournalTail
from process_control.history.log_line import DROPPED, Line
from process_control.history.log_rows import At
from process_control.state.past_runs import open_index
from process_control.views.log_pages import LogOfRun, News, news_of
from process_control.web.log_html import Times, gap_html, rows_html
from process_control.web.shared_reads import SharedReads

LOOK_SECONDS = 0.3
#: The end of a run is in the journal; one that was lost is not, until somebody has looked.
LOST_SECONDS = 5.0
#: News that are kept for pages that are a little behind, and those that one look may find.
MAX_KEPT, MAX_AT_ONCE = 8, 4
#: Then the browser connects again, and is asked again who it is.
STREAM_SECONDS = 900.0

_log = logging.getLogger("process_control.web")


@dataclass(slots=True)
class Shown:
    """News, and what they look like for each way to show times: made once, when first asked for."""

    log: LogOfRun
    news: News
    _html: dict[tuple[Times, str], tuple[str, str]] = field(default_factory=dict)

    def html(self, times: Times, stream: str) -> tuple[str, str]:
        """Return the rows, and the rows that have not ended. `stream`: "" for both."""
        key = times, stream
        if key not in self._html:
            rows, begun = (self._of(lines, stream) for lines in (self.news.rows, self.news.begun))
            html = str(rows_html(self.log, rows, times))
            if self.news.left_out:
                html = str(gap_html(self.news.before.position, self.news.left_out)) + html
            self._html[key] = html, str(rows_html(self.log, begun, times, is_begun=True))
        return self._html[key]

    def _of(self, lines: Sequence[Line], stream: str) -> list[Line]:
        return [line for line in lines if not stream or line.stream in (stream, DROPPED)]


class RunFeed:
    """One run and its log. `read` gives the news behind a place; it is called in a thread."""

    def __init__(self, settings: Settings, log: LogOfRun, *, read: Callable[..., News] = news_of) -> None:
        self._settings = settings
        self._log = log
        self._read = read
        self._kept: deque[Shown] = deque(maxlen=MAX_KEPT)
        #: for pages that are further behind
        self._reads: SharedReads[Shown] = SharedReads()
        #: up to where it was read for all; set by the first page
        self._at: At | None = None
        self._came = asyncio.Event()
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        #: the run has ended, and all was read
        self._is_over = False
        self._tail = JournalTail(settings.state_directory)
        self._ask_again = 0.0

    @property
    def is_idle(self) -> bool:
        return not self._listeners

    async def news(self, at: At, *, seconds: float = STREAM_SECONDS) -> AsyncIterator[Shown | None]:
        """Yield what comes behind a place for so long; None at last, when the run has ended and all was yielded."""
        limit = time.monotonic() + seconds
        self._listeners += 1
        self._at = self._at or at
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            while (left := limit - time.monotonic()) > 0:
                came, is_over = self._came, self._is_over
                shown = await self._next(at)
                if shown is not None:
                    at = shown.news.at
                    yield shown
                elif is_over:
                    yield None
                    return
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(came.wait(), left)
        finally:
            self._listeners -= 1

    async def _next(self, at: At) -> Shown | None:
        """Return what follows a place: what is kept, or from the log for pages that are further behind."""
        shown = next((each for each in self._kept if each.news.before == at), None)
        edge = self._at
        if shown is not None or edge is None or edge == at or (edge.position <= at.position and not self._is_over):
            return shown
        return await self._reads.get(at, lambda: self._read_behind(at, None if self._is_over else edge.position))

    async def _read_behind(self, at: At, stop: int | None) -> Shown | None:
        """Return what follows a place up to a byte; None: up to the end, of a run that has ended."""
        try:
            news = await to_thread.run_sync(lambda: self._read(self._log, at, is_growing=stop is not None, stop=stop))
        except OSError:  # removed by `retention`
            return None
        return Shown(self._log, news) if news.at != at else None

    async def _look(self) -> None:
        while self._listeners and not self._is_over:
            try:
                is_over, found = await to_thread.run_sync(self._read_on)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                _log.warning("cannot read the log of run %s: %s", self._log.run_id, error)
                is_over, found = isinstance(error, FileNotFoundError), []
            for news in found:
                self._kept.append(Shown(self._log, news))
                self._at = news.at
            self._is_over = is_over
            if found or is_over:
                was, self._came = self._came, asyncio.Event()
                was.set()
            await asyncio.sleep(0 if len(found) == MAX_AT_ONCE else LOOK_SECONDS)

    def _read_on(self) -> tuple[bool, list[News]]:
        """Return whether the run has ended and all was read, and what has come."""
        has_ended = self._has_ended()  # first: of a run with an end all is in its log
        at = self._at or At()
        found: list[News] = []
        while len(found) < MAX_AT_ONCE:
            news = self._read(self._log, at, is_growing=not has_ended)
            if news.at == at:
                return has_ended, found
            found.append(news)
            at = news.at
        return False, found

    def _has_ended(self) -> bool:
        run_id, now = self._log.run_id, time.monotonic()
        records = self._tail.records()
        is_recorded = any(each.get("run_id") == run_id and each.get("event") == "end" for each in records)
        if not is_recorded and now < self._ask_again:
            return False
        self._ask_again = now + LOST_SECONDS
        with open_index(self._settings.state_directory) as index:
            run = index.runs_by_id([run_id]).get(run_id)
        return run is None or run.outcome is not None

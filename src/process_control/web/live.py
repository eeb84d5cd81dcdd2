"""Changes as they come, for all pages that are open: one look for all of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from anyio import to_thread

from process_control.web.run_feed import RunFeed
from process_control.web.snapshot import Watched

LOOK_SECONDS = 1.0
_log = logging.getLogger("process_control.web")


class Live:
    """Gives open pages what has changed. It is looked for only while somebody listens."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._listeners = 0
        self._changed = asyncio.Event()
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._feeds: dict[str, RunFeed] = {}

    async def numbers(self, last: int) -> AsyncIterator[int]:
        """Yield the number of the snapshot, each time that it is another one than `last`."""
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            while True:
                while self._number in (0, last):
                    await self._changed.wait()
                last = self._number
                yield last
        finally:
            self._listeners -= 1

    def feed(self, run_id: str, make: Callable[[], RunFeed]) -> RunFeed:
        """Return what all pages of one run read from."""
        for known, feed in list(self._feeds.items()):
            if feed.is_idle and known != run_id:
                del self._feeds[known]
        if run_id not in self._feeds:
            self._feeds[run_id] = make()
        return self._feeds[run_id]

    async def _look(self) -> None:
        while self._listeners:
            try:
                number = (await to_thread.run_sync(self._watched.now)).number
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed; a page that asks gets it
                _log.warning("cannot look how all jobs stand: %s", error)
                number = self._number
            if number != self._number:
                self._number = number
                was, self._changed = self._changed, asyncio.Event()
                was.set()
            await asyncio.sleep(LOOK_SECONDS)

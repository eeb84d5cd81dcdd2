"""Changes as they come, for all pages that are open: one look for all of them."""

import asyncio
from collections.abc import AsyncIterator

from anyio import to_thread

from process_control.errors import ProcessControlError
from process_control.web.standing import Watched

LOOK_SECONDS = 1.0


class Live:
    """Tells open pages when something has changed. The look goes on only while somebody listens."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._listeners = 0
        self._changed = asyncio.Condition()
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    async def numbers(self, last: int) -> AsyncIterator[int]:
        """Yield the number of the standing, each time that it is another one than `last`."""
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            while True:
                async with self._changed:
                    while self._number in (0, last):
                        await self._changed.wait()
                    last = self._number
                yield last
        finally:
            self._listeners -= 1

    async def _look(self) -> None:
        while self._listeners:
            try:
                standing = await to_thread.run_sync(self._watched.now)
            except (ProcessControlError, OSError):  # the page says so when it is asked again
                number = self._number
            else:
                number = standing.number
            if number != self._number:
                async with self._changed:
                    self._number = number
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_SECONDS)

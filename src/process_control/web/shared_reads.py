"""Reads that several pages want of the same place of a log: the first one that asks reads, the others get the same."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from process_control.history.log_rows import At

Value = TypeVar("Value")
#: What was read last is kept for pages that come to its place a little later.
MAX_KEPT = 4


class SharedReads(Generic[Value]):
    """Reads by place: those that are being taken, and the last few that found something."""

    def __init__(self) -> None:
        self._reads: dict[At, asyncio.Task[Value | None]] = {}

    async def get(self, at: At, read: Callable[[], Coroutine[Any, Any, Value | None]]) -> Value | None:
        """Return what `read` finds behind a place; None is asked for again. A page that leaves stops no read."""
        task = self._reads.get(at)
        if task is None:
            task = self._reads[at] = asyncio.create_task(read())
            task.add_done_callback(lambda done: self._keep_or_forget(at, done))
        return await asyncio.shield(task)

    def _keep_or_forget(self, at: At, done: "asyncio.Task[Value | None]") -> None:
        if done.cancelled() or done.exception() is not None or done.result() is None:
            del self._reads[at]
        ended = [place for place, task in self._reads.items() if task.done()]
        for place in ended[:-MAX_KEPT]:
            del self._reads[place]

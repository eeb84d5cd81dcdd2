"""What took long to read, kept for a while: for ten times as long as it took, for all who ask."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")
TIMES_AS_LONG = 10.0
MAX_SECONDS = 60.0
MAX_KEPT = 8


class Kept(Generic[Value]):
    """Values by what was asked for. One is read at a time: whoever asks meanwhile waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """Return the value of `key`, read again when it is too old. Raises what `read` raises."""
        with self._lock:
            began = time.monotonic()
            until, value = self._known.get(key, (0.0, None))
            if value is not None and began < until:
                return value
            value = read()
            now = time.monotonic()
            self._known.pop(key, None)
            self._known[key] = (now + min(TIMES_AS_LONG * (now - began), MAX_SECONDS), value)
            while len(self._known) > MAX_KEPT:
                del self._known[next(iter(self._known))]
            return value

"""How often somebody may try a password: by account and by address, so that one who guesses keeps nobody else out."""

import threading
import time
from collections import OrderedDict

#: Failures in a row that cost nothing: people mistype.
FREE_FAILURES = 5
#: Then each failure doubles the pause, up to this many seconds.
MAX_PAUSE_SECONDS = 300.0
#: After so long without a failure all is forgotten.
FORGET_SECONDS = 900.0
MAX_KNOWN = 10_000


class RateLimit:
    """Counts failures by account and by address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: (failures, time of the last one), least recently failed first
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def pause_seconds(self, *keys: str, now: float | None = None) -> float:
        """Return how long these keys have to wait before the next try; 0: not at all."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            return max(self._pause(key, moment) for key in keys)

    def failed(self, *keys: str, now: float | None = None) -> None:
        moment = time.monotonic() if now is None else now
        with self._lock:
            for key in keys:
                count, last = self._known.pop(key, (0, moment))
                self._known[key] = (1 if moment - last > FORGET_SECONDS else count + 1, moment)
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._known.pop(key, None)

    def _pause(self, key: str, moment: float) -> float:
        count, last = self._known.get(key, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        pause = min(MAX_PAUSE_SECONDS, 2.0 ** (count - FREE_FAILURES))
        return max(0.0, last + pause - moment)

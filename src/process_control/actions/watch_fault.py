"""Keep a fault of `watch` to once a day: cron starts it every minute, and mails whatever it prints.

The cache remembers it, since without a valid configuration no state directory is known.
"""

import os
import time
from typing import Any

from process_control.config.cache import read, write
from process_control.errors import ProcessControlError
from process_control.system.clock import DAY_SECONDS

#: Kinds of faults, which are noted apart. Names of the cache that no job has.
CONFIGURATION, LOOK, METRICS = "watch configuration", "watch look", "watch metrics"
_MAX_CHARACTERS = 2000


class WatchFault:
    """What was wrong at earlier looks with this configuration. `kind`: what is done now."""

    def __init__(self, config: str | None) -> None:
        self.kind = CONFIGURATION
        self._named = config or os.environ.get("PROCESS_CONTROL_CONFIG", "")

    def is_repeated(self, error: ProcessControlError) -> bool:
        """Return whether the same fault was printed within the last day; note it if not."""
        what, now, known = str(error)[:_MAX_CHARACTERS], time.time(), self._known()
        at = known.get("at")
        if known.get("what") == what and isinstance(at, int | float) and 0 <= now - at < DAY_SECONDS:
            return True
        self._note({"what": what, "at": now})
        return False

    def is_gone(self) -> None:
        """Note that there is no such fault, so that it is printed when it comes again."""
        if self._known().get("what"):
            self._note({"what": "", "at": 0})

    def _known(self) -> dict[str, Any]:
        return read.read(_places(), read.file_name(self._named, self.kind)) or {}

    def _note(self, value: dict[str, Any]) -> None:
        write.write(_places(), read.file_name(self._named, self.kind), value)


def _places() -> list[str]:
    return read.places(os.geteuid(), dict(os.environb))

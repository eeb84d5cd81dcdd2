"""The log of the Temporal library: its errors as sentences of ours, and never its own lines on stderr."""

import logging
from collections.abc import Callable
from functools import cache

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

_NAME = "process_control.fleet.library"
#: It warns of each call that it tries again, some in a second: the server watch says once what that means.
_ERRORS = TelemetryFilter(core_level="ERROR", other_level="ERROR")


@cache
def silent_runtime() -> Runtime:
    """Return what runs the library for one command, which gets its errors as exceptions. One for a process."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


def runtime_that_says(say: Callable[[str], None]) -> Runtime:
    """Return what runs the library for a process that stays; `say` gets its errors.

    The caller keeps it as long as a client lives.
    """
    logger = logging.getLogger(_NAME)
    logger.handlers[:] = [_Sentences(say)]
    logger.propagate = False
    forwarding = LogForwardingConfig(logger, append_target_to_name=False, prepend_target_on_message=False)
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=_ERRORS, forwarding=forwarding)))


class _Sentences(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"the Temporal library: {record.getMessage()}")

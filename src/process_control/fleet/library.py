"""The library of the fleet, which is an extra: the error where it is missing."""

import importlib.util

from process_control.errors import ProcessControlError

EXTRA = "pip install 'process-control[fleet]'"


class NotInstalled(ProcessControlError):
    """The extra [fleet] is not installed."""


def require_the_library() -> None:
    """Raise NotInstalled (1) where the extra is missing. Call it before importing what needs it from `fleet`."""
    if importlib.util.find_spec("temporalio") is None:
        raise NotInstalled("the fleet needs a package that is not installed: temporalio", hint=EXTRA)

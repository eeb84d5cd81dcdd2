"""The library of the fleet, which is an extra: what is said where it is missing."""

import importlib.util

from process_control.errors import ProcessControlError

EXTRA = "pip install 'process-control[fleet]'"


def require_the_library() -> None:
    """Raise an error with the remedy where the extra is not installed. Call it before importing from `fleet`."""
    if importlib.util.find_spec("temporalio") is None:
        raise ProcessControlError("the fleet needs a package that is not installed: temporalio", hint=EXTRA)

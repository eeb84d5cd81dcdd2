"""What the scheduler prints: a line for each event, on stderr, where a container or a terminal shows it."""

import os
import sys
import time

#: The journal of systemd has each line with its time, and what the runs send to the syslog besides.
_IS_IN_THE_JOURNAL = "JOURNAL_STREAM" in os.environ


def say(text: str) -> None:
    """Print a line with the time of day. Never raises: nobody may read it any more."""
    stamp = "" if _IS_IN_THE_JOURNAL else time.strftime("%H:%M:%S ")
    try:
        sys.stderr.write(f"{stamp}{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def say_of_a_run(text: str) -> None:
    """Print a line about a run, unless the journal has it from the run itself."""
    if not _IS_IN_THE_JOURNAL:
        say(text)

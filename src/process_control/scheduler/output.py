"""What the scheduler prints: a line for each event, on stderr, where a container or a terminal shows it."""

import os
import select
import sys
import time

#: The journal of systemd has each line with its time, and what the runs send to the syslog besides.
_IS_IN_THE_JOURNAL = "JOURNAL_STREAM" in os.environ


def say(text: str) -> None:
    """Print a line with the time of day, unless nobody takes it: Ctrl-S, or a full pipe, must delay no start."""
    stamp = "" if _IS_IN_THE_JOURNAL else time.strftime("%H:%M:%S ")
    try:
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        if poll.poll(0):
            sys.stderr.write(f"{stamp}{text}\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def say_of_a_run(text: str) -> None:
    """Print a line about a run, unless the journal has it from the run itself."""
    if not _IS_IN_THE_JOURNAL:
        say(text)

"""The looks of `watch`, once a minute, in a thread: a look that waits for a disk must delay no start."""

import os
import threading
import time

from process_control.actions.rights import Actor
from process_control.actions.watch import Watch
from process_control.actions.write_metrics import write_metrics
from process_control.errors import ProcessControlError
from process_control.scheduler.output import say
from process_control.system.account import account_of

LOOK_SECONDS = 60.0
#: How long the end of the scheduler waits for a look.
END_SECONDS = 2.0


class Looks:
    """Takes one look at a time."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._reader = account_of(os.geteuid())
        self._thread: threading.Thread | None = None
        self._due_at = 0.0
        self._last_fault = ""

    def take_when_due(self) -> None:
        """Begin a look when the last one began a minute ago and has ended. Does not wait for it."""
        now = time.monotonic()
        if now < self._due_at or (self._thread is not None and self._thread.is_alive()):
            return
        self._due_at = now + LOOK_SECONDS
        self._thread = threading.Thread(target=self._look, name="look", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let a look that is being taken come to its end, unless it takes long."""
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _look(self) -> None:
        """Take a look; a fault is shown once, until it is another one."""
        fault = ""
        try:
            settings = self._actor.settings
            if Watch(self._actor).take() and settings.metrics_textfile is not None:
                write_metrics(settings, settings.metrics_textfile, reader=self._reader)
        except ProcessControlError as error:
            fault = str(error)
        except Exception as error:  # noqa: BLE001  a fault of a look must not end the starts
            fault = f"fault in process-control itself: {type(error).__name__}: {error}"
        if fault and fault != self._last_fault:
            say(f"look: {fault}")
        self._last_fault = fault

"""A process that plays the scheduler: note, records and a look of `watch` as the scheduler has them; it starts nothing.

With an empty line on its standard input it looks again; with another one, a name, it drains by order of that person.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kit.installation import PROJECT

_PLAY = """
import sys, time
from process_control.actions.rights import become_actor
from process_control.actions.watch import Watch
from process_control.config.settings import load_settings
from process_control.scheduler.records import note_the_drain, note_the_end, note_the_start

actor = become_actor(load_settings(sys.argv[1], {}), by="root", command="process-control scheduler")
note_the_start(actor, time.time())
Watch(actor).take()
print("started", flush=True)
for line in sys.stdin:
    if line.strip():
        note_the_drain(actor, time.time(), by=line.strip())
    Watch(actor).take()
    print("looked", flush=True)
note_the_end(actor, time.time())
"""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The process, until it is ended or killed."""

    process: "subprocess.Popen[str]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def look(self) -> None:
        self._say("")

    def drain(self, by: str) -> None:
        self._say(by)

    def _say(self, line: str) -> None:
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("no pipes")
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "looked\n":
            raise AssertionError("it has died")

    def end(self) -> None:
        """Have it end in good order."""
        self.process.communicate()
        if self.process.returncode:
            raise AssertionError(f"exit code {self.process.returncode}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextmanager
def plays_scheduler(configuration: Path | None) -> Iterator[Scheduler]:
    """Play the scheduler of a configuration; at the end it is killed, unless the test has ended it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PLAY, str(configuration)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
    )
    scheduler = Scheduler(process)
    try:
        if process.stdout is None or process.stdout.readline() != "started\n":
            raise AssertionError("it did not start")
        yield scheduler
    finally:
        if process.returncode is None:
            scheduler.kill()

"""Debian's cron under a clock that stands still until a test moves it, by libfaketime: thousands of minutes in one.

Files have the times that a kernel with that clock would have given them: cron sees a change by its seconds.
"""

import os
import re
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from kit.events import Deadline, TookTooLong
from kit.night import LIBRARY
from kit.processes import children
from kit.real_cron import RealCron

MINUTE = 60
MARK = "mark-of-the-minute"
#: The modules of the host would be loaded, and told, for each of thousands of commands.
PAM = "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session"))
#: sleep(3) of glibc ends in one of these, on amd64 and arm64.
SLEEPS = ("35", "230", "101", "115")
SECONDS = 20.0


@dataclass(slots=True)
class MovedCron:
    """A cron of a test's own and its clock. `now` is also the clock of what the test calls."""

    cron: RealCron
    now: float
    #: called with the commands of each minute
    on_minute: Callable[[float, list[str]], None] | None = None
    _read: int = 0
    _commands: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, moment: datetime) -> "MovedCron":
        if LIBRARY is None:
            pytest.skip("faketime is not installed")
        moved = cls(RealCron(), moment.timestamp())
        moved.cron.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(moved.cron.root / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }
        return moved

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cron.close()

    def start(self) -> None:
        """Start cron, with a line of each minute by which a test knows that the minute was served."""
        (self.cron.root / "pam").write_text(PAM)
        crontab = self.cron.root / "crontab"
        crontab.write_text(f"* * * * * root : {MARK}\n")
        self._set(self.now)
        for each in [crontab, self.cron.cron_d, *self.cron.cron_d.iterdir()]:
            os.utime(each, (self.now - MINUTE, self.now - MINUTE))
        self.cron.start()
        self._wait(self._is_asleep, "cron to sleep")
        self._new_commands()
        self._commands.clear()

    def _set(self, now: float) -> None:
        """Set the clock of cron, in whole seconds. It reads the file at every look, so it is never half a time."""
        new = self.cron.root / "clock.new"
        new.write_text(f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}\n")
        new.rename(self.cron.root / "clock")
        self.now = now

    def sleep(self, seconds: float) -> None:
        """Let the clock go on; cron serves each minute that begins."""
        end = self.now + seconds
        while self.now // MINUTE < end // MINUTE:
            self.next_minute()
        self._set(end)

    def next_minute(self) -> list[str]:
        """Let the next minute begin, and return the commands that cron has started in it."""
        self._set(float((self.now // MINUTE + 1) * MINUTE + 1))
        began, woken = time.monotonic(), 0

        def is_served() -> bool:
            nonlocal woken
            if MARK in " ".join(self._new_commands()):
                return self._is_asleep()
            if time.monotonic() - began > woken * 0.02 and self._is_asleep():
                woken += 1
                os.kill(self.cron.pid, signal.SIGCHLD)  # ends its sleep, and nothing else
            return False

        self._wait(is_served, f"cron to serve {datetime.fromtimestamp(self.now, UTC):%H:%M}")
        commands = [command for command in self._new_commands() if MARK not in command]
        self._commands.clear()
        if self.on_minute is not None:
            self.on_minute(self.now // MINUTE * MINUTE, commands)
        return commands

    def _new_commands(self) -> list[str]:
        """Return what cron has started since the minute began."""
        new = self.cron.syslog.lines_from(self._read)
        self._read += len(new)
        self._commands += [
            found[1]
            for line in new
            if line.tag == "CRON" and (found := re.fullmatch(r"\(\S+\) CMD \((.*)\)", line.text))
        ]
        return self._commands

    def changed(self, *paths: Path) -> None:
        """Give files that were written now, and their directories, the time of this clock."""
        for path in {*paths, *(path.parent for path in paths)}:
            if path.exists():
                os.utime(path, (self.now, self.now))

    def _is_asleep(self) -> bool:
        with open(f"/proc/{self.cron.pid}/syscall") as file:
            return file.read().split()[0] in SLEEPS and not children(self.cron.pid)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        limit = Deadline(SECONDS)
        while not condition():
            if limit.passed():
                raise TookTooLong(f"{what}; it said: {self.cron.said()[-5:]}")
            select.select([self.cron.syslog], [], [], 0.002)

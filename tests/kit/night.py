"""Two days of a host for the drill: real starts under the clock of libfaketime, and the question of an operator.

What decides about boots and steps of the clock, `boot_id` and `up`, cannot be made on a host that runs: `settle` writes
into the records of the real runs what they would have had.
"""

import contextlib
import json
import os
import re
import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from kit.harness import Box, Live, Result, wait_gone
from kit.runs import kill_both
from process_control.core import layout
from process_control.system import proc

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
SUNDAY = datetime(2025, 11, 16, tzinfo=ZoneInfo("UTC"))
"""Before any change of the files of a test: a version is of the moment at which it was seen first."""
DAYS = ("Sun", "Mon", "Tue")
EARLIER_BOOT = "00000000-0000-4000-8000-000000000000"
MASKS = (
    (r"\bcommit [0-9a-f]{10}\b", "commit HASH"),
    (r"\b[0-9a-hjkmnp-tv-z]{16}\b", "RUN"),
    (r"\bpid \d+", "pid N"),
    (r"/tmp/process-control-[\w.-]+", "/BOX"),
    (rf"\b{re.escape(os.uname().nodename)}\b", "HOST"),
)


@dataclass(slots=True)
class Night:
    """A box whose commands run at times such as `Tue 02:30` (UTC). In the order of time."""

    box: Box
    ends: ExitStack = field(default_factory=ExitStack)
    zone: str = "UTC"
    #: when the present boot began
    up_since: datetime = SUNDAY
    #: (how many records there were, by how many seconds the clock was set)
    _steps: list[tuple[int, float]] = field(default_factory=list)

    @staticmethod
    def time(words: str) -> datetime:
        """Return the moment: `Tue 02:30`, or a whole one in ISO 8601 (UTC)."""
        day, _, clock = words.partition(" ")
        if day not in DAYS:
            return datetime.fromisoformat(words).replace(tzinfo=SUNDAY.tzinfo)
        hours, minutes = clock.split(":")
        return SUNDAY + timedelta(days=DAYS.index(day), hours=int(hours), minutes=int(minutes))

    def clock(self, words: str, user: str | None = None) -> dict[str, str]:
        """Return the environment of a command that begins two seconds after that time."""
        moment = (self.time(words) + timedelta(seconds=2)).astimezone(ZoneInfo(self.zone))
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME": f"@{moment:%Y-%m-%d %H:%M:%S}",
            "TZ": self.zone,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            **({"SUDO_USER": user} if user else {}),
        }

    # --- what happens ------------------------------------------------------------------------------------------------

    def runs(self, job: str, *times: str) -> Result:
        """Cron starts the job at these times; return how the last start ended."""
        for words in times:
            result = self.box.run("--scheduled", job, env=self.clock(words))
        return result

    def starts(self, job: str, words: str) -> Live:
        """Cron starts the job; it runs until the night is over, unless it is ended."""
        return self.ends.enter_context(self.box.start("--scheduled", job, via="stub", env=self.clock(words)))

    def somebody(self, words: str, *command: str, user: str = "ann") -> Result:
        """A colleague runs `process-control COMMAND`."""
        return self.box.process_control(*command, env=self.clock(words, user))

    def file_seen(self, words: str) -> None:
        """Somebody looks, so that the files as they are now are recorded."""
        (self.box.state_directory / "journal").mkdir(parents=True, exist_ok=True)  # as after any run
        self.somebody(words, "slots", "--count")

    def generates(self, words: str) -> None:
        self.box.configure(output_crontab=str(self.box.root / "crontab"))
        self.box.cron_generate(env=self.clock(words))

    def survivor(self, pid: int) -> None:
        """End a process when the night is over."""

        def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_gone(pid)

        self.ends.callback(end)

    def runner_is_killed(self, job: str, live: Live) -> None:
        kill_both(self.box, job)
        live.wait()

    def host_is_booted(self, words: str) -> None:
        """What was written so far is of the boot before."""
        state, ours = self.box.state_directory, proc.boot_id()
        for path in [*state.glob("journal/*.jsonl"), *state.glob("jobs/*/block")]:
            path.write_bytes(path.read_bytes().replace(ours.encode(), EARLIER_BOOT.encode()))
        (state / "recovered").unlink(missing_ok=True)
        self.up_since = self.time(words)

    def clock_is_set(self, seconds: float) -> None:
        self._steps.append((len(self.box.journal()), seconds))

    def settle(self) -> None:
        """Give each record the `up` that it would have had, and forget what was concluded from the others."""
        number = 0
        for path in sorted((self.box.state_directory / "journal").glob("*.jsonl")):
            lines = []
            for line in filter(None, (line.strip(b"\0 ") for line in path.read_bytes().split(b"\n"))):
                record = json.loads(line)
                began = SUNDAY if record["boot_id"] == EARLIER_BOOT else self.up_since
                shown = datetime.fromisoformat(record.get("written_at") or record["at"])
                stepped = sum(seconds for count, seconds in self._steps if count <= number)
                lines.append(json.dumps({**record, "up": (shown - began).total_seconds() - stepped}))
                number += 1
            path.write_text("".join(f"\n{line}" for line in lines))
        for path in self.box.state_directory.glob(f"{Path(layout.index('')).name}*"):
            path.unlink()

    # --- the question ------------------------------------------------------------------------------------------------

    def ask(self, words: str, command: str) -> str:
        """Return what the operator sees of a command, with the line that was typed."""
        result = self.box.pasted(command, env=self.clock(words))
        return f"$ {command}\n{result.stdout}{result.stderr}"

    @staticmethod
    def masked(text: str) -> str:
        for pattern, replacement in MASKS:
            text = re.sub(pattern, replacement, text)
        return text

"""Looks of `watch` under a clock that the test moves (libfaketime), and the events that they post.

Nothing sends them: the test holds the lock of the process that would.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box, Result
from kit.mail_server import nothing_is_sent
from kit.night import LIBRARY
from kit.outages import as_iso

FAILMAIL = {"to_address": "ops@example.org", "smtp": "127.0.0.1:9"}
EVERY_MINUTE = "* * * * *"


def posted(box: Box, *whats: str) -> list[dict[str, Any]]:
    """Return the events in the spool, oldest first; those of the kinds `whats`, or all."""
    paths = sorted((box.state_directory / "spool" / "news").glob("*.json"))
    events = [json.loads(path.read_text()) for path in paths]
    return [event for event in events if not whats or event["what"] in whats]


@dataclass
class Looks:
    """A box under a clock that begins in the present minute."""

    box: Box
    begin: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0))

    def at(self, minutes: float) -> datetime:
        return self.begin + timedelta(minutes=minutes)

    def iso(self, minutes: float) -> str:
        return as_iso(self.at(minutes))

    def planned(self, *minutes: int) -> str:
        """Return the keys of a job file with which a job is planned daily at these minutes from the beginning."""
        times = json.dumps([f"{self.at(each).minute} {self.at(each).hour} * * *" for each in minutes])
        return f"time_zone: UTC\nschedule: {times}"

    def clock(self, minutes: float) -> dict[str, str]:
        """Return the environment of a command that begins ten seconds after that minute."""
        moment = self.at(minutes) + timedelta(seconds=10)
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME": f"@{moment:%Y-%m-%d %H:%M:%S}",
            "TZ": "UTC",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def look(self, *minutes: float, words: tuple[str, ...] = ()) -> None:
        for each in minutes:
            result = self.box.process_control("watch", *words, env=self.clock(each))
            if (result.exit_code, result.stdout, result.stderr) != (0, "", ""):
                raise AssertionError(f"watch: {result}")
            moment = self.at(each).timestamp()
            os.utime(self.note, (moment, moment))  # as a kernel with that clock would have it

    @property
    def note(self) -> Path:
        return self.box.state_directory / "watch.json"

    def pass_by(self, minutes: float, *, boot: str | None = None, asleep: float = 0.0) -> None:
        """Have all that was recorded so far be so many minutes older by the clocks that are not set.

        `boot`: it was in another boot. `asleep`: so many of these minutes the host slept.
        """
        note = json.loads(self.note.read_text())
        note |= {"up": note["up"] - minutes * 60, "mono": note["mono"] - (minutes - asleep) * 60}
        self.note.write_text(json.dumps(note | ({"boot_id": boot} if boot else {})))
        for path in (self.box.state_directory / "journal").glob("*.jsonl"):
            lines = [json.loads(line) for line in path.read_text().split("\n") if line.strip("\0 ")]
            for line in lines:
                line["up"] = line["up"] - minutes * 60
                line.pop("written_at", None)
                line |= {"boot_id": boot} if boot else {}
            path.write_text("".join(f"\n{json.dumps(line)}" for line in lines))

    def start(self, slug: str, minutes: float) -> Result:
        """Cron starts the job."""
        return self.box.run("--scheduled", slug, env=self.clock(minutes))


@pytest.fixture
def looks(make_box: Any) -> Iterator[Looks]:
    """A box that mails, of which nothing is sent."""
    if LIBRARY is None:
        pytest.skip("faketime is not installed")
    box = make_box(failmail=FAILMAIL)
    with nothing_is_sent(box):
        yield Looks(box)
        box.wait_until_all_ended()

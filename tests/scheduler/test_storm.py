"""Real processes under a clock that is moved by minutes, killed at random, with starts by cron beside them."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.events import readable, until
from kit.harness import Box, Storm
from kit.night import LIBRARY
from kit.processes import children, name_of
from kit.runs import ends, outcomes, script

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")

JOBS, CRON_JOBS, KILLS_IN_A_MINUTE = 30, 6, 4
MINUTE = 60
#: How long after its planned time a job may have to wait for the scheduler to be started again and again.
PATIENCE_SECONDS = 50.0
#: Real seconds: the other processes of the host may be slow, kills come while all are busy.
KILL_WITHIN_SECONDS = 1.5


@dataclass(slots=True)
class Host:
    """Jobs of each minute, what they wrote, a clock that the test moves, and what systemd would do."""

    box: Box
    ended: ExitStack
    dice: random.Random
    offset: int = 0
    parent: "subprocess.Popen[bytes] | None" = None
    kills: Counter[str] = field(default_factory=Counter)
    cron: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def clock(self) -> Path:
        return self.box.root / "clock"

    @property
    def now(self) -> float:
        return time.time() + self.offset

    def environment(self) -> dict[str, str]:
        return self.box.environment_for(
            None,
            {
                "LD_PRELOAD": str(LIBRARY),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "NO_FAKE_STAT": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
            },
        )

    def set_clock(self, offset: int) -> None:
        new = self.box.root / "clock.new"
        new.write_text(f"+{offset}\n")
        new.rename(self.clock)
        self.offset = offset

    def start(self) -> None:
        self.parent = self._start([str(self.box.product.process_control), "scheduler"])

    def _start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        with open(self.box.root / "said", "ab") as said:
            return subprocess.Popen(
                command, stdin=null, stdout=null, stderr=said, env=self.environment(), start_new_session=True
            )

    def cron_starts(self) -> None:
        """Start some of the jobs as cron would."""
        for number in self.dice.sample(range(JOBS), CRON_JOBS):
            self.cron.append(self._start([*self.box.product.stub_words, "--scheduled", f"job-{number}"]))

    def kill(self, name: str) -> None:
        """Kill a process of the scheduler, if there is one at the moment; of the parent a new one is started."""
        if self.parent is None:
            raise AssertionError("not started")
        if name == "parent":
            self.parent.kill()
            self.parent.wait()
            self.start()
        else:
            found = [pid for pid in children(self.parent.pid) if name_of(pid) == name]
            if not found:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[0], signal.SIGKILL)
        self.kills[name] += 1

    def stop(self) -> None:
        for process in self.cron:
            process.wait()
        if self.parent is not None:
            self.parent.terminate()
            self.parent.wait(timeout=PATIENCE_SECONDS)

    def wrote(self) -> "Counter[tuple[str, ...]]":
        """Return what the jobs wrote: how often each began and ended for each planned time."""
        return Counter(tuple(line.split()) for line in (self.box.root / "wrote").read_text().splitlines())


@pytest.fixture
def host(box: Box) -> Iterator[Host]:
    (box.root / "wrote").touch()
    text = f'echo "began $1 $PROCESS_CONTROL_SCHEDULED_AT" >> {box.root}/wrote\n: work\n'
    text += f'echo "ended $1 $PROCESS_CONTROL_SCHEDULED_AT" >> {box.root}/wrote\n'
    command = script(box, "job.sh", text)
    for number in range(JOBS):
        box.job(f"job-{number}", f'command: {command} job-{number}\nschedule: "* * * * *"\nstart_within: 55s')
    with ExitStack() as ended:
        host = Host(box, ended, random.Random(20261128))
        host.set_clock(0)
        yield host
        host.stop()


def a_slot(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:00.000Z", time.gmtime(moment))


@pytest.mark.long
@pytest.mark.fault(
    "Real scheduler, launcher and parent killed under a moved clock, with cron beside",
    small=4,
    full=100,
    wanted="no planned time twice, none lost, all runs ended and recorded",
)
def test_kills_double_and_lose_no_planned_time(host: Host, storm: Storm) -> None:
    """Four kills around each minute. Its jobs are waited for, so each minute has a scheduler that has to start them."""
    jobs = [f"job-{number}" for number in range(JOBS)]
    host.start()
    until(lambda: len(host.wrote()) >= 2 * JOBS, "the first minute to be caught up", seconds=PATIENCE_SECONDS)
    minutes = set()
    for number in storm.rounds():
        if number % KILLS_IN_A_MINUTE == 0:
            minute = int(host.now // MINUTE + 1) * MINUTE
            minutes.add(a_slot(minute))
            host.set_clock(host.offset + int(minute - host.now))  # less than a second is left
            readable([], max(0.0, minute - host.now))
            host.cron_starts()
        readable([], host.dice.random() * KILL_WITHIN_SECONDS)
        host.kill(host.dice.choices(("scheduler", "launcher", "parent"), (5, 5, 2))[0])
        if number % KILLS_IN_A_MINUTE == KILLS_IN_A_MINUTE - 1 or number == storm.size - 1:
            wanted = {(what, job, a_slot(minute)) for what in ("began", "ended") for job in jobs}
            until(lambda wanted=wanted: wanted <= set(host.wrote()), f"{a_slot(minute)}", seconds=PATIENCE_SECONDS)
    host.stop()

    assert host.box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun
    assert host.box.process_control("prune").exit_code == 0  # and this removes the version that it had begun
    wrote = host.wrote()
    until(lambda: len(ends(host.box)) >= len(wrote) // 2, "the ends to be recorded")
    assert [each for each, count in wrote.items() if count > 1] == []
    assert {slot for _, _, slot in wrote} >= minutes
    assert set(outcomes(host.box)) == {("succeeded", None)}
    assert len(ends(host.box)) == len(wrote) // 2
    storm.found(f"0 twice, 0 lost of {len(wrote) // 2:,}; killed: {dict(host.kills)}")

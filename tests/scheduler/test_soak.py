"""A scheduler that is killed again and again under load does not grow, and runs each planned time once."""

import contextlib
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.events import readable, until
from kit.harness import Box, Storm, TookTooLong
from kit.processes import children, name_of, state_letter
from kit.runs import script
from kit.schedulers import Scheduler, scheduler

MINUTE = 60
KILL_EACH_SECONDS = 5.0
#: The first of these rounds are for what is imported and remembered.
FIRST_ROUNDS = 12
PLACES = 5
#: MiB by which a process may grow.
MAX_GROWTH = 4.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the three processes had at the end of a round, the youngest of which has just been started: MiB, numbers."""

    pss: dict[str, float]
    #: anonymous memory: unlike PSS it is the same for a new launcher, which shares all with its parent, and an old one
    own: dict[str, float]
    descriptors: dict[str, int]
    files: int

    def growth_since(self, first: "Measured") -> dict[str, float]:
        """Return by how many MiB the memory of each has grown."""
        return {name: now - first.own[name] for name, now in self.own.items()}


def descriptors_of(live: Scheduler) -> dict[str, int]:
    pids = {"parent": live.parent.pid, "scheduler": live.pid, "launcher": live.launcher_pid}
    return {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in pids.items()}


def zombies_of(pids: Iterable[int]) -> list[int]:
    return [child for pid in pids for child in children(pid) if state_letter(child) == "Z"]


def measured(box: Box, live: Scheduler) -> Measured:
    pids = {"parent": live.parent.pid, "scheduler": live.pid, "launcher": live.launcher_pid}
    texts = {name: Path(f"/proc/{pid}/smaps_rollup").read_text() for name, pid in pids.items()}
    pss, own = (
        {name: int(re.findall(rf"^{what}:\s+(\d+)", text, re.MULTILINE)[0]) / 1024 for name, text in texts.items()}
        for what in ("Pss", "Anonymous")
    )
    until(lambda: not zombies_of(pids.values()), "no zombie")
    descriptors = descriptors_of(live)
    return Measured(pss, own, descriptors, len(os.listdir(box.state_directory / "run")))


@dataclass(slots=True)
class Load:
    """Jobs of each minute, each with a follower, in a pool; and jobs by hand. Each writes when it begins and ends."""

    box: Box
    count: int
    begin: float = field(default_factory=time.time)
    #: how many starts by hand were accepted
    asked: int = 0
    lines: list[list[str]] = field(default_factory=list)
    read: int = 0

    def write(self) -> None:
        (self.box.root / "wrote").touch()
        self.box.configure(pools={"db": {"at_once": PLACES}})
        names = "JOB", "SCHEDULED_AT", "RUN_ID"
        said = " ".join(["$1", *(f"$PROCESS_CONTROL_{name}" for name in names)])
        say = script(self.box, "say.sh", f'echo "{said}" >> {self.box.root}/wrote\n')
        work = f"command: ['{say} began', '{say} ended']"
        for number in range(self.count):
            self.box.job(f"hand-{number}", work)
            self.box.job(f"planned-{number}", f'{work}\nschedule: "* * * * *"\nstart_within: 5m\npool: db')
            self.box.job(f"after-{number}", f"{work}\nafter: planned-{number}\npool: db")

    def wrote(self) -> list[list[str]]:
        """Return what the jobs wrote up to now, line by line."""
        with open(self.box.root / "wrote") as file:
            file.seek(self.read)
            self.lines += [line.split() for line in file.read().splitlines()]
            self.read = file.tell()
        return self.lines

    def all_have_ended(self) -> bool:
        whats = Counter(what for what, *_ in self.wrote())
        return whats["began"] == whats["ended"]

    def wanted(self, last: float) -> set[tuple[str, str]]:
        """Return each job with each planned time from the begin on that a new scheduler had to start before this."""
        minutes = range(int(self.begin // MINUTE) * MINUTE, int(last), MINUTE)
        jobs = [f"{kind}-{number}" for kind in ("planned", "after") for number in range(self.count)]
        shown = [time.strftime("%Y-%m-%dT%H:%M:00.000Z", time.gmtime(minute)) for minute in minutes]
        return {(job, at) for job in jobs for at in shown}

    def has_run(self, last: float) -> bool:
        return self.wanted(last) <= {(job, at) for what, job, at, *_ in self.wrote() if what == "ended"}

    def max_files(self) -> int:
        """Return how many files the run directory may have: two locks of each job, the places, and a few for all."""
        return 3 * self.count * 2 + PLACES + 10

    def ask(self, live: Scheduler) -> None:
        """Start all jobs by hand, of which the kill that follows may lose some: they have no planned time."""
        answer = live.ask("run", jobs=[f"hand-{number}" for number in range(self.count)])
        self.asked += len(answer["ordered"])


def kill(live: Scheduler, number: int) -> None:
    """Kill the launcher and the scheduler in turns; the parent starts them again."""
    victim = live.launcher_pid if number % 2 else live.pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, 9)
    until(lambda: state_letter(victim) == "", "the killed one to be gone")
    if number % 2 == 0:
        live.wait_for_notice("READY=1")


def reap_orphans() -> None:
    """Wait, as process 1 would, for guards whose launcher was killed."""
    for pid in children(os.getpid()):
        if state_letter(pid) == "Z" and name_of(pid) not in ("launcher", "scheduler"):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def records_of(box: Box, missing: set[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return what the journal says of these planned times."""
    if not missing:
        return []
    found = [each for each in box.journal() if (each.get("job"), each.get("scheduled_at")) in missing]
    names = ("job", "scheduled_at", "event", "at", "reason", "detail")
    return [tuple(str(each.get(name)) for name in names) for each in found]


def check(load: Load, last: float) -> str:
    """Check what the jobs wrote by itself: each planned time once, no run twice, never too many in the pool."""
    wrote = load.wrote()
    counted = Counter((what, job, run) for what, job, *_, run in wrote)
    assert [each for each, count in counted.items() if count > 1] == []
    planned = Counter((what, job, at) for what, job, at, *run in wrote if run)
    assert [each for each, count in planned.items() if count > 1] == []
    wanted = load.wanted(last)
    missing = wanted - {(job, at) for what, job, at in planned if what == "ended"}
    assert [*sorted(missing), *records_of(load.box, missing)] == []
    running = most = 0
    for what, job, *_ in wrote:
        running += 0 if job.startswith("hand") else 1 if what == "began" else -1
        most = max(most, running)
    assert most <= PLACES
    by_hand = sum(what == "ended" and job.startswith("hand") for what, job, *_ in wrote)
    return f"{len(wanted):,} planned times once each, at most {most} at a time; {by_hand:,} of {load.asked:,} by hand"


@pytest.mark.long
@pytest.mark.fault(
    "A kill each five seconds for twenty minutes, under load",
    small=4,
    full=240,
    wanted="no growth of memory, descriptors, zombies, files; no planned time twice, none lost",
)
def test_a_scheduler_that_is_killed_for_long_does_not_grow(box: Box, storm: Storm) -> None:
    is_small = storm.size < FIRST_ROUNDS
    load, dice = Load(box, 4 if is_small else 25), random.Random(5)
    load.write()
    with scheduler(box) as live:
        first = None
        for number in storm.rounds():
            began = time.monotonic()
            load.ask(live)
            readable([], dice.random() * (0.3 if is_small else 2.0))
            kill(live, number)
            until(load.all_have_ended, "all runs to end")
            reap_orphans()
            readable([], (1.0 if is_small else KILL_EACH_SECONDS) - (time.monotonic() - began))
            if number == min(FIRST_ROUNDS, storm.size // 2) - 1:  # as after the last round the launcher is new
                first = measured(box, live)
        now = measured(box, live)
        last = time.time() - KILL_EACH_SECONDS
        with contextlib.suppress(TookTooLong):  # what is missing is shown below, with its records
            until(lambda: load.has_run(last), "what was planned to run", seconds=50)
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")
        most = first.descriptors if first is not None else {}
        until(lambda: all(count <= most[name] for name, count in descriptors_of(live).items()), "no more descriptors")
        launchers = [pid for pid in children(live.parent.pid) if name_of(pid) == "launcher"]

    assert box.process_control("watch").exit_code == 0  # it finishes the note that a killed look had begun
    assert first is not None
    grown = now.growth_since(first)
    assert max(grown.values()) < MAX_GROWTH, (grown, first, now)
    assert len(launchers) == 1
    assert now.files <= load.max_files()
    found = check(load, last)
    pss = ", ".join(f"{name} {size:.0f}" for name, size in now.pss.items())
    most_grown = f"{max(grown.values()):+.1f} MiB at most (PSS: {pss})"
    storm.found(f"{most_grown}, 0 descriptors and zombies more, {now.files} files; {found}")

"""Whole schedulers beside each other: ours, and those of others, with the same jobs.

Each job appends the time at which it executes to a file: nobody's own word is taken. What is kept of a run differs, see
NOTE.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from host import Host
from measuring import CPU, ENVIRONMENT, WALL, Found, Row, WorthNothing, row_of

from bench import Bench

FAMILY = "schedulers"
OURS = "process-control scheduler"
MINUTE = 60
#: So long after their minute the jobs of it are waited for.
PATIENCE_SECONDS = 50.0
LOOKS_IN_A_ROW, SETTLING_SECONDS = 25, 300.0
MINUTES_OF_IDLING = 3
TICKS = os.sysconf("SC_CLK_TCK")
JOB = """\
name: {slug}
command: {command}
schedule: "{schedule}"
start_within: 5m
backoff: 5m
hold: {{after_failures: 5}}
"""
JOB_OF_OTHERS = """\
  - name: {slug}
    command: {command}
    schedule: "{schedule}"
"""
NOTE = (
    "process-control scheduler beside yacron and cronstable: each run of ours has a guard, a lock, a log with an index "
    "and two records on the disk, and all jobs are looked at once a minute; the others record nothing durable, and "
    "what a job prints goes to their own output. The jobs of each are due in minutes of their own"
)


@dataclass(frozen=True, slots=True)
class Daemon:
    """One scheduler that is running, and the file to which its jobs write."""

    name: str
    pid: int
    written: Path

    def tree(self) -> list[int]:
        """Return the scheduler's own processes, without those of jobs."""
        found = [self.pid]
        if self.name == OURS:
            found += [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return found

    def seconds(self, *, with_jobs: bool) -> float:
        """Return the processor time that it has taken, with that of the runs that have ended."""
        total = 0
        for pid in self.tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11 : 15 if with_jobs else 13]))
        return total / TICKS

    def is_busy(self) -> bool:
        states = [path.read_text().rpartition(")")[2].split()[0] for pid in self.tree() for path in _threads(pid)]
        return any(state in "RD" for state in states)

    def mebibytes(self) -> float:
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.tree()]
        return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) for text in texts) / 1024

    def moments(self, minute: int) -> list[float]:
        """Return when the jobs of this minute have executed."""
        lines = self.written.read_text().split() if self.written.exists() else []
        return sorted(moment for moment in map(float, lines) if minute <= moment < minute + MINUTE)


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/stat"))


def measure(bench: Bench) -> Found:
    rounds = bench.sizes.rounds_of_schedulers
    if not bench.peers.schedulers or rounds == 0:
        return Found()
    return Found(rows=[*at_once(bench, rounds), *idle(bench)], notes=[NOTE])


def at_once(bench: Bench, rounds: int) -> list[Row]:
    """Many jobs that are due in one minute, of one contender after the other; the first time each is not counted."""
    count = bench.sizes.at_once
    found: dict[str, list[tuple[float, float]]] = {}
    with bench.host(FAMILY) as host, ExitStack() as running:
        names = [OURS, *bench.peers.schedulers]
        starts = [
            running.enter_context(_daemon(bench, host, name, count, f"{number}-59/{len(names)} * * * *"))
            for number, name in enumerate(names)
        ]
        for daemon in starts:
            _until_it_is_idle(daemon)
        for _ in bench.steps(f"{count} jobs in one minute", (rounds + 1) * len(starts)):
            minute = int(time.time() // MINUTE + 1) * MINUTE
            daemon = starts[minute // MINUTE % MINUTE % len(starts)]
            found.setdefault(daemon.name, []).append(_one_minute(daemon, minute, count))
    words = f"{count} jobs due in one minute"
    rows = []
    for name, (_, *pairs) in found.items():  # in its first minute each has files to read
        seconds = [wall for wall, _ in pairs]
        rows += [
            _row(seconds, f"{words}, until the last executes", name, WALL, "s"),
            _row([count / each for each in seconds], f"runs a second, {words}", name, WALL, "/s", at_least=True),
            _row([cpu for _, cpu in pairs], f"{words}, with their commands", name, CPU, "s"),
        ]
    return rows


def _one_minute(daemon: Daemon, minute: int, count: int) -> tuple[float, float]:
    """Return how many seconds after the minute its last job has executed, and the processor time for all of them."""
    time.sleep(max(0.0, minute - 1 - time.time()))
    before = daemon.seconds(with_jobs=True)
    _wait(lambda: len(daemon.moments(minute)) >= count, PATIENCE_SECONDS, f"{daemon.name}: {count} jobs")
    executed = daemon.moments(minute)
    _until_it_is_idle(daemon)
    if len(executed) != count:
        raise WorthNothing(f"{daemon.name} has run {len(executed)} of {count} jobs")
    return executed[-1] - minute, daemon.seconds(with_jobs=True) - before


def idle(bench: Bench) -> Iterator[Row]:
    """Thousands of jobs, none of them due."""
    count = bench.sizes.jobs
    with bench.host(f"{FAMILY}-idle") as host, ExitStack() as running:
        names = [OURS, *bench.peers.schedulers]
        daemons = [
            running.enter_context(_daemon(bench, host, names[number], count, "7 7 29 2 *"))
            for number in bench.steps(f"schedulers of {count:,} jobs", len(names))
        ]
        for daemon in daemons:
            _until_it_is_idle(daemon)
        values: dict[str, list[float]] = {name: [] for name in names}
        for _ in bench.steps(f"minutes with {count:,} idle jobs", MINUTES_OF_IDLING):
            before = {daemon.name: daemon.seconds(with_jobs=True) for daemon in daemons}
            time.sleep(MINUTE)
            for daemon in daemons:
                values[daemon.name].append(daemon.seconds(with_jobs=True) - before[daemon.name])
        found = {daemon.name: (values[daemon.name], daemon.mebibytes()) for daemon in daemons}
    for name, (seconds, mebibytes) in found.items():
        yield _row(seconds, f"{count:,} idle jobs, a minute", name, CPU, "s")
        yield _row([mebibytes], f"{count:,} idle jobs", name, "proportional memory (PSS)", "MiB")


def _row(values: Sequence[float], what: str, name: str, measure: str, unit: str, *, at_least: bool = False) -> Row:
    return row_of(
        values, family=FAMILY, what=f"{name}: {what}", against="", measure=measure, unit=unit, at_least=at_least
    )


@contextmanager
def _daemon(bench: Bench, host: Host, name: str, count: int, schedule: str) -> Iterator[Daemon]:
    """Run one until the end of the context, with so many jobs."""
    directory = host.directory / name.replace(" ", "-")
    directory.mkdir()
    written, program = directory / "written", directory / "job.sh"
    program.write_text(f"date +%s.%N >> {written}\n")
    facts = {"command": f"/bin/sh {program}", "schedule": schedule}
    slugs = [f"job-{number:04}" for number in range(count)]
    if name == OURS:
        for slug in slugs:
            host.add_job(slug, JOB.format(slug=slug, **facts))
        command = host.process_control("scheduler")
    else:
        path = directory / "jobs.yaml"
        path.write_text("jobs:\n" + "".join(JOB_OF_OTHERS.format(slug=slug, **facts) for slug in slugs))
        command = [bench.peers.schedulers[name], "-c", str(path)]
    with (
        open(directory / "said", "wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=ENVIRONMENT, cwd=directory) as process,
    ):
        try:
            yield Daemon(name, process.pid, written)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _until_it_is_idle(daemon: Daemon) -> None:
    """Wait until none of its threads runs, or wants to, for some seconds: jobs read, looks taken, runs ended.

    Processor time does not show it: on a busy host a process may get none.
    """

    def is_idle() -> bool:
        for _ in range(LOOKS_IN_A_ROW):
            time.sleep(0.2)
            if daemon.is_busy():
                return False
        return True

    _wait(is_idle, SETTLING_SECONDS, f"{daemon.name} to be idle")


def _wait(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > limit:
            raise WorthNothing(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.2)

"""Planned runs of a fleet: many that are due at once, and a few in a second in which others would be started by hand.

Each job appends the time at which it executes to a file: nobody's own word is taken. Planned times are full minutes, so
eight starts a second, one second after the other, are made of runs by hand; in the planned second eight are planned.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import WALL, Found, Row, WorthNothing, row_of

from bench import Bench
from kit.harness import Box, until

MINUTE = 60
GOAL_LAG, GOAL_RATE = 2.0, 10.0
RATE = 8
#: Runs by hand begin so long before the planned second, and end so long after it.
BEFORE_SECONDS, AFTER_SECONDS = 10, 5
#: Each lock has one run at a time: one that is started again is to have ended.
JOBS_BY_HAND = 10 * RATE
#: Until the jobs are applied.
APPLY_SECONDS = 75
#: A crowd may take longer than a minute on a busy host; nothing else is due meanwhile.
MINUTES_OF_A_CROWD = 2
PATIENCE_SECONDS = 115.0
JOB = "command: /bin/sh {program}\ntime_zone: UTC\nstart_within: 5m\n"


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of one kind, and the file to which they write when they execute."""

    slugs: Sequence[str]
    written: Path

    def moments(self, since: float) -> list[float]:
        """Return when those have executed that did so since then, in UTC seconds."""
        lines = self.written.read_text().split() if self.written.exists() else []
        return sorted(moment for moment in map(float, lines) if moment >= since)


def of_planned_runs(bench: Bench, box: Box, address: str, family: str) -> Found:
    """Let the jobs of some minutes be due at once, and those of as many others a few at a time."""
    count, rounds = bench.sizes.at_once_of_fleet, bench.sizes.rounds_of_fleet
    if count == 0:
        return Found()
    first = int((time.time() + APPLY_SECONDS) // MINUTE + 1) * MINUTE
    of_crowds = [first + MINUTES_OF_A_CROWD * MINUTE * number for number in range(rounds)]
    of_few = [of_crowds[-1] + MINUTES_OF_A_CROWD * MINUTE + MINUTE * number for number in range(rounds)]
    crowd, few = add_jobs(box, "crowd", count, of_crowds), add_jobs(box, "planned", RATE, of_few)
    by_hand = add_jobs(box, "by-hand", JOBS_BY_HAND, [])
    answer = box.process_control("fleet", "apply")
    if answer.exit_code or time.time() > first - 1:
        raise WorthNothing(f"the jobs are not applied before they are due: {answer.stderr[:500]}")
    seconds = [
        executed(crowd, of_crowds[number])[-1] - of_crowds[number]
        for number in bench.steps(f"{count} runs of the fleet at once", rounds)
    ]
    lags: list[float] = []
    refused = 0
    for number in bench.steps(f"{RATE} runs of the fleet a second", rounds):
        refused += asyncio.run(start_by_hand(address, by_hand.slugs, of_few[number]))
        lags += [moment - of_few[number] for moment in executed(few, of_few[number])]
    check_that_all_ran(box, [crowd, few], rounds)
    return Found(rows=rows_of(family, count, seconds, lags), notes=notes_of(refused, rounds))


def rows_of(family: str, count: int, seconds: Sequence[float], lags: Sequence[float]) -> list[Row]:
    p99 = statistics.quantiles(lags, n=100, method="inclusive")[-1]
    others = f"{RATE} planned runs in a second, {RATE} a second by hand before and after"
    facts = {"family": family, "against": "", "measure": WALL}
    return [
        row_of(
            [count / each for each in seconds], what=f"runs a second in the fleet, {count} due at once", unit="/s",
            goal=GOAL_RATE, at_least=True, **facts,
        ),
        row_of(lags, what=f"{others}: planned time to the command's exec", unit="s", **facts),
        row_of([p99], what=f"{others}, p99", unit="s", goal=GOAL_LAG, **facts),
    ]  # fmt: skip


def notes_of(refused: int, rounds: int) -> list[str]:
    """Return that the host was too slow for so many runs a second."""
    asked = rounds * (BEFORE_SECONDS + AFTER_SECONDS - 1) * RATE
    why = "because the run before of the same job had not ended: the host was too slow for eight runs a second"
    return [f"runs of the fleet: {refused} of {asked} runs by hand were refused, {why}"] if refused else []


def add_jobs(box: Box, name: str, count: int, minutes: Sequence[int]) -> Jobs:
    """Write jobs that are due in these minutes; in none: by hand."""
    program, written = box.root / f"{name}.sh", box.root / f"{name}.written"
    program.write_text(f"date +%s.%N >>{written}\n")
    due = ",".join(str(minute // MINUTE % MINUTE) for minute in minutes)
    schedule = f'schedule: "{due} * * * *"\n' if due else ""
    slugs = [f"{name}-{number:03}" for number in range(count)]
    for slug in slugs:
        box.job(slug, JOB.format(program=program) + schedule)
    return Jobs(slugs, written)


def executed(jobs: Jobs, minute: int) -> list[float]:
    """Return when each job has executed that was planned for this minute."""
    time.sleep(max(0.0, minute - time.time()))
    count = len(jobs.slugs)
    until(lambda: len(jobs.moments(minute)) >= count, f"{count} planned runs", seconds=PATIENCE_SECONDS)
    found = jobs.moments(minute)
    if len(found) != count:
        raise WorthNothing(f"{len(found)} runs of {count} jobs")
    return found


async def start_by_hand(address: str, slugs: Sequence[str], minute: int) -> int:
    """Start one of these jobs after the other, so many in a second, but none in the first second of the minute.

    Return how many were refused: their run before had not ended.
    """
    # 0.3 s of imports, which other families do not need.
    from temporalio.client import Client, WorkflowUpdateFailedError

    from process_control.core.fleet.lock_state import Start
    from process_control.fleet.ask import of_lock
    from process_control.fleet.lock_v1 import LockV1
    from process_control.fleet.payloads import DATA_CONVERTER

    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    calls = []
    for number in range((BEFORE_SECONDS + AFTER_SECONDS) * RATE):
        moment = minute - BEFORE_SECONDS + number / RATE
        if minute <= moment < minute + 1:
            continue
        await asyncio.sleep(max(0.0, moment - time.time()))
        slug = slugs[number % len(slugs)]
        start = Start(run_id=f"m-{uuid.uuid4()}", job=slug, arrived=time.time(), by="bench")
        calls.append(asyncio.create_task(of_lock(client, slug).execute_update(LockV1.start, start)))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, WorkflowUpdateFailedError):
            raise WorthNothing(f"a run by hand was not started: {answer!r}")
    return sum(isinstance(answer, WorkflowUpdateFailedError) for answer in answers)


def check_that_all_ran(box: Box, kinds: Sequence[Jobs], rounds: int) -> None:
    """Raise unless the history holds a succeeded run of each planned time: a skip would be fast."""
    for jobs in kinds:
        wanted = rounds * len(jobs.slugs)

        def has_all(jobs: Jobs = jobs, wanted: int = wanted) -> bool:
            return count_of_succeeded(box, jobs.slugs) == wanted

        until(has_all, f"{wanted} runs in the history", seconds=PATIENCE_SECONDS)


def count_of_succeeded(box: Box, slugs: Sequence[str]) -> int:
    name = slugs[0].rpartition("-")[0]
    runs = box.history(f"{name}-*", flags=["--limit", str(10 * len(slugs) + 100)])
    return sum(run["trigger"] == "fleet" and run["outcome"] == "succeeded" for run in runs)

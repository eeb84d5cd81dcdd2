"""A host with thousands of jobs and the history of a million runs, made of records that the product wrote itself."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from host import Host
from measuring import cost_of

from bench import Bench
from process_control.core.run_id import RANDOM_BYTES, run_id

SCHEDULES = ("{minute} * * * *", "{minute} {hour} * * *", "*/5 * * * *", "{minute} 6 * * 1-5", "H H * * *", "0 5 1 * *")
JOB = """\
name: Job number {number}
command: /bin/true
schedule: "{schedule}"
timeout: 30m
tags: [group-{group}]
"""


def add_jobs(host: Host, count: int) -> list[str]:
    return [host.add_job(f"job-{number:04}", job_text(number)) for number in range(count)]


def job_text(number: int) -> str:
    return JOB.format(number=number, schedule=schedule_of(number), group=number % 20)


def schedule_of(number: int) -> str:
    return SCHEDULES[number % len(SCHEDULES)].format(minute=number % 60, hour=number // 60 % 24)


BOOTED_AT = 1.6e9
"""When the host of these runs began, in UTC seconds."""
OUTCOMES = ["failed" if number == 7 else "succeeded" for number in range(49)]
"""What becomes of one run after the other, over and over."""


def add_runs(bench: Bench, host: Host, slugs: list[str], count: int) -> int:
    """Let every job have its share of `count` runs, a day apart, up to yesterday. Return how many there are.

    The records are those of one real run, with another id, job and time; each job has its block and its health.
    """
    cost_of(host.by_hand(slugs[0]))
    journal = host.state / "journal"
    [path] = journal.glob("*.jsonl")
    events = {record["event"]: record for record in map(json.loads, path.read_bytes().split(b"\n")[1:])}
    path.unlink()  # the run of today was but a pattern
    block = (host.state / "jobs" / slugs[0] / "block").read_bytes()
    each = count // len(slugs)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for age in bench.steps(f"history of {each * len(slugs):,} runs", each):
        day = today - timedelta(days=each - age)
        with open(journal / f"{day:%Y-%m-%d}.jsonl", "w") as file:
            for number, slug in enumerate(slugs):
                began = day + timedelta(seconds=86400 * number / len(slugs))
                file.writelines(f"\n{line}" for line in lines_of_run(events, slug, began, age * len(slugs) + number))
    for slug in slugs:
        directory = host.state / "jobs" / slug
        directory.mkdir(exist_ok=True)
        (directory / "block").write_bytes(block.replace(slugs[0].encode(), slug.encode()))
        (directory / "health.json").write_text('{"state":"healthy","failures_in_row":0}\n')
    return each * len(slugs)


def lines_of_run(events: dict[str, Any], slug: str, began: datetime, number: int) -> list[str]:
    at = f"{began:%Y-%m-%dT%H:%M:%S}.{began.microsecond // 1000:03}Z"
    end_at = f"{began + timedelta(seconds=3):%Y-%m-%dT%H:%M:%S}.000Z"
    identity = run_id(began.timestamp(), number.to_bytes(RANDOM_BYTES, "big"))
    up = round(began.timestamp() - BOOTED_AT, 3)
    same = {"run_id": identity, "job": slug, "trigger": "cron", "scheduled_at": at, "log": None}
    end = {"started_at": at, "duration_seconds": 2 + number % 100 / 50}
    if OUTCOMES[number % len(OUTCOMES)] == "failed":
        end |= {"outcome": "failed", "reason": "exit_code", "exit_code": 1, "detail": "exited with 1"}
    return [
        json.dumps(events["start"] | same | {"at": at, "up": up}, separators=(",", ":")),
        json.dumps(events["end"] | same | end | {"at": end_at, "up": up + 3}, separators=(",", ":")),
    ]

"""Asks hosts of the fleet something: through their own queues, so that no host has to listen."""

import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy

from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.wire import LOG, LOOK, HostReport, LogAsked, LogPiece, activity_queue

T = TypeVar("T")
#: So long a host may take to hear of a question, and to answer it.
HEARS_WITHIN = timedelta(seconds=5)
ANSWERS_WITHIN = timedelta(seconds=30)


async def ask_for_log(client: Client, host: str, asked: LogAsked) -> LogPiece | None:
    """Return a piece of a log; None when the host does not answer."""
    return await _ask(client, host, LOG, [asked], LogPiece)


async def ask_how_it_is(client: Client, host: str) -> HostReport | None:
    """Return what a host says of itself; None when it does not answer."""
    began = time.monotonic()
    report = await _ask(client, host, LOOK, [], HostReport)
    return None if report is None else without_delay(report, asked_seconds=time.monotonic() - began)


def without_delay(report: HostReport, *, asked_seconds: float) -> HostReport:
    """Return the report with the clock ahead only by what no delay explains: the question reaches a busy host late.

    `asked_seconds`: from the question to the answer. An older worker does not say how long it looked itself.
    """
    if report.looked_seconds is None:
        return report
    delay = max(0.0, asked_seconds - report.looked_seconds)
    ahead = report.clock_ahead_seconds - min(delay, max(0.0, report.clock_ahead_seconds))
    return replace(report, clock_ahead_seconds=round(ahead, 3))


async def _ask(client: Client, host: str, what: str, words: list[object], kind: type[T]) -> T | None:
    try:
        answer: T = await client.execute_activity(
            what,
            args=words,
            id=f"{what}-{uuid.uuid4()}",
            task_queue=activity_queue(f"host/{host}"),
            result_type=kind,
            schedule_to_start_timeout=HEARS_WITHIN,
            start_to_close_timeout=ANSWERS_WITHIN,
            schedule_to_close_timeout=HEARS_WITHIN + ANSWERS_WITHIN,
            retry_policy=RetryPolicy(maximum_attempts=1),
            rpc_timeout=RPC_TIMEOUT,
        )
    except ActivityFailureError:
        return None
    return answer

"""Ends incidents of this host whose job has run well on another one since: nothing here hears of that run."""

import asyncio
import os
import time
from collections.abc import Callable

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.causes import OF_RUNS
from process_control.core.fleet.membership import ALL, belongs_to_fleet
from process_control.core.fleet.recovery import good_run_after
from process_control.core.incident import Incident
from process_control.core.job import is_slug
from process_control.errors import ProcessControlError
from process_control.fleet.ask import of_lock
from process_control.fleet.connection import RPC_TIMEOUT
from process_control.fleet.lock_v1 import LockV1
from process_control.fleet.server_watch import ServerWatch
from process_control.notify.host_events import HostEvents, has_incident
from process_control.state.incident_store import Store

LOOK_AGAIN_SECONDS = 60.0
BY = "fleet"


async def end_recovered(
    client: Client, settings: Settings, host: str, watch: ServerWatch, say: Callable[[str], None]
) -> None:
    """Look for them, when the worker has begun and each minute: one question for each job that has an incident here.

    That the server is away is for `watch` to say.
    """
    while True:
        try:
            await _look(client, settings, host)
        except (ProcessControlError, RPCError, RuntimeError, OSError) as error:
            if await watch.answers():
                say(f"cannot see whether jobs have recovered on other hosts, tries again: {error}")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _look(client: Client, settings: Settings, host: str) -> None:
    over: list[tuple[str, str]] = []
    for slug, lock, incidents in await asyncio.to_thread(_open_here, settings):
        try:
            state = await of_lock(client, lock).query(LockV1.state, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            continue
        good = [good_run_after(state, slug, each.run_id, each.last_at) for each in incidents]
        last = good[0]
        if last is not None and all(good) and last.ended.host not in (None, host):
            over.append((slug, f"it {last.ended.outcome} on host {last.ended.host} (run {last.ended.host_run_id})"))
    if over:
        await asyncio.to_thread(_post, settings, over)


def _open_here(settings: Settings) -> list[tuple[str, str, list[Incident]]]:
    """Return the jobs of the fleet whose runs have failed here, with their locks and what is open of them."""
    found = []
    try:
        slugs = sorted(os.listdir(layout.jobs(settings.state_directory)))
    except FileNotFoundError:
        return []
    store = Store(settings.state_directory)
    for slug in slugs:
        if not is_slug(slug) or not has_incident(settings, slug):
            continue
        try:
            job = load_job(slug, settings)
        except ProcessControlError:
            continue
        if not belongs_to_fleet(job.run_on, settings.fleet_address) or job.run_on == ALL:
            continue
        incidents = [each for each in store.of_job(slug) if each.cause in OF_RUNS]
        if incidents:
            found.append((slug, job.lock, incidents))
    return found


def _post(settings: Settings, over: list[tuple[str, str]]) -> None:
    events = HostEvents(settings, by=BY, now=time.time())
    for slug, why in over:
        events.gone(slug, why)
    events.deliver()

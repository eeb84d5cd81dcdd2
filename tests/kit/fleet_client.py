"""Starts jobs of a fleet for a planned time, as their lock does, without waiting for that time.

A process of its own, as the library leaves descriptors behind. Its words: what to do (`start`; `wait`: for the end;
`end`: both; `configure`: hand over another version; `silent`: open a lock that never answers; `status`: of the
workflow; `events`: of its history), the address of the server, the planned time in UTC seconds (or the generation), and
the jobs, as `JOB`, `JOB@HOST` or `JOB:LOCK`. It prints a JSON list of what came.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any


def start(address: str, *jobs: str, slot: int) -> None:
    """Have jobs started for a planned time."""
    _asked("start", address, slot, jobs)


def ends(address: str, jobs: Sequence[str], *, slot: int) -> dict[str, dict[str, Any]]:
    """Have jobs started for a planned time; wait for their ends; return these as `Ended` has them, and the `health`."""
    return dict(zip(jobs, _asked("end", address, slot, jobs), strict=True))


def wait(address: str, *jobs: str, slot: int) -> None:
    """Wait for the ends of runs that `start` has begun."""
    _asked("wait", address, slot, jobs)


def configure(address: str, job: str, *, generation: int) -> str:
    """Hand another version of a job, with a follower that is gone, to its lock; return what the lock answers."""
    (answer,) = _asked("configure", address, generation, [job])
    return str(answer)


def open_silent(address: str, lock: str) -> None:
    """Open a lock on a queue where nobody takes tasks: it is there, and answers nothing."""
    _asked("silent", address, 0, [lock])


def status(address: str, job: str) -> str:
    """Return how the workflow of the lock of a job stands, as RUNNING or COMPLETED."""
    (answer,) = _asked("status", address, 0, [job])
    return str(answer)


def events(address: str, job: str) -> list[str]:
    """Return the names of what the server has noted of the lock of a job, oldest first."""
    (answer,) = _asked("events", address, 0, [job])
    return list(answer)


def _asked(what: str, address: str, slot: int, jobs: Sequence[str]) -> list[Any]:
    words = [sys.executable, "-m", "kit.fleet_client", what, address, str(slot), *jobs]
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=120, env=where)
    found: list[Any] = json.loads(done.stdout)
    return found


async def _main(what: str, address: str, slot: int, jobs: Sequence[str]) -> list[Any]:
    from temporalio.api.enums.v1 import EventType
    from temporalio.client import Client

    from process_control.core.fleet.lock_state import LockState, Start
    from process_control.fleet.by_hand import _end_of
    from process_control.fleet.lock_v1 import LockV1
    from process_control.fleet.payloads import DATA_CONVERTER
    from process_control.fleet.updates import sent_again
    from process_control.fleet.wire import LOCK_TYPE, workflow_id

    client = await Client.connect(address, data_converter=DATA_CONVERTER)

    async def one(name: str) -> Any:
        written, _, lock = name.partition(":")
        job, handle = written.partition("@")[0], client.get_workflow_handle_for(LockV1.run, workflow_id(lock or name))
        if what == "silent":
            await client.start_workflow(LOCK_TYPE, LockState(lock=name), id=workflow_id(name), task_queue="nobody")
            return name
        if what == "status":
            found = (await handle.describe()).status
            return None if found is None else found.name
        if what == "events":
            return [EventType.Name(event.event_type) for event in (await handle.fetch_history()).events]
        if what == "configure":
            return await _configured(handle, job, generation=slot)
        run_id = f"{job}/{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%M:%SZ}"
        wanted = Start(run_id=run_id, job=job, arrived=time.time(), slot=slot)
        if what != "wait":
            await sent_again(lambda: handle.execute_update(LockV1.start, wanted))
        if what == "start":
            return run_id
        ended = (await _end_of(handle, job, run_id)).ended
        return asdict(ended) | {"health": (await handle.query(LockV1.state)).jobs[job].health}

    return list(await asyncio.gather(*map(one, jobs)))


async def _configured(handle: Any, job: str, *, generation: int) -> str:
    from temporalio.client import WorkflowUpdateFailedError

    from process_control.fleet.lock_v1 import LockV1
    from process_control.fleet.updates import sent_again
    from process_control.fleet.wire import Configured

    spec = replace((await handle.query(LockV1.state)).jobs[job].spec, hash="another", followers=("nowhere/gone",))
    try:
        new = Configured(spec=spec, generation=generation)
        answer: str = await sent_again(lambda: handle.execute_update(LockV1.configure, new))
    except WorkflowUpdateFailedError as error:
        return str(error.cause)
    return answer


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))), flush=True)
    os._exit(0)  # the library has crashed at the interpreter's exit, after all was done

"""Starts jobs of a fleet for a planned time, as their lock does, without waiting for that time.

A process of its own, as the library leaves descriptors behind. Its words: what to do (`start`, or `end`: wait for the
end), the address of the server, the planned time in UTC seconds, and the jobs. It prints a JSON list of what came.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

LOOK_AGAIN_SECONDS = 0.2


def start(address: str, *jobs: str, slot: int) -> None:
    """Have jobs started for a planned time."""
    _asked("start", address, slot, jobs)


def ends(address: str, jobs: Sequence[str], *, slot: int) -> dict[str, dict[str, Any]]:
    """Have jobs started for a planned time; wait for their ends, and return these as `Ended` has them."""
    return dict(zip(jobs, _asked("end", address, slot, jobs), strict=True))


def _asked(what: str, address: str, slot: int, jobs: Sequence[str]) -> list[Any]:
    words = [sys.executable, "-m", "kit.fleet_client", what, address, str(slot), *jobs]
    found: list[Any] = json.loads(subprocess.run(words, check=True, capture_output=True, timeout=120).stdout)
    return found


async def _main(what: str, address: str, slot: int, jobs: Sequence[str]) -> list[Any]:
    from temporalio.client import Client

    from process_control.core.fleet.lock_state import Start
    from process_control.fleet.lock_v1 import LockV1
    from process_control.fleet.wire import RunState, workflow_id

    client = await Client.connect(address)

    async def one(job: str) -> Any:
        handle = client.get_workflow_handle_for(LockV1.run, workflow_id(job))
        run_id = f"{job}/{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%M:%SZ}"
        wanted = Start(run_id=run_id, job=job, arrived=time.time(), slot=slot, is_caught_up=True)
        await handle.execute_update(LockV1.start, wanted)
        while what == "end":
            found: RunState = await handle.query(LockV1.run_state, run_id)
            if found.past is not None:
                return asdict(found.past.ended)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return run_id

    return list(await asyncio.gather(*map(one, jobs)))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))), flush=True)

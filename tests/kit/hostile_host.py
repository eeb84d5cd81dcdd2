"""A host of a fleet that lies: it takes runs and runs nothing, and what it answers is too much, hostile, or no answer.

A process of its own. Its words: the address of the server, and what it is called. It prints a line when it takes runs.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HOSTILE = "<script>alert(1)</script>\x1b]0;title\x07"
RUN_ID = "1hostile00000000"
#: Packed for the wire it is small.
ROWS = 2_000_000


@contextmanager
def hostile_host(address: str, name: str) -> Iterator[None]:
    """Run such a host until the end of the context."""
    words = [sys.executable, "-m", "kit.hostile_host", address, name]
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=where) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("the hostile host has not begun")
            yield
        finally:
            process.kill()


async def _main(address: str, name: str) -> None:
    from temporalio import activity
    from temporalio.client import Client
    from temporalio.worker import Worker

    from process_control.core.fleet.lock_state import Ended
    from process_control.fleet.payloads import DATA_CONVERTER
    from process_control.fleet.wire import LOG, RUN, LogAsked, activity_queue

    @activity.defn(name=RUN)
    async def run(_: Any) -> Ended:
        facts = {"started_at": HOSTILE, "ended_at": "yesterday", "reason": HOSTILE, "detail": HOSTILE * 1000}
        return Ended(fate="ran", outcome="failed", exit_code=1, host=name, host_run_id=RUN_ID, **facts)

    @activity.defn(name=LOG)
    async def log(asked: LogAsked) -> dict[str, Any]:
        if asked.before is not None:
            return {"output": ["no text"], "older": "no number"}
        rows = f"o 1e308 {HOSTILE}\nx 0 {'9' * 5000}\nE -1 \ud800\n" + "o  \n" * ROWS + f"o nan {HOSTILE}\n"
        return {"output": rows, "began": HOSTILE, "older": 10**30, "doubts": [HOSTILE * 100] * 100}

    client = await Client.connect(address, identity=f"{name}@1", data_converter=DATA_CONVERTER)
    worker = Worker(client, task_queue=activity_queue(f"host/{name}"), activities=[run, log])
    print("takes runs", flush=True)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))

"""Puts the pings of a run into the spool: its start and its end. Lean module, loaded for jobs with `ping` only."""

import time

from process_control.core.facts import FAILED, LOST, SUCCEEDED, WARNED
from process_control.notify import spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.notify.outbox import Outbox

START, END = "start", "end"
_IS_PINGED = (SUCCEEDED, WARNED, FAILED, LOST)


def post_start(outbox: "Outbox", record: "dict[str, object]") -> None:
    """Post that a run begins, and start the process that sends it. Never raises."""
    try:
        _post(outbox, START, record, {})
        outbox.start_delivery()
    except Exception:  # noqa: BLE001  a ping must not keep a run from starting
        pass


def post_end(outbox: "Outbox", end: "dict[str, object]") -> None:
    """Post that a run ended; a skipped start is no run. Never raises."""
    if end["outcome"] not in _IS_PINGED or not end.get("run_id"):
        return
    try:
        facts = {name: end.get(name) for name in ("outcome", "exit_code", "log", "started_at", "detail")}
        _post(outbox, END, end, facts)
    except Exception:  # noqa: BLE001  a ping must not change a run
        pass


def _post(outbox: "Outbox", what: str, record: "dict[str, object]", facts: "dict[str, object]") -> None:
    job, run_id, at = record["job"], record["run_id"], record["at"]
    entry = {"what": what, "job": job, "run_id": run_id, "at": at, "first_at": time.time(), "tries": 0, "next_at": 0.0}
    outbox.put(spool.PINGS, f"{at}~{job}~{run_id}.{what}.json", {**entry, **facts})

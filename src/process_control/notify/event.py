"""Events that people have to be notified of: a failed run, the recovery, a refused start. Posted to the spool.

Lean module, loaded only when somebody is to be mailed. Nothing here raises, and nothing here changes a run.
"""

import _signal
import posix
import time

from process_control.core.facts import BY_HAND, FAILED, LOST, STOPPED_ON_REQUEST
from process_control.core.job import is_slug
from process_control.core.run_id import RANDOM_BYTES, run_id
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.facts import Facts
    from process_control.errors import ProcessControlError
    from process_control.notify.outbox import Outbox

Event = dict[str, object]


def post_end(
    outbox: "Outbox", end: Event, facts: "Facts", *, secrets: list[str], record_fault: str | None = None
) -> None:
    """Post a run that failed, or the first that succeeds again; not one that a person stopped: who did it knows."""
    if facts.stopped_by_request or (facts.stopped_by == _signal.SIGINT and end["trigger"] in BY_HAND):
        return
    shown = end if record_fault is None else {**end, "record_fault": record_fault}
    _post(outbox, shown, stderr=_stderr(facts, secrets))


def post_end_of_another(outbox: "Outbox", end: Event) -> None:
    """Post the end of an earlier run that nobody was mailed about: it was lost, or killed in the middle of its end."""
    if end.get("reason") == "stopped" and str(end.get("detail")).startswith(STOPPED_ON_REQUEST):  # whoever did it knows
        return
    _post(outbox, end, stderr="")


def post_unplanned_skips(outbox: "Outbox", asked: Event, *, run_id: str, at: str, sentence: str) -> None:
    """Post that the job's starts are skipped though nobody chose that. Nothing was refused, and no run failed.

    `asked` is as in `post_refusal`.
    """
    event: Event = {
        "what": "refused",
        "unplanned": True,
        "key": run_id,
        "at": at,
        **asked,
        "what_is_wrong": sentence,
        "sentence": sentence,
    }
    try:
        outbox.post(event, failed=True)
    except Exception:  # noqa: BLE001  notifying must not cause a failure
        pass


def _post(outbox: "Outbox", end: Event, *, stderr: str) -> None:
    try:
        failed = end["outcome"] in (FAILED, LOST)
        event: Event = {
            "what": "failed" if failed else "went_well",
            "job": end["job"],
            "key": end["run_id"],
            "at": end["at"],
            "end": end,
            "stderr": stderr,
        }
        outbox.post(event, failed=failed)
    except Exception:  # noqa: BLE001  reporting a failure must not cause one
        pass


def _stderr(facts: "Facts", secrets: list[str]) -> str:
    if not facts.stderr_excerpt:
        return ""
    from process_control.core.masking import mask_excerpt

    text = mask_excerpt(facts.stderr_excerpt.decode("utf-8", "surrogateescape"), secrets)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def post_refusal(
    outbox: "Outbox", error: "ProcessControlError", asked: Event, *, mails: bool, is_over: bool = False
) -> None:
    """Record a scheduled start that was refused before there was a run; post it when `mails`.

    `asked` says of which job, by which trigger, by whom and on which host. `is_over`: another start has come further.
    """
    now = time.time()
    what = str(error.faults[0]).replace("\n  hint: ", "; ")
    try:
        outbox.record({"event": "refusal", "at": iso(now), **asked, "exit_code": error.exit_code, "detail": what})
        if not is_over:
            outbox.keep_refusal(str(asked.get("job")), {"at": iso(now), "what": error.faults[0].what})
        if not mails:
            return
        if not is_slug(str(asked.get("job"))):
            asked = {**asked, "job": ""}  # it names files
        event: Event = {
            "what": "refused",
            "key": run_id(now, posix.urandom(RANDOM_BYTES)),
            "at": iso(now),
            **asked,
            "exit_code": error.exit_code,
            "what_is_wrong": error.faults[0].what,
            "sentence": str(error),
        }
        outbox.post(event, failed=True)
        outbox.start_delivery()
    except Exception:  # noqa: BLE001  the refusal itself is what the caller has to see
        pass

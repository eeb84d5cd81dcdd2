"""What became of one planned time of the causes of a job, from their blocks and the journal.

Lean module, loaded for jobs with `after`.
"""

from process_control.core.chain import ENDED, NO_RUN, PENDING, CauseFate, ended_in_words
from process_control.history.journal_reader import backwards
from process_control.state.block import read_block, runner_is_alive
from process_control.system.clock import iso
from process_control.system.json_text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.core.job import Job

    Record = dict[str, object]


def cause_fates(
    job: "Job", slot: int, state_directory: str, *, is_planned: "Callable[[str, int], bool] | None" = None
) -> "list[CauseFate]":
    """Return what became of `slot` (UTC seconds) of each cause of `job`, in their order.

    `is_planned` says whether a cause has that planned time at all; None: it has, as the job has those of its causes.
    """
    return [_fate(str(each["job"]), str(each["on"]), slot, state_directory, is_planned) for each in job.after]


def _fate(
    slug: str, on: str, slot: int, state_directory: str, is_planned: "Callable[[str, int], bool] | None"
) -> CauseFate:
    at = iso(slot)
    block = read_block(state_directory, slug)
    if block is not None and block.get("scheduled_at") == at:
        end = block.get("end")
        if isinstance(end, dict):
            return _ended(slug, on, end)
        how = f"runs since {block.get('started_at')} (run {block.get('run_id')})"
        if not runner_is_alive(block):
            now = read_block(state_directory, slug)
            if now != block:  # it has ended during this look
                return _fate(slug, on, slot, state_directory, is_planned)
            how = f"was killed, and is not recorded as lost yet (run {block.get('run_id')})"
        return CauseFate(slug, on, PENDING, how)
    return _in_journal(slug, on, at, state_directory) or _without_a_record(slug, on, slot, is_planned)


def _in_journal(slug: str, on: str, at: str, state_directory: str) -> CauseFate | None:
    """Return the fate by the journal: the last run, else a mark or a skip, else what keeps it; None: no record."""
    last: Record | None = None
    ends: dict[object, Record] = {}
    other: Record | None = None
    for record in backwards(state_directory, since=at, needle=f'"scheduled_at":{encode(at)}'):
        if record.get("job") != slug or record.get("scheduled_at") != at:
            continue
        event = record["event"]
        if event == "end":
            ends.setdefault(record.get("run_id"), record)
        if event in ("start", "end"):
            if last is None or str(record.get("run_id")) > str(last.get("run_id")):
                last = record
        elif other is None or (event in ("mark", "skip") and other["event"] not in ("mark", "skip")):
            other = record
    if last is not None:
        end = ends.get(last.get("run_id"))
        since = f"runs since {last.get('at')} (run {last.get('run_id')})"
        return CauseFate(slug, on, PENDING, since) if end is None else _ended(slug, on, end)
    return None if other is None else _without_a_run(slug, on, other)


def last_record_of(state_directory: str, slug: str, at: str) -> "Record | None":
    """Return the newest start, end, skip or mark of a job for a planned time (ISO 8601); None: there is none."""
    for record in backwards(state_directory, since=at, needle=f'"scheduled_at":{encode(at)}'):
        is_of_slot = record.get("job") == slug and record.get("scheduled_at") == at
        if is_of_slot and record["event"] in ("start", "end", "skip", "mark"):
            return record
    return None


def _without_a_run(slug: str, on: str, record: "Record") -> CauseFate:
    event, detail = record["event"], record.get("detail") or record.get("note")
    why = f": {detail}" if detail else ""
    if event == "skip":
        return CauseFate(slug, on, NO_RUN, f"was skipped ({record.get('reason')}{why})")
    if event == "mark":
        return CauseFate(slug, on, NO_RUN, f"was settled by {record.get('by')}{why}")
    if event == "waiting":
        return CauseFate(slug, on, PENDING, f"waits{why}".replace(": for", " for"))
    return CauseFate(slug, on, PENDING, "was refused")  # a later start may still run that time


def _without_a_record(slug: str, on: str, slot: int, is_planned: "Callable[[str, int], bool] | None") -> CauseFate:
    if is_planned is not None and not is_planned(slug, slot):
        return CauseFate(slug, on, NO_RUN, f"has no planned time at {iso(slot)}")
    return CauseFate(slug, on, PENDING, "has not started")


def _ended(slug: str, on: str, end: "Record") -> CauseFate:
    outcome = str(end.get("outcome"))
    words = ended_in_words(outcome, at=end.get("at"), run_id=end.get("run_id"), reason=end.get("reason"))
    return CauseFate(slug, on, ENDED, words, outcome)

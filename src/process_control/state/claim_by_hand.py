"""Claim a past planned time by hand (`run --slot`), also one that had a run.

Lean module, loaded only then. Claims are made under the job's short lock, like those of cron's starts, so the first one
wins. An older slot than the last one in the block does not replace that one; its claim goes to the file beside the
block.
"""

import posix

from process_control.core.chain import CAUSE_MISSING
from process_control.core.facts import SUCCEEDED, WARNED
from process_control.errors import CannotRecord
from process_control.history.journal_reader import backwards, next_slot
from process_control.state.block import SLOT_BYTES, run_in, runner_is_alive, slot_line, slots_in
from process_control.state.claim import ASIDE, ASIDE_AT, FREE, Claim, boot_in_short, claim_in
from process_control.state.open_claims import OpenClaims
from process_control.system.clock import iso
from process_control.system.json_text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.job_state import JobRecord

Record = dict[str, object]


class Taken:
    """Why a planned time cannot be claimed. `may_be_forced`: `--force` claims it anyway."""

    __slots__ = ("may_be_forced", "why")

    def __init__(self, why: str, *, may_be_forced: bool) -> None:
        self.why = why
        self.may_be_forced = may_be_forced


def claim_by_hand(
    store: "JobRecord",
    slot: int,
    *,
    pid_start: int,
    boot_id: str,
    force: bool,
    only_missed: bool = False,
    is_following: bool = False,
    runs_now: bool = True,
) -> Taken | None:
    """Claim `slot` (UTC seconds) and return None, or return why not. Raises CannotRecord (74), OSError.

    `only_missed`: only when it has had neither run nor skip. `is_following`: the same, but one that was skipped since a
    cause was missing may have its run, `runs_now`, when that cause was run later. Sets `store.forgotten_slots` as
    `claim_slot` does.
    """
    store.take_short_lock("claim")
    try:
        content = store.content()
        claims = OpenClaims(store.state_directory, store.slug, content, boot_id=boot_id)
        claims.sort()
        other = claims.living(slot)
        if other is not None:
            return Taken(f"a start for it is on its way (pid {other.pid})", may_be_forced=False)
        only_missed = only_missed or is_following
        over = (CAUSE_MISSING,) if is_following and runs_now else ()
        taken = None if force else _taken(store, slot, run_in(content), only_missed=only_missed, over=over)
        if taken is None:
            store.forgotten_slots = [claim.slot for claim in claims.forgotten]
            _put(store, content, claims, Claim(slot, posix.getpid(), pid_start, boot_in_short(boot_id)))
        return taken
    finally:
        store.release_short_lock()


def _put(store: "JobRecord", content: bytes, claims: OpenClaims, mine: Claim) -> None:
    last, known = slots_in(content) or (None, None)
    if last is not None and last > mine.slot:
        _free_what_is_forgotten(store, content, claims)
        claims.add(mine)
        aside = claims.keep()
        store.put_claims(aside, ASIDE_AT)
        if aside != ASIDE:
            raise CannotRecord("the claim of the planned time cannot be written", where=store.slug)
        return
    is_damaged = last is None and not content[:SLOT_BYTES].isspace()
    if is_damaged or (known is not None and known <= mine.slot):
        known = next_slot(store.state_directory, job=store.slug, since=mine.slot + 1)
    store.put_slot_and_claim(content, slot_line(mine.slot, known) + mine.line() + claims.keep())


def _free_what_is_forgotten(store: "JobRecord", content: bytes, claims: OpenClaims) -> None:
    """Mark the block's claim as free, if its process was killed and this claim does not replace it."""
    in_block = claim_in(content[SLOT_BYTES:ASIDE_AT])
    if in_block is not None and any(claim.line() == in_block.line() for claim in claims.forgotten):
        in_block.state = FREE
        store.put_claims(in_block.line(), SLOT_BYTES)


def _taken(
    store: "JobRecord", slot: int, in_block: Record | None, *, only_missed: bool, over: "tuple[str, ...]" = ()
) -> Taken | None:
    """Return why this planned time needs no run: its last run succeeded or is running, or it was settled.

    With `only_missed` a skip counts too, but for those with a reason of `over`.
    """
    at, last, ends = iso(slot), None, {}
    # Asked before the journal is read: a runner that ends meanwhile has recorded the end of its run there.
    is_running = in_block is not None and runner_is_alive(in_block)
    if in_block is not None and in_block.get("scheduled_at") == at:
        if only_missed:
            return Taken("it had its run", may_be_forced=False)
        last = in_block
        if isinstance(end := in_block.get("end"), dict):
            ends[in_block.get("run_id")] = end
    for record in backwards(store.state_directory, since=at, needle=f'"scheduled_at":{encode(at)}'):
        if record.get("job") != store.slug or record.get("scheduled_at") != at:
            continue
        if record["event"] == "skip" and record.get("reason") in over:
            continue
        if only_missed and record["event"] in ("start", "end", "skip"):
            return Taken(f"it had its {record['event']}", may_be_forced=False)
        if record["event"] == "mark":
            return Taken(f"it was settled by {record.get('by')}: {record.get('note')}", may_be_forced=True)
        if record["event"] == "end":
            ends.setdefault(record.get("run_id"), record)
        if record["event"] in ("start", "end") and (last is None or _id(record) > _id(last)):
            last = record
    if last is None:
        return None
    if in_block is None or _id(last) != _id(in_block):
        is_running = runner_is_alive(last)
    return _taken_by(last, ends.get(last.get("run_id")), is_running=is_running)


def _taken_by(run: Record, end: Record | None, *, is_running: bool) -> Taken | None:
    if end is not None:
        outcome = end.get("outcome")
        return Taken(f"run {_id(run)} {outcome}", may_be_forced=True) if outcome in (SUCCEEDED, WARNED) else None
    return Taken(f"run {_id(run)} is in progress", may_be_forced=False) if is_running else None


def _id(record: Record) -> str:
    return str(record.get("run_id"))

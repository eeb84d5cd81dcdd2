"""Propose per job what to do about planned times without a completed run, after an outage."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.core.facts import LOST, SUCCEEDED, WARNED
from process_control.core.job import Job
from process_control.core.schedule.causes import CAUSES
from process_control.core.schedule.slots import MISSED, RAN, Slot
from process_control.system.clock import iso
from process_control.views.made_up import trigger_seconds
from process_control.views.slots import Account, Ledger

ONCE, EACH, LEAVE = PROPOSALS = "once", "each", "leave"
_BY_CATCH_UP = {"none": LEAVE, "latest": ONCE, "all": EACH}
CAUSES_IN_WORDS = {**CAUSES, LOST: "a run began, and its runner was gone before it ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The proposal for the planned times of one job. `slots` are UTC seconds, rising."""

    job: str
    #: The cause of most slots; `lost` when their runs were lost.
    cause: str
    slots: Sequence[int]
    proposal: str
    #: Why not to run them; empty when they are to be run.
    why: str = ""

    @property
    def to_run(self) -> Sequence[int]:
        """The planned times to run, oldest first."""
        return {ONCE: self.slots[-1:], EACH: self.slots, LEAVE: ()}[self.proposal]

    def to_json(self) -> dict[str, Any]:
        return {"job": self.job, "cause": self.cause, "slots": list(map(iso, self.slots)), "proposal": self.proposal}


def proposals(
    ledger: Ledger, jobs: Mapping[str, Job | InvalidJob], slugs: Sequence[str], *, since: float
) -> list[Proposal]:
    """Return a proposal for each job with planned times that were missed, or whose run was lost, by cause and job."""
    by_job: dict[str, list[Account]] = {}
    for account in ledger.accounts(slugs, after=since, until=ledger.now):
        by_job.setdefault(account.slot.job, []).append(account)
    found = [_proposal(slug, jobs.get(slug), [each.slot for each in accounts]) for slug, accounts in by_job.items()]
    causes = list(CAUSES_IN_WORDS)
    return sorted(filter(None, found), key=lambda each: (causes.index(each.cause), each.job))


def is_open(slot: Slot) -> bool:
    """Return whether a planned time was missed, or its run was lost."""
    return slot.fate == MISSED or (slot.fate == RAN and slot.run is not None and slot.run.outcome == LOST)


def catch_up_of(job: Job) -> str | None:
    """Return the value of a job's key `catch_up`: none, latest, all; None when the file does not set it."""
    return job.catch_up_which


def _proposal(slug: str, job: Job | InvalidJob | None, slots: Sequence[Slot]) -> Proposal | None:
    proposal, why = _what_to_do(job)
    wanted = [slot for slot in slots if is_open(slot)]
    if proposal != EACH:
        made_up = max((slot.slot for slot in slots if _made_up(slot)), default=0)
        wanted = [slot for slot in wanted if slot.slot > made_up]
    if not wanted:
        return None
    causes = Counter(slot.cause or LOST for slot in reversed(wanted))
    return Proposal(
        job=slug,
        cause=causes.most_common(1)[0][0],
        slots=[slot.slot for slot in wanted],
        proposal=proposal,
        why=why,
    )


def _what_to_do(job: Job | InvalidJob | None) -> tuple[str, str]:
    if job is None:
        return LEAVE, "its file is gone"
    if isinstance(job, InvalidJob):
        return LEAVE, "its file is invalid"
    if job.disabled:
        return LEAVE, "it is disabled"
    written = catch_up_of(job)
    proposal = ONCE if written is None else _BY_CATCH_UP[written]
    return proposal, f"catch_up: {written}" if proposal == LEAVE else ""


def _made_up(slot: Slot) -> bool:
    """Return whether its run was later than a usual start, and succeeded or is in progress."""
    run = slot.run
    if run is None or run.outcome not in (SUCCEEDED, WARNED, None):
        return False
    return trigger_seconds(run.late_parts) > (slot.plan.start_within if slot.plan is not None else 0.0)

"""Explain one planned time in sentences: first its fate and the reason, then the evidence, then what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from process_control.core.chain import CAUSE_MISSING
from process_control.core.facts import FAILED, LOST
from process_control.core.lateness import late_in_words
from process_control.core.moments import span
from process_control.core.places import is_in_the_queue, waits_in_words
from process_control.core.schedule.causes import KILLED
from process_control.core.schedule.clock_changes import clock_change_marks, skipped_before
from process_control.core.schedule.fates import SKIPS
from process_control.core.schedule.plan import zone_of
from process_control.core.schedule.slots import DUE, MISSED, RAN, SKIPPED, Slot
from process_control.core.schedule.version import INVALID
from process_control.core.sentence import Sentence
from process_control.core.skips import FOR_A_PLACE
from process_control.system.clock import iso
from process_control.views.blockers import Blocker
from process_control.views.slots import Account, ahead_in_words, late_parts

#: Reasons of skips, and the key of the job file that causes each.
EXPLAINED = {"excluded": "exclude", "condition": "only_if", "too_late": "start_within", "cause_missing": "after"}
RUN_ID_LENGTH = 16
#: Time zones differ by half hours; and so long after its minute at most a start of cron comes.
HALF_HOUR_SECONDS, MAX_START_SECONDS = 1800.0, 90.0
_NOT_STARTED = "not started: "
_DAY = timedelta(days=1)
_RUN = re.compile(rf"\brun ([0-9a-z]{{{RUN_ID_LENGTH}}})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentState:
    """The present state of the job, on which it depends which commands to suggest for a past time."""

    #: Whether its file exists.
    has_file: bool
    #: By reason.
    blocked_by: Mapping[str, Blocker] = field(default_factory=dict)
    #: The id of the run in progress.
    running: str | None = None
    #: The ids of runs whose logs exist.
    logs: frozenset[str] = frozenset()
    #: Who started the run of that time, when it was started by hand.
    by_hand: str | None = None


def sentences_of(account: Account, current: CurrentState, zone: tzinfo) -> list[Sentence]:
    """Return the sentences. Times in texts are ISO 8601 in UTC; those in commands are local (`zone`)."""
    slot = account.slot
    if slot.fate == DUE:
        return _of_a_due_one(account, current)
    in_words = {RAN: _of_a_run, SKIPPED: _of_a_skip, MISSED: _of_a_missed_one}[slot.fate]
    found = in_words(account, current, zone)
    found[1:1] = [*_others(slot), *_clock(slot, zone), *_version(slot)]
    return found


def run_for(slot: Slot, zone: tzinfo, label: str = "Make up for it:") -> Sentence:
    return Sentence(label, f"process-control run {slot.job} --slot {as_argument(slot.slot, zone)}")


def as_argument(slot: int, zone: tzinfo) -> str:
    """Return a planned time for a command line: local, with its offset if that local time occurs twice."""
    local = datetime.fromtimestamp(slot, UTC).astimezone(zone)
    is_clear = local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()
    form = "minutes" if slot % 60 == 0 else "seconds"
    return (local.replace(tzinfo=None) if is_clear else local).isoformat(timespec=form)


# --- by fate ---------------------------------------------------------------------------------------------------------


def _of_a_run(account: Account, current: CurrentState, zone: tzinfo) -> list[Sentence]:
    slot, run = account.slot, account.slot.run
    if run is None:
        raise ValueError("a slot that ran has a run")
    late = late_in_words(run.late_seconds, late_parts(run))
    by = f", started by hand by {current.by_hand}" if current.by_hand is not None else ""
    began = f"; it began {late}" if late and not by else ""
    if run.outcome is None:
        return [
            Sentence(f"It runs for {iso(slot.slot)}, since {run.started_at}{by}{began} (run {run.run_id})."),
            *_logs("What it has printed so far:", run.run_id, current),
        ]
    why = f": {slot.detail or slot.reason}" if slot.detail or slot.reason else ""
    what = f"It ran for {iso(slot.slot)}{by} at {run.started_at}" if by else f"It ran at {iso(slot.slot)}"
    found = [Sentence(f"{what}: {run.outcome}{why} (run {run.run_id}){began}.")]
    found += _logs("What it printed:", run.run_id, current)
    if run.outcome in (FAILED, LOST):
        found += _make_up(slot, current, zone, "To run it again:")
    return found


def _of_a_skip(account: Account, current: CurrentState, zone: tzinfo) -> list[Sentence]:
    slot = account.slot
    found = [Sentence(f"It did not run at {iso(slot.slot)}: {_why_skipped(slot)}.")]
    if slot.reason == "marked":
        return found
    if slot.reason in ("overlap", "backoff"):
        found += _logs("What that run printed:", run_named_in(slot.detail), current)
    if slot.reason == "overlap" and (still := _still_in_the_way(slot, current)):
        return found + still
    if slot.reason == "too_late":
        found.append(_whether_cron_is_right(slot))
    if slot.reason in EXPLAINED:
        key = EXPLAINED[slot.reason]
        found.append(Sentence(f"What `{key}` does:", f"process-control explain {key}"))
    if slot.reason == "disabled":
        found.append(Sentence("Where that is written:", f"process-control show {slot.job}"))
    return found + _make_up(slot, current, zone, "To run it all the same:")


def _still_in_the_way(slot: Slot, current: CurrentState) -> list[Sentence]:
    """Say that what had the lock has it still, and how to end it."""
    if "survivors" in current.blocked_by:
        return [Sentence("They are still there. To end them:", f"process-control stop {slot.job}")]
    if current.running is not None and current.running == run_named_in(slot.detail):
        return [Sentence("That run has not ended yet. To end it:", f"process-control stop {slot.job}")]
    return []


def _whether_cron_is_right(slot: Slot) -> Sentence:
    """Name the usual cause of a start that is late by whole half hours."""
    at = datetime.fromisoformat(slot.record.at).timestamp() if slot.record is not None else slot.slot
    halves, rest = divmod(at - slot.slot, HALF_HOUR_SECONDS)
    if not halves or rest > MAX_START_SECONDS:
        return Sentence("To see whether cron starts it when its file says:", "process-control doctor")
    late = span(halves * HALF_HOUR_SECONDS)
    what = f"Late by exactly {late}: cron may be in another time zone than the host. Whether it is:"
    return Sentence(what, "process-control doctor")


def _why_skipped(slot: Slot) -> str:
    record, detail = slot.record, (slot.detail or "").rstrip(".").removeprefix("exclude: ")
    by = f" by {record.by}" if record is not None and record.by else ""
    if slot.reason == "marked":
        at = record.at if record is not None else ""
        return f"it was settled by hand{by} at {at}: {detail or 'no note'}"
    if slot.reason == "held":
        if detail.startswith(("held", "on hold", "paused")):
            return f"it was {detail}"
        since = f" since {record.at}" if record is not None else ""
        return f"it was held{since}{by}: {detail or 'no note'}"
    if detail.startswith(_NOT_STARTED):
        return detail.removeprefix(_NOT_STARTED)
    if slot.reason == CAUSE_MISSING and detail:
        return f"{detail}: nothing after it ran"
    if FOR_A_PLACE in detail:
        return f"it {detail}" if detail.startswith("waited ") else detail
    words = SKIPS.get(slot.reason or "", f"it was skipped ({slot.reason})")
    return f"{words}: {detail}" if detail else words


def _of_a_missed_one(account: Account, current: CurrentState, zone: tzinfo) -> list[Sentence]:
    slot = account.slot
    evidence = account.evidence[0] if account.evidence else None
    what = (evidence.what if evidence else "").rstrip(".")
    why = {
        "refused": f"the start was refused: {what}" if slot.record is not None else what,
        KILLED: f"its start was killed before it was recorded: {what}" if what else "its start was killed",
        "unknown": f"nothing that was recorded shows why; {what}",
    }.get(slot.cause or "", what)
    found = [Sentence(f"It did not run at {iso(slot.slot)}: {why or slot.cause}.")]
    found += _about_the_cause(slot, current, evidence.at if evidence else None, zone, what)
    return found + _make_up(slot, current, zone, "Make up for it:")


def _about_the_cause(slot: Slot, current: CurrentState, at: str | None, zone: tzinfo, what: str = "") -> list[Sentence]:
    job = slot.job
    if slot.cause in ("host_down", "trigger_dead", "clock_stepped"):
        began = datetime.fromisoformat(at).timestamp() if at is not None else slot.slot
        since = as_argument(int(min(began, slot.slot)) // 60 * 60, zone)
        found = [Sentence("All that was missed then:", f"process-control recover --since {since}")]
        trigger = "the scheduler" if what.startswith("the scheduler") else "cron"
        dead = Sentence(f"Whether {trigger} runs now, and starts the jobs:", "process-control doctor")
        return [dead, *found] if slot.cause == "trigger_dead" else found
    if slot.cause == "refused" and slot.record is not None and slot.version and slot.version.state == INVALID:
        return [Sentence(f"The file was like that from {iso(slot.version.since)} on.")]
    if slot.cause == "refused" and "invalid" in current.blocked_by:
        return []  # see _make_up
    if slot.cause in ("refused", KILLED) and slot.record is not None:
        return [Sentence("All its refused starts:", f"process-control audit {job} --event refusal")]
    if slot.cause == "refused" and not (slot.version and slot.version.state == INVALID):
        return [Sentence("Whether it can be recorded again:", "process-control doctor")]
    if slot.cause == "not_in_crontab" and "not_in_crontab" in current.blocked_by:
        blocker = current.blocked_by["not_in_crontab"]
        return [Sentence(blocker.hint, blocker.remedy)]
    if slot.cause == "unknown" and at is not None:
        words = "The log of cron for that minute would show it. Whether the crontab fits the job files:"
        return [Sentence(words, "process-control doctor")]
    if slot.cause == "unknown":
        words = "A look of `watch` each minute would have shown it. Whether cron runs now:"
        return [Sentence(words, "process-control doctor")]
    return []


def _of_a_due_one(account: Account, current: CurrentState) -> list[Sentence]:
    slot = account.slot
    if slot.detail and is_in_the_queue(slot.detail) and "waiting" not in current.blocked_by:
        words = f"Its start for {iso(slot.slot)} was in the queue of a scheduler that has ended; the next one takes it."
        return [Sentence(words), Sentence("Whether a scheduler runs:", "process-control doctor")]
    if slot.detail:
        found = [Sentence(f"Its start for {iso(slot.slot)} {waits_in_words(slot.detail)}.")]
        return [*found, *_logs("What that run prints:", run_named_in(slot.detail), current)]
    until = slot.slot + (slot.plan.start_within if slot.plan is not None else 0)
    return [
        Sentence(f"It is due since {iso(slot.slot)}: no start came yet; one until {iso(until)} still counts."),
        Sentence("Whether cron runs, and starts the jobs:", "process-control doctor"),
    ]


# --- besides ---------------------------------------------------------------------------------------------------------


def _make_up(slot: Slot, current: CurrentState, zone: tzinfo, label: str) -> list[Sentence]:
    """Return the command that runs the job for that time, or what must be done before it."""
    if current.running is not None or not current.has_file:
        return []
    if (invalid := current.blocked_by.get("invalid")) is not None:
        return [Sentence(f"Its file is invalid now. {invalid.hint}", invalid.remedy)]
    if "held" in current.blocked_by:
        return [Sentence("It is on hold still. To release it:", f"process-control release {slot.job}")]
    if {"lock", "survivors"} & current.blocked_by.keys():
        return [Sentence("It cannot run at this moment; why:", f"process-control why {slot.job}")]
    return [run_for(slot, zone, label)]


def _others(slot: Slot) -> list[Sentence]:
    early = [run for run in (*slot.others, slot.run) if run is not None and run.ahead_seconds is not None]
    found = [Sentence(f"Run {run.run_id} ({run.outcome or 'running'}) began {ahead_in_words(run)}.") for run in early]
    others = [run for run in slot.others if run not in early]
    if not others:
        return found
    shown = ", ".join(f"run {run.run_id} at {run.started_at} ({run.outcome or 'running'})" for run in others[-3:])
    return [*found, Sentence(f"Other runs for the same time: {shown}.")]


def _clock(slot: Slot, zone: tzinfo) -> list[Sentence]:
    """Return what a clock change did to the time, and the time in the zone of the schedule."""
    of_job = _zone(slot) or zone
    moment = datetime.fromtimestamp(slot.slot, UTC)
    [marks] = clock_change_marks([moment], moment - _DAY, of_job)
    found = [Sentence(f"About that time: {marks}.")] if marks else []
    if (skipped := skipped_before(moment, of_job)) is not None:
        words = f"The clock went forward by {skipped} just then: a time planned in the hour that it skipped"
        found = [Sentence(f"{words} runs right after it.")]
    if of_job.utcoffset(moment.replace(tzinfo=None)) != zone.utcoffset(moment.replace(tzinfo=None)) and slot.plan:
        local = moment.astimezone(of_job)
        found.append(Sentence(f"In its time zone, {slot.plan.time_zone}, that was {local:%a %d %b %H:%M}."))
    return found


def _zone(slot: Slot) -> tzinfo | None:
    from process_control.core.schedule.columns import ScheduleError

    try:
        return zone_of(slot.plan.time_zone) if slot.plan is not None else None
    except ScheduleError:
        return None


def _version(slot: Slot) -> list[Sentence]:
    """Return the commit that planned the time, when the job directory is a checkout."""
    version = slot.version
    if version is None or not version.commit:
        return []
    dirty = ", changed since without a commit" if version.dirty else ""
    author = f" by {version.author}" if version.author else ""
    return [Sentence(f"It was planned by commit {version.commit[:10]}{author}{dirty}.")]


def run_named_in(words: str | None) -> str | None:
    """Return the id of the run that a sentence names."""
    found = _RUN.search(words or "")
    return found[1] if found else None


def _logs(label: str, run_id: str | None, current: CurrentState) -> list[Sentence]:
    return [Sentence(label, f"process-control logs --run {run_id}")] if run_id in current.logs else []

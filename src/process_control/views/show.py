"""The effective settings of a job, where each comes from, its state, and its next slots."""

import itertools
import json
import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import JobDirectory, load_job
from process_control.config.keys.environment_kinds import ENVIRONMENT
from process_control.config.keys.list_kinds import COMMAND, ONE_COMMAND
from process_control.config.keys.number_kinds import SIZE, TIME, TIME_ABOVE_ZERO, TIME_WITHIN_A_DAY, UMASK
from process_control.config.origins import Origin, origins
from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core.chain import SUCCESS
from process_control.core.facts import TREE
from process_control.core.job import Job
from process_control.core.measures import duration, size
from process_control.core.moments import took
from process_control.core.schedule.clock_changes import clock_change_marks
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.views.job_status import JobStatus
from process_control.views.status import read_statuses

SLOTS = 10
NOTIFY_LIMITS = ("on", "tags", "after", "remind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A planned time: as UTC, as the clock of the schedule's zone shows it, and what a clock change does to it."""

    moment: datetime
    local: datetime
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is shown of a job."""

    status: JobStatus
    values: list[Origin]
    slots: list[Slot]
    schedules: KnownSchedules

    def to_json(self) -> dict[str, object]:
        return {
            **self.status.to_json(self.schedules),
            "values": [
                {"key": each.key, "value": plain_value(each), "words": in_words(each), "origin": each.origin}
                for each in self.values
            ],
            "slots": [
                {"at": f"{slot.moment:%Y-%m-%dT%H:%M:%S}.000Z", "local": slot.local.isoformat(), "mark": slot.mark}
                for slot in self.slots
            ],
        }


def look_at(settings: Settings, slug: str, index: Index) -> Shown:
    """Return all that is shown of a job. Raises JobNotFound (66), NotPermitted (77), BadConfiguration (78)."""
    job = load_job(slug, settings)
    [status] = read_statuses(settings, [job], index)
    schedules = KnownSchedules(settings, datetime.now(UTC))
    values, slots = values_of(job, settings), next_slots(job, settings, schedules.now)
    return Shown(status=status, values=values, slots=slots, schedules=schedules)


def values_of(job: Job, settings: Settings) -> list[Origin]:
    """Return the effective value of each key, and where it comes from. Raises JobNotFound (66), NotPermitted (77)."""
    with JobDirectory(settings) as directory:
        source, _ = directory.read(job.slug)
    return origins(job, source, settings)


def next_slots(job: Job, settings: Settings, now: datetime) -> list[Slot]:
    """Return the next planned times, those on excluded days too: their mark says so."""
    if not job.schedule:
        return []
    schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=os.uname().nodename, slug=job.slug)
    zone = schedule.expressions[0].zone if job.time_zone else host_zone()
    moments = list(itertools.islice(schedule.after(now), SLOTS))
    marks = clock_change_marks(moments, now, zone)
    if job.exclude:
        plan = plan_of_job(job, settings, schedule)
        days = [plan.excluded_by(int(moment.timestamp())) for moment in moments]
        found = [f"excluded: {day}" if day else "" for day in days]
        marks = ["; ".join(filter(None, pair)) for pair in zip(found, marks, strict=True)]
    return [
        Slot(moment=moment, local=moment.astimezone(zone), mark=mark)
        for moment, mark in zip(moments, marks, strict=True)
    ]


def plain_value(each: Origin) -> Any:
    """Return the value as JSON has it: of the environment the names only."""
    return sorted(each.value) if each.field.kind is ENVIRONMENT else each.value


def in_words(each: Origin) -> str:
    """Return the value as people write it; nothing when there is none."""
    value, kind = each.value, each.field.kind
    if value is None or value in ([], {}):
        return ""
    if kind is COMMAND:
        return "; ".join(shlex.join(words) for words in value)
    if kind is ONE_COMMAND:
        return shlex.join(value)
    if kind is ENVIRONMENT:
        return " ".join(sorted(value))
    if kind in (TIME, TIME_ABOVE_ZERO, TIME_WITHIN_A_DAY):
        return took(value) if value else "0"
    if kind is SIZE:
        return f"{value:,} bytes"
    if kind is UMASK:
        return f"{value:03o}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return ", ".join(_item_in_words(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _item_in_words(item: object) -> str:
    """Return an item of a list: of rules the text, of `notify` the URL or its file, of `after` the job, with limits."""
    if not isinstance(item, dict):
        return str(item)
    if "text" in item:
        return str(item["text"])
    if "job" in item:
        return _cause_in_words(item)
    where = str(item.get("url") or item.get("url_file"))
    limits = [f"{key}: {_limit_in_words(key, value)}" for key, value in item.items() if key in NOTIFY_LIMITS]
    return f"{where} ({'; '.join(limits)})" if limits else where


def _cause_in_words(item: dict[str, Any]) -> str:
    on = [f"on: {item['on']}"] if item["on"] != SUCCESS else []
    within = [f"within: {took(item['within_seconds'])}"] if item["within_seconds"] else []
    return f"{item['job']} ({'; '.join([*on, *within])})" if on or within else str(item["job"])


def _limit_in_words(key: str, value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return took(value) if key == "remind" and value else f"{value:g}"


def use_in_words(run: Run) -> str:
    """Return what a run that has ended used, and of which of its processes that is known."""
    cpu, memory = duration(run.cpu_seconds or 0.0), size(run.memory_bytes or 0)
    if run.memory_of == TREE:
        return f"last run: {cpu} CPU, {memory} peak memory (all its processes)"
    which = "" if run.cpu_of == TREE else " (without detached children)"
    return f"last run: {cpu} CPU{which}, {memory} peak memory (its largest process)"

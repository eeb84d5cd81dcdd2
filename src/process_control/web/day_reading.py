"""A day of all jobs as the screen shows it, and as the API sends it, written to a file: for `web/day_child.py`."""

import hashlib
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import BinaryIO, NamedTuple
from urllib.parse import urlencode

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.day import Day
from process_control.core.job import Job
from process_control.errors import JobNotFound
from process_control.state.past_runs import open_index
from process_control.views.day import lane_to_json, read_day, to_json
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Ledger
from process_control.views.time_words import LocalZone
from process_control.web.answers import day_bounds
from process_control.web.api.responses import encoded
from process_control.web.day_picture import Hour, Row, by_hour, counted, rows_of
from process_control.web.site import as_json

Jobs = Sequence[Job | InvalidJob]
#: Jobs that are named for each hour and kind.
NAMED = 8


class Asked(NamedTuple):
    """The day, and which jobs of it."""

    date: date
    job: str
    tag: str

    def query(self, *, days: int = 0, **others: str) -> str:
        """Return this, so many days later, as the part of an address behind its ?."""
        values = {"date": f"{self.date + timedelta(days=days)}", "job": self.job, "tag": self.tag, **others}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is shown of a day; its stretches, which may be many, are not kept."""

    day: Day
    rows: Sequence[Row]
    by_hour: Sequence[Hour]
    summary: str
    #: The jobs for which the day is excluded, with the reason.
    excluded: Sequence[tuple[str, str]]
    #: All there are.
    tags: Sequence[str]


# --- for the screen --------------------------------------------------------------------------------------------------


def write_picture(settings: Settings, jobs: Jobs, wanted: Asked, zone: tzinfo | None, payload: BinaryIO) -> None:
    """Write a Picture."""
    pickle.dump(read_picture(settings, jobs, wanted, zone), payload, pickle.HIGHEST_PROTOCOL)


def read_picture(settings: Settings, jobs: Jobs, wanted: Asked, zone: tzinfo | None) -> Picture:
    """Return a day as the screen shows it."""
    begin, end = bounds(wanted.date, zone)
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, jobs, index, now=time.time())
        words, slugs = [wanted.job] if wanted.job else [], list[str]()
        with suppress(JobNotFound):  # the page says that there is none
            slugs = select_known(settings, words, jobs, {*index.jobs(), *ledger.known_jobs})
        if wanted.tag:
            tagged = {job.slug for job in jobs if isinstance(job, Job) and wanted.tag in job.tags}
            slugs = [slug for slug in slugs if slug in tagged]
        found = read_day(settings, jobs, slugs, index, ledger, begin=begin, end=end, zone=zone or LocalZone())
        excluded = _excluded(ledger, jobs, set(slugs), (begin + end) / 2)
    rows = rows_of(found, zone)
    return Picture(
        day=replace(found, lanes=[]),
        rows=rows,
        by_hour=by_hour(found, NAMED),
        summary=_summary(found, rows),
        excluded=excluded,
        tags=sorted({tag for job in jobs if isinstance(job, Job) for tag in job.tags}),
    )


def bounds(day: date, zone: tzinfo | None) -> tuple[float, float]:
    """Return when a day begins in a zone and when the next one does, in UTC seconds."""
    ends = (datetime(each.year, each.month, each.day) for each in (day, day + timedelta(days=1)))  # noqa: DTZ001
    begin, end = ((each.astimezone() if zone is None else each.replace(tzinfo=zone)).timestamp() for each in ends)
    return begin, end


def _excluded(ledger: Ledger, jobs: Jobs, slugs: set[str], noon: float) -> list[tuple[str, str]]:
    found = []
    for job in jobs:
        versions = ledger.versions(job.slug) if isinstance(job, Job) and job.exclude and job.slug in slugs else ()
        plan = versions[-1].plan if versions else None
        if plan is not None and (why := plan.excluded_by(int(noon))):
            found.append((job.slug, why))
    return found


def _summary(day: Day, rows: Sequence[Row]) -> str:
    """Return the day in a sentence."""
    past = (each for lane in day.lanes for each in lane.past)
    numbers = counted(past, planned=sum(len(lane.begins) for lane in day.lanes))
    if not numbers:
        return "Nothing ran, and nothing is planned."
    words = ", ".join(f"{count:,} {kind}" for kind, count in numbers)
    jobs = "1 job" if len(day.lanes) == 1 else f"{len(day.lanes):,} jobs"
    same = f" in {len(rows):,} lanes: those that look alike are one" if len(rows) < len(day.lanes) else ""
    return f"{jobs}{same}. {words}."


# --- for the API -----------------------------------------------------------------------------------------------------


def write_json(settings: Settings, jobs: Jobs, date: str, words: Sequence[str], payload: BinaryIO) -> str:
    """Write a day as `day --json` prints it; return the hash of what was written.

    Raises JobNotFound (66), UsageError (2).
    """
    begin, end = day_bounds(date, datetime.now(UTC))
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, jobs, index, now=time.time())
        slugs = select_known(settings, words, jobs, {*index.jobs(), *ledger.known_jobs})
        found = read_day(settings, jobs, slugs, index, ledger, begin=begin, end=end, zone=LocalZone())
    digest = hashlib.sha256()
    for part in _parts(found):
        digest.update(part)
        payload.write(part)
    return digest.hexdigest()


def _parts(day: Day) -> Iterator[bytes]:
    """Yield the text in parts: all lanes at once would be large."""
    whole = encoded(as_json(to_json(replace(day, lanes=[]))))
    before, lanes, after = whole.partition(b'"lanes":[')
    yield before + lanes
    for number, lane in enumerate(day.lanes):
        yield (b"," if number else b"") + encoded(lane_to_json(lane))
    yield after

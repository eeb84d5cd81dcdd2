"""Makes the check of a job, or brings it in line, by the Management API: the schedule then stands in one place."""

import json
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

from process_control.config.plan_of_job import schedule_of
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.core.usual import usual_duration
from process_control.errors import ProcessControlError
from process_control.notify.channels.address import Unusable, secret_in, secrets_in
from process_control.notify.channels.http_request import DEADLINE_SECONDS, answer_of, request
from process_control.notify.channels.ping.urls import checks_url
from process_control.state.block import read_mark, write_mark
from process_control.state.past_runs import open_index

#: The limits of the service.
_MIN_SECONDS, _MAX_SECONDS = 60, 365 * 86400
#: Enough for the longest pause between planned times of most jobs.
_SLOTS = 200


def known_url(job: Job, settings: Settings) -> str | None:
    """Return the URL that the service gave the check of the job; None: none."""
    url = _note(job, settings).get("ping_url")
    return url if isinstance(url, str) and job.ping_api_key_file is not None else None


def bring_in_line(job: Job, settings: Settings, *, seconds: float = DEADLINE_SECONDS) -> str | None:
    """Make or change the check when the job's file is another one than at the last time; return why that failed."""
    if job.ping_api_key_file is None or job.ping_url is None or _note(job, settings).get("version") == job.version:
        return None
    url = checks_url(job.ping_url)
    try:
        key = secret_in(job.ping_api_key_file, what="api key file")
        headers = {"Content-Type": "application/json", "X-Api-Key": key}
        body = json.dumps(check_of(job, settings)).encode()
        reply = request(url, body=body, headers=headers, reads_body=True, seconds=seconds)
        if not reply.is_good:
            answer = answer_of(reply, who=job.slug, url=url, secrets=[key, *secrets_in(job.ping_url)])
            return f"the check was not made or changed: {getattr(answer, 'why', '')}"
    except Unusable as error:
        return f"the check was not made or changed: {error.why}"
    path = layout.note(settings.state_directory, job.slug, "ping")
    write_mark(path, {"version": job.version, "ping_url": _url_in(reply.body)})
    return None


def check_of(job: Job, settings: Settings) -> dict[str, Any]:
    """Return the check as the service wants it, with the grace that `start_within` and the usual duration need."""
    check: dict[str, Any] = {"name": job.slug, "slug": job.slug, "unique": ["slug"]}
    grace = job.start_within_seconds + _usual_seconds(job, settings)
    check["grace"] = int(min(max(grace, _MIN_SECONDS), _MAX_SECONDS))
    try:
        schedule = schedule_of(job) if job.schedule else None
    except ProcessControlError:
        schedule = None
    if schedule is None:
        return check
    zone = job.time_zone or getattr(host_zone(), "key", "UTC")
    if len(schedule.expressions) == 1 and not job.exclude and not job.schedule_of:
        return {**check, "schedule": schedule.expressions[0].for_cron, "tz": zone}
    # The service knows one expression, no holidays, no chains: then the longest pause between two planned times counts.
    return {**check, "timeout": _longest_pause(schedule)}


def _longest_pause(schedule: Schedule) -> int:
    slots = list(islice(schedule.after(datetime.now(UTC)), _SLOTS))
    longest = max(((later - earlier).total_seconds() for earlier, later in pairwise(slots)), default=_MAX_SECONDS)
    return int(min(max(longest, _MIN_SECONDS), _MAX_SECONDS))


def _usual_seconds(job: Job, settings: Settings) -> float:
    try:
        with open_index(settings.state_directory) as index:
            usual = usual_duration(index.durations([job.slug]).get(job.slug, []))
    except Exception:  # noqa: BLE001  whatever is wrong with the history, a check is wanted
        return 0.0
    return 0.0 if usual is None else usual.slow or usual.median


def _note(job: Job, settings: Settings) -> dict[str, Any]:
    return read_mark(layout.note(settings.state_directory, job.slug, "ping")) or {}


def _url_in(body: str) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    url = found.get("ping_url") if isinstance(found, dict) else None
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None

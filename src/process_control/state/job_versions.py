"""Record versions of jobs, from the first process that sees one and may write: start, `cron-generate`, `watch`, view.

A version is a job's file with its plan, or the fact that the file is invalid or gone. The journal has one record of
each; the newest of each job is also kept in a file, since it may be older than the journal's retention.
"""

import os
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from process_control.config.job_directory import InvalidJob
from process_control.config.plan_of_job import plan_of_job
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.digest import sha256
from process_control.core.job import Job, is_slug
from process_control.core.records import OF_THE_WRITER
from process_control.core.schedule.excluded import window
from process_control.core.schedule.plan import HASH_DIGITS
from process_control.core.schedule.version import GONE, INVALID, VALID
from process_control.errors import CannotRecord, ProcessControlError
from process_control.history import journal
from process_control.system import atomic_file, writers_lock
from process_control.system.checkout import Commit, last_commits
from process_control.system.clock import DAY_SECONDS, iso
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

Record = dict[str, object]
_MAX_NOTE = 1 << 20
_NOT_PLANNED = ("schedule", "time_zone", "disabled", "exclude", "start_within", "catch_up")


def newest_versions(state_directory: str, *, but_of: Container[str] = ()) -> dict[str, dict[str, Any]]:
    """Return the newest recorded version of every job, by slug, except the jobs in `but_of`."""
    try:
        names = os.listdir(layout.versions(state_directory))
    except OSError:
        return {}
    slugs = [slug for name in names if name.endswith(".json") and (slug := name.removesuffix(".json")) not in but_of]
    found = {slug: newest_version(state_directory, slug) for slug in slugs}
    return {slug: record for slug, record in found.items() if record is not None}


def newest_version(state_directory: str, slug: str) -> dict[str, Any] | None:
    """Return the newest recorded version of a job; None when there is none or it is invalid."""
    try:
        with open_plain(layout.version(state_directory, slug)) as file:
            value = decode(file.read(_MAX_NOTE).decode("utf-8", "replace"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("hash"), str) else None


def record_versions(
    settings: Settings,
    jobs: Sequence[Job | InvalidJob],
    known: Mapping[str, Mapping[str, Any]],
    *,
    by: str,
    seen: Mapping[str, str] | None = None,
    is_all: bool = False,
    now: float | None = None,
) -> list[Record]:
    """Record each job whose version is not the newest one in `known`; return the new records.

    `seen`: when the previous version was last seen (ISO 8601), if later than its record. `is_all`: these are all jobs
    of the directory, so other known jobs are gone. The records are returned even when they cannot be written.
    """
    moment = time.time() if now is None else now
    changed = [job for job in jobs if is_slug(job.slug) and _is_new(job, known.get(job.slug, {}), settings)]
    if not all(isinstance(job, Job) for job in changed) and not _can_judge(settings):
        changed = [job for job in changed if isinstance(job, Job)]
    commits = _commits(settings, [job for job in changed if isinstance(job, Job)])
    records = []
    for job in changed:
        before = known.get(job.slug)
        since = since_of_unrecorded(job, settings, before, now=moment, seen=(seen or {}).get(job.slug, ""))
        records.append(_record(job, since, moment, by, settings) | _of_commit(commits.get(job.slug)))
    if is_all:
        present = {job.slug for job in jobs}
        lost = [slug for slug, record in known.items() if slug not in present and record.get("state") != GONE]
        records += [_gone(slug, known[slug], settings, moment, by) for slug in lost]
    replaced = [known[str(record["job"])] for record in records if str(record["job"]) in known]
    _write(settings.state_directory, records, [record for record in replaced if _is_old(record, moment)])
    return records


def _is_old(record: Mapping[str, Any], now: float) -> bool:
    """Return whether the record is near or beyond the retention of the journal."""
    return now - _seconds(str(record.get("at") or "")) > DAY_SECONDS


def _can_judge(settings: Settings) -> bool:
    """Return whether a file that we find invalid is so for runs too: a reader may lack the right to read it."""
    try:
        return os.stat(settings.state_directory).st_uid == os.geteuid()
    except OSError:
        return True


def hash_of(job: Job | InvalidJob, settings: Settings) -> str:
    """Return the hash of a job's version."""
    if isinstance(job, Job):
        return job.plan_hash or plan_of_job(job, settings).hash(job.version)
    faults = "\n".join(map(str, job.error.faults))
    return sha256(f"{INVALID}\n{faults}".encode("utf-8", "surrogateescape")).hexdigest()[:HASH_DIGITS]


def since_of_version(job: Job | InvalidJob, settings: Settings, *, now: float) -> float:
    """Return since when the job has been as it is (UTC seconds): by its newest record, else as it would be recorded.

    Raises BadConfiguration when its time zone is gone.
    """
    known = newest_version(settings.state_directory, job.slug)
    if known is not None and known["hash"] == hash_of(job, settings):
        return _seconds(str(known.get("since")))
    return since_of_unrecorded(job, settings, known, now=now)


def since_of_unrecorded(
    job: Job | InvalidJob, settings: Settings, before: Mapping[str, Any] | None, *, now: float, seen: str = ""
) -> float:
    """Return since when a version has been in force that nobody has recorded, `before` being the one known last."""
    last_look = max(str((before or {}).get("at") or ""), seen)
    return min(max(_since(job, before, settings, now), _seconds(last_look)), now)


def since_of(job: Job | InvalidJob, settings: Settings) -> float:
    """Return when the file got its present content: the latest change of the file and of the links to it."""
    return max(_changed_at([job.path, *_links(settings.job_directory)]), default=0.0)


def _is_new(job: Job | InvalidJob, before: Mapping[str, Any], settings: Settings) -> bool:
    """Return whether the version is not recorded yet. An unreadable calendar counts as unchanged."""
    if isinstance(job, Job) and "fault" in job.excluded and before.get("version") == job.version:
        return False
    return hash_of(job, settings) != before.get("hash")


def _of_commit(commit: Commit | None) -> Record:
    return {"commit": commit.id, "author": commit.author, "dirty": commit.is_dirty} if commit else {}


def _record(job: Job | InvalidJob, since: float, now: float, by: str, settings: Settings) -> Record:
    record: Record = {
        "event": "version",
        "at": iso(now),
        "job": job.slug,
        "hash": hash_of(job, settings),
        "since": iso(since),
        "by": by,
        "host": os.uname().nodename,
    }
    if isinstance(job, InvalidJob):
        return {**record, "state": INVALID, "detail": job.error.faults[0].what, **dict.fromkeys(_NOT_PLANNED)}
    return {**record, "state": VALID, "version": job.version, **plan_of_job(job, settings).to_record()}


def _gone(slug: str, before: Mapping[str, Any], settings: Settings, now: float, by: str) -> Record:
    """Return the record of a file that is gone; it dates from the last change of its directory."""
    directory = max(_changed_at([settings.job_directory]), default=now)
    return {
        "event": "version",
        "at": iso(now),
        "job": slug,
        "hash": GONE,
        "since": iso(min(max(directory, _seconds(str(before.get("at") or ""))), now)),
        "by": by,
        "host": os.uname().nodename,
        "state": GONE,
        **dict.fromkeys(_NOT_PLANNED),
    }


def _since(job: Job | InvalidJob, before: Mapping[str, Any] | None, settings: Settings, now: float) -> float:
    """Return since when the version is in force: the change of its file, or of the defaults if the file is the same.

    The host's zone and name and the calendars count as defaults.
    """
    calendars = [path for path, _ in job.excluded.get("stamps", ())] if isinstance(job, Job) else []
    since = max(since_of(job, settings), _first_moment(now) if calendars else 0.0)
    if before is None or not isinstance(job, Job) or before.get("version") != job.version:
        return since
    others = [path for path in (settings.path, "/etc/localtime", "/etc/hostname", *calendars) if path]
    return max([since, *_changed_at(others)])


def _first_moment(now: float) -> float:
    """Return the first moment (UTC seconds) for which calendar days are kept."""
    return datetime.combine(window(now)[0], datetime.min.time(), tzinfo=UTC).timestamp()


def _changed_at(paths: Iterable[str]) -> list[float]:
    found = []
    for path in paths:
        try:
            found.append(os.lstat(path).st_ctime)
        except OSError:
            continue
    return found


def _links(directory: str) -> list[str]:
    """Return the symbolic links on the way to a directory."""
    steps = [directory]
    while (above := os.path.dirname(steps[-1])) != steps[-1]:
        steps.append(above)
    return [step for step in steps if os.path.islink(step)]


def _commits(settings: Settings, jobs: Sequence[Job]) -> dict[str, Commit]:
    if not jobs:
        return {}
    names = {f"{job.slug}.yaml": job.slug for job in jobs}
    return {names[name]: commit for name, commit in last_commits(settings.job_directory, list(names)).items()}


def _write(state_directory: str, records: list[Record], replaced: Sequence[Mapping[str, Any]]) -> None:
    """Append the records to the journal, and keep each as the newest of its job.

    Versions in `replaced` are recorded once more: days that they planned are kept longer than their first records.
    """
    if not records:
        return
    earlier = [{key: value for key, value in record.items() if key not in OF_THE_WRITER} for record in replaced]
    try:
        journal.append_all(state_directory, [*earlier, *records])
        atomic_file.make_directory(layout.versions(state_directory), 0o750)
        with writers_lock.held(layout.versions_lock(state_directory)):
            for record in records:  # unsynced, since the journal has them
                path = layout.version(state_directory, str(record["job"]))
                atomic_file.write_unsynced(path, encode(record).encode("ascii"), mode=0o640)
    except (ProcessControlError, CannotRecord, OSError):
        return


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0

"""The versions of a job that were recorded, newest first: since when, by which commit, and what each changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.config.job_directory import InvalidJob, read_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.moments import took
from process_control.core.schedule.version import VALID
from process_control.errors import ProcessControlError
from process_control.history.index.index import Index
from process_control.state.job_versions import newest_version
from process_control.system.git import ask_git
from process_control.views.plan import KeyChange, key_changes

#: Git is asked for the files of so many versions.
MAX_READ = 12
GIT_SECONDS = 2.0
PLANNED = ("schedule", "time_zone", "disabled", "exclude", "start_within", "catch_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobVersion:
    """One version, and how it differs from the one before."""

    #: ISO 8601
    since: str
    state: str
    hash: str
    commit: str | None
    author: str | None
    is_dirty: bool
    #: Of an invalid one: its first fault.
    detail: str | None
    changes: Sequence[KeyChange]
    #: Whether only what it plans could be compared, since git has not both files.
    is_of_the_plan: bool
    is_first: bool


def versions_of(settings: Settings, index: Index, slug: str, job: Job | InvalidJob | None) -> list[JobVersion]:
    """Return the versions of a job, newest first. `job`: as it is now."""
    newest = newest_version(settings.state_directory, slug)
    records = _distinct([*index.ledger.events("version", job=slug), *([newest] if newest is not None else [])])
    files = _files(settings, slug, records[-MAX_READ - 1 :])
    if records and isinstance(job, Job) and records[-1].get("version") == job.version:
        files[str(records[-1]["hash"])] = job
    found = [
        _version(record, records[number - 1] if number else None, files, settings)
        for number, record in enumerate(records)
    ]
    return found[::-1]


def _distinct(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records by their beginning; a version that was recorded twice in a row is one."""
    found: list[dict[str, Any]] = []
    for record in sorted(records, key=lambda each: (str(each.get("since")), str(each.get("at")))):
        if not found or found[-1].get("hash") != record.get("hash"):
            found.append(record)
    return found


def _version(
    record: Mapping[str, Any], before: Mapping[str, Any] | None, files: Mapping[str, Job], settings: Settings
) -> JobVersion:
    new, old = files.get(str(record.get("hash"))), files.get(str(before.get("hash"))) if before else None
    has_both = new is not None and old is not None
    changes: Sequence[KeyChange] = ()
    if new is not None and old is not None:
        changes = key_changes(old, new, settings)
    elif before is not None and record.get("state") == before.get("state") == VALID:
        changes = _changes_of_the_plan(before, record)
    return JobVersion(
        since=str(record.get("since") or record.get("at")),
        state=str(record.get("state")),
        hash=str(record.get("hash")),
        commit=record.get("commit"),
        author=record.get("author"),
        is_dirty=bool(record.get("dirty")),
        detail=record.get("detail"),
        changes=changes,
        is_of_the_plan=before is not None and not has_both,
        is_first=before is None,
    )


def _changes_of_the_plan(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[KeyChange]:
    return [
        KeyChange(key=key, before=_in_words(before.get(key)), after=_in_words(after.get(key)))
        for key in PLANNED
        if before.get(key) != after.get(key)
    ]


def _in_words(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return took(value) if isinstance(value, float) else str(value)


def _files(settings: Settings, slug: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Job]:
    """Return the job of each version whose file is that of a commit, by the hash of the version."""
    found: dict[str, Job] = {}
    for record in records:
        commit = record.get("commit")
        if not isinstance(commit, str) or record.get("dirty") or record.get("state") != VALID:
            continue
        job = _job_at(settings, slug, commit)
        if job is None:
            break  # git is slow, or has forgotten: the others would be too
        if job.version == record.get("version"):
            found[str(record["hash"])] = job
    return found


def _job_at(settings: Settings, slug: str, commit: str) -> Job | None:
    if not commit.isalnum():
        return None
    try:
        answer = ask_git(settings.job_directory, "show", f"{commit}:./{slug}.yaml", seconds=GIT_SECONDS)
        if answer.exit_code:
            return None
        return read_job(slug, f"{settings.job_directory}/{slug}.yaml", answer.stdout, settings)
    except (OSError, ProcessControlError):
        return None

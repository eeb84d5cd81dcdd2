"""All findings of `lint`: which files it looks at, and what it has to know of the host for them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from process_control.config.all_jobs import load_all
from process_control.config.chains import BadChain
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.config.unread_files import unread_files
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.usual import UsualDuration
from process_control.errors import BadConfiguration, ProcessControlError
from process_control.history.index.index import Index
from process_control.state.past_runs import open_index
from process_control.system.account import service_account
from process_control.system.as_account import ask_as
from process_control.views.lint.finding import Finding, Remark
from process_control.views.lint.host_remarks import host_remarks
from process_control.views.lint.job_file import ReadAgain, Surroundings, lint_file
from process_control.views.lint.pool_remarks import unused_pools
from process_control.views.other_triggers import last_started_by_others
from process_control.views.selected_jobs import select_jobs
from process_control.views.usual_durations import usual_durations


def lint_files(words: Sequence[str], around: Surroundings, repair: ReadAgain | None) -> list[Finding]:
    """Return the findings of the files or jobs that the words name, or of all jobs.

    `repair` is given path and text of each file, and returns the text that counts. Raises JobNotFound (66) for a word
    that names none; what load_all raises, without a word.
    """
    settings = around.settings
    if settings is None:
        return [each for path in words for each in lint_file(path, around, repair)]
    jobs = _jobs_if_any(settings) if words else load_all(settings)
    findings: list[Finding] = []
    if words:
        paths = [path for word in words for path in _paths_named(word, settings)]
    else:
        paths = _paths_of_all(jobs, findings, settings)
        findings += unused_pools(jobs, settings)
    valid = {job.slug: job for job in jobs if isinstance(job, Job)}
    around = replace(around, jobs=valid, remarks=_remarks(paths, valid, settings, around))
    chains = {job.path: job.error for job in jobs if isinstance(job, InvalidJob) and isinstance(job.error, BadChain)}
    for path in paths:
        findings += lint_file(path, around, repair)
        findings += [Finding(path=path, fault=fault) for fault in (chains[path].faults if path in chains else ())]
    return findings


def _paths_named(word: str, settings: Settings) -> list[str]:
    """Return the file of that name, or those of the jobs that the word names. Raises JobNotFound (66)."""
    if "/" in word or word.endswith(".yaml") or os.path.lexists(word):
        return [word]
    return [job.path for job in select_jobs(settings, [word])]


def _paths_of_all(jobs: Sequence[Job | InvalidJob], findings: list[Finding], settings: Settings) -> list[str]:
    """Return the paths of all jobs; what is unsafe, misnamed or not read is a finding already."""
    findings += [Finding(path=fault.where, fault=fault) for fault in unread_files(settings)]
    paths = []
    for job in jobs:
        if isinstance(job, InvalidJob) and not isinstance(job.error, BadConfiguration):
            findings += [Finding(path=job.path, fault=fault) for fault in job.error.faults]
        else:
            paths.append(job.path)
    return paths


def _jobs_if_any(settings: Settings) -> list[Job | InvalidJob]:
    """Return all jobs; none when the job directory cannot be read."""
    try:
        return load_all(settings)
    except ProcessControlError:
        return []


def _remarks(
    paths: Iterable[str], jobs: Mapping[str, Job], settings: Settings, around: Surroundings
) -> Mapping[str, Sequence[Remark]]:
    """Return the warnings for which all jobs of the host and its history count, by job."""
    wanted = {os.path.basename(path).removesuffix(".yaml") for path in paths} & jobs.keys()
    if not wanted:
        return {}
    left_out = [job.slug for job in around.left_out(jobs[slug] for slug in sorted(wanted))]
    left_out = _not_started_by_others(settings, left_out) if left_out else []
    usual = _usual(settings, list(jobs))
    return host_remarks(list(jobs.values()), settings, usual, around.now, wanted=wanted, left_out=left_out)


def _usual(settings: Settings, slugs: Sequence[str]) -> dict[str, UsualDuration]:
    """Return how long jobs usually take."""

    def read(index: Index) -> Any:
        known = usual_durations(index, slugs)
        return {slug: [usual.median, usual.slow, usual.runs, usual.attempt] for slug, usual in known.items()}

    found = _of_history(settings, read) or {}
    return {
        slug: UsualDuration(median=median, slow=slow, runs=runs, attempt=attempt)
        for slug, (median, slow, runs, attempt) in found.items()
    }


def _not_started_by_others(settings: Settings, slugs: Sequence[str]) -> list[str]:
    """Return the jobs whose last run was started by nothing else than cron, such as a timer."""
    others = _of_history(settings, lambda index: last_started_by_others(index, slugs)) or []
    return [slug for slug in slugs if slug not in others]


def _of_history(settings: Settings, read: Callable[[Index], Any]) -> Any:
    """Return what `read` finds; None for whoever may not read the history, or where there is none.

    It is read as the service user: root would leave files that the service user cannot write.
    """
    if not os.path.isdir(layout.journal(settings.state_directory)):
        return None

    def with_index() -> Any:
        with open_index(settings.state_directory) as index:
            return read(index)

    try:
        return with_index() if settings.user is None else ask_as(service_account(settings.user, where=""), with_index)
    except (ProcessControlError, OSError):
        return None

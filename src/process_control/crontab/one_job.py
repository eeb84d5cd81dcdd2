"""The generated crontab with one job more, or one less: nothing else in it changes.

Where there is no file for it (`output_crontab: console`), it is the end of the user's crontab. While the scheduler is
alive, or where the crontab leaves the jobs to another trigger, it gets no line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.crontab.adopted_line import without_our_part
from process_control.crontab.changes import Change, changes, has_other_lines
from process_control.crontab.condition import fingerprint
from process_control.crontab.existing import ExistingCrontab
from process_control.crontab.generate import crontab_of, planned, what_it_is_made_from
from process_control.crontab.in_charge import seen_in
from process_control.crontab.target import CONSOLE, existing_crontab, target_of, text_of
from process_control.crontab.text import InvalidFile, Manner, PlannedJob
from process_control.errors import BadConfiguration
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.views.in_charge import scheduler_in_charge


@dataclass(frozen=True, slots=True, kw_only=True)
class OneJob:
    """The generated crontab before and after."""

    #: Its path; None: the end of the user's crontab.
    path: str | None
    old: str
    new: str
    found: list[Change]
    #: A hash of the jobs that it is made from; None: nothing was made.
    made_from: str | None
    #: The scheduler starts the job: the crontab stays as it is.
    is_for_scheduler: bool = False


def with_job(settings: Settings, account: Account, crontab: ExistingCrontab, job: Job) -> OneJob:
    """Return the generated crontab with this job. `crontab` is the one that has its line so far.

    Raises BadConfiguration (78) when cron cannot start the job, or when more would change.
    """
    return _change(settings, account, crontab, job.slug, job)


def without_job(settings: Settings, account: Account, crontab: ExistingCrontab, slug: str) -> OneJob:
    """Return it without this job. Raises as above."""
    return _change(settings, account, crontab, slug, None)


def _change(settings: Settings, account: Account, crontab: ExistingCrontab, slug: str, job: Job | None) -> OneJob:
    path = _path_of(settings, account, crontab)
    old = without_our_part(crontab.text)[1] if path is None else text_of(existing_crontab(path))
    if path is None and has_other_lines(old):
        raise BadConfiguration("has lines behind those of cron-generate", where=crontab.name, hint="move them above")
    if _stays_as_it_is(settings, account, old, slug, is_new=job is not None, where=path or crontab.name):
        return OneJob(path=path, old=old, new=old, found=[], made_from=None, is_for_scheduler=True)
    jobs, manner, _ = what_it_is_made_from(settings, account, path or CONSOLE)
    chosen = _those_in(old, [each for each in jobs if each.slug != slug], manner)
    if job is not None:
        chosen.append(planned(job, settings))
    made = crontab_of(chosen, manner)
    if left := next((left for left in made.left_out if left.slug == slug), None):
        raise BadConfiguration(faults=list(left.faults))
    new = made.text if made.lines or path is not None else ""
    found = changes(old, new)
    if other := next((each for each in found if _is_of_another(each, slug)), None):
        raise BadConfiguration(
            f"does not match the job files; this would change too: {other.line or other.was}",
            where=path or crontab.name,
            hint="run cron-generate first",
        )
    return OneJob(path=path, old=old, new=new, found=found, made_from=fingerprint(chosen, manner))


def _stays_as_it_is(settings: Settings, account: Account, old: str, slug: str, *, is_new: bool, where: str) -> bool:
    """Return whether something else than this crontab starts the job, or has started it.

    Raises BadConfiguration (78) for a new job that nothing would start.
    """
    seen = seen_in(old.split("\n"))
    is_alive = ask_as(account, lambda: _is_scheduler_alive(settings))
    if not is_new:
        is_there = any(change.job == slug for change in changes(old, ""))
        return (seen.is_none or is_alive) and not is_there
    if seen.is_none and not is_alive:
        raise BadConfiguration(
            "leaves the jobs to another trigger, and no scheduler is running: nothing would start the job",
            where=where,
            hint="process-control scheduler; or, for cron: cron-generate --all",
        )
    return bool(is_alive)


def _is_scheduler_alive(settings: Settings) -> bool:
    charge = scheduler_in_charge(settings.state_directory)
    return charge is not None and charge.is_alive


def _path_of(settings: Settings, account: Account, crontab: ExistingCrontab) -> str | None:
    path = target_of(settings, None)
    if path != CONSOLE:
        return path
    if crontab.owner == account.name:
        return None
    raise BadConfiguration(
        "cron-generate has no file to write: output_crontab is console",
        where=settings.path or "",
        hint="set output_crontab: /etc/cron.d/process-control",
    )


def _those_in(old: str, jobs: Sequence[PlannedJob | InvalidFile], manner: Manner) -> list[PlannedJob | InvalidFile]:
    """Return the jobs but those that cron does not start yet: their lines may still stand in other crontabs."""
    came = {each.job for each in changes(old, crontab_of(jobs, manner).text) if each.change == "added"}
    return [each for each in jobs if each.slug not in came]


def _is_of_another(change: Change, slug: str) -> bool:
    line = change.line or change.was or ""
    is_of_all = line.startswith("MAILTO=") or line.partition(" --config ")[0].endswith(" watch")
    return change.job != slug and not is_of_all

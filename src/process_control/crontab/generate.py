"""From job files to the crontab's text, for every command that wants it.

As root, the job files are opened by a child that has become the service user. Its answer is plain values, and counts no
more than the service user does: `crontab/text.py` checks each again.
"""

import importlib.util
import os
import pwd
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import process_control
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.recipients import global_recipients, recipients_of
from process_control.config.settings import Settings, load_settings
from process_control.config.unread_files import unread_files
from process_control.core.causes import Cause
from process_control.core.job import Job
from process_control.core.schedule.schedule import is_zone_of_host
from process_control.crontab.rules import has_users
from process_control.crontab.text import Crontab, InvalidFile, Manner, PlannedJob, write_crontab
from process_control.errors import BadConfiguration, CannotRecord, Fault, NotPermitted, ProcessControlError
from process_control.system.account import Account
from process_control.system.as_account import ask_as, fault_from_values, fault_values
from process_control.system.interpreter import python
from process_control.views.missing_on_host import missing_for_messages

_PLACES = ("path", "job_directory", "state_directory", "run_directory", "output_directory")


def generate_crontab(settings: Settings, account: Account, target: str) -> Crontab:
    """Return the crontab for `target`, a path or `console`, as `account` will run it.

    Raises the errors of the configuration and of the job directory, and BadConfiguration (78) for a crontab that cron
    would ignore; a job that cron cannot run is in `left_out`.
    """
    jobs, manner, besides = what_it_is_made_from(settings, account, target)
    return crontab_of(jobs, manner, besides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Besides:
    """What is wrong besides faults of jobs."""

    #: Files in the job directory that are not read.
    unread: tuple[Fault, ...] = ()
    #: What keeps messages from being sent.
    message_faults: tuple[Fault, ...] = ()


def crontab_of(jobs: Sequence[PlannedJob | InvalidFile], manner: Manner, besides: Besides | None = None) -> Crontab:
    # Asked for each line, and the accounts may be in a directory on another host.
    crontab = write_crontab(jobs, manner, is_account=cache(is_account), is_zone_of_host=cache(is_zone_of_host))
    if besides is None:
        return crontab
    return replace(crontab, unread=besides.unread, message_faults=besides.message_faults)


def what_it_is_made_from(
    settings: Settings, account: Account, target: str, *, leaves_jobs: bool = False
) -> tuple[list[PlannedJob | InvalidFile], Manner, Besides]:
    """Return the jobs as the service user sees them, and how their lines are written. Raises as above."""
    words = words_of_run_job(settings)
    answer = ask_as(account, lambda: _look_as_the_service_user(settings, account, words))
    try:
        jobs = [_job_of(values) for values in answer["jobs"]]
        names_configuration = answer["names_configuration"] is True
        unread = tuple(fault_from_values(values) for values in answer["unread"])
        mail = tuple(fault_from_values(values) for values in answer["mail"])
    except (LookupError, TypeError, ValueError) as error:
        raise CannotRecord(f"the process of user '{account.name}' gave an answer that is not a list of jobs") from error
    manner = manner_of(settings, account, target, names_configuration=names_configuration, leaves_jobs=leaves_jobs)
    return jobs, manner, Besides(unread=unread, message_faults=mail)


def manner_of(
    settings: Settings, account: Account, target: str, *, names_configuration: bool, leaves_jobs: bool = False
) -> Manner:
    return Manner(
        target=target,
        job_directory=settings.job_directory,
        user=account.name if has_users(target) else None,
        run_job=words_of_run_job(settings),
        configuration=settings.path if names_configuration else None,
        template=settings.cron_template,
        host=os.uname().nodename,
        process_control=words_of_process_control(settings),
        is_watched=bool(settings.host_ping or settings.metrics_textfile or global_recipients(settings)),
        leaves_jobs=leaves_jobs,
    )


def planned(job: Job | InvalidJob, settings: Settings) -> PlannedJob | InvalidFile:
    """Return a job that was loaded in this process as the crontab needs it."""
    return _job_of(_values_of(job, settings))


def is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


# --- what a line calls -----------------------------------------------------------------------------------------------


def words_of_run_job(settings: Settings) -> tuple[str, ...]:
    """Return `runner_path`, or the interpreter and its stub, past the script that people call."""
    if settings.runner_path is not None:
        return (settings.runner_path,)
    return _words_of_entry("stub.py")


def words_of_process_control(settings: Settings) -> tuple[str, ...]:
    """Return the command `process-control` beside `runner_path`, or the interpreter and what it calls for that."""
    if settings.runner_path is not None:
        beside = os.path.join(os.path.dirname(settings.runner_path), "process-control")
        if os.access(beside, os.X_OK):
            return (beside,)
    return _words_of_entry("commands.py")


def _words_of_entry(name: str) -> tuple[str, ...]:
    called = os.path.join(os.path.dirname(os.path.abspath(process_control.__file__)), "entry", name)
    return (_interpreter(), *python()[1:], "-I", "-S", called)


def _interpreter() -> str:
    """Return the real interpreter: a virtual environment's link starts slower and says nothing that the stub needs.

    Only in an editable installation the libraries do not lie beside the package, and the link has to lead to them.
    """
    library = importlib.util.find_spec("yaml")
    beside = os.path.dirname(os.path.dirname(os.path.abspath(process_control.__file__)))
    lies_beside = library is not None and library.origin is not None and library.origin.startswith(f"{beside}/")
    if lies_beside:
        return os.path.realpath(sys.executable)
    usual = os.path.join(os.path.dirname(sys.executable), "python3")  # else python and python3 give two crontabs
    return usual if os.path.realpath(usual) == os.path.realpath(sys.executable) else sys.executable


# --- as the service user ---------------------------------------------------------------------------------------------


def _look_as_the_service_user(settings: Settings, account: Account, words: tuple[str, ...]) -> dict[str, Any]:
    """Return what the lines depend on and only the service user can read, as values for JSON."""
    _check_can_start(words, account, settings)
    names_configuration = names_its_configuration(settings, account)
    jobs = load_all(settings)
    return {
        "names_configuration": names_configuration,
        "jobs": [_values_of(job, settings) for job in jobs],
        "unread": [fault_values(fault) for fault in unread_files(settings)],
        "mail": [fault_values(fault) for fault in _message_faults(jobs, settings)],
    }


def _message_faults(jobs: Sequence[Job | InvalidJob], settings: Settings) -> list[Fault]:
    """Return what would keep messages from being sent, each once: cron mails nothing in their place."""
    missing = [each for job in jobs if isinstance(job, Job) for each in missing_for_messages(job, settings)]
    return list(dict.fromkeys(each.fault(settings.path or "") for each in missing))


def _check_can_start(words: tuple[str, ...], account: Account, settings: Settings) -> None:
    """Raise NotPermitted (77) or BadConfiguration (78) when cron could not start what its lines call."""
    program = words[0]
    if settings.runner_path is not None and not _is_there(program):
        raise BadConfiguration(
            f"runner_path names a program that is not there: {program}",
            where=settings.path or "",
            hint="set runner_path to the path of run-job, or remove it",
        )
    for path, right in ((program, os.X_OK), *((script, os.R_OK) for script in words[1:] if script.startswith("/"))):
        if not os.access(path, right):
            raise NotPermitted(
                f"user '{account.name}' cannot run it, but every line of the crontab calls it",
                where=path,
                hint="install process-control where that user can enter, such as /opt/process-control",
            )


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it may be there, where we may not look
        pass
    return True


def names_its_configuration(settings: Settings, account: Account) -> bool:
    """Return whether a line needs --config to find the same configuration and directories in cron's environment.

    Raises BadConfiguration (78) when it would not find them even so.
    """
    environment = {b"HOME": os.fsencode(account.home)}
    if _places_of(None, environment) == _places(settings):
        return False
    if settings.path is not None and _places_of(settings.path, environment) == _places(settings):
        return True
    raise BadConfiguration(
        "cron would use other directories: it sets no XDG_… variables, and HOME from the password file",
        where=settings.path or settings.job_directory,
        hint="set job_directory, output_directory and state_directory in a configuration",
    )


def _places(settings: Settings) -> list[Any]:
    return [getattr(settings, name) for name in _PLACES]


def _places_of(named: str | None, environment: dict[bytes, bytes]) -> list[Any] | ProcessControlError:
    """Return the directories that the configuration gives in another environment, or the error."""
    try:
        return _places(load_settings(named, environment))
    except ProcessControlError as error:
        if named is not None:
            raise
        return error


# --- jobs as values --------------------------------------------------------------------------------------------------


def _values_of(job: Any, settings: Settings) -> dict[str, Any]:
    if isinstance(job, InvalidJob):
        return {"slug": job.slug, "faults": [fault_values(fault) for fault in job.error.faults]}
    recipients = recipients_of(job, settings)
    return {
        "slug": job.slug,
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "disabled": job.disabled,
        "is_reported": any(recipient.wants(Cause.FAILED) for recipient in recipients),
        "is_watched": bool(recipients),
        "catches_up": job.catch_up_which in ("latest", "all"),
        "after": [str(cause["job"]) for cause in job.after],
        "is_follower": job.schedule_of is not None,
        "on_overlap": job.on_overlap,
        "is_of_fleet": bool(job.fleet_schedule),
    }


def _job_of(values: dict[str, Any]) -> PlannedJob | InvalidFile:
    """Return the job that `_values_of` took apart. Raises ValueError, TypeError, LookupError for anything else."""
    slug = _text(values["slug"])
    if "faults" in values:
        first, *others = values["faults"]
        return InvalidFile(slug=slug, faults=tuple(fault_from_values(fault) for fault in (first, *others)))
    time_zone = values["time_zone"]
    return PlannedJob(
        slug=slug,
        schedule=tuple(_text(expression) for expression in values["schedule"]),
        time_zone=None if time_zone is None else _text(time_zone),
        disabled=values["disabled"] is not False,
        is_reported=values.get("is_reported") is True,
        is_watched=values.get("is_watched") is True,
        catches_up=values.get("catches_up") is True,
        after=tuple(_text(cause) for cause in values.get("after", ())),
        is_follower=values.get("is_follower") is True,
        on_overlap=_text(values.get("on_overlap", "skip")),
        is_of_fleet=values.get("is_of_fleet") is True,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value

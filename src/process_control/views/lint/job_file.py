"""What is wrong with one file: faults of the loader, odd texts, what this host lacks, and the warnings about it."""

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from process_control.config import fix, odd_text, shell_signs
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.plan_of_job import schedule_of
from process_control.config.settings import Settings
from process_control.config.yaml.document import Document, parse
from process_control.config.yaml.nodes import List, Map
from process_control.core.digest import version_of
from process_control.core.job import Job, is_slug
from process_control.errors import BadConfiguration, Fault, JobNotFound, NotPermitted, ProcessControlError
from process_control.system.account import account_of, service_account
from process_control.system.append_file import faults_for_root
from process_control.system.disk_watch import Paths
from process_control.views.lint.finding import Finding, Remark
from process_control.views.lint.schedule_remarks import schedule_remarks
from process_control.views.missing_on_host import all_missing, paths_named_by

MAX_FILE = 1 << 20
CONFIGURATION = "process-control.yaml"
#: Is given path and text of a file, and returns the text that counts.
ReadAgain = Callable[[str, bytes], bytes]
#: By key: its other spellings.
SPELLINGS = {"tags": ("tags", "tag"), "timeout": ("timeout", "schedule"), "lock": ("lock", "schedule")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a file is looked at with."""

    #: None: nobody may say what is configured, and only the file itself counts
    settings: Settings | None
    now: datetime
    paths: Paths
    #: the directory with `run-job`
    own_commands: str | None
    #: picks those of the jobs that the generated crontab leaves out for their time zone
    left_out: Callable[[Iterable[Job]], Sequence[Job]] = lambda _: ()
    #: the valid jobs of this host, by name
    jobs: Mapping[str, Job] = field(default_factory=dict)
    #: the warnings about them
    remarks: Mapping[str, Sequence[Remark]] = field(default_factory=dict)


def lint_file(path: str, around: Surroundings, repair: ReadAgain | None = None) -> list[Finding]:
    """Return the findings of one file. `repair` may give another text of it, which counts then."""
    try:
        source = read_file(path)
        if repair is not None:
            source = repair(path, source)
        return list(_findings(source, path, around))
    except ProcessControlError as error:
        return [Finding(path=path, fault=fault) for fault in error.faults]


def read_file(path: str) -> bytes:
    """Return the text of a file. Raises JobNotFound (66), NotPermitted (77), BadConfiguration (78)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise JobNotFound("no such file", where=path) from None
    except PermissionError as error:
        raise NotPermitted("no permission to read the file", where=path) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadConfiguration("not a regular file", where=path)
    with open(handle, "rb") as file:
        return file.read(MAX_FILE)


def _findings(source: bytes, path: str, around: Surroundings) -> Iterable[Finding]:
    name = os.path.basename(path)
    document = parse(source, name)
    faults = [
        *fix.warnings(source, document),
        *document.warnings(),
        *shell_signs.warnings(document),
        *odd_text.warnings(document),
    ]
    remarks: list[Remark] = []
    try:
        if name == CONFIGURATION:
            read_configuration(source, name)
        else:
            job = _job(source, path, around)
            faults += _faults_of_job(job, document, around)
            remarks += _remarks(job, path, around)
    except ProcessControlError as error:
        faults = [*error.faults, *faults]
    yield from (Finding(path=path, fault=fault) for fault in faults)
    for remark in remarks:
        fault = Fault(remark.what, where=_place(document, remark.key, remark.item), hint=remark.hint)
        yield Finding(path=path, fault=fault, kind=remark.kind)


def _job(source: bytes, path: str, around: Surroundings) -> Job:
    """Return the job of the file: the one that is known already, when it was made from the same text."""
    slug = os.path.basename(path).removesuffix(".yaml")
    known = around.jobs.get(slug)
    if known is not None and known.version == version_of(source) and _is_here(path, around.settings):
        return known
    return _read_job(source, path, around.settings)


def _remarks(job: Job, path: str, around: Surroundings) -> Sequence[Remark]:
    """Return the warnings about a job: those of the host, or of a file from elsewhere what its schedule alone shows."""
    if job.slug in around.jobs and _is_here(path, around.settings):
        return around.remarks.get(job.slug, ())
    if not job.schedule or job.disabled:
        return ()
    try:
        return list(schedule_remarks(job, schedule_of(job), around.now))
    except BadConfiguration:
        return ()


def _faults_of_job(job: Job, document: Document, around: Surroundings) -> list[Fault]:
    return [
        *_faults_of_stdout(job, document.faults.name, around.settings),
        *_catch_up_without_a_schedule(job, document),
        *_within_without_a_schedule(job, document),
        *_missing(job, document, around),
        *_faults_of_calendars(job, document, around.settings),
    ]


def _faults_of_calendars(job: Job, document: Document, settings: Settings | None) -> list[Fault]:
    """Return which of the job's calendars cannot be read now, at its place."""
    if settings is None or not job.exclude:
        return []
    from process_control.config.calendars import faults_of_exclude

    return [
        Fault(fault.what, where=_place(document, "exclude", item), hint=fault.hint)
        for item, entry in enumerate(job.exclude)
        for fault in faults_of_exclude([entry], settings)
    ]


def _faults_of_stdout(job: Job, name: str, settings: Settings | None) -> list[Fault]:
    """Return what would keep a job that runs as root from appending to its file of `stdout`."""
    if not job.stdout or settings is None or os.geteuid() != 0:
        return []
    owner, group = settings.trusted_owner, settings.trusted_group
    faults = faults_for_root(job.stdout, trusted_owner=owner, trusted_group=group)
    return [Fault(f"stdout: {fault.where} is {fault.what}", where=name, hint=fault.hint) for fault in faults]


def _catch_up_without_a_schedule(job: Job, document: Document) -> list[Fault]:
    entries = document.root.entries if isinstance(document.root, Map) else []
    keys = [key for key, _ in entries if key.value == "catch_up"]
    if job.schedule or job.fleet_schedule or job.after or job.catch_up_which in (None, "none") or not keys:
        return []
    what, hint = (
        "'catch_up' without a schedule: there are no planned times to miss",
        "add the key schedule, or remove it",
    )
    return [Fault(what, where=f"{document.faults.name}:{keys[0].line}:{keys[0].column}", hint=hint)]


def _within_without_a_schedule(job: Job, document: Document) -> list[Fault]:
    if (job.schedule and not job.schedule_of) or not any(cause["within_seconds"] for cause in job.after):
        return []
    what = "'after.within' without a schedule: the end of the cause starts the job, so nothing waits"
    return [Fault(what, where=_place(document, "after", 0), hint="remove it, or add the key schedule")]


def _missing(job: Job, document: Document, around: Surroundings) -> list[Fault]:
    """Return what a job of this host would miss here, at its place; nothing of files from elsewhere."""
    settings = around.settings
    if settings is None or not _is_here(job.path, settings) or not _is_service_user(settings):
        return []
    around.paths.use_now(paths_named_by(job))
    home = account_of(os.geteuid()).home
    found = all_missing(job, settings, home=home, own_commands=around.own_commands)
    return [each.fault(_place(document, each.key, each.item)) for each in found]


def _is_here(path: str, settings: Settings | None) -> bool:
    """Return whether a file is one of this host's job directory."""
    if settings is None:
        return False
    directory = os.path.dirname(os.path.abspath(path))
    return directory == settings.job_directory or os.path.realpath(directory) == os.path.realpath(
        settings.job_directory
    )


def _is_service_user(settings: Settings) -> bool:
    """Return whether we see what the job would: files with secrets are its account's."""
    return settings.user is None or os.geteuid() in (0, service_account(settings.user, where=settings.path or "").uid)


def _place(document: Document, key: str, item: int) -> str:
    """Return the place of a value, or of the key that stands for it; else the file."""
    entries = document.root.entries if isinstance(document.root, Map) else []
    written = {name.value: value for name, value in entries}
    name = document.faults.name
    node = next((written[word] for word in SPELLINGS.get(key, (key,)) if word in written), None)
    if isinstance(node, List) and item < len(node.items):
        node = node.items[item]
    return name if node is None else f"{name}:{node.line}:{node.column}"


def _read_job(source: bytes, path: str, settings: Settings | None) -> Job:
    name = os.path.basename(path)
    slug = name.removesuffix(".yaml")
    if slug == name or not is_slug(slug):
        raise JobNotFound(
            f"{name!r} is not a valid name for a job file",
            where=name,
            hint="letters, digits, - and _, at most 64, then .yaml",
        )
    defaults = settings.default_job_config if settings else {}
    log_bytes = settings.log_bytes if settings else 0
    return read_job(
        source,
        slug=slug,
        path=path,
        default_values=defaults,
        log_bytes=log_bytes,
        calendars=settings.calendars if settings else None,
        pools=settings.pools if settings else None,
    )

"""`lint`: what the loader finds in job files, reported all at once, before a run fails for it."""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from process_control.actions.rights import directory_of_run_job
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal
from process_control.cli.session import Session, verb
from process_control.config import odd_text, shell_signs
from process_control.config.all_jobs import load_all
from process_control.config.configuration import read_configuration
from process_control.config.job_directory import InvalidJob
from process_control.config.job_file import read_job
from process_control.config.settings import Settings
from process_control.config.unread_files import unread_files
from process_control.config.yaml.document import Document, parse, without_tabs
from process_control.config.yaml.nodes import List, Map
from process_control.core.job import Job, is_slug
from process_control.errors import BadConfiguration, Fault, JobNotFound, NotPermitted, ProcessControlError
from process_control.notify.message import escape_controls
from process_control.system.account import account_of, drop_rights, service_account
from process_control.system.append_file import faults_for_root
from process_control.system.atomic_file import sync_parent
from process_control.system.disk_watch import Paths
from process_control.views.missing_on_host import Missing, all_missing, paths_named_by
from process_control.views.selected_jobs import select_jobs

PLACE = re.compile(r"(?P<file>.*?)(?::(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?)?", re.DOTALL)
MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault with its file."""

    path: str
    fault: Fault

    def __str__(self) -> str:
        return str(self.as_fault())

    def as_fault(self) -> Fault:
        return Fault(self.fault.what, where=self._where(), hint=self.fault.hint, line=self.fault.line)

    @property
    def place(self) -> tuple[str, int, int]:
        """Path, line and column, to sort by."""
        match = PLACE.fullmatch(self.fault.where)
        return self.path, int((match and match["line"]) or 0), int((match and match["column"]) or 0)

    def _where(self) -> str:
        place = self.to_json()
        return ":".join(str(part) for part in (self.path, place["line"], place["column"]) if part is not None)

    def to_json(self) -> dict[str, object]:
        match = PLACE.fullmatch(self.fault.where)
        line = match["line"] if match else None
        column = match["column"] if match else None
        return {
            "file": self.path,
            "line": int(line) if line else None,
            "column": int(column) if column else None,
            "what": self.fault.what,
            "hint": self.fault.hint or None,
            "mend": self.fault.hint or None,  # the name until 1.0
        }


@verb("lint", epilog="Exit code 0: nothing found; 1: there are findings.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--fix", is_flag=True, help="Replace hard tabs in the indentation by spaces.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@paged
def lint(session: Session, files: Sequence[str], fix: bool, form: str) -> int:
    """Find faults in FILEs or jobs, by default in all jobs.

    Faults are what would keep a job from loading, hard tabs, words that only a shell understands, files that are not
    read; and, for jobs of this host, programs, directories and files with secrets that are not there.
    """
    settings = _settings(session, fix=fix, needed=not files)
    findings: list[Finding] = []
    files = [path for word in files for path in _paths_named(word, settings)]
    for path in files or _job_files(settings, findings):
        findings += _lint_file(path, settings, session.paths, fix=fix)
    findings.sort(key=lambda finding: finding.place)
    if form == "json":
        print_json({"findings": [finding.to_json() for finding in findings]})
    elif findings and is_terminal():
        from process_control.cli.print.error_output import between_words, has_colour, on_terminal

        faults = [finding.as_fault() for finding in findings]
        print_line(between_words(on_terminal(faults, has_colour=has_colour(1))))
    else:
        for finding in findings:
            print_line(escape_controls(str(finding)))
    return 1 if findings else 0


def _settings(session: Session, *, fix: bool, needed: bool) -> Settings | None:
    """Return the settings; None when they are not for us and only files were named.

    As root, become the service user, who has to read the files: but not to repair them: they need not be its own.
    """
    try:
        settings = session.load()
    except NotPermitted:
        if needed:
            raise
        return None
    if settings.user is not None and not fix and os.geteuid() == 0:
        drop_rights(service_account(settings.user, where=settings.path or ""))
    return settings


def _paths_named(word: str, settings: Settings | None) -> list[str]:
    """Return the file of that name, or those of the jobs that the word names. Raises JobNotFound (66)."""
    if settings is None or "/" in word or word.endswith(".yaml") or os.path.lexists(word):
        return [word]
    return [job.path for job in select_jobs(settings, [word])]


def _job_files(settings: Settings | None, findings: list[Finding]) -> list[str]:
    """Return the paths of all jobs; what is unsafe or has an impossible name is a finding already."""
    if settings is None:
        return []
    paths = []
    findings += [Finding(path=fault.where, fault=fault) for fault in unread_files(settings)]
    for job in load_all(settings):
        if isinstance(job, InvalidJob) and not isinstance(job.error, BadConfiguration):
            findings += [Finding(path=job.path, fault=fault) for fault in job.error.faults]
        else:
            paths.append(job.path)
    return paths


def _lint_file(path: str, settings: Settings | None, paths: Paths, *, fix: bool) -> list[Finding]:
    try:
        source = _read(path)
        if fix and (mended := _without_tabs(source)) != source:
            _replace(path, mended)
            talk(f"{path}: replaced hard tabs by spaces")
            source = mended
        faults = _faults(source, path, settings, paths)
    except ProcessControlError as error:
        return [Finding(path=path, fault=fault) for fault in error.faults]
    return [Finding(path=path, fault=fault) for fault in faults]


def _faults(source: bytes, path: str, settings: Settings | None, paths: Paths) -> list[Fault]:
    name = os.path.basename(path)
    document = parse(source, name)
    tabs = [*document.warnings(), *shell_signs.warnings(document), *odd_text.warnings(document)]
    try:
        if name == "process-control.yaml":
            read_configuration(source, name)
        else:
            job = _read_job(source, path, settings)
            tabs += _faults_of_stdout(job, name, settings)
            tabs += _catch_up_without_a_schedule(job, document, name)
            tabs += _missing(job, document, settings, paths)
            tabs += _faults_of_calendars(job, document, settings)
    except ProcessControlError as error:
        return [*error.faults, *tabs]
    return tabs


def _faults_of_calendars(job: Job, document: Document, settings: Settings | None) -> list[Fault]:
    """Return which of the job's calendars cannot be read now, at its place."""
    if settings is None or not job.exclude:
        return []
    from process_control.config.calendars import faults_of_exclude

    return [
        Fault(fault.what, where=_place(Missing(key="exclude", item=item, what=""), document), hint=fault.hint)
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


def _catch_up_without_a_schedule(job: Job, document: Document, name: str) -> list[Fault]:
    entries = document.root.entries if isinstance(document.root, Map) else []
    keys = [key for key, _ in entries if key.value == "catch_up"]
    if job.schedule or job.catch_up_which in (None, "none") or not keys:
        return []
    what, hint = (
        "'catch_up' without a schedule: there are no planned times to miss",
        "add the key schedule, or remove it",
    )
    return [Fault(what, where=f"{name}:{keys[0].line}:{keys[0].column}", hint=hint)]


def _missing(job: Job, document: Document, settings: Settings | None, paths: Paths) -> list[Fault]:
    """Return what a job of this host would miss here, at its place; nothing of files from elsewhere."""
    directory = os.path.dirname(os.path.abspath(job.path))
    if settings is None or not _is_here(directory, settings.job_directory) or not _is_service_user(settings):
        return []
    paths.use_now(paths_named_by(job))
    home = account_of(os.geteuid()).home
    found = all_missing(job, settings, home=home, own_commands=directory_of_run_job())
    return [each.fault(_place(each, document)) for each in found]


def _is_here(directory: str, job_directory: str) -> bool:
    return os.path.realpath(directory) == os.path.realpath(job_directory)


def _is_service_user(settings: Settings) -> bool:
    """Return whether we see what the job would: files with secrets are its account's."""
    return settings.user is None or os.geteuid() in (0, service_account(settings.user, where=settings.path or "").uid)


def _place(missing: Missing, document: Document) -> str:
    root = document.root
    entries = root.entries if isinstance(root, Map) else []
    node = next((value for key, value in entries if key.value == missing.key), None)
    if isinstance(node, List) and missing.item < len(node.items):
        node = node.items[missing.item]
    name = document.faults.name
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
    calendars = settings.calendars if settings else None
    return read_job(source, slug=slug, path=path, default_values=defaults, log_bytes=log_bytes, calendars=calendars)


def _read(path: str) -> bytes:
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


def _without_tabs(source: bytes) -> bytes:
    try:
        return without_tabs(source.decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError:
        return source


def _replace(path: str, source: bytes) -> None:
    """Write the file anew with owner and mode as they were: a temporary name first, then renamed."""
    new = Path(f"{path}.new")
    status = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise NotPermitted("is not a regular file: not changed", where=path)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "wb") as file:
            os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, stat.S_IMODE(status.st_mode))
            file.write(source)
            file.flush()
            os.fsync(handle)
        os.rename(new, path)
        sync_parent(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise

"""`import original`: the original's job files and configuration, rewritten in today's keys. Overwrites nothing."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from process_control.cli.print.error_output import fault_as_json, print_in_lines
from process_control.cli.print.output import print_json, talk
from process_control.cli.session import Session, verb
from process_control.cli.verbs.init import own_configuration
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.keys.configuration_fields import DEFAULT_LOG_BYTES
from process_control.config.not_found import bad_name
from process_control.config.original import EARLY, LATER, Original, rewrite_configuration, rewrite_job
from process_control.config.settings import load_settings
from process_control.config.yaml.edit import Change, Rewritten
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, Fault, NotPermitted, ProcessControlError, UsageError
from process_control.system.new_files import make_directory, write_new

WROTE, SAME, KEPT, LEFT_OUT = "wrote", "same", "kept", "left out"
WOULD_WRITE = "would write"
MAX_FILE_BYTES = 1 << 20
SUDO = "process-control import original"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one file."""

    source: Path
    target: Path
    #: wrote, same, kept (something else is there), or left out (see `faults`).
    did: str
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()

    def lines(self, *, dry_run: bool) -> list[str]:
        """Return the messages: each change, each fault, and the result."""
        name = self.source.name
        lines = [f"{name}{'' if each.line is None else f':{each.line}'}: {each}" for each in self.changes]
        lines += [str(fault) for fault in self.faults]
        if self.did == KEPT:
            end = f"kept {self.target}, which exists and differs\n  hint: diff {self.source} {self.target}"
        elif self.did == SAME:
            end = f"same as the existing {self.target}"
        elif self.did == LEFT_OUT:
            end = "left out"
        else:
            end = f"{WOULD_WRITE if dry_run else WROTE} {self.target}"
        return [*lines, f"{name}: {end}"]

    def to_json(self, *, dry_run: bool) -> dict[str, object]:
        return {
            "source": str(self.source),
            "target": str(self.target),
            "done": WOULD_WRITE if dry_run and self.did == WROTE else self.did,
            "did": self.did,  # the name until 1.0
            "changes": [{"line": each.line, "what": each.what, "why": each.why} for each in self.changes],
            "faults": [{**fault_as_json(each), "mend": each.hint or None} for each in self.faults],
        }


@verb(
    "original",
    epilog="Nothing is overwritten. Exit code 0: every file found is in place; 1: some were left out or kept.",
)
@click.argument("directory", metavar="DIR")
@click.option(
    "--minutes", is_flag=True, help="The files are of a later version: a timeout without a unit is in minutes."
)
@click.option("--output", metavar="DIR", help="Write the job files there, not into the job directory.")
@click.option("--configuration", metavar="FILE", help="Also rewrite this configuration of the original.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "files": [...]}')
def import_original(
    session: Session,
    directory: str,
    minutes: bool,
    output: str | None,
    configuration: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Rewrite the job files of the original process-control in DIR, and report each change."""
    original = LATER if minutes else EARLY
    files = []
    if configuration is None:
        host = _host_as_it_is(session)
    else:
        imported, host = _import_configuration(session, Path(configuration), original, dry_run=dry_run)
        files.append(imported)
    target = Path(output or host.job_directory)
    sources = _job_files(Path(directory), target, configuration)
    if not dry_run:
        make_directory(target)
    files += [_import_job(source, target, host, original, dry_run=dry_run) for source in sources]
    _print(files, dry_run=dry_run, as_json=as_json)
    return 1 if any(each.did in (KEPT, LEFT_OUT) for each in files) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the configuration says that job files depend on."""

    job_directory: str
    defaults: dict[str, Any]
    log_bytes: int


def _host_as_it_is(session: Session) -> Host:
    try:
        settings = session.load()
    except BadConfiguration as error:
        hint = "if it belongs to the original, import it too: --configuration FILE"
        raise BadConfiguration(
            faults=[*error.faults, Fault("this configuration is not in today's format", hint=hint)]
        ) from error
    return Host(
        job_directory=settings.job_directory,
        defaults=settings.default_job_config,
        log_bytes=settings.log_bytes,
    )


def _import_configuration(
    session: Session, source: Path, original: Original, *, dry_run: bool
) -> tuple[Imported, Host]:
    """Rewrite the configuration; return it and what it says. Raises BadConfiguration when it would not load."""
    named = session.config or os.environ.get("PROCESS_CONTROL_CONFIG") or None
    target = Path(named).absolute() if named else own_configuration()
    _refuse_same(source, target, f"rename it and name that: mv {source} {source}.original")
    accounts = {entry.pw_uid: entry.pw_name for entry in pwd.getpwall()}
    rewritten = rewrite_configuration(_read(source), original, accounts=accounts)
    values = read_configuration(rewritten.source, source.name)
    host = Host(
        job_directory=values.get("job_directory") or load_settings(None, dict(os.environb)).job_directory,
        defaults=values.get("default_job_config") or {},
        log_bytes=values.get("log_bytes", DEFAULT_LOG_BYTES),
    )
    return _write(source, target, rewritten, dry_run=dry_run), host


def _job_files(directory: Path, target: Path, configuration: str | None) -> list[Path]:
    """Return the job files of DIR by name. Raises UsageError for a DIR that is none, or is the target."""
    if not directory.is_dir():
        raise UsageError(f"no such directory: {directory}", hint="name the original's job_directory")
    _refuse_same(
        directory,
        target,
        f"write elsewhere with --output DIR, or rename it and name that: mv {directory} {directory}.original",
    )
    others = None if configuration is None else Path(configuration)
    found = sorted(path for path in directory.glob("*.yaml") if not path.name.startswith("."))
    return [path for path in found if others is None or not _is_same(path, others)]


def _refuse_same(source: Path, target: Path, hint: str) -> None:
    if _is_same(source, target):
        raise UsageError(f"{source} is also the target, and nothing is overwritten", hint=hint)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _import_job(source: Path, directory: Path, host: Host, original: Original, *, dry_run: bool) -> Imported:
    slug, target = source.stem, directory / source.name
    try:
        if not is_slug(slug):
            raise bad_name(slug)
        rewritten = rewrite_job(_read(source), original, defaults=host.defaults)
        read_job(rewritten.source, slug=slug, path=str(target), default_values=host.defaults, log_bytes=host.log_bytes)
    except ProcessControlError as error:
        return Imported(source=source, target=target, did=LEFT_OUT, faults=tuple(error.faults))
    return _write(source, target, rewritten, dry_run=dry_run)


def _write(source: Path, target: Path, rewritten: Rewritten, *, dry_run: bool) -> Imported:
    """Write the target unless something is there; return which, and whether it is the same."""
    there = os.path.lexists(target)
    if not there and (dry_run or write_new(target, rewritten.source, sudo=SUDO)):
        did = WROTE
    else:
        did = SAME if _holds(target, rewritten.source) else KEPT
    return Imported(source=source, target=target, did=did, changes=rewritten.changes)


def _holds(path: Path, source: bytes) -> bool:
    try:
        return _read(path) == source
    except ProcessControlError:
        return False


def _read(path: Path) -> bytes:
    """Return what a plain file holds. Raises NotPermitted or BadConfiguration for what is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        kind = NotPermitted if isinstance(error, PermissionError) else BadConfiguration
        what = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise kind(what, where=str(path), hint="put the file itself there") from error
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BadConfiguration("is not a plain file", where=str(path), hint="put the file itself there")
        return file.read(MAX_FILE_BYTES)


def _print(files: list[Imported], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"files": [each.to_json(dry_run=dry_run) for each in files], "dry_run": dry_run})
        return
    for line in [line for each in files for line in each.lines(dry_run=dry_run)]:
        print_in_lines(line)
    counts = [(did, sum(each.did == did for each in files)) for did in (WROTE, SAME, KEPT, LEFT_OUT)]
    words = ", ".join(f"{did} {count}" for did, count in counts if count) or "no job file there"
    talk(f"dry run: {words.replace(WROTE, WOULD_WRITE)}" if dry_run else words)

"""Makes job files from the entries of crontabs. Overwrites nothing, and changes no crontab: `adopt.py` does that."""

import os
import stat
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from process_control.config.job_file import read_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.schedule import host_zone, is_zone_of_host, zone_named
from process_control.crontab.adopted_line import without_our_part
from process_control.crontab.changes import has_other_lines
from process_control.crontab.existing import ExistingCrontab
from process_control.crontab.job_of_entry import Draft, Remark, Source, draft_of, hint_for_unreadable, origin_of
from process_control.crontab.name_of_command import free_slug, is_numbered
from process_control.crontab.prove import Proof, prove
from process_control.crontab.read import Kind, Line, faults_of_the_file, is_commented_out, read_lines
from process_control.crontab.text import WRITTEN_BY
from process_control.errors import Fault, ProcessControlError
from process_control.system.account import Account
from process_control.system.new_files import make_directory, write_new
from process_control.system.trusted_file import TO_READ

WROTE, WOULD_WRITE, SAME, KEPT, LEFT_OUT = "wrote", "would write", "same", "kept", "left out"
SUDO = "process-control import crontab"
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What becomes of one entry."""

    line: Line
    #: wrote, would write, same, kept (imported before, and edited since), left out (see `faults`).
    done: str
    job: str | None = None
    target: Path | None = None
    #: Of the job file.
    content: bytes = b""
    remarks: tuple[Remark, ...] = ()
    faults: tuple[Fault, ...] = ()
    proof: Proof | None = None
    #: The job has a time zone that cron does not know, so no generated crontab has it.
    is_not_for_cron: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one crontab."""

    crontab: ExistingCrontab
    #: Those that cron reads, or tries to.
    entries: tuple[Entry, ...]
    #: Of the whole file.
    faults: tuple[Fault, ...]
    #: How many lines there are of each kind.
    counts: Counter[str]
    #: The numbers of entries behind a `#`.
    commented_out: tuple[int, ...]
    #: Cron runs its lines, and cron-generate would find the jobs too.
    is_started_twice: bool = False


@dataclass(slots=True, kw_only=True)
class Importer:
    """What the import of several crontabs has in common."""

    settings: Settings
    account: Account
    directory: Path
    #: Slugs that entries of this import have.
    taken: set[str]
    #: Where the search for the next free number of a slug begins.
    numbers: dict[str, int] = field(default_factory=dict)
    #: What the directory had at first; None: not read yet.
    there: "Files | None" = None

    @classmethod
    def into(cls, directory: str | None, settings: Settings, account: Account) -> "Importer":
        place = Path(directory or settings.job_directory)
        return cls(settings=settings, account=account, directory=place, taken=set())

    def import_crontab(self, crontab: ExistingCrontab, *, dry_run: bool, with_proof: bool) -> Imported:
        """Make the job files of a crontab's entries; with `dry_run` none is written."""
        own, generated = without_our_part(crontab.text)
        lines = read_lines(own, has_users=crontab.has_users)
        found = [self.plan(line, crontab) for line in lines if line.kind in (Kind.ENTRY, Kind.UNREADABLE)]
        if any(entry.done == WROTE for entry in found) and not dry_run:
            make_directory(self.directory)
        entries = [self.write(entry, crontab, dry_run=dry_run) for entry in found]
        if with_proof:
            entries = [self.prove(entry) for entry in entries]
        return Imported(
            crontab=crontab,
            entries=tuple(entries),
            faults=(
                *(Fault(what, where=f"{crontab.name}:{number}") for number, what in faults_of_the_file(crontab.text)),
                *(_behind_ours(crontab, own) if has_other_lines(generated) else ()),
            ),
            counts=Counter(line.kind.value for line in lines),
            commented_out=tuple(
                line.number
                for line in lines
                if line.kind is Kind.COMMENT and is_commented_out(line.text, has_users=crontab.has_users)
            ),
            is_started_twice=not crontab.not_live and self._is_job_directory(),
        )

    def plan(self, line: Line, crontab: ExistingCrontab) -> Entry:
        """Return what an entry becomes: a new file, one that is there, or none."""
        if line.kind is Kind.UNREADABLE:
            what = f"{line.fault}: cron ignores the whole file for it, or reads something else"
            hint = hint_for_unreadable(line.text)
            fault = Fault(what, where=f"{crontab.name}:{line.number}", hint=hint, line=line.text)
            return Entry(line=line, done=LEFT_OUT, faults=(fault,))
        source = Source(name=crontab.name, owner=crontab.owner)
        draft = draft_of(line, source, user=self.account.name, host=os.uname().nodename)
        if isinstance(draft, Fault):
            return Entry(line=line, done=LEFT_OUT, faults=(draft,))
        slug, done = self._place(draft)
        content = draft.text.encode()
        entry = Entry(line=line, done=done, job=slug, target=self._path(slug), content=content, remarks=draft.remarks)
        try:
            zone = self.read(entry).time_zone
        except ProcessControlError as error:
            where = f"{crontab.name}:{line.number}"
            faults = tuple(Fault(fault.what, where=where, hint=fault.hint, line=line.text) for fault in error.faults)
            return Entry(line=line, done=LEFT_OUT, faults=faults)
        self.taken.update((slug, slug.lower()))
        return replace(entry, is_not_for_cron=zone is not None and not is_zone_of_host(zone))

    def _place(self, draft: Draft) -> tuple[str, str]:
        """Return the slug of a new job file and WROTE; or that of the one which was imported from this line before."""
        self.there = self.there or Files.of(self.directory)
        known = self.there.by_origin.get(origin_of(draft.text) or ("", ""), deque())
        while known:  # what is passed over is no equal line's either
            slug = known.popleft()
            if is_numbered(slug, draft.slug) and slug not in self.taken:
                there = _text_at(self._path(slug)) or ""
                return slug, SAME if but_the_first_line(there) == but_the_first_line(draft.text) else KEPT
        slug, number = free_slug(draft.slug, self.taken, self.there.names, number=self.numbers.get(draft.slug, 1))
        self.numbers[draft.slug] = number
        return slug, WROTE

    def _is_job_directory(self) -> bool:
        return os.path.realpath(self.directory) == os.path.realpath(self.settings.job_directory)

    def _path(self, slug: str) -> Path:
        return self.directory / f"{slug}.yaml"

    def write(self, entry: Entry, crontab: ExistingCrontab, *, dry_run: bool) -> Entry:
        """Write the job file of an entry, if it is to be. What others may not read in the crontab stays so."""
        if entry.done != WROTE or entry.target is None:
            return entry
        if dry_run:
            return replace(entry, done=WOULD_WRITE)
        if not self.write_new(entry.target, entry.content, crontab):
            return replace(entry, done=KEPT)  # somebody made a file of that name a moment ago
        return entry

    def write_new(self, target: Path, content: bytes, crontab: ExistingCrontab) -> bool:
        """Write a job file and return True; False when something is there already."""
        mode, gid = (0o640, self.account.gid) if crontab.is_private else (0o644, -1)
        return write_new(target, content, sudo=SUDO, mode=mode, gid=gid if os.geteuid() == 0 else -1)

    def read(self, entry: Entry) -> Job:
        """Return the job of an entry: of the file that is there, else of what would be written."""
        slug, path = entry.job or "", entry.target or Path()
        content = entry.content
        if entry.done in (SAME, KEPT):
            content = (_text_at(path) or "").encode("utf-8", "surrogateescape")
        return read_job(
            content,
            slug=slug,
            path=str(path),
            default_values=self.settings.default_job_config,
            log_bytes=self.settings.log_bytes,
            calendars=self.settings.calendars,
        )

    def prove(self, entry: Entry) -> Entry:
        """Hold the job's planned times against those of the entry, which Debian's cron starts in the host's zone."""
        if entry.job is None or entry.line.entry is None:
            return entry
        try:
            job = self.read(entry)
        except ProcessControlError as error:
            return replace(entry, faults=(*entry.faults, *error.faults))
        proof = prove(
            entry.line.entry.schedule,
            [] if job.disabled else job.schedule,
            zone=host_zone(),
            job_zone=host_zone() if job.time_zone is None else zone_named(job.time_zone),
            now=time.time(),
            host=os.uname().nodename,
            slug=entry.job,
        )
        return replace(entry, proof=proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a job directory has."""

    #: Slugs in small letters.
    names: frozenset[str]
    #: Slugs of imported files by the crontab and line that they are from, those with small numbers first.
    by_origin: dict[tuple[str, str], deque[str]]

    @classmethod
    def of(cls, directory: Path) -> "Files":
        try:
            slugs = [name.removesuffix(".yaml") for name in os.listdir(directory) if name.endswith(".yaml")]
        except OSError:
            slugs = []
        by_origin: dict[tuple[str, str], deque[str]] = {}
        for slug in sorted(slugs, key=lambda slug: (len(slug), slug)):
            with suppress(OSError):  # what nobody may read is none of ours
                if origin := origin_of(_text_at(directory / f"{slug}.yaml") or ""):
                    by_origin.setdefault(origin, deque()).append(slug)
        return cls(names=frozenset(slug.lower() for slug in slugs), by_origin=by_origin)


def _behind_ours(crontab: ExistingCrontab, own: str) -> list[Fault]:
    """Return a fault for each line behind those of cron-generate that is none of them: nobody imports it."""
    return [
        Fault(
            "stands behind the lines of cron-generate, so it is not imported",
            where=f"{crontab.name}:{line.number}",
            hint=f"move it above '{WRITTEN_BY}'",
            line=line.text,
        )
        for line in read_lines(crontab.text, has_users=crontab.has_users)
        if line.number > own.count("\n") and line.kind in (Kind.ENTRY, Kind.UNREADABLE) and has_other_lines(line.text)
    ]


def is_complete(imported: Sequence[Imported]) -> bool:
    """Return whether every entry has its job, as the crontab has it."""
    entries = [entry for each in imported for entry in each.entries]
    return not any(each.faults for each in imported) and not any(
        entry.faults or entry.done in (KEPT, LEFT_OUT) or (entry.proof is not None and not entry.proof.holds)
        for entry in entries
    )


def but_the_first_line(text: str) -> str:
    return text.partition("\n")[2]


def _text_at(path: Path) -> str | None:
    """Return what is there, empty for what is no plain file; None when nothing is."""
    try:
        handle = os.open(path, TO_READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # a link, or one that we may not read
        return ""
    with open(handle, "rb") as file:
        is_plain = stat.S_ISREG(os.fstat(handle).st_mode)
        return file.read(MAX_FILE_BYTES).decode("utf-8", "surrogateescape") if is_plain else ""

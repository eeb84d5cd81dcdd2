"""Makes job files from the entries of crontabs. Overwrites nothing, and changes no crontab: `adopt.py` does that."""

import os
import stat
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path

from process_control.config.job_file import read_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.schedule.schedule import host_zone, zone_named
from process_control.crontab.adopted_line import without_our_part
from process_control.crontab.existing import ExistingCrontab
from process_control.crontab.job_of_entry import Draft, Remark, Source, draft_of, hint_for_unreadable, origin_of
from process_control.crontab.name_of_command import free_slug
from process_control.crontab.prove import Proof, prove
from process_control.crontab.read import Kind, Line, faults_of_the_file, is_commented_out, read_lines
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


@dataclass(slots=True, kw_only=True)
class Importer:
    """What the import of several crontabs has in common."""

    settings: Settings
    account: Account
    directory: Path
    #: Slugs that entries of this import have.
    taken: set[str]

    @classmethod
    def into(cls, directory: str | None, settings: Settings, account: Account) -> "Importer":
        place = Path(directory or settings.job_directory)
        return cls(settings=settings, account=account, directory=place, taken=set())

    def import_crontab(self, crontab: ExistingCrontab, *, dry_run: bool, with_proof: bool) -> Imported:
        """Make the job files of a crontab's entries; with `dry_run` none is written."""
        lines = read_lines(without_our_part(crontab.text)[0], has_users=crontab.has_users)
        found = [self.plan(line, crontab) for line in lines if line.kind in (Kind.ENTRY, Kind.UNREADABLE)]
        if any(entry.done == WROTE for entry in found) and not dry_run:
            make_directory(self.directory)
        entries = [self.write(entry, crontab, dry_run=dry_run) for entry in found]
        if with_proof:
            entries = [self.prove(entry) for entry in entries]
        return Imported(
            crontab=crontab,
            entries=tuple(entries),
            faults=tuple(
                Fault(what, where=f"{crontab.name}:{number}") for number, what in faults_of_the_file(crontab.text)
            ),
            counts=Counter(line.kind.value for line in lines),
            commented_out=tuple(
                line.number
                for line in lines
                if line.kind is Kind.COMMENT and is_commented_out(line.text, has_users=crontab.has_users)
            ),
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
            self.read(entry)
        except ProcessControlError as error:
            where = f"{crontab.name}:{line.number}"
            faults = tuple(Fault(fault.what, where=where, hint=fault.hint, line=line.text) for fault in error.faults)
            return Entry(line=line, done=LEFT_OUT, faults=faults)
        self.taken.add(slug)
        return entry

    def _place(self, draft: Draft) -> tuple[str, str]:
        """Return the slug of a new job file and WROTE; or that of the one which was imported from this line before."""
        slug, others = draft.slug, set(self.taken)
        while True:
            slug = free_slug(draft.slug, others)
            there = _text_at(self._path(slug))
            if there is None:
                return slug, WROTE
            if origin_of(there) == origin_of(draft.text):
                return slug, SAME if but_the_first_line(there) == but_the_first_line(draft.text) else KEPT
            others.add(slug)

    def _path(self, slug: str) -> Path:
        return self.directory / f"{slug}.yaml"

    def write(self, entry: Entry, crontab: ExistingCrontab, *, dry_run: bool) -> Entry:
        """Write the job file of an entry, if it is to be. What others may not read in the crontab stays so."""
        if entry.done != WROTE or entry.target is None:
            return entry
        if dry_run:
            return replace(entry, done=WOULD_WRITE)
        self.write_new(entry.target, entry.content, crontab)
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
        """Hold the job's planned times against those of the entry."""
        if entry.job is None or entry.line.entry is None:
            return entry
        try:
            job = self.read(entry)
        except ProcessControlError as error:
            return replace(entry, faults=(*entry.faults, *error.faults))
        own = entry.line.variables.get("CRON_TZ")
        proof = prove(
            entry.line.entry.schedule,
            [] if job.disabled else job.schedule,
            zone=_zone(own),
            job_zone=_zone(job.time_zone),
            now=time.time(),
            host=os.uname().nodename,
            slug=entry.job,
        )
        return replace(entry, proof=proof)


def is_complete(imported: Sequence[Imported]) -> bool:
    """Return whether every entry has its job, as the crontab has it."""
    entries = [entry for each in imported for entry in each.entries]
    return not any(each.faults for each in imported) and not any(
        entry.faults or entry.done in (KEPT, LEFT_OUT) or (entry.proof is not None and not entry.proof.holds)
        for entry in entries
    )


def _zone(name: str | None) -> tzinfo:
    return host_zone() if name is None else zone_named(name)


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

"""Which jobs follow which: a small file, so that the end of a run reads no job files.

Lean module. The file is made again when the job directory has changed since (a file was added, removed or replaced),
and by each look of `watch` that sees a changed file, and by `cron-generate`: only a file that was edited in place may
be noticed that late.
"""

import posix
import time

from process_control.core import layout
from process_control.system import proc
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from process_control.config.settings import Settings
    from process_control.core.job import Job

    Causes = dict[str, list[str]]
    #: What was there before job files were read: the names of them, and the file of causes.
    Before = tuple[list[object] | None, list[int] | None]

_MAX_BYTES = 1 << 22
#: A directory that was changed just now may change again within one tick of the file system's clock.
_SETTLED_SECONDS = 1.0


def followers_of(settings: "Settings", slug: str) -> "list[str]":
    """Return the jobs that name `slug` in `after`, sorted. Raises what reading the job directory raises."""
    return [job for job, causes in causes_by_job(settings).items() if slug in causes]


def causes_by_job(settings: "Settings") -> "Causes":
    """Return the causes of each job that has some, sorted by job."""
    known = _read(settings)
    if known is not None and known.get("stamp") and known["stamp"] == stamp_of_names(settings):
        causes: Causes = known["after"]  # type: ignore[assignment]  # checked by _read
        return causes
    return _look(settings, {} if known is None else known["after"])  # type: ignore[arg-type]


def before_reading(settings: "Settings") -> "Before":
    """Return what `note_all` has to know of the moment before the jobs are read."""
    return stamp_of_names(settings), _stamp_of_file(settings)


def note_all(settings: "Settings", jobs: "Iterable[object]", *, before_it: "Before | None" = None) -> None:
    """Write what all jobs of the directory name in `after`: each a Job, or what is known of an invalid file by slug.

    `before_it`: `before_reading` from before the jobs were read. With it, nobody reads the files again for this.
    """
    from process_control.core.job import Job

    names_before, written = (None, _stamp_of_file(settings)) if before_it is None else before_it
    known = _read(settings) or {"after": {}}
    before: Causes = known["after"]  # type: ignore[assignment]
    found: Causes = {}
    for job in jobs:
        slug = str(getattr(job, "slug", ""))
        causes = _causes(job, settings) if isinstance(job, Job) else before.get(slug)
        if causes:
            found[slug] = causes
    stamp = stamp_of_names(settings)  # another file may have come since the jobs were read
    _write(settings, found, stamp if stamp in (known.get("stamp"), names_before) else None, written)


def _look(settings: "Settings", before: "Causes") -> "Causes":
    """Read the job files that may have the key, and write the file. An invalid one has the causes it had before."""
    from process_control.config.job_directory import JobDirectory, load_without_its_causes
    from process_control.core.job import is_slug
    from process_control.errors import ProcessControlError

    stamp, written = before_reading(settings)
    named: list[str] = []
    with JobDirectory(settings) as directory:
        for name in directory.names():
            slug = name[:-5]
            if name[-5:] != ".yaml" or not is_slug(slug):
                continue
            try:
                source, _ = directory.read(slug)
            except ProcessControlError:
                source = b"after:" if slug in before else b""
            if _may_have_causes(source):
                named.append(slug)
    found: Causes = {}
    for slug in named:
        try:
            causes = _causes(load_without_its_causes(slug, settings)[0], settings)
        except ProcessControlError:
            causes = before.get(slug, [])
        if causes:
            found[slug] = causes
    _write(settings, found, stamp, written)
    return found


def _may_have_causes(source: bytes) -> bool:
    """Return whether `after` may be a key in it: `after_failures`, or the word in a text, is in thousands of files."""
    behind = source.split(b"after")[1:]
    return any(text.lstrip(b"\"' \t\r\n")[:1] == b":" for text in behind) or (bool(behind) and b"? " in source)


def _causes(job: "Job", settings: "Settings") -> "list[str]":
    """Return the causes whose ends start a job on this host: the fleet starts its own."""
    from process_control.core.fleet.membership import belongs_to_fleet

    if belongs_to_fleet(job.run_on, settings.fleet_address):
        return []
    return [str(cause["job"]) for cause in job.after]


def stamp_of_names(settings: "Settings") -> "list[object] | None":
    """Return what changes with the names in the job directory; None if it cannot be read, or has just changed."""
    directory = settings.job_directory
    try:
        stat = posix.stat(directory)
    except OSError:
        return None
    if abs(time.time() - stat.st_mtime) < _SETTLED_SECONDS:
        return None
    return [directory, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def _read(settings: "Settings") -> "dict[str, object] | None":
    text = proc.read_small(layout.chains(settings.state_directory), _MAX_BYTES)
    try:
        value = decode(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("after"), dict):
        return None
    return value if all(isinstance(causes, list) for causes in value["after"].values()) else None


def _stamp_of_file(settings: "Settings") -> "list[int] | None":
    """Return what changes each time the file of causes is written; None: there is none."""
    try:
        stat = posix.stat(layout.chains(settings.state_directory))
    except OSError:
        return None
    return [stat.st_ino, stat.st_mtime_ns]


def _write(settings: "Settings", found: "Causes", stamp: "list[object] | None", written: "list[int] | None") -> None:
    """Write the file; without a `stamp`, or when it cannot be written, the next run reads the directory again.

    So it does when another process has written the file since it was as `written`: that one may have read the jobs
    before us or after us.
    """
    from process_control.system import atomic_file, writers_lock

    path = layout.chains(settings.state_directory)
    try:
        with writers_lock.held(layout.chains_lock(settings.state_directory)):
            is_known = stamp is not None and written == _stamp_of_file(settings)
            value = {"stamp": stamp if is_known else None, "after": dict(sorted(found.items()))}
            atomic_file.write_unsynced(path, encode(value).encode("ascii"), mode=0o640)
    except OSError:
        pass

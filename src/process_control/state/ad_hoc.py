"""Commands that `exec` ran: what was last run under a name, and its removal when nothing needs it any more.

Lean module.
"""

import posix

from process_control.core import layout
from process_control.core.job import is_slug
from process_control.errors import CannotRecord
from process_control.system.atomic_file import make_directory, write
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from process_control.config.settings import Settings
    from process_control.core.job import Job

MAX_BYTES = 4 << 20


def keep(settings: "Settings", job: "Job", keys: str) -> None:
    """Note what is about to run. Raises CannotRecord (74)."""
    path = layout.ad_hoc(settings.state_directory, job.slug)
    noted = {"keys": decode(keys), "command": job.command[0], "lock": job.lock}
    try:
        make_directory(layout.job(settings.state_directory, job.slug), 0o750)
        write(path, encode(noted).encode("ascii"))
    except OSError as error:
        raise CannotRecord(f"the command cannot be noted: {error.strerror}", where=path) from error


def kept(state_directory: str, slug: str) -> "dict[str, object] | None":
    """Return what was last run under this name; None when that is a job, or nothing."""
    if not is_slug(slug):
        return None
    try:
        with open_plain(layout.ad_hoc(state_directory, slug)) as file:
            value = decode(file.read(MAX_BYTES).decode("utf-8", "replace"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("command"), list) else None


def kept_job(settings: "Settings", slug: str) -> "Job | None":
    """Return what was last run under this name as a job; None when that is a job of its own, or nothing."""
    from process_control.config.ad_hoc_job import read_ad_hoc
    from process_control.errors import ProcessControlError

    noted = kept(settings.state_directory, slug)
    keys = None if noted is None else noted.get("keys")
    if noted is None or not isinstance(keys, dict) or posix.access(f"{settings.job_directory}/{slug}.yaml", posix.F_OK):
        return None
    command = noted["command"]
    words = [str(word) for word in command] if isinstance(command, list) else []
    try:
        return read_ad_hoc(slug, keys, words, settings)
    except ProcessControlError:
        return None


def remove_expired(
    settings: "Settings", *, jobs: "Collection[str]", running: "Collection[str]", oldest: float
) -> "list[str]":
    """Remove all that is left of names that ran last before `oldest` (UTC seconds); return what could not be removed.

    `jobs` are the slugs of the job directory: what has become a job stays, and is no longer noted here.
    """
    faults = []
    try:
        names = posix.listdir(layout.jobs(settings.state_directory))
    except OSError:
        return []
    for slug in names:
        noted = kept(settings.state_directory, slug)
        if noted is None or slug in running:
            continue
        try:
            if slug in jobs:
                posix.unlink(layout.ad_hoc(settings.state_directory, slug))
            elif _last_used(settings.state_directory, slug) < oldest:
                _remove(settings, slug, str(noted.get("lock") or slug))
        except OSError as error:
            faults.append(f"{error.filename or slug}: {error.strerror}")
    return faults


def _last_used(state_directory: str, slug: str) -> float:
    directory = layout.job(state_directory, slug)
    return max([posix.stat(f"{directory}/{name}").st_mtime for name in posix.listdir(directory)])


def _remove(settings: "Settings", slug: str, lock: str) -> None:
    """Remove everything but the note, then that: who is interrupted here is continued the next time. Raises OSError."""
    state = settings.state_directory
    note, directory = layout.ad_hoc(state, slug), layout.job(state, slug)
    others = [layout.refusal(state, slug), layout.lock(settings.run_directory, slug)]
    others += [layout.sharer(state, lock, slug)]
    others += [path for name in posix.listdir(directory) if (path := f"{directory}/{name}") != note]
    for path in [*others, note]:
        try:
            posix.unlink(path)
        except FileNotFoundError:
            pass
    posix.rmdir(directory)
    try:
        posix.rmdir(layout.logs(settings.output_directory, slug))
    except OSError:  # logs that are younger, or none
        pass

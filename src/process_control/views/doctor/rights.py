"""Checks the rights of everything that process-control keeps: directories, and the files in them."""

import os
import stat
from collections.abc import Iterator
from pathlib import PurePath
from shlex import quote

from process_control.core import layout
from process_control.system.directories import own_directories
from process_control.views.doctor.finding import (
    BAD,
    MAKE_DIRECTORY,
    SET_MODE,
    WARN,
    Finding,
    Repair,
    found_or_fine,
    not_checked,
)
from process_control.views.doctor.look import Look

CHECK = "rights"


def check(look: Look) -> list[Finding]:
    """Return the directories that are missing, and what belongs to somebody else or can be written by others."""
    found: list[Finding] = []
    unseen: list[str] = []
    for path, mode in directories_of(look):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            found.append(_missing(path, mode, look))
            continue
        except OSError:
            unseen.append(path)
            continue
        if not stat.S_ISDIR(status.st_mode) and not os.path.isdir(path):
            found.append(_bad(f"{path} is not a directory", remedy=f"ls -ld {quote(path)}"))
            continue
        found += _wrong(path, os.stat(path), look)
    found += [fault for path, status in _entries(look, unseen) for fault in _wrong(path, status, look)]
    if unseen and not found:
        return not_checked(CHECK, f"no right to look into {unseen[0]}", remedy="sudo process-control doctor")
    return found_or_fine(found, CHECK, "directories and files belong to the right account, and nobody else writes them")


def directories_of(look: Look) -> list[tuple[str, int]]:
    """Return (path, mode) of the directories that process-control keeps for itself."""
    settings = look.settings
    return own_directories(
        state=settings.state_directory,
        run=settings.run_directory,
        output=settings.output_directory,
        group_reads=settings.read_group is not None,
    )


def _missing(path: str, mode: int, look: Look) -> Finding:
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    will_be_made = look.is_service_user and os.access(above, os.W_OK)
    return Finding(
        check=CHECK,
        state=WARN if will_be_made else BAD,
        what=f"the directory {path} does not exist" + ("; the next run makes it" if will_be_made else ""),
        remedy=f"install -d -o {look.account.name} -m {mode:04o} {quote(path)}",
        repair=Repair(kind=MAKE_DIRECTORY, target=path, mode=mode),
    )


def _entries(look: Look, unseen: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything below the state and run directory, and the directories of logs."""
    settings = look.settings
    known = {path for path, _ in directories_of(look)}
    tops = [settings.state_directory]
    if settings.state_directory not in map(str, PurePath(settings.run_directory).parents):
        tops.append(settings.run_directory)
    for top in tops:
        for path, status in _below(top, unseen):
            if path not in known:
                yield path, status
    for path, status in _below(settings.output_directory, unseen, depth=0):
        if stat.S_ISDIR(status.st_mode) and path not in known:
            yield path, status


def _below(directory: str, unseen: list[str], depth: int = 4) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    except OSError:
        unseen.append(directory)
        return
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:  # gone meanwhile
            continue
        yield entry.path, status
        if depth and stat.S_ISDIR(status.st_mode):
            yield from _below(entry.path, unseen, depth - 1)


def _wrong(path: str, status: os.stat_result, look: Look) -> list[Finding]:
    """Return what is wrong with one entry: its owner first, for nobody else may change its mode."""
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return []
    if status.st_uid not in (look.account.uid, 0):
        what = f"{path} belongs to user {status.st_uid}, and jobs run as {look.account.name}"
        return [_bad(what, remedy=f"chown {look.account.name} {quote(path)}")]
    if status.st_uid == 0 and look.account.uid != 0 and not stat.S_ISDIR(status.st_mode):
        what = f"{path} belongs to root, so {look.account.name} cannot write it"
        return [_bad(what, remedy=f"chown {look.account.name} {quote(path)}")]
    if mode & 0o022:
        better = mode & ~0o022
        return [_bad(f"{path} can be written by others (mode {mode:04o})", path=path, mode=better)]
    if mode & 0o077 and _is_private(path, look):
        return [_bad(f"{path} can be opened by others (mode {mode:04o})", path=path, mode=mode & ~0o077)]
    return []


def _is_private(path: str, look: Look) -> bool:
    """Return whether only the service user may open it: who can open a lock can hold it."""
    return os.path.basename(path) == layout.SHORT_LOCK or path == layout.secrets_key(look.settings.state_directory)


def _bad(what: str, *, remedy: str | None = None, path: str = "", mode: int = 0) -> Finding:
    if remedy is not None:
        return Finding(check=CHECK, state=BAD, what=what, remedy=remedy)
    repair = Repair(kind=SET_MODE, target=path, mode=mode)
    return Finding(check=CHECK, state=BAD, what=what, remedy=f"chmod {mode:04o} {quote(path)}", repair=repair)

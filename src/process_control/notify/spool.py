"""The spool: what has to be told to people, kept on the disk until a process of its own has told it.

Lean room. `spool/news/` holds what happened (written by runs), `spool/mail/` the mails made of it, whole; each is one
JSON file, replaced by rename. The time of `spool/due` says when somebody should look again.
"""

import posix

from process_control.json_text import decode, encode

_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
_READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
NEWS, MAIL = "news", "mail"
LOOK_AGAIN_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600.0
"""Between two tries of one mail."""
_LARGEST = 4 << 20

Entry = dict[str, object]


def directory(state_directory: str, kind: str) -> str:
    return f"{state_directory}/spool/{kind}"


def put(state_directory: str, kind: str, name: str, entry: Entry) -> None:
    """Keep an entry, durably; one of the same name is replaced. Raises OSError."""
    place = directory(state_directory, kind)
    try:
        _write(f"{place}/{name}", entry)
    except FileNotFoundError:
        _make(place)
        _write(f"{place}/{name}", entry)


def look_again(state_directory: str, at: float) -> None:
    """Leave word that somebody should look at `at` (UTC seconds). Raises OSError."""
    path = f"{state_directory}/spool/due"
    posix.close(posix.open(path, _FLAGS, 0o600))
    posix.utime(path, (at, at))


def is_due(state_directory: str, now: float) -> bool:
    """Whether something waits and should be tried now."""
    try:
        due_at = posix.stat(f"{state_directory}/spool/due").st_mtime
    except OSError:
        return False
    return not now < due_at <= now + LONGEST_PAUSE_SECONDS  # the clock may have been ahead


def nothing_waits(state_directory: str) -> None:
    """Take the word back."""
    try:
        posix.unlink(f"{state_directory}/spool/due")
    except OSError:
        pass


def names(state_directory: str, kind: str) -> list[str]:
    """Return the names of the entries, in the order in which they were put by their names."""
    try:
        found = posix.listdir(directory(state_directory, kind))
    except OSError:
        return []
    return sorted([name for name in found if name.endswith(".json")])


def read(state_directory: str, kind: str, name: str) -> Entry | None:
    """Return an entry; None when it is gone or cannot be understood."""
    try:
        descriptor = posix.open(f"{directory(state_directory, kind)}/{name}", _READ)
    except OSError:
        return None
    try:
        parts: list[bytes] = []
        while len(parts) < _LARGEST >> 16 and (part := posix.read(descriptor, 1 << 16)):
            parts.append(part)
        return entry_of(b"".join(parts))
    finally:
        posix.close(descriptor)


def entry_of(data: bytes) -> Entry | None:
    """Return the entry that `data` holds; None when it cannot be understood."""
    try:
        value = decode(data.decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def forget_torn(state_directory: str, kind: str, *, before: float) -> None:
    """Remove what was being written before that moment (UTC seconds) by somebody who was killed at it."""
    place = directory(state_directory, kind)
    try:
        for name in posix.listdir(place):
            if name.endswith(".new") and posix.stat(f"{place}/{name}").st_mtime < before:
                posix.unlink(f"{place}/{name}")
    except OSError:
        pass


def remove(state_directory: str, kind: str, name: str) -> None:
    try:
        posix.unlink(f"{directory(state_directory, kind)}/{name}")
    except OSError:
        pass


def in_memory(entry: Entry) -> int:
    """Return a descriptor from which the entry can be read: for a disk that takes nothing any more."""
    descriptor = posix.memfd_create("news", posix.MFD_CLOEXEC)
    data = encode(entry).encode("ascii")
    while data:
        data = data[posix.write(descriptor, data) :]
    posix.lseek(descriptor, 0, 0)
    return descriptor


def _write(path: str, entry: Entry) -> None:
    new = f"{path}.new"
    descriptor = posix.open(new, _FLAGS, 0o600)
    try:
        data = encode(entry).encode("ascii")
        while data:
            data = data[posix.write(descriptor, data) :]
        posix.fdatasync(descriptor)
    except OSError:
        posix.unlink(new)
        raise
    finally:
        posix.close(descriptor)
    posix.rename(new, path)
    _sync(path.rpartition("/")[0])


def _sync(path: str) -> None:
    descriptor = posix.open(path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        posix.fsync(descriptor)
    finally:
        posix.close(descriptor)


def _make(path: str) -> None:
    try:
        posix.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make(path.rpartition("/")[0])
        _make(path)

"""The spool: events that people have to be notified of, and the messages made of them, on disk until they are accepted.

Lean module. One folder holds the events (written by runs), each channel has one for its messages; an entry is one JSON
file, replaced by rename. The time of `spool/due` says when the next process should look.
"""

import posix

from process_control.core import layout
from process_control.system import atomic_file
from process_control.system.json_text import decode, encode

_FLAGS = posix.O_RDWR | posix.O_NOFOLLOW | posix.O_CLOEXEC
_READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
# These words are of the first version: what waits on a disk, or comes from a run that began before an upgrade, counts.
#: The folder of the events.
EVENTS = "news"
#: The folder of the pings of runs (see channels/ping).
PINGS = "ping"
#: The queue of all mails.
MAIL_QUEUE = "mail"
#: The word for a process that sends: an event, which no disk takes, comes on its stdin.
EVENT_ON_STDIN = "--news"
LOOK_AGAIN_SECONDS = 60
#: Between two tries of one message.
MAX_PAUSE_SECONDS = 3600.0
_LARGEST = 4 << 20

Entry = dict[str, object]


def put(state_directory: str, folder: str, name: str, entry: Entry) -> None:
    """Keep an entry, durably; one of the same name is replaced. Raises OSError."""
    path, data = layout.spool_entry(state_directory, folder, name), encode(entry).encode("ascii")
    try:
        atomic_file.write(path, data, mode=0o600)
    except FileNotFoundError:
        atomic_file.make_directory(layout.spool_of(state_directory, folder), 0o700)
        atomic_file.write(path, data, mode=0o600)


def look_again(state_directory: str, at: float) -> None:
    """Note durably that a process should look at `at` (UTC seconds); after a power cut, at once. Raises OSError.

    To be called before an entry is put: a note without an entry costs one look, an entry without a note waits for good.
    """
    path = layout.spool_due(state_directory)
    try:
        descriptor = posix.open(path, _FLAGS)
    except FileNotFoundError:
        atomic_file.make_directory(layout.spool(state_directory), 0o700)
        descriptor = posix.open(path, _FLAGS | posix.O_CREAT, 0o600)
        atomic_file.sync_parent(path)
    posix.close(descriptor)
    posix.utime(path, (at, at))


def is_due(state_directory: str, now: float) -> bool:
    """Return whether something waits and should be tried now."""
    try:
        due_at = posix.stat(layout.spool_due(state_directory)).st_mtime
    except OSError:
        return False
    return not now < due_at <= now + MAX_PAUSE_SECONDS  # the clock may have been ahead


def nothing_waits(state_directory: str) -> None:
    """Remove the note of when to look."""
    try:
        posix.unlink(layout.spool_due(state_directory))
    except OSError:
        pass


def names(state_directory: str, folder: str) -> list[str]:
    """Return the names of the entries of a folder, oldest first: a name begins with the time of its event."""
    try:
        found = posix.listdir(layout.spool_of(state_directory, folder))
    except OSError:
        return []
    return sorted([name for name in found if name.endswith(".json")])


def folders(state_directory: str) -> list[str]:
    """Return the names of all folders: that of the events, and the queues."""
    try:
        found = posix.listdir(layout.spool(state_directory))
    except OSError:
        return []
    return sorted([name for name in found if name != "due"])


def all_names(state_directory: str) -> list[str]:
    """Return the names of all entries: events, and the messages of every channel."""
    return [name for folder in folders(state_directory) for name in names(state_directory, folder)]


def read(state_directory: str, folder: str, name: str) -> Entry | None:
    """Return an entry; None when it is gone or cannot be understood."""
    try:
        descriptor = posix.open(layout.spool_entry(state_directory, folder, name), _READ)
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


def forget_torn(state_directory: str, folder: str, *, before: float) -> None:
    """Remove what was being written before that moment (UTC seconds) by a process that was killed at it."""
    place = layout.spool_of(state_directory, folder)
    try:
        for name in posix.listdir(place):
            if name.endswith(".new") and posix.stat(f"{place}/{name}").st_mtime < before:
                posix.unlink(f"{place}/{name}")
    except OSError:
        pass


def remove(state_directory: str, folder: str, name: str) -> None:
    """Remove an entry, durably: one that comes back after a power cut is sent once more."""
    path = layout.spool_entry(state_directory, folder, name)
    try:
        posix.unlink(path)
        atomic_file.sync_parent(path)
    except OSError:
        pass


def in_memory(entry: Entry) -> int:
    """Return a descriptor from which the entry can be read: for a disk that takes nothing any more."""
    descriptor = posix.memfd_create("event", posix.MFD_CLOEXEC)
    data = encode(entry).encode("ascii")
    while data:
        data = data[posix.write(descriptor, data) :]
    posix.lseek(descriptor, 0, 0)
    return descriptor

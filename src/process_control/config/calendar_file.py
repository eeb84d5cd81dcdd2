"""Open a calendar file safely: a plain file of bounded size that nobody else could have written."""

import posix

from process_control.config.calendar_reading import NotRead
from process_control.config.settings import Settings
from process_control.system.account import account_of

MAX_FILE = 1 << 20
_FLAGS = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


def read_file(path: str, settings: Settings) -> bytes:
    """Return what a calendar file holds. Raises NotRead for one that is missing, unsafe or too large."""
    try:
        descriptor = posix.open(path, _FLAGS)
    except OSError as error:
        raise NotRead(f"cannot be opened: {error.strerror}", _to_open(path, error)) from error
    try:
        status = posix.fstat(descriptor)
        if status.st_mode & 0o170000 != 0o100000:
            raise NotRead("is not a regular file", "name the file itself")
        if status.st_mode & 0o022:
            mode = f"{status.st_mode & 0o7777:04o}"
            raise NotRead(f"has mode {mode}: others could change it", f"chmod go-w {path}")
        if status.st_uid not in _owners(settings):
            name = account_of(posix.geteuid()).name
            raise NotRead("belongs to somebody whose files are not trusted here", f"chown {name} {path}")
        parts: list[bytes] = []
        while part := posix.read(descriptor, MAX_FILE):
            parts.append(part)
            if sum(map(len, parts)) > MAX_FILE:
                raise NotRead("is larger than 1 MiB", "remove old events from it")
        return b"".join(parts)
    except OSError as error:
        raise NotRead(f"cannot be read: {error.strerror}", "") from error
    finally:
        posix.close(descriptor)


def _to_open(path: str, error: OSError) -> str:
    import errno

    if error.errno == errno.ELOOP:
        return f"it is a symbolic link: name the file itself ({posix.readlink(path)})"
    if error.errno == errno.EACCES:
        return f"let the account {account_of(posix.geteuid()).name} read it and enter its directory"
    return "put the file there, or correct its path under 'calendars' in the configuration"


def _owners(settings: Settings) -> set[int]:
    """Return who may own a calendar: root, who looks, the service user, and whoever owns the job files."""
    import pwd

    owners = {0, posix.geteuid()}
    for name in (settings.user, settings.trusted_owner):
        try:
            owners.add(pwd.getpwnam(name).pw_uid if name else 0)
        except KeyError:
            continue
    if posix.geteuid():
        try:
            owners.add(posix.stat(settings.job_directory).st_uid)
        except OSError:
            pass
    return owners

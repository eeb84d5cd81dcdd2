"""Opens the file of the key `stdout` to append to it; for root only if nobody else could redirect the path.

Lean module, imported only for jobs with that key. The file is opened in another process: `execution/stdout_copy.py`.
"""

import posix

from process_control.errors import NotPermitted
from process_control.system import trusted_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.errors import Fault

# O_NONBLOCK: the open of a FIFO does not wait for its reader.
_APPEND = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
_MODE = 0o640


def opener_for(path: str, *, uid: int, trusted_owner: str | None, trusted_group: str | None) -> "Callable[[], int]":
    """Return a function that opens `path` for a job that runs as `uid` and returns the descriptor.

    It raises OSError, and for root NotPermitted (77) when somebody else could have redirected the path.
    """
    if uid != 0:
        return lambda: posix.open(path, _APPEND, _MODE)
    return lambda: open_as_root(path, trust_of(trusted_owner, trusted_group))


def faults_for_root(path: str, *, trusted_owner: str | None, trusted_group: str | None) -> "list[Fault]":
    """Return why root may not append to `path`, as far as it exists now. Nothing is created."""
    trust = trust_of(trusted_owner, trusted_group)
    try:
        walk = trusted_file.open_directory(path.rpartition("/")[0] or "/")
    except OSError:
        return []
    try:
        faults = trusted_file.unsafe_steps(walk, trust)
        return faults or _owner_faults(path, posix.lstat(path.rpartition("/")[2], dir_fd=walk.descriptor), trust)
    except OSError:
        return []
    finally:
        posix.close(walk.descriptor)


def trust_of(trusted_owner: str | None, trusted_group: str | None) -> trusted_file.Trust:
    """Return who may own the path of a file that root appends to. Reads password and group file."""
    import grp
    import pwd

    try:
        trusted = () if trusted_owner is None else (pwd.getpwnam(trusted_owner).pw_uid,)
        group = None if trusted_group is None else grp.getgrnam(trusted_group).gr_gid
    except KeyError:  # such a configuration loads no job
        trusted, group = (), None
    return trusted_file.Trust((0, *trusted), group)


def open_as_root(path: str, trust: trusted_file.Trust) -> int:
    """Open `path`, following only links of trusted owners. Raises NotPermitted (77), OSError."""
    for _ in range(trusted_file.MAX_LINKS):
        directory, _, name = path.rpartition("/")
        walk = trusted_file.open_directory(directory or "/")
        try:
            faults = trusted_file.unsafe_steps(walk, trust)
            if faults:
                raise NotPermitted(faults=faults)
            try:
                descriptor = posix.open(name, _APPEND | posix.O_NOFOLLOW, _MODE, dir_fd=walk.descriptor)
            except OSError:
                path = _target(name, walk.descriptor, path, trust)
                continue
        finally:
            posix.close(walk.descriptor)
        faults = _owner_faults(path, posix.fstat(descriptor), trust)
        if faults:
            posix.close(descriptor)
            raise NotPermitted(faults=faults)
        return descriptor
    raise NotPermitted("too many links", where=path)


def _target(name: str, directory: int, path: str, trust: trusted_file.Trust) -> str:
    """Return the target of a link. Raises NotPermitted for one of an untrusted owner; OSError if it is no link."""
    status = posix.lstat(name, dir_fd=directory)
    try:
        target = posix.readlink(name, dir_fd=directory)
    except OSError:
        target = ""
    if not target:  # no link: the same error once more
        return _refused(name, directory)
    faults = _owner_faults(path, status, trust)
    if faults:
        raise NotPermitted(faults=faults)
    return target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"


def _refused(name: str, directory: int) -> str:
    posix.close(posix.open(name, _APPEND & ~posix.O_CREAT | posix.O_NOFOLLOW, dir_fd=directory))
    return name


def _owner_faults(path: str, status: "posix.stat_result", trust: trusted_file.Trust) -> "list[Fault]":
    if status.st_uid in trust.owners:
        return []
    from process_control.system.untrusted import fault

    return [fault("owner", path, status, trust.owners)]

"""System calls that Python 3.11 lacks, or has in a heavy module only: prctl, statfs, resource limits and others.

Lean module: `_ctypes` instead of `ctypes` (0.5 ms against 4).
"""

import _ctypes
import posix
import sys

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 1, 15, 36, 37
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_PDEATHSIG = 2
_PR_SET_DUMPABLE = 4
_FALLOC_FL_KEEP_SIZE = 1
_TIMEX_STATUS_AT = 40  # on 64 bits
_STA_UNSYNC = 0x40
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 128 << 10
_RUSAGE_CHILDREN = -1
_SYS_RT_SIGACTION = {"x86_64": 13, "aarch64": 134, "riscv64": 134}
_SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30}
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280, "armv7l": 311, "i686": 288}
_KEYCTL_JOIN_SESSION_KEYRING = 1
_NO_LIMIT = (1 << 64) - 1
_SYS_CLONE3, _CLONE_INTO_CGROUP, _SIGCHLD = 435, 0x2_0000_0000, 17  # the same on every architecture of Linux we know

# statfs(2) f_type of file systems whose locks or writes depend on another host.
_NETWORK_FILE_SYSTEMS = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB2",
    0x01021997: "9p",
    0x65735546: "FUSE",
    0x00C36400: "Ceph",
    0x5346414F: "AFS",
    0x786F4256: "VirtualBox shared folder",
}


def set_child_subreaper(*, on: bool = True) -> None:
    """Become the parent of orphaned descendants, or stop being it; see prctl(2)."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def is_child_subreaper() -> bool:
    buffer = (_Byte * 8)()
    _call("prctl", _PR_GET_CHILD_SUBREAPER, buffer, 0, 0, 0)
    return any(bytes(buffer))


def set_parent_death_signal(signal_number: int) -> None:
    """Ask for `signal_number` when the parent dies. A change of user resets it, so call this after dropping rights."""
    _call("prctl", _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def parent_death_signal() -> int:
    """Return the signal that comes when the parent dies; 0: none."""
    buffer = (_Byte * 8)()
    _call("prctl", _PR_GET_PDEATHSIG, buffer, 0, 0, 0)
    return int.from_bytes(bytes(buffer)[:4], sys.byteorder)


def set_no_new_privileges() -> None:
    """Prevent this process and its descendants from gaining rights by exec (no set-user-ID, no sudo)."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_process_name(name: bytes) -> None:
    """Set the name that `ps` and `top` show, 15 bytes at most."""
    _call("prctl", _PR_SET_NAME, name[:15] + b"\0", 0, 0, 0)


def set_dumpable(*, on: bool) -> None:
    """Permit or forbid processes of our account to read our memory, environment and descriptors; see prctl(2).

    Children inherit it until they execute a program.
    """
    _call("prctl", _PR_SET_DUMPABLE, int(on), 0, 0, 0)


def leave_session_keyring() -> None:
    """Replace the session keyring by a new, empty one, without the caller's keys (Kerberos tickets); see keyctl(2).

    Nothing is done where the kernel or a filter forbids keys, and on architectures not in _SYS_KEYCTL.
    """
    number = _SYS_KEYCTL.get(posix.uname().machine)
    if number is None:
        return
    try:
        _call("syscall", number, _KEYCTL_JOIN_SESSION_KEYRING, 0)
    except OSError:
        pass


def preallocate(descriptor: int, size: int, *, offset: int = 0) -> None:
    """Reserve `size` bytes of disk from `offset` on without changing the file's length. Raises OSError."""
    _call("fallocate", descriptor, _FALLOC_FL_KEEP_SIZE, offset, size)


def network_file_system(path: str) -> str | None:
    """Return the kind of network file system of `path`; None for a local one."""
    buffer = (_Byte * 256)()
    _call("statfs", path.encode("utf-8", "surrogateescape") + b"\0", buffer)
    kind = int.from_bytes(bytes(buffer)[:8], sys.byteorder) & 0xFFFFFFFF
    return _NETWORK_FILE_SYSTEMS.get(kind)


def clock_is_synchronized() -> bool | None:
    """Return whether something keeps the kernel's clock right, see adjtimex(2); None when it cannot say."""
    buffer = (_Byte * 512)()  # a `struct timex` of zeros changes nothing
    try:
        _call("adjtimex", buffer)
    except OSError:
        return None
    return not int.from_bytes(bytes(buffer)[_TIMEX_STATUS_AT : _TIMEX_STATUS_AT + 4], sys.byteorder) & _STA_UNSYNC


def usage_of_children() -> tuple[float, int, int, int]:
    """Return CPU seconds, the peak resident bytes of one process, and the bytes read from and written to disks.

    They cover all children that were waited for, see getrusage(2).
    """
    buffer = (_Byte * 256)()
    _call("getrusage", _RUSAGE_CHILDREN, buffer)
    numbers = [int.from_bytes(bytes(buffer)[8 * index : 8 * index + 8], sys.byteorder) for index in range(13)]
    user, user_micro, system, system_micro, peak_kib = numbers[:5]
    cpu_seconds = user + system + (user_micro + system_micro) / 1_000_000
    return cpu_seconds, peak_kib * 1024, numbers[11] * 512, numbers[12] * 512


def inotify(path: str, events: int) -> int:
    """Return a descriptor that does not block, from which the events of a directory can be read. Raises OSError."""
    descriptor = _call("inotify_init1", posix.O_NONBLOCK | posix.O_CLOEXEC)
    try:
        _call("inotify_add_watch", descriptor, path.encode("utf-8", "surrogateescape") + b"\0", events)
    except OSError:
        posix.close(descriptor)
        raise
    return descriptor


def hard_limit(number: int) -> int | None:
    """Return the hard resource limit of this process, None for none, see getrlimit(2)."""
    buffer = (_Byte * 16)()
    _call("getrlimit", number, buffer)
    value = int.from_bytes(bytes(buffer)[8:16], sys.byteorder)
    return None if value == _NO_LIMIT else value


def set_limit(number: int, soft: int, hard: int) -> None:
    """Set a resource limit of this process. Without root a lower hard limit stays, and bounds the soft one."""
    hardest = hard_limit(number)
    if hardest is not None and hard > hardest and posix.geteuid() != 0:
        hard = hardest
    words = min(soft, hard).to_bytes(8, sys.byteorder) + hard.to_bytes(8, sys.byteorder)
    _call("setrlimit", number, words)


def set_io_priority(value: int) -> None:
    """Set class and level for disk access, see ioprio_set(2); nothing on architectures not in _SYS_IOPRIO_SET."""
    number = _SYS_IOPRIO_SET.get(posix.uname().machine)
    if number is None:
        return
    try:
        _call("syscall", number, 1, 0, value)
    except OSError:  # a class that only root may take
        pass


def return_memory_soon() -> None:
    """Have the C library return large blocks to the kernel when they are freed, and share its heaps among threads.

    It keeps more and more of them else: for a server that reads much now and then. See mallopt(3).
    """
    for parameter, value in ((_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES), (_M_ARENA_MAX, 2)):
        try:
            _call("mallopt", parameter, value)
        except OSError:  # a C library without it
            return


def return_memory_now() -> None:
    """Have the C library return all whole pages that are free to the kernel, also those between others; malloc_trim(3).

    By itself it returns only what is free at the end of its heaps: after much was read, a few values that are kept hold
    all before them.
    """
    try:
        _call("malloc_trim", 0)
    except OSError:  # a C library without it
        return


def fork_into_cgroup(descriptor: int) -> int:
    """Fork, with the child born in the control group whose open directory `descriptor` is; see clone3(2).

    Moving a process into a group later is slow (15 ms were measured). Python does not know of this fork, so the child
    may only set itself up and execute. Raises OSError on an old kernel, or when a filter forbids the call.
    """
    words = (_CLONE_INTO_CGROUP, 0, 0, 0, _SIGCHLD, 0, 0, 0, 0, 0, descriptor)
    arguments = b"".join([word.to_bytes(8, sys.byteorder) for word in words])
    return _call("syscall", _SYS_CLONE3, arguments, len(arguments))


def restore_internal_signals() -> None:
    """Set the signals 32 and 33 to their default by rt_sigaction(2): glibc, which uses them itself, refuses to.

    Its posix_spawn, which make and others use, starts programs with them ignored. Nothing is done on architectures not
    in _SYS_RT_SIGACTION.
    """
    number = _SYS_RT_SIGACTION.get(posix.uname().machine)
    if number is not None:
        for signal_number in (32, 33):
            _call("syscall", number, signal_number, bytes(32), None, 8)


class _Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "B"


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Function(_ctypes.CFuncPtr):
    _flags_ = 0x1 | 0x8  # FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Int


def _call(name: str, *arguments: object) -> int:
    """Call the C library's function `name`; whole numbers go as C long. Raises OSError when it returns -1."""
    itself = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None is this process, see dlopen(3)
    function = _Function(_ctypes.dlsym(itself, name))
    converted = [_Long(value) if isinstance(value, int) else value for value in arguments]
    result: int = function(*converted)
    if result == -1:
        number = _ctypes.get_errno()
        raise OSError(number, posix.strerror(number), name)
    return result

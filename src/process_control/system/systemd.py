"""Whether systemd is process 1, and which timers it starts by itself."""

import os

UNIT_DIRECTORY = "/etc/systemd/system"
#: Where a package, or the administrator, puts units.
UNIT_DIRECTORIES = (UNIT_DIRECTORY, "/lib/systemd/system", "/usr/lib/systemd/system")
#: There while systemd is process 1, see sd_booted(3).
_BOOTED = "/run/systemd/system"
#: Where `systemctl enable` links the timers.
_WANTED = f"{UNIT_DIRECTORY}/timers.target.wants"
_TIMER = ".timer"
MAX_LINE = 8192


def is_running() -> bool:
    """Return whether systemd is process 1 here."""
    return os.path.isdir(_BOOTED)


def has_service(name: str) -> bool:
    """Return whether systemd is process 1, and has a service of this name."""
    return is_running() and any(os.path.exists(f"{directory}/{name}.service") for directory in UNIT_DIRECTORIES)


def enabled_timers(prefix: str, first_line: str) -> frozenset[str]:
    """Return the names, without `prefix` and ending, of the enabled timers that begin with this line.

    Their services have to be there too. None where systemd is not process 1, or where we may not look.
    """
    try:
        names = os.listdir(_WANTED) if is_running() else []
    except OSError:
        return frozenset()
    stems = (name.removesuffix(_TIMER) for name in names if name.startswith(prefix) and name.endswith(_TIMER))
    line = f"{first_line}\n".encode("utf-8", "surrogateescape")
    return frozenset(
        stem.removeprefix(prefix)
        for stem in stems
        if _begins_with(f"{_WANTED}/{stem}{_TIMER}", line) and _begins_with(f"{UNIT_DIRECTORY}/{stem}.service", line)
    )


def _begins_with(path: str, line: bytes) -> bool:
    """Return whether a file begins with a line. A masked unit leads to /dev/null."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            return file.readline(MAX_LINE) == line
    except OSError:
        return False


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)

"""Whether a cron daemon runs on this host. Says nothing where that cannot be seen, or where another starts the jobs."""

import os

from process_control.system import proc

PID_FILES = ("/run/crond.pid", "/run/cron.pid", "/run/crond/crond.pid")
DAEMONS = (b"cron", b"crond")
PROGRAMS = ("/usr/sbin/cron", "/usr/sbin/crond", "/sbin/crond", "/usr/bin/crond")
UNITS = ("cron", "crond", "cronie")
UNIT_DIRECTORIES = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
SYSTEMD_CRON = "/usr/lib/systemd/system-generators/systemd-crontab-generator"
"""Makes timers of crontabs: there is no daemon then."""
INITS = (b"systemd", b"init", b"runit")


def trouble() -> str | None:
    """Return, in words, that no cron daemon runs, with what to do; None when one does, or when that is not known."""
    if not _is_host() or os.path.exists(SYSTEMD_CRON) or _runs_by_pid_file() or _runs_by_name():
        return None
    if not any(os.path.exists(program) for program in PROGRAMS):
        return "cron is not installed, so no job starts by itself: apt-get install cron, or the cron of your system"
    unit = next((unit for unit in UNITS if _has_unit(unit)), None)
    how = f"systemctl start {unit}" if unit and os.path.isdir("/run/systemd/system") else "service cron start"
    return f"cron is not running, so no job starts by itself: {how}"


def _is_host() -> bool:
    """Whether this is a host, or a container like one: in others somebody outside starts the jobs."""
    if not os.path.exists("/proc/1/comm"):  # hidepid=2: nobody's processes but our own can be seen
        return False
    return os.path.isdir("/run/systemd/system") or _name_of(1) in INITS


def _runs_by_pid_file() -> bool:
    for path in PID_FILES:
        try:
            pid = int(proc.read_small(path, 32).split()[0])
        except (OSError, ValueError, IndexError):
            continue
        if _name_of(pid) in DAEMONS:
            return True
    return False


def _runs_by_name() -> bool:
    return any(_name_of(int(name)) in DAEMONS and _is_of_here(name) for name in os.listdir("/proc") if name.isdigit())


def _name_of(pid: int) -> bytes:
    try:
        return proc.read_small(f"/proc/{pid}/comm", 64).strip()
    except (OSError, ValueError):
        return b""


def _is_of_here(pid: str) -> bool:
    """Whether a process is of our own pid namespace, not of a container on this host."""
    try:
        status = proc.read_small(f"/proc/{pid}/status")
    except (OSError, ValueError):
        return False
    line = next((line for line in status.split(b"\n") if line.startswith(b"NSpid:")), b"")
    return len(line.split()) <= 2


def _has_unit(unit: str) -> bool:
    return any(os.path.exists(f"{directory}/{unit}.service") for directory in UNIT_DIRECTORIES)

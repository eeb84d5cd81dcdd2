"""Checks that a cron daemon is running on this host, where that is known and cron is what starts the jobs."""

import os
import time
from dataclasses import dataclass

from process_control.system import proc

PID_FILES = ("/run/crond.pid", "/run/cron.pid", "/run/crond/crond.pid")
DAEMONS = (b"cron", b"crond")
PROGRAMS = ("/usr/sbin/cron", "/usr/sbin/crond", "/sbin/crond", "/usr/bin/crond")
UNITS = ("cron", "crond", "cronie")
UNIT_DIRECTORIES = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
#: Turns crontabs into timers: then there is no daemon.
SYSTEMD_CRON = "/usr/lib/systemd/system-generators/systemd-crontab-generator"
INITS = (b"systemd", b"init", b"runit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A cron daemon that is running."""

    pid: int
    #: UTC seconds
    started_at: float
    #: TZ of its environment; None without one, and when we may not look
    time_zone: str | None


def daemons() -> list[Daemon]:
    """Return the cron daemons in our pid namespace; not the processes that each forks for a job."""
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit() and _name_of(int(name)) in DAEMONS}
    found = []
    for pid in sorted(pids):
        started = proc.start_time(pid)
        if started is None or proc.parent_of(pid) in pids or not _is_in_our_namespace(str(pid)):
            continue
        zone = proc.environment_value(pid, b"TZ=")
        found.append(
            Daemon(
                pid=pid,
                started_at=time.time() - proc.seconds_since(started),
                time_zone=None if zone is None else zone.decode("utf-8", "replace"),
            )
        )
    return found


def restart_command() -> str:
    """Return the command that starts cron anew."""
    return _control("restart")


def trouble() -> str | None:
    """Return a sentence that no cron daemon is running, and the fix; None if one is, or if that is unknown."""
    if not is_host() or os.path.exists(SYSTEMD_CRON) or _runs_by_pid_file() or _runs_by_name():
        return None
    if not any(os.path.exists(program) for program in PROGRAMS):
        return "cron is not installed, so no job starts by itself: apt-get install cron, or the cron of your system"
    return f"cron is not running, so no job starts by itself: {_control('start')}"


def _control(verb: str) -> str:
    unit = next((unit for unit in UNITS if _has_unit(unit)), None)
    return f"systemctl {verb} {unit}" if unit and os.path.isdir("/run/systemd/system") else f"service cron {verb}"


def is_host() -> bool:
    """Return whether this is a host, or a container with an init: in others jobs are started from outside."""
    if not os.path.exists("/proc/1/comm"):  # hidepid=2: only our own processes are visible
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
    return any(
        _name_of(int(name)) in DAEMONS and _is_in_our_namespace(name) for name in os.listdir("/proc") if name.isdigit()
    )


def _name_of(pid: int) -> bytes:
    try:
        return proc.read_small(f"/proc/{pid}/comm", 64).strip()
    except (OSError, ValueError):
        return b""


def _is_in_our_namespace(pid: str) -> bool:
    """Return whether a process is in our own pid namespace, not in a container on this host."""
    try:
        status = proc.read_small(f"/proc/{pid}/status")
    except (OSError, ValueError):
        return False
    line = next((line for line in status.split(b"\n") if line.startswith(b"NSpid:")), b"")
    return len(line.split()) <= 2


def _has_unit(unit: str) -> bool:
    return any(os.path.exists(f"{directory}/{unit}.service") for directory in UNIT_DIRECTORIES)

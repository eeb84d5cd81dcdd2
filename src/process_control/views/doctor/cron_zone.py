"""Checks that cron uses the host's time zone: it keeps the one of when it started."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from process_control.core.schedule.schedule import host_zone
from process_control.system.clock import DAY_SECONDS
from process_control.system.cron_daemon import Daemon, restart_command
from process_control.views.doctor.finding import BAD, WARN, Finding, fine, not_checked
from process_control.views.doctor.look import Look

CHECK = "cron_zone"
#: The files that decide the host's time zone.
ZONE_FILES = ("/etc/localtime", "/etc/timezone")
#: A start and a change that are so near to each other say nothing.
TOLERATED_SECONDS = 2.0


def check(look: Look) -> list[Finding]:
    """Return that cron still has another time zone than the host, as far as it can be seen."""
    if not look.daemons:
        return not_checked(CHECK, "cron is not seen here")
    zone = getattr(host_zone(), "key", None) or time.tzname[0]
    found = older_than_the_zone(look.daemons, _changed_at(ZONE_FILES))
    found += with_another_zone(look.daemons, zone)
    if found:
        return found
    if not look.was_root:
        return fine(CHECK, f"{zone} since before cron started; its own TZ was not checked: that needs root")
    return fine(CHECK, f"{zone}, as cron has it")


def older_than_the_zone(daemons: Sequence[Daemon], changed_at: float) -> list[Finding]:
    """Return the daemons that started before the zone was changed."""
    late = [daemon for daemon in daemons if daemon.started_at + TOLERATED_SECONDS < changed_at]
    if not late:
        return []
    at, began = _day(changed_at), _day(late[0].started_at)
    what = f"the host's time zone was set at {at}, and cron (pid {late[0].pid}) uses the old one: it started at {began}"
    return [Finding(check=CHECK, state=BAD, what=what, remedy=restart_command())]


def with_another_zone(daemons: Sequence[Daemon], zone: str) -> list[Finding]:
    """Return the daemons that were started with a TZ of their own."""
    found = []
    for daemon in daemons:
        if daemon.time_zone is not None and not are_the_same(daemon.time_zone.lstrip(":"), zone):
            what = f"cron (pid {daemon.pid}) runs with TZ={daemon.time_zone}, the host has {zone}"
            found.append(Finding(check=CHECK, state=WARN, what=what, remedy=restart_command()))
    return found


def with_a_zone_of_its_own(target: str, text: str, zone: str) -> list[Finding]:
    """Return that a crontab sets CRON_TZ, or TZ, to another zone than the host's."""
    for line in text.split("\n"):
        name, sign, value = line.strip().partition("=")
        named = value.strip().strip("'\"").lstrip(":")
        if sign and name.strip() in ("CRON_TZ", "TZ") and named and not are_the_same(named, zone):
            what = f"{target} sets {name.strip()}={named}, the host has {zone}"
            return [Finding(check=CHECK, state=WARN, what=what, remedy="cron-generate --check")]
    return []


def are_the_same(zone: str, other: str) -> bool:
    """Return whether two zones have the same time in the next two years, as UTC and Etc/UTC; not for an unknown one."""
    if zone == other:
        return True
    try:
        zones = ZoneInfo(zone), ZoneInfo(other)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    now = time.time()
    weeks = [now + week * 7 * DAY_SECONDS for week in range(105)]
    first, second = ([datetime.fromtimestamp(week, each).utcoffset() for week in weeks] for each in zones)
    return first == second


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _changed_at(paths: Sequence[str]) -> float:
    found = []
    for path in paths:
        try:
            found.append(os.lstat(path).st_ctime)
        except OSError:
            continue
    return max(found, default=0.0)

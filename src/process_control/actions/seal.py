"""Seal the journal once an hour: the syslog, which others keep, gets the digest of what the journal holds."""

import os

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.history.day_content import sealed_now
from process_control.notify.announce import announce, may_have_syslog
from process_control.state.watch_memory import Memory
from process_control.system.clock import iso

_TO_THE_HOUR = 13


def seal_hourly(settings: Settings, memory: Memory, *, now: float) -> None:
    """Seal every day that has grown since it was sealed last, unless that was done in this hour; note it in `memory`.

    A day that cannot be read is sealed in the next hour.
    """
    at = iso(now)
    if memory.sealed_at[:_TO_THE_HOUR] == at[:_TO_THE_HOUR] or not may_have_syslog(settings):
        return
    sizes = _sizes(settings.state_directory)
    sealed = {day: size for day, size in memory.sealed.items() if day in sizes}
    for day, size in sizes.items():
        if size and size != memory.sealed.get(day):
            try:
                sealed_bytes, digest = sealed_now(settings.state_directory, day)
            except OSError:
                continue
            path = layout.journal_day(settings.state_directory, day)
            announce(settings, {"event": "seal", "path": path, "bytes": sealed_bytes, "sha256": digest})
            sealed[day] = size
    memory.sealed_at, memory.sealed = at, sealed


def _sizes(state_directory: str) -> dict[str, int]:
    """Return the size of each day that is not compressed, which is when it can still grow."""
    plain = layout.DAYS[0]
    try:
        with os.scandir(layout.journal(state_directory)) as entries:
            days = [entry for entry in entries if entry.name.endswith(plain) and entry.is_file(follow_symlinks=False)]
            return {entry.name.removesuffix(plain): entry.stat(follow_symlinks=False).st_size for entry in days}
    except OSError:
        return {}

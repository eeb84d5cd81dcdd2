"""Checks that there is space, and that there are inodes, for state and logs; and that they can be written."""

import os
from shlex import quote

from process_control.views.doctor.finding import BAD, WARN, Finding, fine
from process_control.views.doctor.look import Look

CHECK = "disk"
BAD_BYTES, WARN_BYTES = 16 << 20, 512 << 20
BAD_INODES, WARN_INODES = 1000, 10_000
#: Less than this share is a warning, where it is also less than WARN_BYTES or WARN_INODES.
WARN_SHARE = 0.05


def check(look: Look) -> list[Finding]:
    """Return what is nearly full, or mounted read-only."""
    settings = look.settings
    places = {"state": settings.state_directory, "run": settings.run_directory, "logs": settings.output_directory}
    found: list[Finding] = []
    seen: set[int] = set()
    free = []
    for name, path in places.items():
        try:
            device, status = os.stat(path).st_dev, os.statvfs(path)
        except OSError:  # missing, or not ours to see: `rights` says so
            continue
        if device in seen:
            continue
        seen.add(device)
        finding = judge(path, status)
        found += [finding] if finding is not None else []
        free.append(f"{name}: {_size(status.f_bavail * status.f_frsize)} free")
    return found or fine(CHECK, ", ".join(free) or "there is no directory yet")


def judge(path: str, status: os.statvfs_result) -> Finding | None:
    """Return what is wrong with the file system of a path; None when nothing is."""
    free, whole = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    remedy = f"df -h {quote(path)}; process-control prune"
    if status.f_flag & os.ST_RDONLY:
        return Finding(check=CHECK, state=BAD, what=f"{path} is mounted read-only", remedy=f"findmnt -T {quote(path)}")
    if state := _state(free, whole, BAD_BYTES, WARN_BYTES):
        return Finding(check=CHECK, state=state, what=f"{path}: {_size(free)} free", remedy=remedy)
    remedy = f"df -i {quote(path)}; process-control prune"
    if status.f_files and (state := _state(status.f_favail, status.f_files, BAD_INODES, WARN_INODES)):
        return Finding(check=CHECK, state=state, what=f"{path}: {status.f_favail:,} inodes free", remedy=remedy)
    return None


def _state(free: int, whole: int, bad: int, warn: int) -> str | None:
    if free < bad:
        return BAD
    return WARN if free < warn and free < whole * WARN_SHARE else None


def _size(count: int) -> str:
    return f"{count >> 30:,} GiB" if count >= 10 << 30 else f"{count >> 20:,} MiB"

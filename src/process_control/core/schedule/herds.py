"""Many jobs that start in the same minute, and how `H` in the minute column spreads them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from process_control.core.schedule.columns import SHORTHANDS

#: So many jobs in one minute are a herd on any host.
MANY = 10
#: Fewer are one when they are more than this share of all jobs.
FEW, SHARE = 5, 0.2
#: On a host with thousands of jobs every minute has many: a herd is so many times the usual load.
TIMES_THE_MEAN = 4
MAX_HERDS = 20
MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Herd:
    """Jobs that start in one minute. Each job is in one herd at most: in the largest."""

    #: UTC seconds: the first such minute
    at: int
    jobs: tuple[str, ...]


def herds(slots: Mapping[str, Sequence[int]], *, job_count: int, minutes: int, limit: int = MAX_HERDS) -> list[Herd]:
    """Return the herds in a window of so many minutes, the largest first, at most `limit`.

    `slots` are the planned times (UTC seconds) of the jobs that could start in another minute; `job_count` are all
    jobs with a schedule.
    """
    groups: dict[tuple[int, ...], list[str]] = {}
    for job, times in slots.items():
        if times:
            groups.setdefault(tuple(times), []).append(job)
    starts: Counter[int] = Counter()
    for times, jobs in groups.items():
        for slot in times:
            starts[slot] += len(jobs)
    enough = TIMES_THE_MEAN * sum(starts.values()) / max(minutes, 1)
    found: list[Herd] = []
    while starts and len(found) < limit:
        at, count = max(starts.items(), key=lambda entry: (entry[1], -entry[0]))
        if count <= enough or not _are_many(count, job_count):
            break
        members = [times for times in groups if at in times]
        found.append(Herd(at=at, jobs=tuple(sorted(job for times in members for job in groups[times]))))
        for times in members:
            jobs = groups.pop(times)
            for slot in times:
                starts[slot] -= len(jobs)
    return found


def _are_many(count: int, job_count: int) -> bool:
    return count >= MANY or (count >= FEW and count > SHARE * job_count)


def is_movable(written: Sequence[str]) -> bool:
    """Return whether a schedule, as it is written, names a minute that `H` could choose instead."""
    return any(spread(expression) is not None for expression in written)


def spread(written: str) -> str | None:
    """Return the expression with `H` in its minute column; None when no `H` means the same pace, or it has one.

    `0 2 * * *` becomes `H 2 * * *`, `*/5 * * * *` becomes `H/5 * * * *`.
    """
    minute, _, rest = SHORTHANDS.get(written.strip(), written.strip()).partition(" ")
    if minute.isdigit():
        return f"H {rest.strip()}"
    step = minute.removeprefix("*/")
    if step != minute and step.isdigit() and int(step) > 1:
        return f"H/{step} {rest.strip()}"
    return None

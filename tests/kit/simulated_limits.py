"""Checks the limits and the chains of a simulated day by what the runs wrote."""

from collections.abc import Iterator

from kit.simulated_checker import shown
from kit.simulated_host import Host, Written
from process_control.core.chain import is_met
from process_control.core.skips import OVERLAP

#: A follower whose cause ended has to have begun, or to be skipped, after so long with a scheduler: three looks.
FOLLOWED_SECONDS = 200.0
#: What waits for lock or place has to begin when all has been free for so long.
FREE_SECONDS = 30.0


def faults_of_limits(host: Host) -> Iterator[str]:
    """Yield when more ran at a time than may, in a pool and on the host; and what waited although there was a place."""
    full_since: dict[str | None, list[tuple[float, float]]] = {}
    for pool in (*host.limits.pools, None):
        limit = host.places_in(pool)
        if limit is None:
            continue
        full_since[pool] = full = []
        count = 0
        for at, change, each in _changes(host, pool):
            count += change
            if count > limit:
                where = "on the host" if pool is None else f"in pool {pool}"
                yield f"{each.job}: {shown(each.slot)} ran beside {limit} others {where}"
            if change > 0 and count == limit:
                full.append((at, float("inf")))
            elif change < 0 and count == limit - 1:
                full[-1] = full[-1][0], at
    for each in host.written:
        if each.reason == OVERLAP and each.began - each.claimed > FREE_SECONDS:
            yield from _waited_in_vain(host, each, full_since)


def _changes(host: Host, pool: str | None) -> list[tuple[float, int, Written]]:
    """Return when a run began (1) or ended (-1) that needs a place in the pool; None: on the host."""
    found = []
    for each in host.written:
        if each.has_run and pool in (None, host.rules[each.job].pool):
            found.append((each.began, 1, each))
            found.append((float("inf") if each.ended is None else each.ended, -1, each))
    return sorted(found, key=lambda change: change[:2])  # who ends leaves a place to who begins in the same instant


def _waited_in_vain(host: Host, skip: Written, full: "dict[str | None, list[tuple[float, float]]]") -> Iterator[str]:
    """Yield a fault when lock and places were free for some time before the start was skipped, and all were awake.

    A scheduler that does not hear from its launcher that a run has ended keeps the start of cron waiting, too.
    """
    begin, end = skip.began - FREE_SECONDS, skip.began
    taken = [each for pool in {host.rules[skip.job].pool, None} for each in full.get(pool, [])]
    taken += [
        (each.began, float("inf") if each.ended is None else each.ended)
        for each in host.written
        if each.job == skip.job and each.has_run
    ]
    was_able = any(first <= begin and last >= end for first, last in host.able)
    if was_able and not any(first < end and last > begin for first, last in taken):
        yield f"{skip.job}: {shown(skip.slot)} was skipped after a wait, and there was a place"


def faults_of_chains(host: Host) -> Iterator[str]:
    """Yield each run without its causes, and each planned time of causes with neither a run nor a known reason."""
    for job, rule in host.rules.items():
        if not rule.after:
            continue
        for each in host.written:
            if each.job == job and each.has_run and not _has_causes(host, each):
                yield f"{job}: {shown(each.slot)} ran, and its causes had not ended as it wants"
        first = rule.after[0][0]
        for slot in {each.slot for each in host.written if each.job == first}:
            yield from _not_followed(host, job, slot)


def _has_causes(host: Host, run: Written) -> bool:
    return all(
        any(
            each.recorded is not None and each.recorded <= run.began and is_met(on, each.outcome)
            for each in host.written_of(cause, run.slot)
        )
        for cause, on in host.rules[run.job].after
    )


def _not_followed(host: Host, job: str, slot: int) -> Iterator[str]:
    """Yield a fault when all causes have ended as the job wants, and nothing became of it though there was time."""
    recorded = []
    for cause, on in host.rules[job].after:
        ended = [each for each in host.written_of(cause, slot) if each.has_run]
        if not ended or ended[-1].recorded is None or not is_met(on, ended[-1].outcome):
            return
        recorded.append(ended[-1].recorded)
    known = [each for each in host.written_of(job, slot) if not each.was_forgotten]
    had_time = any(last - max(begin, *recorded) >= FOLLOWED_SECONDS for begin, last in host.able)
    if had_time and not known and (job, slot) not in host.causes:
        yield f"{job}: {shown(slot)} did not follow, and nothing says why"

"""Jobs with `run_on: all`: each host has a lock of its own for them, `LOCK@HOST`. Pure.

What `fleet apply` handed over is kept in `LOCK@*`, which starts nothing: a host that comes later takes it from there.
"""

from dataclasses import replace

from process_control.core.fleet.lock_state import JobSpec

#: In place of a host: the jobs as they were applied, for hosts that come.
TEMPLATE = "*"


def lock_on(lock: str, host: str) -> str:
    """Return the name of the lock that a host has for its own."""
    return f"{lock}@{host}"


def runs_jobs(lock: str) -> bool:
    """Return whether a lock plans and runs jobs: the template only keeps what was applied for all hosts."""
    return host_of(lock) != TEMPLATE


def host_of(lock: str) -> str | None:
    """Return the host that has a lock for its own, or TEMPLATE; None for a lock of the whole fleet."""
    return lock.partition("@")[2] or None


def base_of(lock: str) -> str:
    """Return the lock as job files name it."""
    return lock.partition("@")[0]


def on_host(spec: JobSpec, host: str) -> JobSpec:
    """Return a job with `run_on: all` as one host has it."""
    followers = tuple(f"{lock_on(base_of(lock), host)}/{job}" for lock, _, job in map(_parts, spec.followers))
    return replace(spec, queue=f"host/{host}", followers=followers)


def _parts(follower: str) -> tuple[str, str, str]:
    return follower.partition("/")


def hosts_to_have(known: set[str], working: set[str], *, prune: bool) -> list[str]:
    """Return the hosts that are to have the jobs of all hosts, sorted.

    `known`: those that have some; `working`: those whose worker was heard of just now. One that is away keeps its jobs,
    and misses its planned times, until it is pruned.
    """
    return sorted(working if prune else known | working)

"""Hands the job files of this host to the fleet."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from temporalio.client import Client

from process_control.config.settings import Settings
from process_control.core.fleet.crowd import largest_crowd
from process_control.core.fleet.everywhere import TEMPLATE, base_of, host_of, hosts_to_have, lock_on, on_host
from process_control.core.fleet.lock_state import LockState
from process_control.core.fleet.membership import ALL
from process_control.errors import Fault, ProcessControlError
from process_control.fleet.ask import AT_ONCE, asked, asked_by
from process_control.fleet.connection import require_search_attribute, server_errors
from process_control.fleet.everywhere import working_hosts
from process_control.fleet.hand_over import hand_over, take_back
from process_control.fleet.job_specs import fleet_jobs
from process_control.fleet.look import states
from process_control.fleet.specs import FleetJob, NotForFleet

ADDED, CHANGED, UNCHANGED, REMOVED, LEFT, REFUSED = "added", "changed", "unchanged", "removed", "left", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `fleet apply` does with one job."""

    job: str
    #: a word of those above
    change: str
    lock: str | None = None
    faults: tuple[Fault, ...] = ()
    #: what people should know of it
    note: str | None = None

    def to_json(self) -> dict[str, object]:
        why = self.note if not self.faults else "; ".join(fault.what for fault in self.faults)
        return {"job": self.job, "change": self.change, "lock": self.lock, "why": why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What `fleet apply` has done, sorted by job and lock, and what it warns of."""

    changes: list[Change]
    warnings: list[str]


def apply(settings: Settings, *, by: str, dry_run: bool, prune: bool) -> Applied:
    """Hand the jobs of the job directory to the fleet; return what was done, or would be.

    A job that the fleet has and the job directory has not stays (`left`), unless `prune`; so do the jobs of a host
    whose worker is away.
    """
    jobs = fleet_jobs(settings)
    return asked(settings, lambda client: _Apply(client, settings, by=by, dry_run=dry_run, prune=prune).apply(jobs))


class _Apply:
    def __init__(self, client: Client, settings: Settings, *, by: str, dry_run: bool, prune: bool) -> None:
        self._client = client
        self._settings = settings
        self._by = by
        self._dry_run = dry_run
        self._prune = prune
        self._generation = int(time.time() * 1000)
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._locks: dict[str, LockState] = {}
        self._away: set[str] = set()

    async def apply(self, jobs: Sequence[FleetJob | NotForFleet]) -> Applied:
        await require_search_attribute(self._client, self._settings)
        self._locks = {state.lock: state for state in await states(self._client, self._settings)}
        refused = [
            Change(job=each.job, change=REFUSED, faults=each.faults) for each in jobs if isinstance(each, NotForFleet)
        ]
        wanted = [each for each in jobs if isinstance(each, FleetJob)]
        templates = [each for each in wanted if each.spec.queue == ALL]
        others = [each for each in wanted if each.spec.queue != ALL]
        # Templates first: a worker that comes meanwhile finds them, or is found.
        changes = await self._apply_all(templates)
        on_hosts = await self._on_hosts(templates)
        gone = self._gone([*wanted, *on_hosts], kept={each.job for each in refused})
        slugs = {each.spec.job for each in wanted}
        # Then those that have moved: they must not run under two locks.
        changes += await self._remove_all([pair for pair in gone if pair[1] in slugs], even_unasked=True)
        changes += await self._apply_all([*others, *on_hosts])
        changes += await self._remove_all([pair for pair in gone if pair[1] not in slugs], even_unasked=self._prune)
        crowd = largest_crowd((each.spec for each in [*others, *on_hosts]), time.time())
        return Applied(
            changes=sorted([*refused, *changes], key=lambda change: (change.job, change.lock or "")),
            warnings=[] if crowd is None else [f"{crowd.in_words}: some start late; write H for their minute"],
        )

    async def _on_hosts(self, templates: Sequence[FleetJob]) -> list[FleetJob]:
        """Return the jobs with `run_on: all` as each host is to have them."""
        if not templates:
            return []
        with server_errors(self._settings):
            working = await working_hosts(self._client)
        known = {host for lock in self._locks if (host := host_of(lock)) is not None and host != TEMPLATE}
        self._away = known - working
        hosts = hosts_to_have(known, working, prune=self._prune)
        return [
            replace(each, lock=lock_on(base_of(each.lock), host), spec=on_host(each.spec, host))
            for each in templates
            for host in hosts
        ]

    def _gone(self, wanted: Iterable[FleetJob], *, kept: set[str]) -> list[tuple[str, str]]:
        """Return the (lock, job) of the fleet that are not wanted there."""
        pairs = {(each.lock, each.spec.job) for each in wanted}
        return [
            (lock, slug)
            for lock, state in self._locks.items()
            for slug in state.jobs
            if (lock, slug) not in pairs and slug not in kept
        ]

    async def _apply_all(self, jobs: Sequence[FleetJob]) -> list[Change]:
        return await asyncio.gather(*map(self._apply_one, jobs))

    async def _apply_one(self, each: FleetJob) -> Change:
        state = self._locks.get(each.lock)
        known = None if state is None else state.jobs.get(each.spec.job)
        change = ADDED if known is None else UNCHANGED if known.spec == each.spec else CHANGED
        note = _moved_in_words(each) if change == ADDED and each.schedule_here else None
        if host_of(each.lock) in self._away:
            note = "no worker of this host was heard of in the last five minutes; --prune forgets the host"
        if not self._dry_run and change != UNCHANGED:
            try:
                async with self._limit:
                    with server_errors(self._settings, each.spec.job):
                        await hand_over(self._client, each.lock, each.spec, self._generation)
            except ProcessControlError as error:
                return Change(job=each.spec.job, change=REFUSED, lock=each.lock, faults=tuple(error.faults))
        return Change(job=each.spec.job, change=change, lock=each.lock, note=note)

    async def _remove_all(self, pairs: Sequence[tuple[str, str]], *, even_unasked: bool) -> list[Change]:
        return await asyncio.gather(*(self._remove(lock, slug, is_wanted=even_unasked) for lock, slug in pairs))

    async def _remove(self, lock: str, slug: str, *, is_wanted: bool) -> Change:
        if is_wanted and not self._dry_run:
            async with self._limit:
                with server_errors(self._settings, slug):
                    await take_back(self._client, lock, asked_by(self._by, slug))
        return Change(job=slug, change=REMOVED if is_wanted else LEFT, lock=lock)


def _moved_in_words(each: FleetJob) -> str:
    here, there = ", ".join(each.schedule_here), ", ".join(each.spec.schedule)
    return f"H is another minute in the fleet: {there}; on this host it was {here}"

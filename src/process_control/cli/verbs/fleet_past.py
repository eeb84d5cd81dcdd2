"""`history`, `slots` and `why` with --fleet: the same answers, for all hosts of the fleet."""

import time
from collections.abc import Sequence

from process_control.cli.session import Session
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.errors import JobNotFound, UsageError
from process_control.fleet.library import require_the_library
from process_control.history.index.past_run import Run
from process_control.views.asked_time import Asked
from process_control.views.selected_jobs import select_known
from process_control.views.slots import Account
from process_control.views.why import Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.fleet.past import LockPast


def runs_in_fleet(session: Session, words: Sequence[str], *, since: float | None) -> list[Run]:
    """Return the runs of the fleet, newest first. `since`: UTC seconds; None: those that the server has at hand."""
    require_the_library()
    from process_control.fleet.past import locks_since, runs_of

    settings = session.settings("history --fleet")
    locks = locks_since(settings, since, whole_runs=True)
    slugs = _chosen(settings, words, locks)
    return [run for run in runs_of(locks, since=since) if run.job in slugs]


def accounts_in_fleet(
    session: Session, words: Sequence[str], *, after: float, until: float
) -> tuple[list[Account], dict[str, dict[str, int]], dict[str, float | None]]:
    """Return the planned times in (after, until], newest first; by job the counts, and from when they are known."""
    require_the_library()
    from process_control.fleet.past import account_of, all_books, locks_since

    settings = session.settings("slots --fleet")
    locks = locks_since(settings, after, whole_runs=False)
    slugs = _chosen(settings, words, locks)
    books = [each for each in all_books(locks, time.time()) if each.job in slugs]
    accounts = [account_of(each.job, fate) for each in books for fate in each.within(after, until)]
    accounts.sort(key=lambda account: (-account.slot.slot, account.slot.job))
    begins: dict[str, float | None] = {each.job: each.begins for each in books}
    return accounts, {each.job: each.counts(after, until) for each in books}, begins


def why_in_fleet(session: Session, word: str, asked: Asked | None) -> Why:
    """Return why a job of the fleet does not run now, or did not run at that time."""
    require_the_library()
    from process_control.fleet.explain import FleetAsker
    from process_control.fleet.fleet_hosts import pollers_of
    from process_control.fleet.past import all_books, locks_since

    settings, now = session.settings("why --fleet"), time.time()
    since = None if asked is None else asked.begins  # what was planned before is in the state with which a part begins
    locks = locks_since(settings, since, whole_runs=False, jobs=[word])
    slugs = _chosen(settings, [word], locks)
    if len(slugs) > 1:
        raise UsageError(f"'{word}' names {len(slugs)} jobs", hint=f"one of: {', '.join(sorted(slugs)[:8])}")
    (slug,) = slugs
    lock = next(each for each in locks if slug in each.state.jobs)
    books = next(each for each in all_books([lock], now) if each.job == slug)
    pollers = pollers_of(settings, lock.state.jobs[slug].spec.queue)
    return FleetAsker(slug, lock, books, pollers=pollers, now=now).answer(asked)


def _chosen(settings: Settings, words: Sequence[str], locks: "Sequence[LockPast]") -> set[str]:
    """Return the jobs of the fleet that the words name; all without a word. Raises JobNotFound (66)."""
    known = {slug for lock in locks for slug in lock.state.jobs}
    if not words:
        return known
    found = known.intersection(select_known(settings, words, load_all(settings), known))
    if not found:
        raise JobNotFound(f"the fleet has no job '{' '.join(words)}'", hint="process-control fleet status")
    return found

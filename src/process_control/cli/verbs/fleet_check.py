"""`check --fleet`: the jobs of the fleet as a monitoring plugin sees them."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from process_control.cli.session import Session
from process_control.config.all_jobs import load_all
from process_control.errors import JobNotFound
from process_control.fleet.library import require_the_library
from process_control.views.selected_jobs import select_known

if TYPE_CHECKING:
    from process_control.exports.icinga import Answer


def answer_of(session: Session, words: Sequence[str]) -> "Answer":
    """Return the output of the plugin for the jobs that the words name, or all, on all hosts.

    Raises JobNotFound (66), and NotStarted (75) when the server or all control processes are away.
    """
    require_the_library()
    from process_control.core.fleet.troubles import count_jobs, troubles_of
    from process_control.exports.icinga_fleet import answer_of_fleet
    from process_control.fleet.look import all_locks

    settings = session.settings("check --fleet")
    locks = all_locks(settings).locks
    known = {slug for lock in locks for slug in lock.jobs}
    chosen = known.intersection(select_known(settings, words, load_all(settings), known)) if words else known
    if words and not chosen:
        raise JobNotFound(f"the fleet has no job '{' '.join(words)}'", hint="process-control fleet status")
    found = [each for each in troubles_of(locks, time.time()) if each.job.partition("@")[0] in chosen]
    return answer_of_fleet(found, count_jobs(locks, chosen))

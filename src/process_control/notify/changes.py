"""How often a job has changed between good and bad in its last ten runs."""

from itertools import pairwise

from process_control.core.incident import FLAPPING_FROM
from process_control.state.past_runs import open_index

RUNS = 10
_GOOD, _BAD = ("succeeded", "warned"), ("failed", "lost")


def changes_in_ten_runs(state_directory: str, slug: str, *, remembered: int) -> int:
    """Return the changes; `remembered` are those of the ends that were posted: only when they are many is the history
    asked, which also has the good runs in between.
    """
    if remembered < FLAPPING_FROM:
        return remembered
    try:
        with open_index(state_directory) as index:
            runs = index.runs(jobs=[slug], outcomes=(*_GOOD, *_BAD), limit=RUNS)
    except OSError:
        return remembered
    ends = [run.outcome in _GOOD for run in runs]
    if len(ends) < min(RUNS, remembered):  # a history that was deleted knows less than the memory
        return remembered
    return sum(before != after for before, after in pairwise(ends))

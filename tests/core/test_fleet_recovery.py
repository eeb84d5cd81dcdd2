"""Whether a job of the fleet has run well since it failed on a host: by the order of the runs in its lock."""

import pytest

from process_control.core.fleet.lock_state import Ended, LockState, PastRun, Start
from process_control.core.fleet.recovery import good_run_after

NOW = 1_800_000_000.0
FAILED_AT = "2027-01-15T08:00:00.000Z"


def past(outcome: str, *, at: float, run_id: str | None, job: str = "a") -> PastRun:
    start = Start(run_id=f"{job}/{at}", job=job, arrived=NOW + at)
    ended = Ended(fate="ran", outcome=outcome, host="web2", host_run_id=run_id)
    return PastRun(start=start, since=NOW + at, until=NOW + at + 1, ended=ended)


CASES = {
    "nothing since": ([past("failed", at=0, run_id="r1")], None),
    "a good run after it": ([past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2")], "r2"),
    "one that warned": ([past("failed", at=0, run_id="r1"), past("warned", at=5, run_id="r2")], "r2"),
    "a good run before it": ([past("succeeded", at=-5, run_id="r0"), past("failed", at=0, run_id="r1")], None),
    "it is not known yet": ([past("succeeded", at=-5, run_id="r0")], None),
    "it failed again": (
        [past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2"), past("failed", at=9, run_id="r3")],
        None,
    ),
    "another job": ([past("failed", at=0, run_id="r1"), past("succeeded", at=5, run_id="r2", job="b")], None),
    "forgotten since": ([past("succeeded", at=61, run_id="r9")], "r9"),
    "perhaps before it, by another clock": ([past("succeeded", at=59, run_id="r9")], None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_good_run_counts_when_it_began_after_the_one_that_failed(name: str) -> None:
    runs, wanted = CASES[name]

    found = good_run_after(LockState(lock="a", past=tuple(runs)), "a", "r1", FAILED_AT)

    assert (None if found is None else found.ended.host_run_id) == wanted

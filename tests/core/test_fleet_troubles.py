"""Which jobs of the fleet need a look, and what `check --fleet` says of them."""

from typing import Any

import pytest

from process_control.core.fleet.lock_state import Fate, JobSpec, JobState, LockState, PlannedSlots
from process_control.core.fleet.troubles import count_jobs, troubles_of
from process_control.exports.icinga_fleet import answer_of_fleet

NOW = 1_800_000_600.0
SLOT = 1_800_000_000


def lock(name: str = "a", *, spec: dict[str, Any] | None = None, **facts: Any) -> LockState:
    """Return a lock with one job that was applied ten minutes ago."""
    job = JobState(
        spec=JobSpec(job="a", hash="h", **(spec or {})),
        generation=1,
        planned=PlannedSlots(planned_to=SLOT),
        since=NOW - 600,
        **facts,
    )
    return LockState(lock=name, jobs={"a": job})


def missed(reason: str, **facts: Any) -> Fate:
    return Fate(slot=SLOT, fate="missed", reason=reason, **facts)


def health(state: str, **facts: Any) -> dict[str, Any]:
    return {
        "state": state,
        "failures_in_row": 2,
        "slow_successes": 0,
        "since": None,
        "by": None,
        "run_id": None,
    } | facts


AT = "2027-01-15T08:00:00.000Z"
CASES = {
    "never ran": (lock(), None),
    "ran": (lock(fates=(Fate(slot=SLOT, fate="ran", outcome="succeeded"),)), None),
    "skipped": (lock(fates=(Fate(slot=SLOT, fate="skipped", reason="overlap"),)), None),
    "nobody decided": (
        lock(fates=(missed("trigger_dead"),)),
        ("missed", f"missed at {AT}: no control process decided about it in time"),
    ),
    "nobody took it": (lock(fates=(missed("no_worker"),)), ("missed", f"missed at {AT}: no host took it in time")),
    "nobody took it, and later ones found it waiting": (
        lock(fates=(missed("no_worker"), Fate(slot=SLOT + 60, fate="skipped", reason="overlap"))),
        ("missed", f"missed at {AT}: no host took it in time"),
    ),
    "many": (
        lock(fates=(missed("trigger_dead", until=SLOT + 120, count=3),)),
        (
            "missed",
            f"missed at {AT}, and 2 more until 2027-01-15T08:02:00.000Z: no control process decided about it in time",
        ),
    ),
    "refused": (
        lock(fates=(missed("refused", host="web1", detail="a.yaml is version 1"),)),
        ("refused", f"missed at {AT}: refused by host web1: a.yaml is version 1"),
    ),
    "missed, then run by hand": (lock(fates=(missed("no_worker"),), last_success=SLOT + 60.0), None),
    "missed, and disabled since": (lock(fates=(missed("no_worker"),), spec={"disabled": True}), None),
    "stale": (
        lock(spec={"success_every": 300.0}),
        ("stale", "stale: no run has succeeded since its file came 10 min ago, success_every: 5 min"),
    ),
    "failing": (
        lock(health=health("failing", why="exited with 3")),
        ("failing", "failed 2 times in a row, the last: exited with 3"),
    ),
    "failed once": (lock(health=health("failing", failures_in_row=1, why="killed")), ("failing", "failed: killed")),
    "held since it failed": (
        lock(health=health("held", hold_kind="failures", why="2 failures in a row")),
        ("held", "held by the fleet: 2 failures in a row"),
    ),
    "held by hand": (lock(health=health("held", hold_kind="by_hand", by="ann@db1")), None),
    "failing, and missed": (
        lock(health=health("failing", why="exited with 3"), fates=(missed("no_worker"),)),
        ("failing", "failed 2 times in a row, the last: exited with 3"),
    ),
    "kept for hosts that come": (lock("a@*", fates=(missed("no_worker"),)), None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_needs_a_look_is_named_with_the_reason(name: str) -> None:
    state, wanted = CASES[name]

    found = [(each.kind, each.why) for each in troubles_of([state], NOW)]

    assert found == ([] if wanted is None else [wanted])


def test_a_job_of_all_hosts_is_named_with_its_host_and_failing_jobs_come_first() -> None:
    states = [lock("a@web1", fates=(missed("no_worker"),)), lock("a@web2", health=health("failing", why="no | disk"))]

    states += [lock("a@*"), lock("other")]
    answer = answer_of_fleet(troubles_of(states, NOW), count_jobs(states, {"a"}))

    assert answer.code == 2
    first, *rest = answer.text.split("\n")
    assert first.startswith("PROCESS-CONTROL FLEET CRITICAL - 2 of 3 jobs: a@web2 (failed 2 times in a row, ")
    assert "the last: no / disk), a@web1 (missed at " in first
    assert first.endswith("| jobs=3;;;0 failing=1;0;;0 refused=0;0;;0 missed=1;0;;0 stale=0;0;;0 held=0;0;;0")
    assert [line.split(" ")[:2] for line in rest] == [["CRITICAL:", "a@web2"], ["WARNING:", "a@web1"]]


def test_without_troubles_the_fleet_is_fine() -> None:
    assert answer_of_fleet([], 3).text.startswith("PROCESS-CONTROL FLEET OK - 3 jobs fine | jobs=3;;;0 ")

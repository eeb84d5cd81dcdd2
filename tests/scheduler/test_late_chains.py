"""Chains under the scheduler whose first job was missed: what follows runs when that run is made up for, each once."""

import pytest

from kit.harness import Box, until
from kit.outages import as_iso, fates, hours_ago, planned_at, there_since
from kit.runs import ends, skips, starts
from kit.schedulers import scheduler

OLDER, NEWER = hours_ago(3), hours_ago(2)


@pytest.fixture
def missed(box: Box) -> Box:
    """A chain of three jobs with two planned times, for which nothing was started."""
    box.job("load", f"command: /bin/true\n{planned_at(OLDER, NEWER)}")
    # The second time may come while the first one's run is in progress, on a slow host.
    box.job("report", "command: /bin/true\nafter: load\non_overlap: queue")
    box.job("send", "command: /bin/true\nafter: report\non_overlap: queue")
    there_since(box, hours_ago(30))
    return box


def has_settled(box: Box, jobs: int) -> None:
    until(lambda: len(ends(box)) >= jobs, f"{jobs} ends")
    until(lambda: not [pid for pid in box.processes() if is_run(pid)], "no run in progress")


def is_run(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip() == "run-job"
    except OSError:
        return False


def as_started(box: Box) -> list[tuple[str, str, str]]:
    return [(start["job"], start["trigger"], start["scheduled_at"]) for start in starts(box)]


def test_recover_runs_the_whole_chain_for_its_planned_time_once(missed: Box) -> None:
    with scheduler(missed):
        done = missed.process_control("recover", "--yes")
        has_settled(missed, 3)
        again = missed.process_control("recover", "--yes")

    slot = as_iso(NEWER)
    assert done.exit_code == 0, done
    assert again.exit_code == 0, again
    assert sorted(as_started(missed)) == [("load", "manual", slot), ("report", "job", slot), ("send", "job", slot)]
    assert [(job, fate) for job in ("load", "report", "send") for at, fate, _ in fates(missed, job) if at == slot] == [
        (job, "ran") for job in ("load", "report", "send")
    ]


@pytest.mark.parametrize(("which", "slots"), [("latest", [NEWER]), ("all", [OLDER, NEWER])])
def test_catch_up_of_the_first_brings_its_followers(missed: Box, which: str, slots: list[object]) -> None:
    missed.job("load", f"command: /bin/true\ncatch_up: {which}\n{planned_at(OLDER, NEWER)}")
    there_since(missed, hours_ago(30))

    with scheduler(missed):  # its first look starts what is to be caught up
        has_settled(missed, 3 * len(slots))

    assert sorted(starts_of(missed)) == sorted(
        (job, as_iso(slot)) for job in ("load", "report", "send") for slot in slots
    )
    assert {end["outcome"] for end in ends(missed)} == {"succeeded"}


def starts_of(box: Box) -> list[tuple[str, str]]:
    return [(job, at) for job, _, at in as_started(box)]


def test_a_follower_that_was_skipped_runs_when_its_cause_is_run_again_well(box: Box) -> None:
    switch = box.root / "repaired"
    box.job("load", f"command: test -e {switch}\n{planned_at(NEWER)}")
    box.job("report", "command: /bin/true\nafter: load")
    there_since(box, hours_ago(30))
    words = ["run", "load", "--slot", f"{NEWER:%Y-%m-%dT%H:%M}Z"]

    with scheduler(box):
        box.process_control(*words)
        until(lambda: skips(box, "report"), "the follower to be skipped")
        has_settled(box, 1)
        switch.touch()
        assert box.process_control(*words).exit_code == 0
        has_settled(box, 3)

    assert [end["outcome"] for end in ends(box, "load")] == ["failed", "succeeded"]
    assert [skip["reason"] for skip in skips(box, "report")] == ["cause_missing"]
    assert [(start["trigger"], start["scheduled_at"]) for start in starts(box, "report")] == [("job", as_iso(NEWER))]

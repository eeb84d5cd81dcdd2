"""What policies mean in the fleet: what they mean on one host, see run_job/test_overlap.py and test_catch_up.py."""

import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from kit import fleets
from kit.contract import AROUND_THIS_YEAR
from kit.fleets import Fleet
from kit.harness import Box, until
from kit.runs import records, script, starts

RAN, SKIPPED = "ran", "skipped"
SUCCEEDED, STOPPED, OVERLAP = ("succeeded", None), ("failed", "stopped"), "overlap"
#: Fate, and outcome with its reason, of the planned time that runs, and of the one that finds it there.
MEANS = {
    "skip": [(RAN, *SUCCEEDED), (SKIPPED, None, OVERLAP)],
    "fail": [(RAN, *SUCCEEDED), (RAN, "failed", OVERLAP)],
    "queue": [(RAN, *SUCCEEDED), (RAN, *SUCCEEDED)],
    "replace": [(RAN, *STOPPED), (RAN, *SUCCEEDED)],
}


def fates(box: Box, job: str) -> list[dict[str, Any]]:
    """Return the planned times of a job that are dealt with, the oldest first."""
    answer = box.process_control("slots", job, "--fleet", "--json")
    known = answer.json()["slots"] if answer.exit_code == 0 else []
    return sorted((each for each in known if each["fate"] != "due"), key=lambda each: str(each["slot"]))


@pytest.mark.long
def test_on_overlap_and_exclude_mean_in_the_fleet_what_they_mean_on_one_host(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("policy1", pools={"full": {"at_once": 1}})
    begun, release = {}, {}
    for policy in MEANS:
        begun[policy], release[policy] = box.root / f"{policy}.begun", box.fifo(policy)
        first = f"touch {begun[policy]}; read line < {release[policy]}"
        job = script(box, f"{policy}.sh", f"[ -e {begun[policy]} ] && exit 0; {first}")
        keys = f"run_on: {{host: policy1}}\non_overlap: {policy}"
        box.job(f"overlap-{policy}", f"command: {job}\nschedule: '* * * * *'\ntime_zone: UTC\n{keys}")
    keys = f"exclude: [{AROUND_THIS_YEAR}]\nrun_on: {{host: policy1}}"
    box.job("excluded", f"command: /bin/false\nschedule: '* * * * *'\ntime_zone: UTC\n{keys}")
    keys = "on_overlap: replace\npool: full\nrun_on: {host: policy1}"
    box.job("waiting", f"command: /bin/true\nschedule: '* * * * *'\ntime_zone: UTC\n{keys}")
    up, end_of_holder = box.fifo("up"), box.fifo("end-of-holder")
    box.job("holder", f"command: sh -c 'echo up > {up}; read line < {end_of_holder}'\nrun_on: local\npool: full")
    holder = box.start("holder")
    up.read_line()
    fleets.wait_for_the_first_half_of_a_minute()
    box.process_control("fleet", "apply")

    until(lambda: all(path.exists() for path in begun.values()), "the first runs", seconds=100)
    until(lambda: len(fates(box, "overlap-replace")) >= 2, "the next planned time", seconds=100)
    for policy in ("skip", "fail", "queue"):
        release[policy].write_line()
    until(lambda: all(len(fates(box, f"overlap-{policy}")) >= 2 for policy in MEANS), "all to be dealt with")
    until(lambda: len(fates(box, "waiting")) >= 2, "the start beside one that waits")
    first, beside = fates(box, "waiting")[:2]
    end_of_holder.write_line()
    holder.wait()
    until(lambda: fates(box, "waiting")[0]["outcome"] == "succeeded", "the end of the start that has waited")

    found = {policy: fates(box, f"overlap-{policy}")[:2] for policy in MEANS}
    assert {
        policy: [(each["fate"], each["outcome"], each["reason"]) for each in both] for policy, both in found.items()
    } == MEANS
    assert len({(first["slot"], second["slot"]) for first, second in found.values()}) == 1
    assert (first["fate"], first["outcome"]) == (RAN, None), first
    assert (beside["fate"], beside["reason"]) == (SKIPPED, OVERLAP), beside
    assert {(each["fate"], each["reason"]) for each in fates(box, "excluded")} == {(SKIPPED, "excluded")}


@pytest.mark.long
def test_catch_up_makes_up_for_what_no_control_process_has_seen_in_time(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("policy2")
    fleets.wait_for_the_first_half_of_a_minute()
    first = (int(time.time()) // 60 + 1) * 60
    slots = first, first + 60
    columns = ",".join(str(slot // 60 % 60) for slot in slots) + " * * * *"
    for which in ("none", "latest", "all"):
        keys = f"start_within: 15s\ncatch_up: {which}\njitter: 24h\nrun_on: {{host: policy2}}"
        box.job(f"catch-up-{which}", f"command: /bin/true\nschedule: '{columns}'\ntime_zone: UTC\n{keys}")
    box.process_control("fleet", "apply")
    fleet.control.signal(signal.SIGSTOP)
    try:
        until(lambda: time.time() > slots[1] + 16, "two planned times to be too old", seconds=150)
    finally:
        fleet.control.signal(signal.SIGCONT)

    def settled(which: str) -> list[tuple[str, str | None]]:
        known = {datetime.fromisoformat(each["slot"]).timestamp(): each for each in fates(box, f"catch-up-{which}")}
        return [(known[slot]["fate"], known[slot]["outcome"]) for slot in slots if slot in known]

    ran, missed = ("ran", "succeeded"), ("missed", None)
    until(lambda: settled("all") == [ran, ran], "both to be made up for")
    until(lambda: settled("latest") == [missed, ran], "the newest to be made up for")
    until(lambda: len(settled("none")) == len(slots), "what is not made up for")
    assert settled("none") == [missed, missed]
    assert [start.get("caught_up") for start in starts(box)] == [True] * 3
    assert records(box, "waiting") == []  # no random delay, as on one host

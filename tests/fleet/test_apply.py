"""What `fleet apply` does: versions and their order, holds, jobs of all hosts, jobs that are gone or cannot be had."""

import asyncio
import time
from collections.abc import Callable

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from kit import fleet_client
from kit.apart import apart
from kit.fleets import Fleet, result_of, state_of
from kit.harness import Box, until
from process_control.fleet.hand_over import take_back, tried_again
from process_control.fleet.wire import Asked


def rows(box: Box, *flags: str) -> dict[str, list[str]]:
    """Apply; return the rows that are not about jobs of other tests, by job."""
    answer = box.process_control("fleet", "apply", *flags)
    lines = [line.split("\t") for line in answer.stdout.splitlines()]
    return {line[0]: line[1:] for line in lines if line[1] != "left"}


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box)
    return box


def test_an_older_version_is_refused_an_equal_one_does_nothing_and_a_hold_survives(fleet: Fleet, host: Box) -> None:
    host.job("versioned", "command: /bin/true\nschedule: '0 0 1 1 *'")
    added = rows(host)
    host.process_control("hold", "versioned", "--fleet")
    again = rows(host)
    older = fleet_client.configure(fleet.server.address, "versioned", generation=1)
    host.job("versioned", "command: /bin/true\nschedule: '0 0 2 1 *'\ntime_zone: UTC")
    tried = rows(host, "--dry-run")
    changed = rows(host)

    assert [each["versioned"][0] for each in (added, again, tried, changed)] == [
        "added",
        "unchanged",
        "changed",
        "changed",
    ]
    assert older == "older: a newer version of the job is applied"
    state = state_of(host, "versioned")
    assert (state["state"], state["next"][4:10]) == ("held", "-01-02")


def test_apply_names_other_minutes_of_h_and_warns_of_crowds_and_refuses_too_many(host: Box) -> None:
    host.job("hashed", "command: /bin/true\nschedule: 'H H 1 1 *'")
    for number in range(101):
        host.job(f"many-{number:03}", "command: /bin/true\nschedule: '7 3 * * *'\nlock: many\ntime_zone: UTC")

    answer = host.process_control("fleet", "apply", "--dry-run")

    found = {line.split("\t")[0]: line.split("\t") for line in answer.stdout.splitlines()}
    assert found["hashed"][1] == "added"
    assert found["hashed"][3].startswith("H is another minute in the fleet: ")
    assert (found["many-099"][1], found["many-100"][1]) == ("added", "refused")
    assert found["many-100"][3] == "100 jobs have the lock 'many' already"
    assert "warning: 100 jobs of the fleet start at 20" in answer.stderr
    assert answer.exit_code == 1


def test_a_job_that_moves_leaves_its_lock_and_one_that_is_gone_stays_until_it_is_pruned(host: Box) -> None:
    host.job("gone", "command: /bin/true\nlock: before")
    rows(host)
    host.job("gone", "command: /bin/true")
    rows(host)
    jobs = host.process_control("fleet", "status", "--json").json()["jobs"]
    (host.job_directory / "gone.yaml").unlink()
    left = host.process_control("fleet", "apply").stdout
    would = host.process_control("fleet", "apply", "--dry-run", "--prune").stdout
    still = state_of(host, "gone")

    assert [each["lock"] for each in jobs if each["job"] == "gone"] == ["gone"]
    assert "gone\tleft\tgone\t" in left
    assert "gone\tremoved\tgone\t" in would
    assert still["job"] == "gone"


def test_a_pruned_job_finishes_its_run_in_flight_and_its_starts_that_wait_come_to_nothing(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    """Its planned time that is due waits behind the run of another job with the same lock, which is pruned too."""
    box = make_host("prune1")
    begun, done, ran = box.fifo("begun"), box.fifo("done"), box.root / "ran"
    keys = "on_overlap: queue\nlock: pruned-lock\nrun_on: {host: prune1}"
    box.job("in-flight", f"command: sh -c 'echo begun > {begun}; read line < {done}'\n{keys}")
    box.job("waiting", f"command: touch {ran}\n{keys}")
    box.job("staying", f"command: /bin/true\n{keys}")
    rows(box)
    box.process_control("run", "in-flight", "--fleet")
    begun.read_line()
    fleet_client.start(fleet.server.address, "waiting:pruned-lock", slot=int(time.time()) // 60 * 60)
    box.process_control("run", "staying", "--fleet")
    for slug in ("in-flight", "waiting"):
        (box.job_directory / f"{slug}.yaml").unlink()
    pruned = rows(box, "--prune")
    left = [each["job"] for each in box.process_control("fleet", "status", "--json").json()["jobs"]]
    done.write_line()
    until(lambda: result_of(box, "staying"), "the run of the job that stays")

    assert [pruned[slug][0] for slug in ("in-flight", "waiting", "staying")] == ["removed", "removed", "unchanged"]
    assert not {"in-flight", "waiting"}.intersection(left)
    assert result_of(box, "staying") == "succeeded"
    (run,) = box.process_control("history", "in-flight", "--json").json()["runs"]
    assert run["outcome"] == "succeeded"
    assert not ran.exists()


def test_the_last_job_of_a_lock_is_pruned_during_its_run_and_the_lock_ends_with_it(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    box = make_host("prune2")
    begun, done = box.fifo("begun"), box.fifo("done")
    box.job("last-one", f"command: sh -c 'echo begun > {begun}; read line < {done}'\nrun_on: {{host: prune2}}")
    rows(box)
    box.process_control("run", "last-one", "--fleet")
    begun.read_line()
    (box.job_directory / "last-one.yaml").unlink()
    pruned = rows(box, "--prune")
    during = fleet_client.status(fleet.server.address, "last-one")
    done.write_line()
    until(lambda: fleet_client.status(fleet.server.address, "last-one") == "COMPLETED", "the end of its lock")

    assert pruned["last-one"][0] == "removed"
    assert during == "RUNNING"
    (run,) = box.process_control("history", "last-one", "--json").json()["runs"]
    assert run["outcome"] == "succeeded"


def test_a_removal_that_is_tried_again_finds_that_it_was_done(fleet: Fleet, host: Box) -> None:
    host.job("gone-already", "command: /bin/true")
    rows(host)

    async def remove() -> None:
        client = await Client.connect(fleet.server.address)
        await take_back(client, "gone-already", Asked(job="gone-already", by="ann@db1"))

    apart(lambda: asyncio.run(remove()))
    until(lambda: fleet_client.status(fleet.server.address, "gone-already") == "COMPLETED", "the end of its lock")
    apart(lambda: asyncio.run(remove()))

    jobs = host.process_control("fleet", "status", "--json").json()["jobs"]
    assert "gone-already" not in [each["job"] for each in jobs]


def test_a_job_of_all_hosts_runs_on_each_of_them_and_on_one_that_comes(
    fleet: Fleet, make_host: Callable[..., Box]
) -> None:
    first = make_host("all1")
    text = "command: sh -c 'echo here'\nrun_on: all\nschedule: '0 0 1 1 *'"
    first.job("everywhere", text)
    rows(first)
    second = make_host("all2")
    second.job("everywhere", text)
    until(
        lambda: "everywhere@all2" in second.process_control("fleet", "status", "--json").stdout, "the host that comes"
    )

    slot = int(time.time()) // 60 * 60
    ended = fleet_client.ends(fleet.server.address, ["everywhere@all1", "everywhere@all2"], slot=slot)
    by_hand = first.process_control("run", "everywhere", "--fleet")
    held = first.process_control("hold", "everywhere", "--fleet")
    status = first.process_control("fleet", "status", "--json").json()["jobs"]

    assert [(end["outcome"], end["host"]) for end in ended.values()] == [("succeeded", "all1"), ("succeeded", "all2")]
    assert {line.split("\t")[1].partition("@")[2] for line in by_hand.stdout.splitlines()} >= {"all1", "all2"}
    assert held.exit_code == 0
    states = {each["lock"]: each["state"] for each in status if each["job"] == "everywhere"}
    assert "everywhere@*" not in states
    assert set(states.values()) <= {"held", "running"}


def test_a_broken_connection_is_tried_again_and_another_error_is_not() -> None:
    answers = [RPCError("h2 protocol error", RPCStatusCode.UNKNOWN, b""), "applied"]
    refusal = RPCError("no", RPCStatusCode.PERMISSION_DENIED, b"")

    async def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, RPCError):
            raise answer
        return answer

    async def refused() -> str:
        raise refusal

    assert asyncio.run(tried_again(call)) == "applied"
    with pytest.raises(RPCError, match="no"):
        asyncio.run(tried_again(refused))

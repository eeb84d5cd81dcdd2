"""A real scheduler is in charge from its start to its end, and after a kill too: then it is dead."""

import signal
from typing import Any

from kit.events import until, wait_gone
from kit.harness import Box
from kit.schedulers import scheduler


def charge(box: Box) -> dict[str, Any]:
    value: dict[str, Any] = box.process_control("status", "--json").json()["in_charge"]
    return value


def test_it_is_in_charge_from_its_start_until_its_end(box: Box) -> None:
    box.job("nightly", "command: 'true'\nschedule: '30 2 * * *'")

    with scheduler(box):
        during = charge(box)
    after = charge(box)

    assert (during["trigger"], during["alive"], after["trigger"]) == ("scheduler", True, "nobody")
    events = box.process_control("audit", "--event", "scheduler", "--json").json()["events"]
    assert [event["change"] for event in events] == ["started", "ended"]
    assert during["since"] == events[0]["at"]


def test_one_that_was_killed_with_its_parent_is_in_charge_and_dead(box: Box) -> None:
    box.job("nightly", "command: 'true'\nschedule: '30 2 * * *'")
    with scheduler(box) as running:
        pid = running.pid
        until((box.state_directory / "watched.json").exists, "the end of its first look")
        running.parent.signal(signal.SIGKILL)
        running.parent.wait()
        wait_gone(pid)

        until(lambda: not charge(box)["alive"], "the scheduler to be seen as dead")
        said = box.process_control("status").stderr

    assert charge(box)["trigger"] == "scheduler"
    assert said.startswith(f"the scheduler (pid {pid}) died: it was last seen at ")


def test_one_that_its_parent_started_again_is_alive(box: Box) -> None:
    box.job("nightly", "command: 'true'\nschedule: '30 2 * * *'")
    with scheduler(box) as running:
        first = running.pid
        running.box.command(["kill", "-9", str(first)])
        wait_gone(first)
        running.wait_for_notice("READY=1")

        again = charge(box)

    assert (again["trigger"], again["alive"]) == ("scheduler", True)

"""What is in charge, from what is seen: a table, and what holds for all that may be seen."""

from itertools import product

import pytest

from process_control.core.in_charge import InCharge, SchedulerSeen, Trigger, who_is_in_charge

STARTED, SEEN = "2026-03-10T12:00:00.000Z", "2026-03-10T13:00:00.000Z"


def scheduler(*, is_alive: bool, has_ended: bool = False) -> SchedulerSeen:
    return SchedulerSeen(pid=812, started_at=STARTED, seen_at=SEEN, is_alive=is_alive, has_ended=has_ended)


ALIVE, DEAD, ENDED = scheduler(is_alive=True), scheduler(is_alive=False), scheduler(is_alive=False, has_ended=True)


def decided(
    seen: SchedulerSeen | None, *, cron_lines: bool = False, cron_alive: bool = True, timers: bool = False
) -> InCharge:
    return who_is_in_charge(
        seen, has_cron_lines=lambda: cron_lines, is_cron_alive=lambda: cron_alive, has_timers=lambda: timers
    )


@pytest.mark.parametrize(
    ("seen", "others", "trigger", "is_alive", "since"),
    [
        (ALIVE, {}, "scheduler", True, STARTED),
        (ALIVE, {"cron_lines": True, "timers": True}, "scheduler", True, STARTED),
        (DEAD, {}, "scheduler", False, SEEN),
        (DEAD, {"cron_lines": True}, "scheduler", False, SEEN),
        (ENDED, {"cron_lines": True}, "cron", True, None),
        (None, {"cron_lines": True, "cron_alive": False}, "cron", False, None),
        (None, {"cron_lines": True, "timers": True}, "cron", True, None),
        (ENDED, {"timers": True}, "timers", True, None),
        (ENDED, {}, "nobody", False, None),
        (None, {}, "nobody", False, None),
    ],
)
def test_what_is_seen_decides(
    seen: SchedulerSeen | None, others: dict[str, bool], trigger: str, is_alive: bool, since: str | None
) -> None:
    assert decided(seen, **others).to_json() == {"trigger": trigger, "alive": is_alive, "since": since}


def test_one_is_in_charge_whatever_is_seen_and_a_scheduler_until_its_end() -> None:
    for seen, lines, cron, timers in product((None, ALIVE, DEAD, ENDED), *[(False, True)] * 3):
        charge = decided(seen, cron_lines=lines, cron_alive=cron, timers=timers)

        assert charge.is_scheduler == (seen in (ALIVE, DEAD))
        assert charge.is_dead_scheduler == (seen is DEAD)
        assert (charge.trigger is Trigger.NOBODY) == (seen in (None, ENDED) and not lines and not timers)
        assert not (charge.is_alive and charge.trigger is Trigger.NOBODY)
        assert (charge.pid == 812) == charge.is_scheduler


def test_nothing_else_is_asked_where_the_scheduler_decides() -> None:
    def never() -> bool:
        raise AssertionError("asked")

    for seen in (ALIVE, DEAD):
        assert who_is_in_charge(seen, has_cron_lines=never, is_cron_alive=never, has_timers=never).is_scheduler


def test_it_is_said_in_words() -> None:
    assert [decided(seen).words for seen in (ALIVE, DEAD, None)] == [
        f"the scheduler starts the jobs (pid 812, since {STARTED})",
        f"the scheduler (pid 812) died: it was last seen at {SEEN}",
        "nothing starts the jobs by itself",
    ]
    assert decided(None, cron_lines=True, cron_alive=False).words == "cron starts the jobs, and does not run now"

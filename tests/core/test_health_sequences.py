"""Whatever happens to a job, in whatever order: no held job runs, no hold is lost, no two probes are on their way."""

import random

import pytest

from kit.harness import Storm
from process_control.core import gate
from process_control.core.health import Cause, Event, Health, HoldKind, Policy, State
from process_control.core.health_table import after_pause, later, next_health

START = "2026-03-01T02:30:00.000Z"
POLICIES = [
    Policy(),
    Policy(hold_after_failures=2, release_after_seconds=60),
    Policy(hold_after_failures=1, slow_start_runs=2, slow_start_after_hold=True, slow_start_after_change=True),
    Policy(
        backoff_delay_seconds=60,
        hold_after_failures=3,
        release_after_seconds=60,
        slow_start_runs=3,
        slow_start_after_hold=True,
        slow_start_when_new=True,
    ),
]
RUN_ENDS = (Event.SUCCEEDED, Event.WARNED, Event.FAILED, Event.FAILED_UNRECOVERABLY, Event.LOST)


class World:
    """A job, a clock, and what a sequence of events may not do to it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.policy = self.dice.choice(POLICIES)
        self.health = Health()
        self.now = START
        self.runs = 0
        self.probe: str | None = None
        self.told: list[str] = []

    def permission(self, *, scheduled: bool) -> str:
        release_after = self.policy.release_after_seconds
        return gate.permission(
            self.health.to_record(),
            now=self.now,
            slot=self.now if scheduled else None,
            latest_backoff=later(self.now, self.policy.backoff_max_delay_seconds)
            if self.policy.backoff_delay_seconds
            else None,
            latest_probe=later(self.now, release_after) if release_after else None,
        )

    def step(self) -> None:
        self.now = later(self.now, self.dice.choice((1, 30, 90, 7200)))
        what = self.dice.choice(("scheduled", "scheduled", "by hand", "forced", "hold", "pause", "release", "change"))
        self.told.append(what)
        before = self.health
        if what in ("scheduled", "by hand", "forced"):
            self.start(what)
        else:
            self.change_by_hand(what)
        self.look(before, what)

    def start(self, what: str) -> None:
        permission = self.permission(scheduled=what == "scheduled")
        if permission == gate.PAUSE_IS_OVER:
            self.health = after_pause(self.health, self.now, self.policy)
            permission = self.permission(scheduled=what == "scheduled")
        self.runs += 1
        run_id = f"run{self.runs}"
        if permission == gate.PROBE_IS_DUE:
            self.health = next_health(
                self.health, Event.PROBE_DUE, cause=Cause(at=self.now, run_id=run_id), policy=self.policy
            )
            if self.health.probe_run != run_id:
                return
            if self.probe is not None:
                pytest.fail(f"a second probe beside {self.probe}: {self.told}")
            self.probe = run_id
        elif permission in (gate.HELD, gate.BACKING_OFF) and what != "forced":
            return
        if self.health.state is State.HELD and what != "forced" and self.health.probe_run != run_id:
            pytest.fail(f"a held job was run: {self.told}")
        self.end(run_id, counts=what == "scheduled")

    def end(self, run_id: str, *, counts: bool) -> None:
        cause = Cause(at=self.now, run_id=run_id, why="so it went", counts=counts, slow=True)
        self.health = next_health(self.health, self.dice.choice(RUN_ENDS), cause=cause, policy=self.policy)
        if self.probe == run_id:
            self.probe = None

    def change_by_hand(self, what: str) -> None:
        until = later(self.now, 600) if what == "pause" else None
        cause = Cause(at=self.now, by="ann@db1", why=what, until=until, seen={"file": self.now})
        event = {"release": Event.RELEASED, "change": Event.CHANGED}.get(what, Event.HELD_BY_HAND)
        self.health = next_health(self.health, event, cause=cause, policy=self.policy)

    def look(self, before: Health, what: str) -> None:
        after = self.health
        if before.state is State.HELD and after.state is not State.HELD:
            pause_was_over = before.release_at is not None and before.release_at <= self.now
            if not (what == "release" or pause_was_over or (what == "scheduled" and before.probe_at is not None)):
                pytest.fail(f"a hold was lost: {self.told}")
        if what in ("hold", "pause") and after.state is not State.HELD:
            pytest.fail(f"a hold did not hold: {self.told}")
        if before.hold_kind is HoldKind.BY_HAND and before.release_at is None and after.state is not State.HELD:
            assert what == "release", self.told
        assert Health.from_record(after.to_record()) == after


@pytest.mark.fault(
    "Random sequences of a job's health",
    small=5_000,
    full=100_000,
    wanted="no hold lost",
)
def test_no_sequence_of_events_runs_a_held_job_loses_a_hold_or_lets_probes_overlap(storm: Storm) -> None:
    for seed in storm.rounds():
        world = World(seed)
        for _ in range(12):
            world.step()


class LongRuns(World):
    """The same, but a run goes on while other things happen; the job's lock lets no second one begin meanwhile."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.going_on: tuple[str, bool] | None = None
        self.met_a_probe = 0

    def start(self, what: str) -> None:
        if self.going_on is None:
            super().start(what)
            return
        before = self.health
        if self.permission(scheduled=what == "scheduled") == gate.PROBE_IS_DUE and self.probe is not None:
            self.met_a_probe += 1
            cause = Cause(at=self.now, run_id="another")
            self.health = next_health(before, Event.PROBE_DUE, cause=cause, policy=self.policy)
            if self.health != before:
                pytest.fail(f"a second probe beside {self.probe}: {self.told}")
        if self.dice.random() < 0.5:
            run_id, counts = self.going_on
            self.going_on = None
            super().end(run_id, counts=counts)

    def end(self, run_id: str, *, counts: bool) -> None:
        self.going_on = run_id, counts


@pytest.mark.fault("Random sequences during a run", small=5_000, full=100_000, wanted="no probe beside another")
def test_no_second_probe_is_let_through_while_one_goes_on_whatever_happens_meanwhile(storm: Storm) -> None:
    met = 0
    for seed in storm.rounds():
        world = LongRuns(seed)
        for _ in range(16):
            world.now = later(world.now, world.dice.choice((1, 30, 90, 7200)))
            what = world.dice.choice(("scheduled", "scheduled", "scheduled", "by hand", "hold", "release"))
            world.told.append(what)
            if what in ("scheduled", "by hand"):
                world.start(what)
            else:
                world.change_by_hand(what)
        met += world.met_a_probe

    assert met > 50  # else nothing was tried

"""Simulated days of the scheduler: a seed decides jobs, faults and their moments; a checker says what went wrong.

    make torture SEED=7 ROUNDS=1000

The checker believes what the runs wrote (job, planned time, began, ended), the schedules by the naive reading of
`naive_schedule`, and the faults that the simulation made; it knows nothing of how the scheduler works.
"""

import argparse
import random
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from kit.naive_schedule import DAY, MINUTE, planned_minutes
from kit.simulated_host import EARLY_SECONDS, GONE, INVALID, RELOAD_SECONDS, VALID, Host, Version, Written
from kit.simulated_processes import Run

HOUR = 60 * MINUTE
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Chatham", "UTC")
SCHEDULES = (
    "*/2 * * * *", "*/5 * * * *", "*/15 * * * *", "0 * * * *", "*/30 * * * *", "15 0-4 * * *", "30 2 * * *",
    "0 3 * * *", "5 2,3 * * *", "*/20 2 * * *", "0 0 * * *", "17 */3 * * *",
)  # fmt: skip
WITHIN = (90.0, 600.0, 2.0 * HOUR, 26.0 * HOUR)
#: A scheduler that was there and awake for so long had to start what was due.
ENOUGH_SECONDS = 6.0
AT_THE_END_SECONDS = 300.0


@cache
def nights(zone: str) -> list[int]:
    """Return the hour before each change of the zone's clocks in a year, as whole minutes; else the middle of it."""
    first, named = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()), ZoneInfo(zone)
    offsets = [datetime.fromtimestamp(first + hour * HOUR, UTC).astimezone(named).utcoffset() for hour in range(8700)]
    return [first + n * HOUR for n in range(1, 8700) if offsets[n] != offsets[n - 1]] or [first + 4300 * HOUR]


@dataclass(slots=True)
class Day:
    """What one seed brought."""

    seed: int
    faults: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    missed: int = 0


class Simulation:
    """One day on one host, around a change of its zone's clocks."""

    def __init__(self, seed: int, *, without: frozenset[str] = frozenset(), hours: float = 12.0) -> None:
        self.dice = random.Random(seed)
        self.zone = ZONES[seed % len(ZONES)]
        self.begin = self.dice.choice(nights(self.zone)) - 6 * HOUR
        self.seconds = hours * HOUR
        self.host = Host(seed, self.begin + self.dice.randrange(MINUTE), without=without)
        self.day = Day(seed)
        self.first = self.host.monotonic
        self.cron = False

    def run(self) -> Day:
        host, dice = self.host, self.dice
        for number, columns in enumerate(dice.sample(SCHEDULES, 8)):
            host.write_file(f"job-{number}", VALID, (self.zone, columns), dice.choice(WITHIN))
        host.start_parent()
        moments = sorted(self._moment() for _ in range(dice.randrange(10, 60)))
        for moment in moments:
            host.at(moment, self._something_happens)
        host.at(self.first + 1, self._minute_of_cron)
        host.go_on_until(self.first + self.seconds)
        host.disk_is_full = host.forks_fail = False
        host.start_parent()
        host.go_on_until(host.monotonic + AT_THE_END_SECONDS)
        host.end()
        self.day.faults = list(Checker(self).faults())
        self.day.runs = sum(not each.skipped for each in host.written)
        self.day.missed = len(host.causes)
        return self.day

    def _moment(self) -> float:
        """Return when something happens: half of it in the second around a planned time."""
        moment = self.dice.uniform(0, self.seconds)
        if self.dice.random() < 0.5:
            moment = moment // (5 * MINUTE) * 5 * MINUTE - self.host.now % (5 * MINUTE) + self.dice.uniform(-0.5, 1.0)
        return self.first + max(3.0, moment)

    def _something_happens(self) -> None:
        kinds = {
            "kill scheduler": 10, "kill launcher": 10, "kill parent": 6, "kill run": 8, "kills in a row": 4,
            "clock forwards": 4, "clock back": 4, "suspend": 3, "host down": 1, "disk full": 2, "no fork": 2,
            "slow scheduler": 4, "slow launcher": 4, "cron on or off": 6, "edit": 5, "invalid": 2, "remove": 2,
        }  # fmt: skip
        kind = self.dice.choices(list(kinds), list(kinds.values()))[0]
        self.day.happened[kind] += 1
        getattr(self, "_" + kind.replace(" ", "_"))()

    # --- faults ------------------------------------------------------------------------------------------------------

    def _kill_scheduler(self) -> None:
        if self.host.parent is not None:
            self.host.parent.kill_child(self.host.parent.scheduler)

    def _kill_launcher(self) -> None:
        if self.host.parent is not None:
            self.host.parent.kill_child(self.host.parent.launcher)

    def _kill_parent(self) -> None:
        if self.host.parent is not None:
            self.host.parent.kill()

    def _kill_run(self) -> None:
        if self.host.runs:
            self.dice.choice(self.host.runs).kill()

    def _kills_in_a_row(self) -> None:
        for _ in range(6):
            action = self.dice.choice((self._kill_scheduler, self._kill_launcher, self._kill_parent, self._kill_run))
            self.host.at(self.host.monotonic + self.dice.uniform(0, 10), action)

    def _clock_forwards(self) -> None:
        self.host.set_clock(self.dice.choice((0.3, 2.0, 59.0, 61.0, 600.0, 2.0 * HOUR)))

    def _clock_back(self) -> None:
        ahead = self.host.now - self.begin - (self.host.monotonic - self.first)
        back = self.dice.choice((0.3, 2.0, 45.0, 61.0, 600.0, 2.0 * HOUR, max(1.0, ahead)))
        self.host.set_clock(-back)

    def _suspend(self) -> None:
        self.host.suspend(self.dice.choice((5.0, 100.0, 4000.0, 3.0 * HOUR)))

    def _host_down(self) -> None:
        self.host.crash(self.dice.uniform(20, HOUR))

    def _disk_full(self) -> None:
        self.host.disk_is_full = True
        self.host.at(self.host.monotonic + self.dice.uniform(1, 900), lambda: setattr(self.host, "disk_is_full", False))

    def _no_fork(self) -> None:
        self.host.forks_fail = True
        self.host.at(self.host.monotonic + self.dice.uniform(1, 60), lambda: setattr(self.host, "forks_fail", False))

    def _slow_scheduler(self) -> None:
        if self.host.parent is not None and self.host.parent.scheduler is not None:
            self.host.parent.scheduler.stall(self.dice.choice((1.0, 30.0, 400.0)))

    def _slow_launcher(self) -> None:
        if self.host.parent is not None and self.host.parent.launcher is not None:
            self.host.parent.launcher.stall(self.dice.choice((1.0, 30.0, 400.0)))

    def _cron_on_or_off(self) -> None:
        self.cron = not self.cron

    def _edit(self) -> None:
        slug = self.dice.choice(sorted(self.host.versions))
        self.host.write_file(slug, VALID, (self.zone, self.dice.choice(SCHEDULES)), self.dice.choice(WITHIN))

    def _invalid(self) -> None:
        self._spoil(INVALID)

    def _remove(self) -> None:
        self._spoil(GONE)

    def _spoil(self, state: str) -> None:
        slug = self.dice.choice(sorted(self.host.versions))
        last = self.host.versions[slug][-1]
        self.host.write_file(slug, state, last.key, last.start_within)
        again = self.host.monotonic + self.dice.uniform(1, HOUR)
        self.host.at(again, lambda: self.host.write_file(slug, VALID, last.key, last.start_within))

    def _minute_of_cron(self) -> None:
        """Cron beside it: it starts what its minute plans, while it is on."""
        host = self.host
        if self.cron:
            minute = int(host.now // MINUTE * MINUTE)
            for slug, versions in host.versions.items():
                if versions[-1].state == VALID and minute in self.planned(versions[-1]):
                    Run(host, slug, minute, by="cron")
        host.at(host.monotonic + MINUTE - host.now % MINUTE + 0.001 + self.dice.random(), self._minute_of_cron)

    def planned(self, version: Version) -> frozenset[int]:
        return _planned(version.key, self.begin)

    def planned_in_order(self, version: Version) -> tuple[int, ...]:
        return planned_minutes(version.key, self.begin - 2 * DAY, self.begin + 3 * DAY)


@cache
def _planned(key: tuple[str, str], begin: int) -> frozenset[int]:
    return frozenset(planned_minutes(key, begin - 2 * DAY, begin + 3 * DAY))


class Checker:
    """Finds planned times with two runs, runs without a planned time, and planned times of which nothing is known."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.host = simulation.host
        self.by_slot: dict[tuple[str, int], list[Written]] = {}
        for each in self.host.written:
            self.by_slot.setdefault((each.job, each.slot), []).append(each)

    def faults(self) -> Iterator[str]:
        yield from self._doubles()
        yield from self._orders_without_need()
        yield from self._unplanned()
        yield from self._unaccounted()

    def _doubles(self) -> Iterator[str]:
        for (job, slot), written in self.by_slot.items():
            runs = [each for each in written if not each.skipped]
            for first, second in pairwise(runs):
                if not self._was_early(first, second.began):
                    yield f"{job}: {_shown(slot)} ran twice, by {first.by} and {second.by}"
            if len(runs) > 2:
                yield f"{job}: {_shown(slot)} ran {len(runs)} times"
        by_job: dict[str, Written] = {}
        for each in self.host.written:
            before = by_job.get(each.job)
            if not each.skipped:
                if before is not None and (before.ended is None or before.ended > each.began):
                    yield f"{each.job}: two runs beside each other"
                by_job[each.job] = each

    def _was_early(self, run: Written, at: float) -> bool:
        """Return whether the run began well before its planned time, by the clock as it was `at` that moment."""
        return run.began + self._offset_at(at) < run.slot - EARLY_SECONDS

    def _offset_at(self, moment: float) -> float:
        return self.host.clock[bisect_right(self.host.clock, moment, key=lambda each: each[0]) - 1][1]

    def _orders_without_need(self) -> Iterator[str]:
        """A scheduler remembers what it has started: it orders no planned time twice, but for one that was early."""
        ordered: dict[tuple[int, str, int], float] = {}
        for scheduler, _, job, slot, at in self.host.orders:
            before = ordered.get((scheduler, job, slot))
            if before is not None and not self._seemed_early(slot, before, until=at):
                yield f"{job}: {_shown(slot)} was ordered twice"
            ordered[scheduler, job, slot] = at

    def _seemed_early(self, slot: int, ordered: float, *, until: float) -> bool:
        """Return whether by the clock as it was set meanwhile the order was well before the planned time."""
        offsets = [offset for at, offset in self.host.clock if ordered < at <= until]
        return any(ordered + offset < slot - EARLY_SECONDS for offset in offsets)

    def _unplanned(self) -> Iterator[str]:
        for each in self.host.written:
            versions = self.host.versions[each.job]
            known = [v for v, until in self._with_ends(versions) if v.since <= each.began and each.began - 900 < until]
            if not any(each.slot in self.simulation.planned(version) for version in known):
                yield f"{each.job}: {_shown(each.slot)} ran and was not planned"

    @staticmethod
    def _with_ends(versions: list[Version]) -> Iterator[tuple[Version, float]]:
        ends = [*(each.since for each in versions[1:]), float("inf")]
        yield from zip(versions, ends, strict=True)

    def _unaccounted(self) -> Iterator[str]:
        """Yield what was due while a scheduler was there and awake, and neither ran nor has a known cause."""
        for job, versions in self.host.versions.items():
            for version, until in self._with_ends(versions):
                if version.state != VALID:
                    continue
                begin = version.since + RELOAD_SECONDS + 1 if version is not versions[0] else version.since
                for slot, first, last in self._due(version, begin, until):
                    if self._is_accounted_for(job, slot, first, last) or not self._was_able(first, last):
                        continue
                    yield f"{job}: {_shown(slot)} did not start, and nothing says why"

    def _is_accounted_for(self, job: str, slot: int, first: float, last: float) -> bool:
        """Return whether it ran, or why not. What ran well before the time has to run once more, once.

        But for one that a new scheduler finds claimed when it looks: it does not know when its run began.
        """
        written, offset = self.by_slot.get((job, slot), []), self._offset_at(first)
        is_early = all(each.began + offset < slot - EARLY_SECONDS - 1 for each in written)
        is_found_claimed = bool(written) and any(first <= begin <= last for begin in self.host.begins)
        return (job, slot) in self.host.causes or not is_early or len(written) > 1 or is_found_claimed

    def _was_able(self, begin: float, end: float) -> bool:
        return any(min(end, last) - max(begin, first) >= ENOUGH_SECONDS for first, last in self.host.able)

    def _due(self, version: Version, begin: float, until: float) -> Iterator[tuple[int, float, float]]:
        """Yield each planned time with the monotonic moments between which it was the newest, and not too old."""
        slots = self.simulation.planned_in_order(version)
        ends = [*(at for at, _ in self.host.clock[1:]), self.host.monotonic]
        shown_before = self.host.clock[0][0] + self.host.clock[0][1]
        for (at, offset), end in zip(self.host.clock, ends, strict=True):
            first = bisect_right(slots, min(shown_before, at + offset))
            for number in range(first, bisect_left(slots, end + offset)):
                following = slots[number + 1] - offset
                since = max(at, slots[number] - offset)
                last = min(following, slots[number] + version.start_within - offset, end, until)
                if slots[number] - offset >= begin or at >= begin:
                    yield slots[number], since, last
            shown_before = end + offset


def _shown(slot: int) -> str:
    return f"{datetime.fromtimestamp(slot, UTC):%d %H:%M}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1, help="of the first day")
    parser.add_argument("--rounds", type=int, default=100, help="how many days, with the seeds that follow")
    parser.add_argument("--without", nargs="*", choices=("claim", "rewind", "begun"), default=[], help="leave it out")
    options = parser.parse_args()
    happened, runs, missed, wrong = Counter[str](), 0, 0, []
    for seed in range(options.seed, options.seed + options.rounds):
        day = Simulation(seed, without=frozenset(options.without)).run()
        happened += day.happened
        runs, missed = runs + day.runs, missed + day.missed
        for fault in day.faults:
            print(f"seed {seed}: {fault}", flush=True)
        wrong += [seed] if day.faults else []
    print(f"{options.rounds:,} days from seed {options.seed}: {runs:,} runs, {missed:,} missed for a known cause, "
          f"{happened.total():,} faults made; {len(wrong)} days with something wrong")  # fmt: skip
    print(", ".join(f"{kind} {count:,}" for kind, count in happened.most_common()))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

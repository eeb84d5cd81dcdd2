"""Simulated days of the scheduler: a seed decides jobs, faults and their moments; a checker says what went wrong.

    make torture SEED=7 ROUNDS=1000

The checker believes what the runs wrote (job, planned time, began, ended), the schedules by the naive reading of
`naive_schedule`, and the faults that the simulation made; it knows nothing of how the scheduler works.
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from kit.naive_schedule import DAY, MINUTE, planned_minutes
from kit.simulated_checker import Checker
from kit.simulated_host import GONE, INVALID, PROTECTIONS, VALID, Host, Version
from kit.simulated_limits import faults_of_chains, faults_of_limits
from kit.simulated_rules import Rule
from kit.simulated_run import Run
from process_control.core.chain import CONDITIONS
from process_control.core.start_queue import Limits

HOUR = 60 * MINUTE
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Chatham", "UTC")
SCHEDULES = (
    "*/2 * * * *", "*/5 * * * *", "*/15 * * * *", "0 * * * *", "*/30 * * * *", "15 0-4 * * *", "30 2 * * *",
    "0 3 * * *", "5 2,3 * * *", "*/20 2 * * *", "0 0 * * *", "17 */3 * * *",
)  # fmt: skip
WITHIN = (90.0, 600.0, 2.0 * HOUR, 26.0 * HOUR)
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
    #: runs, those of jobs that follow another, skips, and planned times that were missed for a known cause
    counts: Counter[str] = field(default_factory=Counter)


def in_words(counts: Counter[str]) -> str:
    words = {"runs": "runs", "followed": "after a cause", "skipped": "skipped", "missed": "missed for a known cause"}
    return ", ".join(f"{counts[name]:,} {what}" for name, what in words.items())


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
        host.limits = Limits(dice.choice((None, None, 2, 4)), {"db": 1, "net": 2})
        for number, columns in enumerate(dice.sample(SCHEDULES, 8)):
            host.rules[f"job-{number}"] = self._some_rule()
            host.write_file(f"job-{number}", VALID, (self.zone, columns), dice.choice(WITHIN))
        self._write_followers()
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
        self.day.faults = [
            *Checker(host, self.planned, self.planned_in_order).faults(),
            *faults_of_limits(host),
            *faults_of_chains(host),
        ]
        ran = [each for each in host.written if each.has_run]
        followed = sum(bool(host.rules[each.job].after) for each in ran)
        skipped = sum(each.skipped for each in host.written)
        self.day.counts = Counter(runs=len(ran), followed=followed, skipped=skipped, missed=len(host.causes))
        return self.day

    def _some_rule(self, *causes: str) -> Rule:
        dice = self.dice
        return Rule(
            pool=dice.choice((None, None, "db", "net")),
            on_overlap=dice.choice(("skip", "skip", "queue")),
            queue_timeout=dice.choice((120.0, 3600.0)),
            after=tuple((cause, dice.choice(CONDITIONS)) for cause in causes),
        )

    def _write_followers(self) -> None:
        """Write a chain, another one, and one job that follows two of the first."""
        causes = {"a": ("job-0",), "b": ("a",), "c": ("job-0",), "both": ("a", "c"), "d": ("job-1",), "e": ("d",)}
        self.host.rules |= {slug: self._some_rule(*its) for slug, its in causes.items()}

    def _moment(self) -> float:
        """Return when something happens: half of it in the second around a planned time."""
        moment = self.dice.uniform(0, self.seconds)
        if self.dice.random() < 0.5:
            moment = moment // (5 * MINUTE) * 5 * MINUTE - self.host.now % (5 * MINUTE) + self.dice.uniform(-0.5, 1.0)
        return self.first + max(3.0, moment)

    def _something_happens(self) -> None:
        if self.host.monotonic > self.first + self.seconds:  # late for a sleep of the host: the day is to end in peace
            return
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1, help="of the first day")
    parser.add_argument("--rounds", type=int, default=100, help="how many days, with the seeds that follow")
    parser.add_argument("--without", nargs="*", choices=PROTECTIONS, default=[], help="leave it out")
    options = parser.parse_args()
    happened, counted, wrong = Counter[str](), Counter[str](), []
    for seed in range(options.seed, options.seed + options.rounds):
        day = Simulation(seed, without=frozenset(options.without)).run()
        happened += day.happened
        counted += day.counts
        for fault in day.faults:
            print(f"seed {seed}: {fault}", flush=True)
        wrong += [seed] if day.faults else []
    print(f"{options.rounds:,} days from seed {options.seed}: {in_words(counted)}, {happened.total():,} faults made; "
          f"{len(wrong)} days with something wrong")  # fmt: skip
    print(", ".join(f"{kind} {count:,}" for kind, count in happened.most_common()))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

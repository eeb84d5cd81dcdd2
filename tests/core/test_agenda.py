"""What falls due when: against a second scheduler that looks at every minute, through all that clocks and people do."""

import random
from collections import Counter
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from kit.known_slots import known_slots
from kit.naive_schedule import (
    MINUTE,
    Key,
    NaiveJob,
    NaiveScheduler,
    differences,
    forget_what_was_planned,
    planned_minutes,
)
from kit.storms import Storm
from process_control.core.schedule.agenda import Agenda, Due
from process_control.core.schedule.dispatch import Dispatch, JobPlan
from process_control.core.schedule.schedule import Schedule

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana",
    "Asia/Beirut", "Pacific/Chatham", "America/Santiago", "Atlantic/Azores", "Asia/Kathmandu",
)  # fmt: skip
SCHEDULES = (
    "*/30 * * * *", "0 * * * *", "30 2 * * *", "0 3 * * *", "15 0-4 * * *", "0 */2 * * *", "45 1 * * *", "30 1 * * *",
    "5 2,3 * * *", "59 * * * *", "*/20 2 * * *", "0 0 * * *", "1 0 * * *", "30 0 * * 0", "10 3 * * 6,0", "*/45 * * * *",
    "17 23 * * *", "0 1 * * *", "* * * * *", "20 2-3 * * *",
)  # fmt: skip
WITHIN = (90.0, 600.0, 2 * HOUR, 26 * HOUR)


def schedule_of(key: Hashable) -> Schedule | None:
    zone, columns = key  # type: ignore[misc]
    return Schedule.parse([columns], time_zone=zone, host="host", slug="job")


def moment(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


def changes_of(zone: str, year: int) -> list[int]:
    """Return the hours in which the clocks of a zone change; of one without changes, an hour of the year."""
    first, named = moment(f"{year}-01-01T00:00:00"), ZoneInfo(zone)
    offsets = [datetime.fromtimestamp(first + hour * HOUR, UTC).astimezone(named).utcoffset() for hour in range(8790)]
    return [first + n * HOUR for n in range(1, 8790) if offsets[n] != offsets[n - 1]] or [first + 5000 * HOUR]


def test_the_oracle_agrees_with_debian_cron_about_changes_of_the_clock() -> None:
    night = moment("2027-10-30T22:00:00"), moment("2027-10-31T03:00:00")

    def shown(columns: str, begin: int = night[0], end: int = night[1]) -> list[str]:
        return [f"{datetime.fromtimestamp(at, UTC):%H:%M}" for at in planned_minutes((ZONES[0], columns), begin, end)]

    assert shown("30 2 * * *") == ["00:30"]
    assert shown("30 * * * *") == ["22:30", "23:30", "00:30", "01:30", "02:30"]
    spring = moment("2027-03-27T23:00:00"), moment("2027-03-28T04:00:00")
    assert shown("30 2 * * *", *spring) == ["01:00"]
    assert shown("*/30 2 * * *", *spring) == []


class History:
    """A scheduler and the naive one, to which the same happens, by a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.zone = ZONES[seed % len(ZONES)]
        change = self.dice.choice(changes_of(self.zone, 2026))
        self.begin = change - self.dice.randrange(6 * HOUR, 36 * HOUR) // MINUTE * MINUTE
        self.end = change + 12 * HOUR
        self.now, self.monotonic = float(self.begin), 1000.0
        self.jobs: dict[str, JobPlan] = {}
        self.naive = NaiveScheduler(now=self.now, looked=self.monotonic)
        self.dispatch = Dispatch(Agenda(schedule_of))
        for columns in SCHEDULES:
            self.put(f"job-{len(self.jobs)}", (self.zone, columns))
        self.plan()

    def put(self, slug: str, key: Key) -> None:
        """Write a new version of a job: what it planned before counts no more, what it ran does."""
        within = self.dice.choice(WITHIN)
        old, was = self.naive.jobs.get(slug), self.jobs.get(slug)
        self.jobs[slug] = JobPlan(slug=slug, key=key, start_within=within, lock=slug)
        slots = planned_minutes(key, self.begin - 2 * DAY, self.end + 3 * DAY)
        seen = old.seen if old is not None and was is not None and was.key == key else self.now
        self.naive.jobs[slug] = NaiveJob(slots, within, seen, *(() if old is None else (old.last, old.began)))

    def plan(self) -> None:
        self.dispatch.plan(self.jobs, self.now)

    def look(self) -> list[str]:
        if self.now < self.naive.now:
            self.dispatch.rewind(self.now, self.monotonic)
        wanted = self.naive.look(self.now, self.monotonic)
        starts = self.dispatch.take_due(self.now, self.monotonic)
        return self.judged([(start.job, start.slot or 0) for start in starts], wanted)

    def judged(self, found: list[tuple[str, int]], wanted: dict[str, int]) -> list[str]:
        self.monotonic += 0.01
        shown = datetime.fromtimestamp(self.now, UTC)
        return [f"{self.zone} {shown:%d %H:%M:%S}: {words}" for words in differences(found, wanted)]

    def something_happens(self) -> list[str]:
        """Let time pass, or something worse happen; return what differs afterwards."""
        what = self.dice.choices(
            ("minute", "delay", "step", "back", "suspend", "restart", "edit", "twice"), (80, 5, 2, 2, 1, 2, 4, 4)
        )[0]
        if what == "minute":  # the loop wakes up at the planned time, a bit later
            self.pass_time((self.now // MINUTE + 1) * MINUTE + self.dice.random() * 1.5 - self.now)
        elif what == "delay":
            self.pass_time(self.dice.uniform(0, 900))
        elif what == "step":
            self.now += self.dice.choice((5.0, 70.0, 4000.0, 5 * HOUR))
        elif what == "back":
            self.now = max(self.begin, self.now - self.dice.choice((1.0, 20.0, 61.0, 300.0, 4000.0, 5 * HOUR)))
        elif what == "suspend":
            self.pass_time(8 * HOUR * self.dice.random())
        elif what == "edit":
            self.edit()
        elif what == "restart":
            return self.restart()
        return self.look()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds

    def edit(self) -> None:
        slug = self.dice.choice(sorted(self.jobs))
        if self.dice.random() < 0.3 and len(self.jobs) > 10:
            del self.jobs[slug]
            self.naive.jobs[slug].slots = ()
        else:
            self.put(slug, (self.zone, self.dice.choice(SCHEDULES)))
        self.plan()

    def restart(self) -> list[str]:
        """Kill the scheduler; a new one comes, at once or hours later. It knows what was claimed, and no more."""
        self.pass_time(self.dice.choice((0.2, 30.0, 400.0, 3 * HOUR)))
        claimed = {slug: job.last for slug, job in self.naive.jobs.items()}
        self.dispatch = Dispatch(Agenda(schedule_of))
        self.plan()
        self.dispatch.catch_the_last(self.now, self.monotonic, claimed)
        wanted = self.naive.restart(self.now, self.monotonic)
        starts = self.dispatch.take_due(self.now, self.monotonic)
        return self.judged([(start.job, start.slot or 0) for start in starts], wanted)


@pytest.mark.fault(
    "Agenda beside a naive scheduler: ten zones × twenty schedules at clock changes, steps, suspends, restarts, edits",
    small=4,
    full=1000,
    wanted="each slot at most once, the newest within start_within, nothing else",
)
def test_what_starts_is_what_a_naive_scheduler_starts(storm: Storm) -> None:
    looks = 0
    for seed in storm.rounds():
        history = History(seed)
        differs: list[str] = []
        while history.now < history.end and not differs and looks < (seed + 1) * 3000:
            differs = history.something_happens()
            looks += 1
        assert differs == [], f"seed {seed}"
    storm.found(f"0 differences in {looks:,} looks")


YEAR_OF_JOBS = 5000


def a_year_of_jobs() -> dict[str, JobPlan]:
    """Return jobs that each run at most once an hour, in ten zones."""
    dice = random.Random(12)
    plans = {}
    for number in range(YEAR_OF_JOBS):
        minute, hour = dice.choice((0, 30)), dice.randrange(24)
        columns = dice.choice((f"{minute} {hour} * * *", f"{minute} {hour} * * 1-5", f"{minute} {hour % 6}-23/6 * * *"))
        slug = f"job-{number}"
        key = (dice.choice(ZONES), columns)
        plans[slug] = JobPlan(slug=slug, key=key, start_within=1800.0, lock=slug)
    return plans


def how_often_planned(keys: set[Hashable], begin: int, end: int) -> Counter[Hashable]:
    """Return how many planned times each schedule has in [begin, end): looked up ten days at a time, for the memory."""
    counts = Counter[Hashable]()
    for first in range(begin, end, 10 * DAY):
        for key in keys:
            counts[key] += len(planned_minutes(cast(Key, key), first, min(first + 10 * DAY, end)))
        forget_what_was_planned()
    return counts


@pytest.mark.fault(
    "A year of 5,000 jobs under a clock that is moved", small=2, full=365, wanted="counts equal those of the schedules"
)
def test_in_a_year_each_job_starts_as_often_as_its_schedule_plans(storm: Storm) -> None:
    dice, jobs, begin = random.Random(1), a_year_of_jobs(), moment("2027-01-01T00:00:00")
    end = begin + storm.size * DAY
    dispatch, claimed, counts, steps = Dispatch(Agenda(known_slots)), dict[str, int](), Counter[str](), 0
    now, monotonic = float(begin), 0.0
    dispatch.plan(jobs, now)
    while now < end:
        what = dice.random()
        if what < 0.02:  # forwards, by less than the next planned time of a job is away
            now += dice.uniform(1, 1700)
        elif what < 0.024 and now - begin > HOUR:
            now -= dice.uniform(1, 40 * MINUTE)
            dispatch.rewind(now, monotonic)
        elif what < 0.028:  # killed, and started again some minutes later
            now += dice.uniform(0, 900)
            dispatch = Dispatch(Agenda(known_slots))
            dispatch.plan(jobs, now)
            dispatch.catch_the_last(now, monotonic, claimed)
        else:
            now = max(now, dispatch.agenda.next_at or now) + dice.random()
        monotonic, steps = monotonic + 1.0, steps + 1
        for start in dispatch.take_due(now, monotonic):
            dispatch.forget(start.number)  # it ends before anything else falls due
            if (slot := start.slot or 0) < end and slot > claimed.get(start.job, begin):
                claimed[start.job] = slot  # which the run does: what had its run has no other
                counts[start.job] += 1
    planned = how_often_planned({plan.key for plan in jobs.values()}, begin + MINUTE, end)
    wanted = {slug: planned[plan.key] for slug, plan in jobs.items()}
    assert [(slug, counts[slug], count) for slug, count in wanted.items() if counts[slug] != count] == []
    storm.found(f"{counts.total():,} starts of {len(jobs):,} jobs in {storm.size} days, {steps:,} looks, as planned")


def test_a_hundred_thousand_jobs_of_a_thousand_schedules_share_their_evaluations() -> None:
    """Counted, not timed: one evaluation for each schedule that was due, whatever number of jobs has it."""
    asked: Counter[Hashable] = Counter()

    def counted(key: Hashable) -> Schedule | None:
        asked[key] += 1
        return schedule_of(key)

    begin = moment("2027-05-05T00:00:00") - 1
    keys = {f"job-{n}": ("UTC", f"{n % 50} {n % 20} * * *") for n in range(100_000)}
    agenda = Agenda(counted)
    agenda.plan(keys, begin)
    assert len(agenda) == 100_000
    assert set(asked.values()) == {1}
    distinct = len(set(keys.values()))

    due = [each for minute in range(24 * 60) for each in agenda.take_due(begin + minute * MINUTE + 1.5)]

    assert len(due) == distinct
    assert sum(len(each.jobs) for each in due) == 100_000
    assert [each.slot for each in due] == sorted(each.slot for each in due)
    assert agenda.take_due(begin + DAY) == []
    assert agenda.last_before(begin + DAY, ["job-7"]) == {"job-7": begin + 1 + 7 * HOUR + 7 * MINUTE}


def test_a_job_without_its_time_zone_is_not_planned_and_the_others_are() -> None:
    agenda = Agenda(lambda key: None if key == "gone" else schedule_of(key))

    agenda.plan({"one": "gone", "two": ("UTC", "0 * * * *")}, moment("2027-05-05T00:30:00"))

    assert agenda.take_due(moment("2027-05-05T01:00:00")) == [Due(moment("2027-05-05T01:00:00"), ("two",))]


KEY = ("UTC", "0 12 * * *")


def plan_of(columns: str) -> dict[str, JobPlan]:
    return {"job": JobPlan(slug="job", key=("UTC", columns), start_within=600.0, lock="job")}


@pytest.mark.parametrize(("back", "again"), [(50, 0), (HOUR, 1), (DAY, 1)])
def test_what_ran_well_ahead_of_its_time_starts_once_more_when_that_comes(back: int, again: int) -> None:
    noon, dispatch = moment("2027-05-05T12:00:00"), Dispatch(Agenda(schedule_of))
    dispatch.plan(plan_of("0 12 * * *"), noon - 5)
    assert [start.slot for start in dispatch.take_due(noon + 1, 1.0)] == [noon]

    dispatch.rewind(noon + 1 - back, 1.5)

    days = 0 if back < DAY else 1
    found = [dispatch.take_due(noon + 1 - days * DAY, 2.0), dispatch.take_due(noon + 2, 3.0)]
    assert sum(start.slot == noon for starts in found for start in starts) == again


@pytest.mark.parametrize(("claimed", "starts"), [(None, 1), (-HOUR, 1), (0, 0), (30, 0), (30 * DAY, 1)], ids=str)
def test_a_new_scheduler_starts_the_newest_time_unless_it_was_claimed(claimed: int | None, starts: int) -> None:
    """A claim of a time that is still to come was made while the clock was ahead: it says nothing of those before."""
    noon, dispatch = moment("2027-05-05T12:00:00"), Dispatch(Agenda(schedule_of))
    dispatch.plan(plan_of("0 * * * *"), noon + 5)

    dispatch.catch_the_last(noon + 5, 1.0, {"job": None if claimed is None else noon + claimed})

    assert [start.slot for start in dispatch.take_due(noon + 5, 1.0)] == [noon] * starts


def test_what_falls_due_between_a_step_back_and_the_next_look_starts() -> None:
    """The clock is set from 12:00:30 to 10:59:59, and looked at two seconds later."""
    eleven, dispatch = moment("2027-05-05T11:00:00"), Dispatch(Agenda(schedule_of))
    dispatch.plan(plan_of("0 * * * *"), eleven - 5)
    assert [start.slot for start in dispatch.take_due(eleven + HOUR + 30, 3630.0)] == [eleven + HOUR]

    dispatch.rewind(eleven + 1, 3632.0)

    assert [start.slot for start in dispatch.take_due(eleven + 1, 3632.0)] == [eleven]


@pytest.mark.parametrize(("written", "starts"), [("11:59:57", 1), ("12:00:03", 0)])
def test_a_file_that_is_written_just_before_its_time_starts_although_it_is_read_after_it(
    written: str, starts: int
) -> None:
    """The files are looked at every ten seconds; what was there to be planned at the look before is not started."""
    noon = moment("2026-03-10T12:00:00")
    dispatch = Dispatch(Agenda(schedule_of))
    dispatch.plan({}, noon - 5, since=None)
    before = noon + int(written[-2:]) - 60 * (written < "12")

    dispatch.plan(plan_of("0 12 * * *"), noon + 5, since=before)

    assert len(dispatch.take_due(noon + 5, 5.0)) == starts


def test_a_job_that_gets_the_schedule_of_another_just_before_its_time_starts_too() -> None:
    """The other one has started when the files are read again."""
    noon, other = moment("2026-03-10T12:00:00"), JobPlan(slug="other", key=KEY, start_within=600.0, lock="other")
    dispatch = Dispatch(Agenda(schedule_of))
    dispatch.plan({"other": other}, noon - 60)
    assert [start.job for start in dispatch.take_due(noon + 0.1, 1.0)] == ["other"]

    dispatch.plan({"other": other, **plan_of(KEY[1])}, noon + 5, since=noon - 5)

    assert [(start.job, start.slot) for start in dispatch.take_due(noon + 5, 6.0)] == [("job", noon)]
    assert dispatch.take_due(noon + 6, 7.0) == []

"""What is kept of schedules from one look to the next tells what the schedules themselves would tell."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.harness import forget_cached
from process_control.config.cache.next_slots import CACHE_NAME, COMING_SLOTS, KnownSchedules
from process_control.config.cache.read import file_name
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job
from process_control.core.schedule.schedule import Schedule

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
EXPRESSIONS = ("17 * * * *", "*/5 * * * *", "H H * * *", "30 2 * * 0", "0 0 29 2 *")


class Host:
    """A job directory and the schedules that are kept of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        (root / "jobs").mkdir(mode=0o755)
        self.configuration = root / "process-control.yaml"
        self.configuration.write_text(f"job_directory: {root}/jobs\nstate_directory: {root}/state\n")
        self.configuration.chmod(0o644)

    def settings(self) -> Settings:
        environ = {b"HOME": os.fsencode(self.root), b"XDG_CACHE_HOME": os.fsencode(self.root / "cache")}
        return load_settings(str(self.configuration), environ)

    def job(self, slug: str, *expressions: str, keys: str = "") -> Job:
        path = self.root / "jobs" / f"{slug}.yaml"
        planned = f"schedule: {list(expressions)}\n" if expressions else ""
        path.write_text(f"name: {slug}\ncommand: /bin/true\n{planned}{keys}")
        path.chmod(0o644)
        return load_job(slug, self.settings())

    def look(self, *jobs: Job, at: datetime = NOON) -> list[tuple[datetime | None, str | None]]:
        """Return next slot and words of each job, as one command line sees them, and keep them."""
        schedules = KnownSchedules(self.settings(), at)
        seen = [(schedules.next_slot(job), schedules.words(job)) for job in jobs]
        schedules.keep()
        return seen

    def kept(self) -> Path:
        places = self.settings().search.cache_places_now()
        [path] = filter(Path.exists, (Path(place, file_name(str(self.configuration), CACHE_NAME)) for place in places))
        return path


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path)
    forget_cached(tmp_path)


def planned(job: Job, at: datetime) -> tuple[datetime, str]:
    schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=os.uname().nodename, slug=job.slug)
    return next(schedule.after(at)), schedule.in_words()


def test_every_look_tells_what_the_schedule_says(host: Host) -> None:
    jobs = [host.job(f"job-{number}", expression) for number, expression in enumerate(EXPRESSIONS)]
    jobs.append(host.job("tokyo", "0 3 * * *", keys="time_zone: Asia/Tokyo\n"))
    jobs.append(host.job("two", "0 3 * * *", "30 4 * * *"))
    moments = [NOON + timedelta(minutes=7 * look, seconds=look) for look in range(60)]
    moments += [NOON - timedelta(days=2), NOON + timedelta(days=4000), NOON]  # a clock that goes back and forth

    for moment in moments:
        assert host.look(*jobs, at=moment) == [planned(job, moment) for job in jobs]


def test_a_second_look_plans_nothing(host: Host) -> None:
    jobs = [host.job(f"job-{number}", expression) for number, expression in enumerate(EXPRESSIONS)]
    host.look(*jobs)
    before = host.kept().stat().st_ino

    host.look(*jobs, at=NOON + timedelta(minutes=1))

    assert host.kept().stat().st_ino == before


def test_slots_that_are_used_up_are_planned_again(host: Host) -> None:
    job = host.job("often", "* * * * *")
    host.look(job)
    before = host.kept().read_bytes()

    [(slot, _)] = host.look(job, at=NOON + timedelta(minutes=COMING_SLOTS))

    assert slot == NOON + timedelta(minutes=COMING_SLOTS + 1)
    assert host.kept().read_bytes() != before


def test_a_schedule_or_zone_that_was_changed_is_planned_anew(host: Host) -> None:
    host.look(host.job("job", "0 3 * * *"))

    changed = host.job("job", "0 4 * * *")
    assert host.look(changed) == [planned(changed, NOON)]
    elsewhere = host.job("job", "0 4 * * *", keys="time_zone: America/New_York\n")
    assert host.look(elsewhere) == [planned(elsewhere, NOON)]


def test_a_job_without_a_schedule_has_no_slot_and_no_words(host: Host) -> None:
    assert host.look(host.job("by-hand")) == [(None, None)]


@pytest.mark.parametrize("garbage", ["", "{}", '{"jobs": 1}', "[[[", '{"made_by": "0", "jobs": {}, "zones": {}}'])
def test_a_spoilt_cache_is_no_trouble(host: Host, garbage: str) -> None:
    job = host.job("job", "0 3 * * *")
    host.look(job)
    host.kept().write_text(garbage)

    assert host.look(job) == [planned(job, NOON)]


def test_what_was_planned_a_moment_before_is_not_planned_again(host: Host) -> None:
    jobs = [host.job(f"job-{number}", expression) for number, expression in enumerate(EXPRESSIONS)]
    settings, later = host.settings(), NOON + timedelta(minutes=1)
    first = KnownSchedules(settings, NOON)
    for job in jobs:
        first.next_slot(job)
    second = KnownSchedules(settings, later, earlier=first)

    fresh = KnownSchedules(settings, later)
    assert [second.next_slot(job) for job in jobs] == [fresh.next_slot(job) for job in jobs]
    second.keep()
    with pytest.raises(ValueError, match="not enough"):  # nothing was planned, so nothing is kept
        host.kept()

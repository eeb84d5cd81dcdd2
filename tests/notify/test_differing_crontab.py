"""A crontab that differs from the job files is compared once, not at each look; any change is seen by the next look."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.looks import Looks, looks, posted
from kit.opened import opened_in

__all__ = ["looks"]

JOB = "command: /bin/true\nschedule: '0 5 1 {month} *'\n"
#: A little more, as two looks take their times to begin.
PATIENCE_MINUTES = 4.2


@pytest.fixture
def crontab(looks: Looks) -> Path:
    """The crontab of three jobs, as `cron-generate` has written it."""
    box = looks.box
    (box.root / "cron.d").mkdir()
    runner = box.root / "run-job"
    runner.symlink_to(box.product.run_job)
    path = box.root / "cron.d" / "jobs"
    box.configure(output_crontab=str(path), runner_path=str(runner))
    for slug in ("one", "two", "three"):
        box.job(slug, JOB.format(month=1))
    assert box.cron_generate().exit_code == 0
    long_ago = looks.at(-60).timestamp()
    for each in box.job_directory.iterdir():  # what has just been written would be read by the next look too
        os.utime(each, (long_ago, long_ago))
    return path


def what_a_look_opens(looks: Looks, minutes: float) -> set[str]:
    """Return which job files and crontabs are opened by one look."""
    with opened_in(looks.box.job_directory, looks.box.root / "cron.d") as names:
        looks.look(minutes)
    return set(names)


ALL = {"one.yaml", "two.yaml", "three.yaml", "jobs"}


def test_a_crontab_that_differs_is_compared_by_the_look_that_finds_it_and_before_people_are_notified(
    looks: Looks, crontab: Path
) -> None:
    looks.look(0)
    while_equal = what_a_look_opens(looks, 1)
    looks.box.job("one", JOB.format(month=2))

    opened = [what_a_look_opens(looks, minutes) for minutes in (2, 3, 4, 5, 2 + PATIENCE_MINUTES, 7, 8, 9)]

    nothing: set[str] = set()
    assert while_equal == nothing
    assert opened == [ALL, *[nothing] * 3, ALL, *[nothing] * 3]
    (event,) = posted(looks.box)
    assert (event["what"], "does not match the job files" in event["sentence"]) == ("trigger_dead", True)


def test_it_is_compared_again_after_ten_minutes_as_it_depends_on_more_than_files(looks: Looks, crontab: Path) -> None:
    looks.box.job("one", JOB.format(month=2))
    looks.look(0, PATIENCE_MINUTES)

    opened = {minutes: bool(what_a_look_opens(looks, minutes)) for minutes in (13, 14.5, 15, 24, 25)}

    assert [minutes for minutes in opened if opened[minutes]] == [14.5, 25]


def write_the_crontab(looks: Looks) -> None:
    assert looks.box.cron_generate().exit_code == 0


def put_the_job_back(looks: Looks) -> None:
    looks.box.job("one", JOB.format(month=1))


def put_the_line_in_by_hand(looks: Looks) -> None:
    path = looks.box.root / "cron.d" / "jobs"
    path.write_text(path.read_text().replace("0 5 1 1 *", "0 5 1 2 *", 1))


def configure_another_crontab(looks: Looks) -> None:
    looks.box.configure(output_crontab=str(looks.box.root / "cron.d" / "others"))
    assert looks.box.cron_generate().exit_code == 0


@pytest.mark.parametrize(
    "change", [write_the_crontab, put_the_job_back, configure_another_crontab, put_the_line_in_by_hand]
)
def test_what_makes_it_equal_is_seen_by_the_next_look(
    looks: Looks, crontab: Path, change: Callable[[Looks], None]
) -> None:
    looks.box.job("one", JOB.format(month=2))
    looks.look(0, 1)

    change(looks)
    looks.look(2)

    assert what_a_look_opens(looks, 3) == set()
    looks.look(3 + PATIENCE_MINUTES, 4 + PATIENCE_MINUTES)
    assert posted(looks.box) == []


def change_another_job(looks: Looks) -> None:
    looks.box.job("two", JOB.format(month=3))


def remove_the_runner(looks: Looks) -> None:
    (looks.box.root / "run-job").unlink()


@pytest.mark.parametrize(
    "change", [change_another_job, put_the_line_in_by_hand, remove_the_runner], ids=["job", "crontab", "runner"]
)
def test_what_makes_it_differ_is_seen_by_the_next_look(
    looks: Looks, crontab: Path, change: Callable[[Looks], None]
) -> None:
    looks.look(0, 1)

    change(looks)
    looks.look(2)

    looks.look(2 + PATIENCE_MINUTES)
    assert [event["what"] for event in posted(looks.box)] == ["trigger_dead"]


def test_a_missing_crontab_is_asked_for_again_when_something_has_started_a_job(looks: Looks, crontab: Path) -> None:
    box = looks.box
    box.job("one", "command: /bin/true\nschedule: '* * * * *'\nstart_within: 30m")
    crontab.unlink()
    looks.look(0)

    assert what_a_look_opens(looks, 1) == set()
    box.run("--scheduled=timer", "one", via="stub", env=looks.clock(2))
    started_at = looks.at(2).timestamp()
    os.utime(box.state_directory / "jobs" / "one" / "block", (started_at, started_at))  # as with that clock
    assert what_a_look_opens(looks, 2.5) == ALL - {"jobs"}
    looks.look(2.5 + PATIENCE_MINUTES)
    assert [event["what"] for event in posted(box) if event["what"] == "trigger_dead"] == []

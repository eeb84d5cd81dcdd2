"""Troubles of the whole host: one event when each opens, which names what it did to jobs, and one when it is over."""

import os

import pytest

from kit.looks import Looks, looks, posted
from kit.runs import ONE_SLOT, ends, records
from run_job.test_watch import look, look_was

__all__ = ["looks"]

TRUE = "command: /bin/true\nstart_within: 3m"
ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"
MINUTE = 60.0


def kinds(looks: Looks) -> list[tuple[str, str]]:
    return [(event["what"], event["job"] or event.get("cause", "")) for event in posted(looks.box)]


def test_what_a_host_missed_that_was_off_is_one_event_with_a_count_for_each_job(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(10, 20)}")
    looks.box.job("two", f"{TRUE}\n{looks.planned(30)}")
    looks.box.job("later", f"{TRUE}\n{looks.planned(300)}")
    looks.look(0)
    looks.pass_by(60, boot=ANOTHER_BOOT)

    looks.look(60, 61)

    (event,) = posted(looks.box)
    assert (event["what"], event["job"], event["jobs"]) == ("host_down", "", {"one": 2, "two": 1})
    assert event["key"].startswith(f"host_down~{looks.iso(0)[:16]}")
    assert event["sentence"].startswith(f"the host was off between {looks.iso(0)[:16]}")
    assert event["since"][:16] == looks.iso(0)[:16]


def test_it_is_over_with_the_first_scheduled_start_after_it(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(10, 62)}")
    looks.look(0)
    looks.pass_by(60, boot=ANOTHER_BOOT)
    looks.look(60, 61)

    looks.start("one", 62)
    looks.look(62.5, 63)

    assert kinds(looks) == [("host_down", ""), ("over", "host_down")]
    opened, over = posted(looks.box)
    assert over["key"] == f"{opened['key']}~over"


def test_times_that_could_just_still_be_started_when_the_host_is_back_are_counted_too(looks: Looks) -> None:
    looks.box.job("job", f"command: /bin/true\nstart_within: 30m\n{looks.planned(55)}")
    looks.look(0)
    looks.pass_by(60, boot=ANOTHER_BOOT)

    looks.look(60, 61, 90)

    assert [event["jobs"] for event in posted(looks.box, "host_down")] == [{"job": 1}]
    assert posted(looks.box, "missed") == []


def test_a_host_that_slept_was_down(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(10)}")
    looks.look(0)
    looks.pass_by(60, asleep=60)

    looks.look(60)

    assert [(event["what"], event["jobs"]) for event in posted(looks.box)] == [("host_down", {"job": 1})]


@pytest.mark.needs_utc
def test_eight_hours_of_three_hundred_jobs_are_one_event(looks: Looks) -> None:
    for number in range(300):
        looks.box.job(f"job-{number}", f"{TRUE}\nschedule: '{(looks.begin.minute + 30) % 60} * * * *'")
    looks.look(0)
    looks.pass_by(480, boot=ANOTHER_BOOT)

    looks.look(480)

    (event,) = posted(looks.box)
    assert (event["what"], len(event["jobs"]), set(event["jobs"].values())) == ("host_down", 300, {8})


def test_the_cause_comes_before_what_it_explains(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(10)}\nexpect: {{success_every: 30m}}")
    looks.box.run("job", env=looks.clock(0))
    looks.look(0.5)
    looks.pass_by(60, boot=ANOTHER_BOOT)

    looks.look(60)

    assert [event["what"] for event in posted(looks.box)] == ["host_down", "stale"]


def test_a_time_without_any_start_on_a_host_that_was_up_is_a_dead_trigger(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(10)}")
    looks.box.job("two", f"{TRUE}\n{looks.planned(12, 62)}")
    looks.look(0)
    looks.pass_by(60)

    looks.look(60)
    looks.start("two", 62)
    looks.look(62.5)

    opened, over = posted(looks.box)
    assert (opened["what"], opened["jobs"], over["cause"]) == ("trigger_dead", {"one": 1, "two": 1}, "trigger_dead")


def test_jobs_that_nothing_starts_while_watch_looks_are_one_dead_trigger(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(1)}")
    looks.box.job("two", f"{TRUE}\n{looks.planned(1, 7)}")
    looks.box.job("other", f"command: /bin/true\n{ONE_SLOT}")
    looks.start("other", 0)

    for minute in (0, 2, 4, 6, 8, 10.5):
        looks.look(minute)
        looks.pass_by(2)

    events = posted(looks.box)
    assert [(event["what"], event["jobs"]) for event in events] == [
        ("trigger_dead", {"one": 1, "two": 1}),
        ("trigger_dead", {"two": 1}),
    ]
    assert events[1]["key"].startswith(events[0]["key"])


def test_a_step_of_the_clock_over_planned_times_is_no_trouble_of_the_host_but_of_the_job(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(10)}")
    looks.look(0)

    looks.look(60)

    (event,) = posted(looks.box)
    assert (event["what"], event["job"]) == ("missed", "job")
    assert "the clock was set past it" in event["sentence"]


def test_all_invalid_files_are_one_event_and_one_when_the_last_is_right(looks: Looks) -> None:
    looks.box.job("good", f"{TRUE}\n{looks.planned(300)}")
    looks.look(0)
    looks.box.job("bad", "comand: /bin/true")
    looks.box.job("worse", "command: [")

    looks.look(1, 2)
    looks.box.job("worst", "command: 7.5.3: 1")
    looks.look(3)
    for slug in ("bad", "worse", "worst"):
        looks.box.job(slug, "command: /bin/true")
    looks.look(4, 5)

    assert kinds(looks) == [("file_invalid", ""), ("file_invalid", ""), ("over", "file_invalid")]
    first, second, _ = posted(looks.box)
    assert (first["jobs"], list(second["jobs"])) == ({"bad": 1, "worse": 1}, ["bad", "worse", "worst"])
    assert first["sentence"].startswith("the job file of bad is invalid, and 1 more: ")


def test_messages_that_wait_for_a_quarter_of_an_hour_are_a_dead_channel_until_one_is_taken(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(300)}")
    looks.look(0)
    queue = looks.box.state_directory / "spool" / "mailto"
    queue.mkdir(parents=True)
    (queue.parent / "due").touch()
    waiting = queue / f"{looks.iso(0)}~job~x.opened.1.json"
    waiting.write_text("{}")

    (queue.parent / "ping").mkdir()
    (queue.parent / "ping" / f"{looks.iso(-60)}~job~x.start.json").write_text("{}")

    looks.look(14, 16, 17)
    waiting.unlink()
    looks.look(18, 19)

    assert kinds(looks) == [("mail_dead", ""), ("over", "mail_dead")]
    assert posted(looks.box)[0]["sentence"].startswith("1 message waits to be sent, the oldest for 16 min")


@pytest.mark.needs_root
def test_a_disk_that_is_nearly_full_is_posted_and_over_with_twice_the_space(looks: Looks) -> None:
    box = looks.box
    box.mount_small(box.output_directory, kilobytes=2048)
    box.job("job", f"{TRUE}\n{looks.planned(300)}")
    looks.look(0)
    filler = box.output_directory / "filler"

    filler.write_bytes(b"x" * (2048 - 12) * 1024)
    looks.look(1, 2)
    filler.write_bytes(b"x" * (2048 - 30) * 1024)
    looks.look(3)
    filler.unlink()
    looks.look(4)

    assert kinds(looks) == [("disk_full", ""), ("over", "disk_full")]
    assert posted(box)[0]["sentence"].startswith(f"{box.output_directory}: 0 MB of 2 MB free")


def test_nothing_of_the_host_is_posted_where_nobody_is_notified(looks: Looks) -> None:
    looks.box.configure(failmail=None)
    looks.box.job("job", f"{TRUE}\n{looks.planned(10)}")
    looks.box.job("bad", "comand: /bin/true")
    looks.look(0)
    looks.pass_by(60, boot=ANOTHER_BOOT)

    looks.look(60)

    assert posted(looks.box) == []


# --- a dead watch -----------------------------------------------------------------------------------------------------


def look_is_old(looks: Looks, minutes: float) -> None:
    """Have taken a look so many minutes ago. By the clock of the host: what a start starts has no other."""
    look(looks.box)
    then = look_was(looks.box, minutes * MINUTE)
    os.utime(looks.box.state_directory / "watch.json", (then, then))


def test_a_scheduled_start_finds_a_watch_that_has_not_looked_for_minutes_and_starts_one_look(looks: Looks) -> None:
    box = looks.box
    box.job("job", "command: sleep 0.3\nstart_within: 30m\nschedule: '* * * * *'")
    look_is_old(looks, 7)

    box.run("--scheduled", "job", via="stub")
    box.wait_until_all_ended()

    assert [end["outcome"] for end in ends(box)] == ["succeeded"]
    (event,) = posted(box)
    assert (event["what"], event["job"]) == ("watch_dead", "")
    look(box)
    assert kinds(looks) == [("watch_dead", ""), ("over", "watch_dead")]


def test_of_many_starts_one_starts_the_look(looks: Looks) -> None:
    box = looks.box
    for number in range(6):
        box.job(f"job-{number}", "command: /bin/true\nstart_within: 30m\nschedule: '* * * * *'")
    look_is_old(looks, 7)

    for number in range(6):
        box.run("--scheduled", f"job-{number}", via="stub")
    box.wait_until_all_ended()

    assert len(records(box, "gap")) == 1
    assert len(posted(box, "watch_dead")) == 1


@pytest.mark.parametrize("minutes", [4, None])
def test_a_start_starts_no_look_when_one_was_lately_or_none_ever(looks: Looks, minutes: float | None) -> None:
    box = looks.box
    box.job("job", "command: /bin/true\nstart_within: 30m\nschedule: '* * * * *'")
    if minutes is not None:
        look_is_old(looks, minutes)

    box.run("--scheduled", "job", via="stub")
    box.wait_until_all_ended()

    assert posted(box) == []
    assert (box.state_directory / "watch.json").exists() is (minutes is not None)
    assert not (box.state_directory / "run" / "watch.start.lock").exists()


def test_a_start_by_hand_starts_no_look(looks: Looks) -> None:
    box = looks.box
    box.job("job", "command: /bin/true")
    look_is_old(looks, 7)

    box.run("job")
    box.wait_until_all_ended()

    assert not (box.state_directory / "run" / "watch.start.lock").exists()

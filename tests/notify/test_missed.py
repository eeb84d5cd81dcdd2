"""Planned times that nothing started: `watch` posts each once, as soon as it is too old to start."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from kit.harness import SERVICE_USER, Box
from kit.looks import FAILMAIL, Looks, looks, posted
from kit.mail_server import nothing_is_sent
from process_control.actions.rights import Actor
from process_control.actions.watch import Watch
from process_control.config.settings import load_settings

__all__ = ["looks"]

TRUE = "command: /bin/true\nstart_within: 3m"


def test_a_missed_time_is_posted_at_the_first_look_after_start_within_and_once(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}")

    looks.look(0, 2, 3.5)
    assert posted(looks.box) == []
    looks.look(4, 5)

    (event,) = posted(looks.box)
    assert (event["what"], event["job"], event["slots"]) == ("missed", "job", [looks.iso(1)])
    assert event["key"] == f"job~{looks.iso(1)}"
    assert event["at"][:16] == looks.iso(4)[:16]
    assert event["sentence"].startswith(f"no run for the planned time {looks.iso(1)}: ")
    assert (looks.box.state_directory / "jobs/job/incident").exists()


def test_a_time_that_was_run_or_skipped_or_is_older_than_the_file_is_not_posted(looks: Looks) -> None:
    looks.box.job("run", f"{TRUE}\n{looks.planned(1)}")
    looks.box.job("skipped", f"command: /bin/true\nstart_within: 3m\nonly_if: /bin/false\n{looks.planned(1)}")
    looks.box.job("late", f"{TRUE}\n{looks.planned(1)}")
    looks.look(0)
    looks.start("run", 1)
    looks.start("skipped", 1)
    looks.start("late", 3)
    looks.look(2, 4)
    looks.box.job("new", f"{TRUE}\n{looks.planned(-30)}")

    looks.look(6, 8)

    assert posted(looks.box) == []


def test_the_run_that_goes_well_after_it_is_posted_too(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1, 6)}")
    looks.look(0, 2, 4, 5)

    looks.start("job", 6)

    assert [event["what"] for event in posted(looks.box)] == ["missed", "went_well"]


def test_two_missed_times_of_a_job_are_one_event_when_one_look_finds_them(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1, 2)}")

    looks.look(0, 2.5, 5, 7)

    found = [event["slots"] for event in posted(looks.box)]
    assert [slot for slots in found for slot in slots] == [looks.iso(1), looks.iso(2)]


def test_a_run_between_two_missed_times_hides_neither(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1, 2, 3)}")
    looks.look(0)

    looks.start("job", 2)
    looks.look(2.5, 5, 7)

    assert [slot for event in posted(looks.box, "missed") for slot in event["slots"]] == [looks.iso(1), looks.iso(3)]


@pytest.mark.parametrize("keys", ["failmail: false", "disabled: true"])
def test_nothing_is_posted_of_a_job_about_which_nobody_is_notified(looks: Looks, keys: str) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}\n{keys}")

    looks.look(0, 2.5, 5)

    assert posted(looks.box) == []


def test_a_refused_start_is_posted_as_that_alone(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}\nenvironment_file: /missing")
    looks.look(0)
    looks.start("job", 1)

    looks.look(2.5, 5)

    assert [event["what"] for event in posted(looks.box)] == ["refused"]


def test_what_somebody_held_is_not_missed(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}")
    looks.box.process_control("hold", "job", "--yes", env=looks.clock(0))

    looks.look(0, 2.5, 5)

    assert posted(looks.box, "missed") == []


def test_it_is_posted_before_catch_up_starts_a_run_for_it(make_box) -> None:
    """Else the run could go well before there is an incident that it ends."""
    box: Box = make_box(failmail=FAILMAIL)
    looks = Looks(box, begin=(datetime.now(UTC) - timedelta(minutes=5)).replace(second=0, microsecond=0))
    box.job("job", f"{TRUE}\n{looks.planned(1)}\ncatch_up: latest")
    before: list[str] = []

    class Order(Watch):
        def _start_what_was_missed(self) -> None:
            before.extend(event["what"] for event in posted(box))

    with nothing_is_sent(box):
        looks.look(0, 2, 3.5)
        settings = load_settings(str(box.configuration), dict(os.environb))
        Order(Actor(settings, by="root", host="here")).take()
        box.wait_until_all_ended()

    assert before == ["missed"]


def test_the_ledger_and_the_event_agree(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}")
    looks.look(0, 2.5, 5)

    result = looks.box.process_control("slots", "job", "--json", env=looks.clock(5))

    (event,) = posted(looks.box)
    (slot,) = result.json()["slots"]
    assert (slot["slot"], slot["fate"]) == (event["slots"][0], "missed")
    assert event["sentence"].endswith(slot["evidence"][0]["what"])


def test_looks_at_jobs_that_run_as_planned_write_nothing_down(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}")
    looks.look(0)
    lines, memory = len(looks.box.journal()), looks.box.state_directory / "watched-jobs.json"
    written = memory.stat().st_ino

    looks.look(0.5, 0.7)

    assert (len(looks.box.journal()), memory.stat().st_ino) == (lines, written)
    assert list(json.loads(memory.read_text())) == ["job"]


@pytest.mark.needs_root
def test_the_service_user_posts_it_when_root_takes_the_look(make_box) -> None:
    box = make_box(service_user=SERVICE_USER, failmail=FAILMAIL)
    looks = Looks(box)
    box.job("job", f"{TRUE}\n{looks.planned(1)}")
    with nothing_is_sent(box):
        looks.look(0, 2, 4.2)

        (path,) = (box.state_directory / "spool" / "news").iterdir()
        box.wait_until_all_ended()

    assert (path.owner(), (box.state_directory / "jobs/job/incident").owner()) == (SERVICE_USER, SERVICE_USER)
    assert [event["what"] for event in posted(box)] == ["missed"]

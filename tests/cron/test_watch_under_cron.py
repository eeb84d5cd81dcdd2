"""Under a real cron: the lines of `watch` that cron-generate writes take a look, and a missed time gets its run."""

import json

import pytest

from kit.harness import SERVICE_USER, Box
from kit.one_minute import EVERY_MINUTE, Done, Stage, scene
from kit.outages import HOUR, as_iso, hours_ago, planned_at, there_since
from kit.plays_scheduler import plays_scheduler
from kit.runs import ends, starts
from kit.schedulers import scheduler

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_utc]

MISSED = hours_ago(3)
FAILMAIL = {"to_address": "ops@example.org", "smtp": "127.0.0.1:9"}


@scene
def a_time_that_was_missed(stage: Stage) -> Done:
    box = stage.box("watched", service_user=SERVICE_USER)
    box.job("nightly", f"command: 'true'\n{planned_at(MISSED)}\ncatch_up: latest")
    box.run("nightly")
    there_since(box, MISSED - HOUR)
    stage.generate(box)
    return lambda: len(ends(box, "nightly")) == 2 and not box.processes()


def test_cron_takes_a_look_as_the_service_user_and_what_was_missed_is_run(stage: Stage) -> None:
    box = stage.boxes["watched"]
    note = box.state_directory / "watch.json"

    assert stage.cron.faults() == []
    assert {
        user for user, command in stage.cron.commands() if command.endswith(f"watch --config {box.configuration}")
    } == {SERVICE_USER}
    assert (note.owner(), json.loads(note.read_text())["up"] > 0) == (SERVICE_USER, True)
    assert [start["scheduled_at"] for start in starts(box, "nightly")] == [None, as_iso(MISSED)]
    assert [mail for mail in stage.cron.mails() if "watch" in mail.subject] == []


# --- with a scheduler ------------------------------------------------------------------------------------------------


def _under_a_scheduler(stage: Stage, name: str) -> Box:
    box = stage.box(name, service_user=SERVICE_USER, failmail=FAILMAIL)
    box.job("often", f"command: 'true'\n{EVERY_MINUTE}\nstart_within: 1h")
    box.run("often")
    box.cron_generate("--none")
    return box


def _looks_of_cron(stage: Stage, box: Box) -> int:
    return sum(command.endswith(f"watch --config {box.configuration}") for _, command in stage.cron.commands())


@scene
def a_look_of_cron_while_the_scheduler_lives(stage: Stage) -> Done:
    box = _under_a_scheduler(stage, "scheduler-alive")
    stage.contexts.enter_context(plays_scheduler(box.configuration))
    (box.root / "before").write_bytes((box.state_directory / "watch.json").read_bytes())
    return lambda: _looks_of_cron(stage, box)


@scene
def a_look_of_cron_after_the_death_of_the_scheduler(stage: Stage) -> Done:
    box = _under_a_scheduler(stage, "scheduler-dead")
    with plays_scheduler(box.configuration) as played:
        played.kill()
    return lambda: "trigger_dead" in json.loads((box.state_directory / "watched.json").read_text())["troubles"]


def test_while_the_scheduler_lives_cron_starts_no_job_and_its_look_does_nothing(stage: Stage) -> None:
    box = stage.boxes["scheduler-alive"]

    assert _looks_of_cron(stage, box) >= 1
    assert (box.state_directory / "watch.json").read_bytes() == (box.root / "before").read_bytes()
    assert len(starts(box, "often")) == 1


def test_a_look_of_cron_finds_that_the_scheduler_died(stage: Stage) -> None:
    box = stage.boxes["scheduler-dead"]
    trouble = json.loads((box.state_directory / "watched.json").read_text())["troubles"]["trigger_dead"]

    assert "the scheduler (pid " in trouble["what"]
    assert trouble["what"].endswith("; to start it again: process-control scheduler")
    assert len(starts(box, "often")) == 1


@scene
def cron_and_the_scheduler_at_once(stage: Stage) -> Done:
    box = stage.box("both-on", service_user=SERVICE_USER)
    box.job("often", f"command: 'true'\n{EVERY_MINUTE}")
    stage.generate(box)
    stage.contexts.enter_context(scheduler(box))
    of_cron = f"--scheduled often --config {box.configuration}"
    return lambda: any(command.endswith(of_cron) for _, command in stage.cron.commands()) and ends(box, "often")


def test_with_cron_and_the_scheduler_on_no_planned_time_is_run_twice(stage: Stage) -> None:
    planned = [start["scheduled_at"] for start in starts(stage.boxes["both-on"], "often")]

    assert planned
    assert len(set(planned)) == len(planned)

"""Under a real cron: the lines of `watch` that cron-generate writes take a look, and a missed time gets its run."""

import json

import pytest

from kit.harness import SERVICE_USER
from kit.one_minute import Done, Stage, scene
from kit.outages import HOUR, as_iso, hours_ago, planned_at, there_since
from kit.runs import ends, starts

pytestmark = pytest.mark.needs_root

MISSED = hours_ago(3)


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

"""Versions of jobs as they are recorded: once each, by whoever sees one first; the newest outlives `retention`."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box
from kit.runs import records, script, starts
from process_control.core import layout
from process_control.system import writers_lock

EVERY_MINUTE = 'name: job\ncommand: /bin/true\nschedule: "* * * * *"\n'
NIGHTLY = 'name: job\ncommand: /bin/true\nschedule: "0 3 29 2 *"\n'


@pytest.fixture(autouse=True)
def journal(box: Box) -> Path:
    """There is a journal, without records."""
    journal = box.state_directory / "journal"
    journal.mkdir(parents=True)
    return journal


def look(box: Box) -> dict[str, dict[str, int]]:
    """Look at the last two hours; return the counts by job."""
    answer = box.process_control("slots", "--since", "2h", "--count", "--json").json()
    return {each.pop("job"): each for each in answer["jobs"]}


def versions(box: Box) -> list[tuple[str, str]]:
    return [(each["job"], each["state"]) for each in records(box, "version")]


def age(box: Box, *, days: int) -> None:
    """Let everything that was recorded of versions have happened so many days ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    journal = box.state_directory / "journal"
    kept = [record for record in box.journal() if record["event"] == "version"]
    for path in journal.iterdir():
        path.unlink()
    text = "\n".join(json.dumps(record, separators=(",", ":")) for record in kept)
    aged = re.sub(r'"(at|since)":"[^"]*"', f'"\\1":"{then:%Y-%m-%dT%H:%M:%S}.000Z"', text)
    (journal / f"{then:%Y-%m-%d}.jsonl").write_text("\n" + aged)
    (journal / f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}.jsonl").write_text("\n")
    for path in (box.state_directory / "versions").iterdir():
        path.write_text(re.sub(r'"(at|since)":"[^"]*"', f'"\\1":"{then:%Y-%m-%dT%H:%M:%S}.000Z"', path.read_text()))
        os.utime(path, (then.timestamp(), then.timestamp()))
    (box.state_directory / "history.sqlite").unlink()


def test_a_file_that_was_only_touched_is_the_same_version_and_an_edited_one_another(box: Box) -> None:
    path = box.job("job", EVERY_MINUTE)
    look(box)
    os.utime(path)
    path.write_text(EVERY_MINUTE)
    look(box)
    assert versions(box) == [("job", "valid")]

    path.write_text(NIGHTLY)
    look(box)
    look(box)

    assert versions(box) == [("job", "valid"), ("job", "valid")]


def test_an_edited_schedule_makes_no_past_time_due(box: Box) -> None:
    path = box.job("job", NIGHTLY)
    look(box)
    before = datetime.now(UTC).timestamp()

    path.write_text(EVERY_MINUTE)

    slots = box.process_control("slots", "--json").json()["slots"]
    assert [each for each in slots if datetime.fromisoformat(each["slot"]).timestamp() < before] == []


def test_a_file_that_is_gone_invalid_or_back_is_a_version_each(box: Box) -> None:
    path = box.job("job", EVERY_MINUTE)
    for text in (None, EVERY_MINUTE, "comand: /bin/true\n", EVERY_MINUTE):
        look(box)
        path.unlink() if text is None else path.write_text(text)
    look(box)

    assert [state for _, state in versions(box)] == ["valid", "gone", "valid", "invalid", "valid"]
    assert "job" in look(box)


def test_a_run_whose_file_is_changed_meanwhile_records_the_version_that_it_had_since_before_its_start(box: Box) -> None:
    path = box.job("job", "command: later\n")
    edit = script(box, "edit.sh", f"printf 'command: /bin/true\\nname: another\\n' > {path}")
    path.write_text(f"name: job\ncommand: {edit}\n")

    assert box.run("job").exit_code == 0
    look(box)

    [start] = starts(box)
    first, second = records(box, "version")
    assert first["version"] == start["version"] != second["version"]
    assert first["since"] <= first["at"] <= start["at"]
    assert first["since"] <= second["since"]


def test_a_run_records_no_version_when_somebody_has_seen_a_later_one(box: Box) -> None:
    path = box.job("job", "command: later\n")
    command = f"{box.product.process_control} --config {box.configuration} slots"
    edit = script(box, "edit.sh", f"printf 'command: /bin/true\\nname: another\\n' > {path}; {command} >/dev/null")
    path.write_text(f"name: job\ncommand: {edit}\n")

    assert box.run("job").exit_code == 0

    [start] = starts(box)
    assert start["version"] not in [each["version"] for each in records(box, "version")]


@pytest.fixture
def aged(box: Box) -> Box:
    """A job that has been as it is for 100 days, and another one that has been gone for as long."""
    gone = box.job("gone", EVERY_MINUTE)
    box.job("job", EVERY_MINUTE)
    look(box)
    gone.unlink()
    look(box)
    age(box, days=100)
    return box


def kept(box: Box) -> list[str]:
    return sorted(path.name for path in (box.state_directory / "versions").iterdir())


def test_the_newest_version_of_a_job_outlives_retention(aged: Box) -> None:
    assert aged.process_control("prune").exit_code == 0

    assert versions(aged) == []
    assert kept(aged) == ["job.json"]
    (aged.state_directory / "history.sqlite").unlink(missing_ok=True)
    assert abs(look(aged)["job"]["planned"] - 120) <= 1
    assert look(aged).keys() == {"job"}
    assert versions(aged) == []  # and nobody has had to record it anew


def test_a_version_that_is_replaced_is_known_for_as_long_as_the_days_that_it_planned(aged: Box) -> None:
    aged.process_control("prune")
    before = look(aged)["job"]["planned"]

    aged.job("job", NIGHTLY)

    assert abs(look(aged)["job"]["planned"] - before) <= 1
    (aged.state_directory / "history.sqlite").unlink()
    assert abs(look(aged)["job"]["planned"] - before) <= 1


def test_what_a_writer_left_that_was_killed_is_removed_by_prune(box: Box) -> None:
    """Another process had written the same version, so that nothing else would ever replace the file."""
    box.job("job", EVERY_MINUTE)
    look(box)
    torn = box.state_directory / "versions" / "job.json.new"
    torn.write_text('{"event":"ver')

    looked, tried = box.process_control("watch"), box.process_control("prune", "--dry-run")
    is_kept = torn.exists()
    pruned = box.process_control("prune")

    assert (looked.exit_code, tried.exit_code, pruned.exit_code, is_kept) == (0, 0, 0, True)
    assert kept(box) == ["job.json"]


def test_two_writers_never_write_one_file_at_once_and_one_that_hangs_holds_nobody_up_for_long(box: Box) -> None:
    box.job("job", EVERY_MINUTE)
    look(box)
    before = (box.state_directory / "versions/job.json").read_bytes()
    (box.state_directory / "versions/job.json.new").write_bytes(b"of the one that hangs")
    box.job("job", NIGHTLY)

    with writers_lock.held(layout.versions_lock(str(box.state_directory))):
        ran = box.run_job("job")
        pruned = box.process_control("prune")
        recorded, of_another = versions(box), (box.state_directory / "versions/job.json.new").read_bytes()
        during = (box.state_directory / "versions/job.json").read_bytes()
    box.process_control("watch")
    after = json.loads((box.state_directory / "versions/job.json").read_bytes())

    assert (ran.exit_code, pruned.exit_code, recorded) == (0, 0, [("job", "valid")] * 2)
    assert (during, of_another) == (before, b"of the one that hangs")
    assert after["hash"] != json.loads(before)["hash"]
    assert kept(box) == ["job.json"]


def test_a_version_that_makes_no_sense_keeps_nobody_from_the_ledger(box: Box, journal: Path) -> None:
    box.job("job", EVERY_MINUTE)
    look(box)
    odd: list[dict[str, Any]] = [{"since": "never"}, {"state": 5}, {"schedule": {}}, {"hash": None}, {"at": "noon"}]
    [record] = records(box, "version")
    with open(next(journal.iterdir()), "a") as file:
        file.writelines("\n" + json.dumps({**record, **values}) for values in odd)

    assert "job" in look(box)

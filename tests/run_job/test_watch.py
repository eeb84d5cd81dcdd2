"""`process-control watch`: the heartbeat notes its looks, and records what nobody else does."""

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box, until
from kit.opened import opened_in
from kit.outages import HOUR, as_iso, fates, hours_ago, planned_at, there_since
from kit.runs import ONE_SLOT, records, starts
from run_job.test_forgotten_start import a_start_that_waits, another_that_waits, kill_start


def look(box: Box, **how: Any) -> None:
    result = box.process_control("watch", **how)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def note(box: Box) -> dict[str, Any]:
    value = json.loads((box.state_directory / "watch.json").read_text())
    if not isinstance(value, dict):
        raise AssertionError(value)
    return value


def look_was(box: Box, seconds: float, **changes: Any) -> float:
    """Leave the note of a look so many seconds ago by all clocks, but for `changes`; return when that was."""
    now, (at, up, mono) = note(box), all_clocks()
    moment = at - seconds
    before = {
        "at": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "boot_id": now["boot_id"],
        "up": up - seconds,
        "mono": mono - seconds,
    }
    (box.state_directory / "watch.json").write_text(json.dumps(before | changes))
    return moment


def all_clocks() -> tuple[float, float, float]:
    """Return what wall clock, boot time and monotonic time are in one moment: we were not held up in between."""
    while True:
        began = time.monotonic()
        found = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
        if found[2] - began < 0.1:
            return found


def known_since(box: Box, since: datetime) -> None:
    """As `there_since`, by clocks that were never set: no record shows a step."""
    there_since(box, since)
    passed = time.time() - since.timestamp()
    for path in (box.state_directory / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().split("\n") if line.strip("\0 ")]
        for line in lines:
            if line["at"] == as_iso(since):
                line["up"] -= passed
                line.pop("written_at", None)
        path.write_text("".join(f"\n{json.dumps(line)}" for line in lines))


def test_a_look_leaves_its_time_by_all_clocks_and_no_line_while_all_is_well(box: Box) -> None:
    box.job("job", "command: /bin/true\nschedule: '0 3 * * *'")
    look(box)
    first, lines = note(box), len(box.journal())

    look(box)

    assert first["boot_id"] == note(box)["boot_id"]
    assert all(first[name] < note(box)[name] for name in ("at", "up", "mono"))
    assert len(box.journal()) == lines == 1  # the version of the job


def test_the_looks_of_three_minutes_are_no_gap(box: Box) -> None:
    look(box)
    look_was(box, 150)

    look(box)

    assert records(box, "gap") == []


def test_a_gap_without_a_reason_is_a_trigger_that_was_dead(box: Box) -> None:
    slot = hours_ago(1)
    box.job("job", f"command: /bin/true\n{planned_at(slot)}")
    box.job("other", f"command: /bin/true\n{ONE_SLOT}")
    known_since(box, hours_ago(3))
    box.run("--scheduled", "other")
    look(box)
    look_was(box, 7200)

    look(box)

    (gap,) = records(box, "gap")
    assert (gap["boot"], abs(gap["suspended"]) < 1, abs(gap["stepped"]) < 2) == (False, True, True)
    assert fates(box, "job") == [(as_iso(slot), "missed", "trigger_dead")]


def test_another_boot_is_recorded_as_one(box: Box) -> None:
    look(box)
    looked_at = look_was(box, 3600, boot_id="0123", up=12.0, mono=12.0)

    look(box)

    (gap,) = records(box, "gap")
    assert (gap["boot"], gap["from"][:19]) == (True, datetime.fromtimestamp(looked_at, UTC).isoformat()[:19])


def test_sleep_is_what_one_clock_counted_and_the_other_did_not_and_the_slots_in_it_had_a_host_that_slept(
    box: Box,
) -> None:
    slot = hours_ago(1)
    box.job("job", f"command: /bin/true\n{planned_at(slot)}")
    box.job("other", f"command: /bin/true\n{ONE_SLOT}")
    known_since(box, hours_ago(3))
    box.run("--scheduled", "other")
    look(box)
    look_was(box, 7200, mono=time.monotonic() - 60)

    look(box)

    (gap,) = records(box, "gap")
    assert gap["suspended"] == pytest.approx(7140, abs=2)
    assert abs(gap["stepped"]) < 2
    assert fates(box, "job") == [(as_iso(slot), "missed", "host_down")]


def test_a_step_of_the_clock_is_what_it_moved_more_than_the_others(box: Box) -> None:
    slot = hours_ago(1)
    box.job("job", f"command: /bin/true\n{planned_at(slot)}")
    box.job("other", f"command: /bin/true\n{ONE_SLOT}")
    known_since(box, hours_ago(3))
    box.run("--scheduled", "other")
    look(box)
    look_was(box, 7200, up=time.clock_gettime(time.CLOCK_BOOTTIME) - 60, mono=time.monotonic() - 60)

    look(box)

    (gap,) = records(box, "gap")
    assert gap["stepped"] == pytest.approx(7140, abs=2)
    assert abs(gap["suspended"]) < 2
    assert fates(box, "job") == [(as_iso(slot), "missed", "clock_stepped")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 7}', '{"at": "soon", "boot_id": "a", "up": 1, "mono": 1}'])
def test_a_note_that_makes_no_sense_is_as_none(box: Box, text: str) -> None:
    look(box)
    (box.state_directory / "watch.json").write_text(text)
    (box.state_directory / "watched.json").write_text(text)

    look(box)

    assert records(box, "gap") == []
    assert note(box)["boot_id"]


def test_of_two_looks_at_once_one_does_nothing_and_says_nothing(box: Box) -> None:
    look(box)
    before = note(box)
    with open(box.state_directory / "run" / "watch.look.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        look(box)

    assert note(box) == before


def test_versions_of_changed_invalid_and_removed_files_are_recorded_by_the_next_look(box: Box) -> None:
    schedule = "command: /bin/true\nschedule: '0 3 * * *'"
    for slug in ("changed", "invalid", "removed", "kept"):
        box.job(slug, schedule)
    look(box)

    box.job("changed", schedule.replace("3", "4"))
    box.job("invalid", f"{schedule}\nnonsense: 1")
    (box.job_directory / "removed.yaml").unlink()
    os.utime(box.job_directory / "kept.yaml")
    look(box)
    look(box)

    versions = [(record["job"], record["state"]) for record in records(box, "version")]
    assert sorted(versions[:4]) == [(slug, "valid") for slug in ("changed", "invalid", "kept", "removed")]
    assert sorted(versions[4:]) == [("changed", "valid"), ("invalid", "invalid"), ("removed", "gone")]


def test_the_first_look_at_many_new_jobs_opens_each_file_once(box: Box) -> None:
    """It parsed each alone once more, as `after_failures` might have been `after`: 5,000 took many minutes."""
    keys = "command: /bin/true\nschedule: '0 3 * * *'\nhold: {after_failures: 5}\nafter: job-0"
    for number in range(20):
        box.job(f"job-{number}", keys.replace("\nafter: job-0", "" if number % 2 == 0 else "\nafter: job-0"))
    os.utime(box.job_directory, (0, 0))  # it was changed a while ago

    with opened_in(box.job_directory) as opened:
        look(box)
        look(box)

    assert Counter(opened) == {f"job-{number}.yaml": 1 for number in range(20)}


def test_a_start_that_was_killed_with_its_guard_is_recorded_by_a_look_and_its_time_may_be_run(box: Box) -> None:
    look(box)
    with a_start_that_waits(box) as (waits, runner):
        look(box)
        assert records(box, "refusal") == []
        kill_start(waits, runner)
    look(box)
    look(box)
    (refusal,) = records(box, "refusal")

    again = box.run("--scheduled", "job")

    assert refusal["reason"] == "runner_killed_before_start"
    assert again.exit_code == 0
    assert [start["scheduled_at"] for start in starts(box)] == [None, refusal["scheduled_at"]]


@pytest.mark.needs_utc
def test_of_two_that_wait_the_killed_one_is_recorded_and_the_living_one_runs(box: Box) -> None:
    look(box)
    with a_start_that_waits(box) as first, another_that_waits(box):
        kill_start(*first)
        look(box)
        (refusal,) = records(box, "refusal")
    box.wait_until_all_ended()
    look(box)

    assert refusal["scheduled_at"][:10].endswith("-01-01")
    assert len(records(box, "refusal")) == 1


@pytest.mark.needs_root
def test_as_root_it_is_the_service_user_and_others_are_refused(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    slot = hours_ago(1)
    box.job("job", f"command: /usr/bin/id -un\n{planned_at(slot)}\ncatch_up: all")
    box.run("job")
    there_since(box, slot - HOUR)

    look(box)
    until(lambda: len(starts(box)) == 2 and not box.processes(), "the missed time to be run")
    look(box, user=SERVICE_USER)
    refused = box.process_control("watch", user=STRANGER)

    names = ("watch.json", "watched.json", "run/watch.look.lock")
    assert {(box.state_directory / name).owner() for name in names} == {SERVICE_USER}
    assert box.log_bytes("job").decode().strip() == SERVICE_USER
    assert (refused.exit_code, "sudo -u" in refused.stderr) == (77, True)


def test_a_broken_configuration_is_one_line_with_a_hint(box: Box) -> None:
    box.configure(job_directory=str(box.root / "nowhere"))

    result = box.process_control("watch")

    assert result.exit_code == 78
    assert [line.strip().startswith("hint:") for line in result.stderr.splitlines()] == [False, True]


def test_the_same_fault_is_printed_once_a_day_so_that_cron_does_not_mail_it_each_minute(box: Box) -> None:
    def looks() -> tuple[int, str]:
        result = box.process_control("watch")
        return result.exit_code, result.stderr.partition("\n")[0]

    box.process_control("watch")
    box.configure(timeout=True)
    first, second = looks(), looks()
    seen = box.process_control("watch", tty=True)
    box.configure(timeout=None, job_directory=7)
    other = looks()
    box.configure(job_directory=str(box.job_directory))
    fine, again = looks(), looks()
    box.configure(job_directory=7)
    back = looks()

    assert (first[0], "timeout" in first[1]) == (78, True), first
    assert second == (78, "")
    assert (seen.exit_code, "timeout" in seen.stdout) == (78, True)
    assert (other[0], "job_directory" in other[1]) == (78, True), other
    assert fine == again == (0, "")
    assert back == other

"""The gate: what a held job, one that backs off, and one in slow start may do, by hand and by its schedule."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from kit.harness import Box, children, until
from kit.runs import ONE_SLOT, ends, next_slot, records, skips, starts
from process_control.system.clock import iso

EVERY_MINUTE = 'schedule: "* * * * *"'
A_DAY = 86400


def health_file(box: Box, slug: str = "job") -> Path:
    return box.state_directory / "jobs" / slug / "health.json"


def change_health(box: Box, **changes: object) -> None:
    """Let time pass, or the clock go wrong, in the record that says so."""
    health_file(box).write_text(json.dumps({**box.health("job"), **changes}))


def planned(box: Box, slug: str = "job") -> None:
    """Run the job's slot, whether it had its run or not."""
    if (box.state_directory / "jobs" / slug / "block").exists():
        next_slot(box, slug)
    result = box.run("--scheduled", slug)
    assert result.exit_code in (0, 1, 3), result


# --- backoff ---------------------------------------------------------------------------------------------------------


def test_after_a_failed_run_slots_are_skipped_for_a_growing_time_and_the_skip_says_until_when(box: Box) -> None:
    box.job("job", f"command: sh -c 'exit 3'\nbackoff: {{delay: 30d, factor: 2, max_delay: 365d}}\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    first = box.health("job")

    slot = datetime.fromisoformat(starts(box)[0]["scheduled_at"])
    change_health(box, backoff_until=iso(slot.timestamp() + 60))
    planned(box)

    (skip,) = skips(box)
    failed = ends(box)[0]["run_id"]
    until = box.health("job")["backoff_until"]
    assert (skip["reason"], skip["detail"]) == (
        "backoff",
        f"1 failure, backing off until {until} (run {failed}: exited with 3)",
    )
    assert seconds_between(ends(box)[0]["at"], first["backoff_until"]) == 30 * A_DAY

    change_health(box, backoff_until=iso(slot.timestamp() - 60))
    planned(box)
    assert seconds_between(ends(box)[1]["at"], box.health("job")["backoff_until"]) == 60 * A_DAY
    assert box.health("job")["failures_in_row"] == 2


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_a_job_that_backs_off_runs_by_hand_and_a_success_ends_the_backoff(box: Box) -> None:
    box.job("job", f"command: test -e {box.root}/mended\nbackoff: 30d\n{EVERY_MINUTE}")
    box.run("--scheduled", "job")
    assert "backoff_until" in box.health("job")
    (box.root / "mended").touch()

    result = box.run("job")

    assert result.exit_code == 0
    assert box.health("job")["state"] == "healthy"
    assert "backoff_until" not in box.health("job")


def test_failures_by_hand_start_no_backoff_and_never_hold(box: Box) -> None:
    box.job("job", f"command: 'false'\nbackoff: 30d\nhold: {{after_failures: 5}}\n{EVERY_MINUTE}")

    codes = [box.run("job").exit_code for _ in range(6)]

    assert codes == [1] * 6
    assert box.health("job")["state"] == "healthy"


def test_a_backoff_written_while_the_clock_was_a_year_ahead_stops_no_job(box: Box) -> None:
    box.job("job", f"command: 'true'\nbackoff: 5m\n{EVERY_MINUTE}")
    box.run("job")
    change_health(box, state="failing", failures_in_row=1, backoff_until=iso(time.time() + 365 * A_DAY))

    planned(box)

    assert [end["outcome"] for end in ends(box)] == ["succeeded", "succeeded"]
    assert skips(box) == []


# --- hold ------------------------------------------------------------------------------------------------------------


HELD_BY_RULE = f"command: sh -c 'exit 3'\nhold: {{after_failures: 1, release_after: 1h}}\n{EVERY_MINUTE}"


def test_a_held_job_is_skipped_when_scheduled_with_since_when_why_and_which_run(box: Box) -> None:
    box.job("job", HELD_BY_RULE)
    planned(box)
    planned(box)

    (skip,) = skips(box)
    end = ends(box)[0]
    assert (skip["reason"], skip["detail"]) == (
        "held",
        f"held since {end['at']}: exited with 3 (run {end['run_id']})",
    )


def test_by_hand_a_held_job_refuses_and_says_how_to_release_it(box: Box) -> None:
    box.job("job", HELD_BY_RULE)
    planned(box)

    result = box.run("job")

    end = ends(box)[0]
    began = datetime.fromisoformat(end["at"]).astimezone()
    assert result.exit_code == 75
    assert result.stderr == (
        f"job: on hold since {began:%a %H:%M} (just now): exited with 3 (run {end['run_id'][:8]}…)\n"
        "  hint: run it once with run-job --force job, or release it: process-control release job\n"
    )


def test_the_run_that_gets_a_job_held_says_so_last(box: Box) -> None:
    box.job("job", HELD_BY_RULE)

    result = box.run("--scheduled", "job")

    end = ends(box)[0]
    began = datetime.fromisoformat(end["at"]).astimezone()
    assert result.stderr.splitlines()[-1] == (
        f"  on hold since {began:%a %H:%M} (just now): exited with 3 (run {end['run_id'][:8]}…). "
        "To release: process-control release job"
    )


def test_a_forced_run_of_a_held_job_that_succeeds_leaves_it_held_and_says_how_to_release(box: Box) -> None:
    box.job("job", HELD_BY_RULE.replace("sh -c 'exit 3'", f"test -e {box.root}/mended"))
    planned(box)
    (box.root / "mended").touch()

    result = box.run("--force", "job", tty=True)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith("To release: process-control release job")
    assert box.health("job")["state"] == "held"


def test_a_hold_is_a_line_of_the_journal_with_the_whole_health(box: Box) -> None:
    box.job("job", HELD_BY_RULE)
    planned(box)

    (hold,) = records(box, "hold")

    end = ends(box)[0]
    assert hold["health"] == box.health("job")
    assert (hold["at"], hold["run_id"], hold["kind"], hold["by"], hold["detail"]) == (
        end["at"],
        end["run_id"],
        "failures",
        None,
        "exited with 3",
    )


def test_a_lost_health_is_built_again_with_its_hold(box: Box) -> None:
    box.job("job", HELD_BY_RULE)
    planned(box)
    before = box.health("job")
    health_file(box).unlink()

    planned(box)

    assert [skip["reason"] for skip in skips(box)] == ["held"]
    assert {**box.health("job"), "seen": None} == {**before, "seen": None}


@pytest.mark.parametrize(
    "garbage", ["", "{", "[]", '{"state": "fine"}', '{"state": "held", "release_at": 3}', "\0" * 9]
)
def test_a_health_that_cannot_be_understood_counts_as_held(box: Box, garbage: str) -> None:
    box.job("job", f"command: 'true'\n{EVERY_MINUTE}")
    box.run("job")
    health_file(box).write_text(garbage)

    by_hand = box.run("job")
    planned(box)

    assert by_hand.exit_code == 75
    assert "its health file is unreadable" in by_hand.stderr
    assert [skip["reason"] for skip in skips(box)] == ["held"]
    assert health_file(box).read_text() == garbage


# --- probes ----------------------------------------------------------------------------------------------------------

PROBED = f"""
command: sh -c 'echo full; exit 3'
slow_start_command: sh -c 'echo dose; test -e {{root}}/mended'
hold: {{{{after_failures: 1, release_after: 1h}}}}
slow_start: {{{{runs: 2, after: hold}}}}
{EVERY_MINUTE}
"""


@pytest.fixture
def held(box: Box) -> Box:
    box.job("job", PROBED.format(root=box.root))
    planned(box)
    assert box.health("job")["state"] == "held"
    return box


def probe_time(box: Box) -> None:
    change_health(box, probe_at=iso(time.time() - 1))


def test_after_release_after_one_small_dose_is_let_through_and_its_failure_keeps_the_hold(held: Box) -> None:
    probe_time(held)
    planned(held)
    planned(held)

    assert held.log_bytes("job") == b"dose\n"
    assert [(start["slow_start"], start.get("slow_start_step")) for start in starts(held)] == [
        (False, None),
        (True, "probe"),
    ]
    assert [skip["reason"] for skip in skips(held)] == ["held"]
    assert held.health("job")["state"] == "held"
    assert held.health("job")["why"] == "exited with 3"


def test_a_probe_that_goes_well_releases_into_the_slow_start(held: Box) -> None:
    (held.root / "mended").touch()
    probe_time(held)

    planned(held)

    assert (held.health("job")["state"], held.health("job")["slow_successes"]) == ("slow_start", 1)
    (release,) = records(held, "release")
    assert (release["by"], release["detail"]) == (None, "the probe succeeded")


def test_a_probe_runs_alone_and_no_other_start_takes_its_place(held: Box) -> None:
    fifo = held.fifo("probe")
    held.job("job", PROBED.format(root=held.root).replace("echo dose", f"echo > {fifo}; exec sleep 1000"))
    probe_time(held)
    next_slot(held)
    with held.start("--scheduled", "job") as live:
        fifo.read_line()
        probe_time(held)  # the next would be due while the first still runs
        planned_beside(held)
        held.run("-k", "job")
        live.wait()

    assert [start.get("slow_start_step") for start in starts(held)] == [None, "probe"]
    assert [skip["reason"] for skip in skips(held)] == ["held"]


def planned_beside(box: Box) -> None:
    block = box.state_directory / "jobs" / "job" / "block"
    block.write_bytes(b"slot 5\n".ljust(64) + block.read_bytes()[64:])
    for journal in (box.state_directory / "journal").glob("*.jsonl"):
        journal.write_text(journal.read_text().replace('"scheduled_at":"2', '"scheduled_at":"1'))
    assert box.run("--scheduled", "job").exit_code == 0


def test_a_probe_that_was_killed_without_an_end_is_followed_by_the_next(held: Box) -> None:
    change_health(held, probe_at=iso(time.time() - 1), probe_run="0123456789abcdef")

    planned(held)

    assert [start.get("slow_start_step") for start in starts(held)] == [None, "probe"]


def test_what_a_person_holds_is_never_probed(held: Box) -> None:
    assert held.process_control("hold", "job", "--note", "wait for the disk").exit_code == 0

    planned(held)

    assert "probe_at" not in held.health("job")
    assert [skip["reason"] for skip in skips(held)] == ["held"]


# --- slow start ------------------------------------------------------------------------------------------------------

SLOW = """
command: sh -c 'echo full $PROCESS_CONTROL_SLOW_START'
slow_start_command: sh -c 'echo dose $PROCESS_CONTROL_SLOW_START'
slow_start: {runs: 2, after: %s}
"""


def doses(box: Box) -> list[str]:
    return [path.read_text().strip() for path in box.logs("job")]


def test_the_very_first_version_starts_slowly_when_asked_and_the_record_says_which_step(box: Box) -> None:
    box.job("job", SLOW % "new")

    for _ in range(3):
        box.run("job")

    assert doses(box) == ["dose 1", "dose 1", "full 0"]
    assert [(end["slow_start"], end.get("slow_start_step")) for end in ends(box)] == [
        (True, "1 of 2"),
        (True, "2 of 2"),
        (False, None),
    ]


def test_a_changed_job_file_starts_slowly_and_the_first_version_does_not(box: Box) -> None:
    box.job("job", SLOW % "change")
    box.run("job")
    box.job("job", (SLOW % "change") + "# changed\n")

    for _ in range(3):
        box.run("job")

    assert doses(box) == ["full 0", "dose 1", "dose 1", "full 0"]
    begins = records(box, "slow_start")[0]
    versions = [start["version"] for start in starts(box)][:2]
    assert begins["detail"] == f"begins: the job file changed, from version {versions[0]} to {versions[1]}"


def test_another_program_at_the_path_of_a_command_starts_slowly(box: Box) -> None:
    program = box.root / "program"
    program.write_text("#!/bin/sh\necho one\n")
    program.chmod(0o755)
    box.job("job", f"command: [{program}, /bin/true]\nslow_start: {{runs: 1, after: change}}")
    box.run("job")
    program.write_text("#!/bin/sh\necho another\n")

    box.run("job")
    box.run("job")

    assert [end["slow_start"] for end in ends(box)] == [False, True, False]
    assert records(box, "slow_start")[0]["detail"] == f"begins: another program is at {program}"


def test_a_job_without_a_small_dose_runs_in_full_and_is_counted(box: Box) -> None:
    box.job("job", "command: 'true'\nslow_start: {runs: 1, after: new}")
    box.run("job")

    (end,) = ends(box)
    assert (end["slow_start"], end["slow_start_step"]) == (True, "1 of 1")
    assert box.health("job")["state"] == "healthy"


def test_one_failure_in_slow_start_holds_even_by_hand(box: Box) -> None:
    box.job("job", "command: 'true'\nslow_start_command: sh -c 'exit 3'\nslow_start: {}")

    result = box.run("job")

    assert result.exit_code == 3
    health = box.health("job")
    assert (health["state"], health["hold_kind"], health["why"]) == (
        "held",
        "slow_start",
        "failed in slow start: exited with 3",
    )


def test_an_unchanged_job_with_slow_start_writes_its_health_once(box: Box) -> None:
    box.job("job", "command: 'true'\nslow_start: {after: change}")
    box.run("job")
    before = health_file(box).stat()

    box.run("job")

    after = health_file(box).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_stopped_run_says_nothing_of_the_health(box: Box) -> None:
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo > {started}; exec sleep 1000'\nslow_start: {{}}\nhold: {{after_failures: 1}}")
    with box.start("job") as live:
        started.read_line()
        box.run("-k", "job")
        live.wait()

    assert (box.health("job")["state"], box.health("job")["slow_successes"]) == ("slow_start", 0)


def test_a_run_that_waited_for_the_lock_meets_the_hold_that_came_meanwhile(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job(
        "job",
        f"command: sh -c 'echo > {started}; read line < {go_on}; exit 3'\non_overlap: queue\n"
        f"hold: {{after_failures: 1}}\n{EVERY_MINUTE}",
    )
    with box.start("--scheduled", "job") as first:
        started.read_line()
        next_slot(box)
        with box.start("--scheduled", "job") as second:
            waits_for_the_lock(second.pid)
            go_on.write_line()
            first.wait()
            result = second.wait()

    assert result.exit_code == 0
    assert len(starts(box)) == 1
    assert [skip["reason"] for skip in skips(box)] == ["held"]


def waits_for_the_lock(guard: int) -> None:
    """Wait until the runner of this guard stands in the kernel's line for a lock: proc_locks(5)."""

    def waits() -> bool:
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
        return bool({int(word) for line in lines for word in line if word.isdigit()} & set(children(guard)))

    until(waits, "the second start to wait for the lock")

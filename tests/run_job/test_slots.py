"""A planned time (a slot) has one run or one skip, whatever clocks and hosts do in between."""

import gzip
import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kit.harness import Box, Storm
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.old_versions import seen_days_ago
from kit.runs import ANOTHER_SLOT, ONE_SLOT, ends, outcomes, records, script, skips, starts


def block_bytes(box: Box, slug: str = "job") -> bytes:
    return (box.state_directory / "jobs" / slug / "block").read_bytes()


def slot_of(box: Box, slug: str = "job") -> int:
    return int(block_bytes(box, slug)[:64].split()[1])


def forge_slot(box: Box, slot: str, slug: str = "job") -> None:
    path = box.state_directory / "jobs" / slug / "block"
    path.write_bytes(slot.encode().ljust(64) + block_bytes(box, slug)[64:])


def forge_run(box: Box, slug: str = "job", **changes: object) -> None:
    path = box.state_directory / "jobs" / slug / "block"
    text = json.dumps({**box.block(slug), **changes}).encode()
    path.write_bytes(block_bytes(box, slug)[:512] + text.ljust(4096 - 512))


def compress_the_journal(box: Box) -> None:
    for path in (box.state_directory / "journal").glob("*.jsonl"):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def as_iso(slot: int) -> str:
    return datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_the_slot_is_the_last_planned_time_and_is_told_to_the_job_and_the_record(box: Box) -> None:
    box.job(
        "job", f"command: printenv PROCESS_CONTROL_SCHEDULED_AT PROCESS_CONTROL_TRIGGER\n{ONE_SLOT}\ntime_zone: UTC"
    )

    result = box.run("--scheduled", "job")

    new_year = f"{datetime.now(UTC).year}-01-01T00:00:00.000Z"
    assert result.exit_code == 0
    assert starts(box)[0]["scheduled_at"] == ends(box)[0]["scheduled_at"] == new_year
    assert starts(box)[0]["trigger"] == "cron"
    assert box.log_bytes("job").decode().split() == [new_year, "cron"]


def test_timers_are_another_trigger(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")

    box.run("--scheduled=timer", "job")

    assert ends(box)[0]["trigger"] == "timer"


def test_a_slot_that_had_its_run_gets_no_second_one(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")

    results = [box.run("--scheduled", "job") for _ in range(3)]

    assert [(result.stdout, result.stderr, result.exit_code) for result in results] == [("", "", 0)] * 3
    assert len(starts(box)) == 1
    assert skips(box) == []


def test_a_run_by_hand_takes_no_slot(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")

    for flags in ((), ("--scheduled",), ()):
        assert box.run(*flags, "job").exit_code == 0

    assert [(start["trigger"], start["scheduled_at"] is None) for start in starts(box)] == [
        ("manual", True),
        ("cron", False),
        ("manual", True),
    ]


def test_a_slot_older_than_start_within_is_skipped_as_too_late_once(box: Box) -> None:
    old_job(box, "0 0 1 1 *")

    results = [box.run("--scheduled", "job") for _ in range(2)]

    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 2
    (skip,) = skips(box)
    assert (skip["reason"], skip["unplanned"]) == ("too_late", True)
    assert skip["detail"].endswith(" after its planned time, start_within: 10 min")
    assert starts(box) == []


def old_job(box: Box, schedule: str) -> None:
    """Write the job as if it had been there for years, with a slot that is long over."""
    box.job("job", f'command: "true"\nschedule: "{schedule}"\nstart_within: 10m')
    seen_days_ago(box.configuration, days=1000)


def test_a_start_that_is_too_late_is_seen_at_once_and_mailed_once_until_a_run(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server)
        told = []
        for day in range(1, 5):
            old_job(box, f"0 0 {day} 1 *")
            assert box.run("--scheduled", "job").exit_code == 0
            wait_until_told(box)
            (job,) = box.process_control("status", "--json").json()["jobs"]
            told.append((len(server.mails), box.process_control("check").exit_code, job["alerts"]))
        box.run("job")
        for day in range(5, 7):
            old_job(box, f"0 0 {day} 1 *")
            box.run("--scheduled", "job")
            wait_until_told(box)
        mails = list(server.mails)

    assert [(mails_, code) for mails_, code, _ in told] == [(1, 1)] * 4
    late = r"\(.+ after its planned time, start_within: 10 min\)"
    first = rf"the last scheduled start came too late for its planned time {late}: .+"
    why = (
        f"the last 2 scheduled starts came too late for their planned times {late}: the time zone or the name of "
        r"the host has changed since cron started \(restart cron\), or the crontab is out of date \(run cron-generate\)"
    )
    assert re.fullmatch(first, told[0][2][0])
    assert re.fullmatch(why, told[1][2][0])
    assert [re.sub(r"^\S+: ", "", mail.subject).split(":")[0] for mail in mails] == [
        "job did not start",
        "job has recovered",
        "job did not start",
    ]
    assert re.search(first, " ".join(mails[0].text.split()))


def test_a_start_that_the_new_file_never_planned_does_nothing_and_is_seen(box: Box) -> None:
    box.job("job", 'command: "true"\nschedule: "0 0 1 1 *"\nstart_within: 10m')

    results = [box.run("--scheduled", "job") for _ in range(3)]
    checked = box.process_control("check")

    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 3
    (stray,) = records(box, "stray")
    assert stray["detail"] == "a start by cron, but the job file plans no such time"
    assert (skips(box), starts(box)) == ([], [])
    assert checked.exit_code == 1
    assert "came, but its file plans none; the crontab does not match the job files: cron-generate" in checked.stdout


def test_a_file_that_was_only_touched_makes_no_start_stray(box: Box) -> None:
    old_job(box, "0 0 1 1 *")
    path = box.job_directory / "job.yaml"
    path.write_text(path.read_text())

    box.run("--scheduled", "job")

    assert records(box, "stray") == []
    assert [skip["reason"] for skip in skips(box)] == ["too_late"]


def test_a_file_with_an_old_date_is_as_new_as_its_version(box: Box) -> None:
    """As `cp -p` and `git` with its times, or a package, write one."""
    path = box.job("job", 'command: "true"\nschedule: "0 0 1 1 *"\nstart_within: 10m')
    os.utime(path, (1_500_000_000, 1_500_000_000))

    box.run("--scheduled", "job")

    assert len(records(box, "stray")) == 1
    assert skips(box) == []


def test_a_stray_start_is_over_when_a_planned_one_has_come(box: Box) -> None:
    box.job("job", 'command: "true"\nschedule: "0 0 1 1 *"\nstart_within: 10m')
    box.run("--scheduled", "job")
    box.job("job", 'command: "true"\nschedule: "* * * * *"\nstart_within: 10m')

    box.run("--scheduled", "job")

    assert box.process_control("check").exit_code == 0


def test_the_third_start_in_a_row_that_meets_a_run_is_seen(box: Box) -> None:
    started, go = box.fifo("started"), box.fifo("go")
    job = script(box, "job.sh", f"echo > {started}; read x < {go}")
    box.job("job", f"command: {job}\nschedule: '* * * * *'")
    codes = []

    with box.start("job") as live:
        started.read_line()
        for day in range(1, 4):
            box.job("job", f"command: {job}\nschedule: '0 0 {day} 1 *'\nstart_within: 400d")
            box.run("--scheduled", "job")
            codes.append(box.process_control("check").exit_code)
        told = box.process_control("check").stdout
        go.write_line()
        live.wait()

    assert [skip["reason"] for skip in skips(box)] == ["overlap"] * 3
    assert codes == [0, 0, 1]
    assert "the last 3 scheduled starts found the previous run still running" in told


def test_a_disabled_job_is_skipped_when_scheduled_and_runs_by_hand(box: Box) -> None:
    box.job("job", f"command: 'true'\ndisabled: true\n{ONE_SLOT}")

    scheduled, by_hand = box.run("--scheduled", "job"), box.run("job")

    assert (scheduled.stderr, scheduled.exit_code) == ("", 0)
    assert by_hand.exit_code == 0
    assert [skip["reason"] for skip in skips(box)] == ["disabled"]
    assert [start["trigger"] for start in starts(box)] == ["manual"]


def test_a_block_that_is_gone_is_made_again_from_the_journal(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    (box.state_directory / "jobs" / "job" / "block").unlink()

    assert box.run("--scheduled", "job").exit_code == 0
    assert len(starts(box)) == 1


def test_a_slot_is_known_from_a_day_that_retention_has_compressed(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    compress_the_journal(box)
    (box.state_directory / "jobs" / "job" / "block").unlink()

    result = box.run("--scheduled", "job")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert starts(box) == []  # there is none in a day that is not compressed


def test_an_end_in_a_compressed_day_is_no_lost_run(box: Box) -> None:
    """The journal had the end, the runner was killed before its block had; the job's next start is weeks later."""
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    forge_run(box, end=None, journaled=False, pid=99_999_999)
    compress_the_journal(box)

    assert box.run("job").exit_code == 0

    assert [(run["outcome"], run["reason"]) for run in box.history("job")] == [("succeeded", None)] * 2
    assert len(ends(box)) == 1


def test_a_skipped_slot_is_known_after_a_reboot_too(box: Box) -> None:
    box.job("job", f"command: 'true'\ndisabled: true\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    (box.state_directory / "jobs" / "job" / "block").unlink()
    box.job("job", f"command: 'true'\n{ONE_SLOT}")

    assert box.run("--scheduled", "job").exit_code == 0
    assert starts(box) == []


def test_a_clock_that_was_in_the_future_does_not_stop_the_job(box: Box) -> None:
    """The slots of that future stand in the block; the one that is due now is another."""
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    forge_slot(box, f"slot {int(time.time()) + 365 * 86400}\n")

    result = box.run("--scheduled", "job")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert [start["trigger"] for start in starts(box)] == ["manual", "cron"]


def test_a_clock_that_goes_back_runs_no_slot_twice(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    slot = slot_of(box)
    forge_slot(box, f"slot {slot + 86400}\n")  # as if the next day had run before the clock went back

    result = box.run("--scheduled", "job")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert len(starts(box)) == 1


@pytest.mark.parametrize(
    "slot", ["", "slot\n", "slot -5\n", "slot 99999999999999999999\n", "slot ²\n", "\0" * 60, "slut 5\n"]
)
def test_a_garbled_slot_in_the_block_stops_no_job(box: Box, slot: str) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("job")
    forge_slot(box, slot)

    result = box.run("--scheduled", "job")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert len(starts(box)) == 2


def test_a_slot_whose_start_could_not_be_recorded_is_given_back(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.output_directory.mkdir(mode=0o750)
    (box.output_directory / "job").write_text("in the way")

    refused = box.run("--scheduled", "job")
    (box.output_directory / "job").unlink()
    result = box.run("--scheduled", "job")

    assert refused.exit_code == 74
    assert (result.stderr, result.exit_code) == ("", 0)
    assert outcomes(box) == [("succeeded", None)]


def test_a_changed_schedule_has_slots_of_its_own(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}")
    box.run("--scheduled", "job")
    box.job("job", f"command: 'true'\n{ANOTHER_SLOT}")
    box.run("--scheduled", "job")

    assert len({start["scheduled_at"] for start in starts(box)}) == len(starts(box)) == 2


@pytest.mark.fault("A schedule changed to and fro", small=4, full=100, wanted="no slot twice")
def test_a_job_that_changes_between_two_schedules_runs_each_slot_once(box: Box, storm: Storm) -> None:
    for _ in storm.rounds():
        for schedule in (ONE_SLOT, ANOTHER_SLOT):
            box.job("job", f"command: 'true'\n{schedule}")
            assert box.run("--scheduled", "job", via="stub").exit_code == 0

    assert len(starts(box)) == 2


def test_every_minute_is_a_slot_of_its_own_minute(box: Box) -> None:
    box.job("job", 'command: "true"\nschedule: "* * * * *"')

    before = int(time.time()) // 60 * 60
    box.run("--scheduled", "job")
    after = int(time.time()) // 60 * 60

    assert ends(box)[0]["scheduled_at"] in (as_iso(before), as_iso(after))


def test_a_lost_run_keeps_its_slot(box: Box) -> None:
    from kit.runs import kill_both

    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo > {started}; exec sleep 1000'\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        started.read_line()
        kill_both(box, "job")
        live.wait()

    assert box.run("--scheduled", "job").exit_code == 0
    assert len(records(box, "start")) == 1

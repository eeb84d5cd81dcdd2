"""`catch_up`: planned times that were missed get their runs, one after the other, and never twice."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from kit.harness import Box, until
from kit.old_versions import seen_days_ago
from kit.outages import HOUR, as_iso, fates, hours_ago, planned_at, there_since
from kit.runs import ends, outcomes, records, script, skips, starts, waiting_for_a_lock
from run_job.test_watch import known_since


def hourly_job(box: Box, catch_up: str, *, command: str = "/bin/true", more: str = "", hours: int = 4) -> list[str]:
    """Write a job that was planned so many times, an hour apart, the last an hour ago; return those times."""
    times = [hours_ago(count) for count in range(hours, 0, -1)]
    box.job("job", f"command: {command}\n{planned_at(*times)}\ncatch_up: {catch_up}\n{more}")
    there_since(box, hours_ago(hours + 1))
    return [as_iso(each) for each in times]


def look(box: Box) -> None:
    """Take a look, and wait until all that it has started is over."""
    result = box.process_control("watch")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    box.wait_until_all_ended()


def slots_of_starts(box: Box) -> list[str]:
    return [start["scheduled_at"] for start in starts(box)]


def test_each_missed_time_gets_its_run_the_oldest_first(box: Box) -> None:
    missed = hourly_job(box, "all", command="printenv PROCESS_CONTROL_SCHEDULED_AT")

    look(box)
    look(box)

    assert slots_of_starts(box) == missed
    assert {start["trigger"] for start in starts(box)} == {"cron"}
    assert fates(box) == [(slot, "ran", "succeeded") for slot in missed]
    assert [path.read_text().strip() for path in box.logs("job")] == missed


def test_latest_runs_the_newest_alone(box: Box) -> None:
    missed = hourly_job(box, "latest")

    look(box)
    look(box)

    assert slots_of_starts(box) == missed[-1:]
    assert [fate for _, fate, _ in fates(box)] == ["missed", "missed", "missed", "ran"]


def test_none_is_the_default(box: Box) -> None:
    hourly_job(box, "none")

    look(box)

    assert starts(box) == []


@pytest.mark.parametrize(("catch_up", "count"), [("{within: 90m}", 1), ("{which: all, within: 150m}", 2)])
def test_the_window_limits_it_and_a_map_means_the_latest(box: Box, catch_up: str, count: int) -> None:
    missed = hourly_job(box, catch_up)

    look(box)

    assert slots_of_starts(box) == missed[-count:]


def test_a_failed_run_ends_it_for_what_was_missed_before(box: Box) -> None:
    missed = hourly_job(box, "all", command="/bin/false")

    look(box)
    look(box)

    assert slots_of_starts(box) == missed[:1]
    assert [fate for _, fate, _ in fates(box)] == ["ran", "missed", "missed", "missed"]


def test_a_refusal_ends_it_and_is_recorded_once(box: Box) -> None:
    hourly_job(box, "all", more=f"environment_file: {box.root}/missing")

    look(box)
    look(box)
    look(box)

    assert starts(box) == []
    assert len(records(box, "refusal")) == 1


def test_a_hold_ends_it_also_after_its_release(box: Box) -> None:
    hourly_job(box, "all")
    box.process_control("hold", "job", "--yes", "--note", "the disk is replaced")
    look(box)
    box.process_control("release", "job", "--yes")

    look(box)

    assert (starts(box), skips(box)) == ([], [])


@pytest.mark.parametrize("is_seen", [False, True], ids=["", "seen while it waits"])
def test_a_start_that_was_killed_before_its_run_is_caught_up(box: Box, is_seen: bool) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    job = script(
        box, "job.sh", f'[ "$PROCESS_CONTROL_TRIGGER" = cron ] || {{ echo > {started}; read line < {go_on}; }}'
    )
    missed = hourly_job(box, "latest", command=str(job), more="on_overlap: queue", hours=1)
    with box.start("job") as holder:
        started.read_line()
        with box.start("--scheduled", "job") as waits:
            until(lambda: waiting_for_a_lock(waits.pid), "it to wait for the lock")
            if is_seen:
                assert box.process_control("watch").exit_code == 0
            os.kill(waiting_for_a_lock(waits.pid)[0], signal.SIGKILL)
            assert waits.wait().exit_code == 137
        go_on.write_line()
        holder.wait()

    look(box)

    assert slots_of_starts(box) == [None, *missed]
    assert fates(box)[-1] == (missed[0], "ran", "succeeded")


def test_what_was_skipped_by_choice_is_not_caught_up(box: Box) -> None:
    hourly_job(box, "all", more="disabled: true")
    look(box)
    text = (box.job_directory / "job.yaml").read_text()
    box.job("job", text.replace("disabled: true", ""))

    look(box)

    assert starts(box) == []
    assert {(fate, why) for _, fate, why in fates(box)} == {("skipped", "disabled")}


def test_a_time_that_has_its_run_is_not_run_again_whoever_asks(box: Box) -> None:
    (missed,) = hourly_job(box, "all", hours=1)
    look(box)
    seconds = int(hours_ago(1).timestamp())

    again = box.run("--scheduled", f"--slot={seconds}", "job")

    assert again.exit_code == 0
    assert slots_of_starts(box) == [missed]


def test_many_looks_and_workers_at_once_run_each_time_once(box: Box) -> None:
    missed = hourly_job(box, "all", hours=8)
    box.process_control("watch")

    lives = [box.start_command([str(box.product.process_control), "watch", "--catch-up"]) for _ in range(4)]
    for live in lives:
        live.wait()
    until(lambda: not box.processes(), "all of it to end")
    look(box)

    assert slots_of_starts(box) == missed


def test_two_jobs_at_most_are_caught_up_at_once(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    command = script(box, "job.sh", f"echo $PROCESS_CONTROL_JOB > {started}; read line < {release}")
    for slug in ("one", "two", "three"):
        box.job(slug, f"command: {command}\n{planned_at(hours_ago(1))}\ncatch_up: all")
    there_since(box, hours_ago(2))
    for _ in range(3):
        assert box.process_control("watch").exit_code == 0

    first = {started.read_line().strip(), started.read_line().strip()}
    assert box.process_control("watch").exit_code == 0
    assert len(starts(box)) == 2
    release.write_line()
    first.add(started.read_line().strip())
    for _ in range(2):
        release.write_line()

    until(lambda: not box.processes(), "the runs to end")
    assert first == {"one", "two", "three"}
    assert len(ends(box)) == 3


def test_a_planned_start_waits_for_a_run_that_makes_up_for_an_earlier_time(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    command = script(box, "job.sh", f"echo > {started}; read line < {release}")
    now, before = hours_ago(0), hours_ago(1)
    box.job("job", f"command: {command}\n{planned_at(before, now)}\ncatch_up: all")
    there_since(box, hours_ago(2))
    seconds = int(before.timestamp())

    with box.start("--scheduled", f"--slot={seconds}", "job") as late:
        started.read_line()
        with box.start("--scheduled", "job") as planned:
            until(lambda: records(box, "waiting"), "it to wait")
            release.write_line()
            started.read_line()
            release.write_line()
            codes = late.wait().exit_code, planned.wait().exit_code

    assert codes == (0, 0)
    assert slots_of_starts(box) == [as_iso(before), as_iso(now)]
    assert skips(box) == []


def test_a_run_for_a_missed_time_takes_no_lock_from_a_run_in_progress_and_records_nothing(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    command = script(box, "job.sh", f"echo > {started}; read line < {release}")
    (missed,) = hourly_job(box, "all", command=str(command), more="on_overlap: replace", hours=1)
    seconds = int(hours_ago(1).timestamp())

    with box.start("job") as by_hand:
        started.read_line()
        refused = box.run("--scheduled", f"--slot={seconds}", "job")
        release.write_line()
        by_hand.wait()

    assert refused.exit_code == 75
    assert (outcomes(box), skips(box)) == ([("succeeded", None)], [])
    assert [(slot, fate) for slot, fate, _ in fates(box)] == [(missed, "missed")]


def test_the_next_scheduled_start_has_the_times_before_it_caught_up(box: Box) -> None:
    now = hours_ago(0)
    times = [now - 2 * HOUR, now - HOUR, now]
    box.job("job", f"command: /bin/true\n{planned_at(*times)}\ncatch_up: all")
    there_since(box, now - 3 * HOUR)

    result = box.run("--scheduled", "job")
    until(lambda: len(ends(box)) == 3 and not box.processes(), "the missed times to be caught up")

    assert result.exit_code == 0
    assert slots_of_starts(box) == [as_iso(now), as_iso(times[0]), as_iso(times[1])]


def test_a_start_by_cron_within_the_window_is_not_too_late(box: Box) -> None:
    hour_ago = hours_ago(1)
    text = f"command: /bin/true\n{planned_at(hour_ago)}\n"
    box.job("late", text)
    box.job("job", f"{text}catch_up: {{which: latest, within: 2h}}")
    seen_days_ago(box.configuration)

    box.run("--scheduled", "late")
    box.run("--scheduled", "job")

    assert [skip["job"] for skip in skips(box)] == ["late"]
    assert slots_of_starts(box) == [as_iso(hour_ago)]


def test_a_time_that_is_not_yet_missed_is_left_to_its_trigger(box: Box) -> None:
    recent = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
    box.job("job", f"command: /bin/true\n{planned_at(hours_ago(1), recent)}\ncatch_up: latest")
    there_since(box, hours_ago(2))

    look(box)

    assert starts(box) == []
    memory = json.loads((box.state_directory / "watched.json").read_text())
    assert memory["jobs"]["job"]["settled"] < recent.timestamp()


def test_a_run_that_makes_up_for_a_missed_time_is_no_sign_that_the_trigger_lived(box: Box) -> None:
    missed = hours_ago(1)
    box.job("job", f"command: /bin/true\n{planned_at(missed)}")
    box.job("other", f"command: /bin/true\n{planned_at(hours_ago(3))}\ncatch_up: all")
    known_since(box, hours_ago(4))
    look(box)
    assert [start["job"] for start in starts(box)] == ["other"]

    shift_runs(box, missed + timedelta(minutes=1))

    ((slot, fate, cause),) = fates(box, "job")
    assert (slot, fate) == (as_iso(missed), "missed")
    assert cause == "not_in_crontab"  # unknown, had it counted as a start by cron


def shift_runs(box: Box, moment: datetime) -> None:
    """Rewrite the journal as if all runs had been at that moment; the index is made again."""
    at = as_iso(moment)
    for path in (box.state_directory / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().split("\n") if line.strip("\0 ")]
        runs = [line for line in lines if line["event"] in ("start", "end")]
        for line in runs:
            line.update({name: at for name in ("at", "started_at") if name in line})
            line["up"] -= time.time() - moment.timestamp()
        others = [line for line in lines if line not in runs]
        path.write_text("".join(f"\n{json.dumps(line)}" for line in [*others, *runs]))
    for path in box.state_directory.glob("history.sqlite*"):
        path.unlink()

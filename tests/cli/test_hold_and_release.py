"""`hold`, `pause`, `release`: at once, on many jobs, with a note, while a run is in progress, and never half."""

import json
import os
import re
import signal
from collections.abc import Callable

import pytest

from kit.harness import SERVICE_USER, Box, Storm, until
from kit.runs import ONE_SLOT, records, skips, the_end

JOB = f"command: /bin/true\n{ONE_SLOT}"


def me() -> str:
    import pwd

    return f"{pwd.getpwuid(os.getuid()).pw_name}@{os.uname().nodename}"


def test_a_held_job_says_who_why_and_the_way_back_and_release_brings_it_back(box: Box) -> None:
    box.job("job", JOB)

    held = box.process_control("hold", "job", "--note", "the disk is full")
    refused = box.run("job")
    skipped = box.run("--scheduled", "job")
    released = box.process_control("release", "job", "--note", "new disk")
    ran = box.run("job")

    assert (held.exit_code, held.stdout) == (0, "job\theld\theld\tthe disk is full\n")
    assert refused.exit_code == 75
    assert f" by {me()}: the disk is full\n" in refused.stderr
    assert "hint: run it once with run-job --force job, or release it: process-control release job" in (refused.stderr)
    assert (skipped.exit_code, skipped.stdout, skipped.stderr) == (0, "", "")
    assert [skip["reason"] for skip in skips(box)] == ["held"]
    assert (released.exit_code, ran.exit_code) == (0, 0)
    user = me().partition("@")[0]
    told = [
        (each["event"], each["by"], each["detail"]) for each in box.journal() if each["event"] in ("hold", "release")
    ]
    assert told == [("hold", user, "the disk is full"), ("release", user, "new disk")]


def test_groups_are_shown_before_they_are_touched(box: Box) -> None:
    for slug in ("db-1", "db-2"):
        box.job(slug, f"{JOB}\ntags: nightly")
    box.job("other", JOB)

    dry = box.process_control("hold", "tag:nightly", "--dry-run")
    nothing = [record for record in box.journal() if record["event"] == "hold"]
    done = box.process_control("hold", "db-*", "--json")

    assert dry.stderr == "dry run: would hold 2 jobs: db-1, db-2\n"
    assert nothing == []
    assert done.stderr == "hold 2 jobs: db-1, db-2\n"
    assert [job["state"] for job in done.json()["jobs"]] == ["held", "held"]
    assert {job["job"]: job["state"] for job in box.process_control("status", "--json").json()["jobs"]} == {
        "db-1": "held", "db-2": "held", "other": "never ran",
    }  # fmt: skip


def test_on_a_terminal_more_than_one_job_is_asked_for(box: Box) -> None:
    for slug in ("a", "b"):
        box.job(slug, JOB)
    command = [str(box.product.process_control), "hold", "*"]

    with box.start_command(command, tty=True) as live:
        live.wait_for_line("hold these 2 jobs? [y/N]:")
        live.type(b"n\n")
        refused = live.wait()
    with box.start_command(command, tty=True) as live:
        live.wait_for_line("hold these 2 jobs? [y/N]:")
        live.type(b"y\n")
        agreed = live.wait()

    assert refused.exit_code == 1
    assert refused.stdout.endswith("nothing was changed\r\n") or refused.stdout.endswith("nothing was changed\n")
    assert agreed.exit_code == 0
    assert len(records(box, "hold")) == 2


def test_many_jobs_are_counted_not_listed(box: Box) -> None:
    for number in range(30):
        box.job(f"job-{number:02}", JOB)

    result = box.process_control("hold", "*", "--dry-run")

    names = ", ".join(f"job-{number:02}" for number in range(8))
    assert result.stderr == f"dry run: would hold 30 jobs: {names} and 22 more\n"


def test_a_stop_counts_only_what_runs(box: Box) -> None:
    started = box.fifo("started")
    box.job("busy", f"command: sh -c 'echo up > {started}; sleep 60'")
    box.job("idle", JOB)
    nothing = box.process_control("stop", "*", "--dry-run")
    with box.start("busy") as live:
        started.read_line()
        dry = box.process_control("stop", "*", "--dry-run")
        box.process_control("stop", "*")
        live.wait()

    assert (nothing.exit_code, nothing.stderr) == (
        1,
        "dry run: nothing to stop, none of the 2 jobs is running\n",
    )
    assert (dry.exit_code, dry.stderr) == (0, "dry run: would stop busy\n")


def test_a_hold_after_a_pause_says_so_and_shows_its_own_note(box: Box) -> None:
    box.job("job", JOB)

    paused = box.process_control("pause", "job", "--for", "2h", "--note", "one", tty=True).stdout
    again = box.process_control("pause", "job", "--for", "5m", "--note", "shorter", tty=True).stdout
    held = box.process_control("hold", "job", "--note", "two", tty=True).stdout
    status = box.process_control("status", tty=True).stdout

    assert paused.startswith("job: paused until ")
    assert paused.rstrip().endswith("(note: one)")
    assert again.startswith("job: already paused until ")
    assert again.rstrip().endswith("; not changed")
    assert held.rstrip() == "job: the pause is now a hold without end (note: two)"
    assert f"by {me()}: two" in " ".join(status.split())


def test_a_hold_for_a_time_is_a_pause(box: Box) -> None:
    box.job("job", JOB)

    held = box.process_control("hold", "job", "--for", "2h", "--note", "one", tty=True).stdout
    wrong = box.process_control("hold", "job", "--for", "soon")

    assert held.startswith("job: paused until ")
    assert box.health("job")["release_at"]
    assert wrong.exit_code == 2
    assert "--for soon: not a time above 0\n  hint: 90s, 10m, 2h, 1d" in wrong.stderr


def test_a_pause_ends_by_itself(box: Box) -> None:
    box.job("job", JOB)
    box.process_control("pause", "job", "--for", "2h")
    during = box.run("job").exit_code
    path = box.state_directory / "jobs/job/health.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "release_at": "2026-01-01T00:00:00.000Z"}))

    after = box.run("job").exit_code

    assert (during, after) == (75, 0)
    assert records(box, "release")[0]["detail"] == "the pause is over"


def test_what_is_not_held_is_not_released_and_that_is_told(box: Box) -> None:
    box.job("job", JOB)

    result = box.process_control("release", "job")

    assert (result.exit_code, result.stdout) == (1, "job\twas not held\thealthy\t\n")
    assert box.process_control("release", "nowhere").exit_code == 66
    assert box.process_control("pause", "job", "--for", "soon").exit_code == 2


def test_a_hold_while_a_run_goes_on_works_at_once_and_outlives_its_success(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'")
    with box.start("job") as live:
        started.read_line()
        held = box.process_control("hold", "job")
        go_on.write_line()
        result = live.wait()

    assert result.exit_code == 0
    assert "continues; to stop it: process-control stop job" in held.stderr
    assert the_end(box)["outcome"] == "succeeded"
    assert box.health("job")["state"] == "held"


@pytest.mark.fault("A hold in the instant of a run's end × 1,000", small=5, full=1000, wanted="both kept")
def test_a_hold_in_the_instant_of_a_runs_end_keeps_both(box: Box, storm: Storm) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}; exit 3'\n{ONE_SLOT}")
    for number in storm.rounds():
        with box.start("job") as live:
            started.read_line()
            with box.start_command([str(box.product.process_control), "hold", "job"]) as holding:
                if number % 2:  # the hold first; else whoever is faster
                    until(lambda: box.health_if_any("job").get("state") == "held", "the hold")
                go_on.write_line()
                live.wait()
                assert holding.wait().exit_code == 0
        assert box.health("job")["state"] == "held"
        box.process_control("release", "job")

    assert len(records(box, "end")) == len(records(box, "hold")) == storm.size
    storm.found(f"{storm.size:,} ends and {storm.size:,} holds")


@pytest.mark.fault("SIGKILL of a hold", small=8, full=300, wanted="whole or not there")
def test_a_hold_that_was_killed_is_whole_or_not_there(box: Box, storm: Storm) -> None:
    box.job("job", JOB)
    for _ in storm.rounds():
        with box.start_command([str(box.product.process_control), "hold", "job"]) as live:
            until(
                lambda live=live: live.process.poll() is not None or (box.state_directory / "jobs/job").exists(), "it"
            )
            live.signal(signal.SIGKILL)
        path = box.state_directory / "jobs/job/health.json"
        assert not path.exists() or json.loads(path.read_text())["state"] in ("held", "healthy")
    box.process_control("hold", "job")

    assert box.run("job").exit_code == 75


def test_five_failures_by_hand_hold_nothing(box: Box) -> None:
    box.job("job", "command: /bin/false\nhold: {after_failures: 2}")

    codes = [box.run("job").exit_code for _ in range(5)]

    assert codes == [1] * 5
    assert records(box, "hold") == []


@pytest.mark.needs_root
def test_whoever_is_neither_root_nor_the_service_user_is_refused(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("job", JOB)

    by_root = box.process_control("hold", "job")
    by_stranger = box.process_control("release", "job", user="nobody")

    assert (by_root.exit_code, by_stranger.exit_code) == (0, 77)
    assert f"sudo -u {SERVICE_USER} process-control release" in by_stranger.stderr
    assert (box.state_directory / "jobs/job/health.json").owner() == SERVICE_USER


def test_status_says_how_far_a_slow_start_is_and_how_the_last_dose_compares(box: Box) -> None:
    box.job(
        "job",
        "command: seq 100\nslow_start_command: seq 3\nslow_start: {runs: 3, after: [new]}\n"
        f"hold: {{after_failures: 5}}\n{ONE_SLOT}",
    )
    box.run("job")
    box.run("job")
    took_as_long_as_on_a_host_that_never_stands_still(box)

    (job,) = box.process_control("status", "job", "--json").json()["jobs"]

    assert job["state"] == "slow start"
    assert job["slow_start"]["step"] == "3 of 3"
    assert (job["slow_start"]["last_output_bytes"], job["slow_start"]["usual_output_bytes"]) == (6, 6)
    assert job["why"] == ("slow start, the next run is 3 of 3; the last took as usual, its output was as usual")


def took_as_long_as_on_a_host_that_never_stands_still(box: Box) -> None:
    """Let each run have taken a hundredth of a second: one of two seconds is twice the usual, whatever it does."""
    for path in (box.state_directory / "journal").glob("*.jsonl"):
        path.write_bytes(re.sub(rb'"duration_seconds":[\d.]+', b'"duration_seconds":0.01', path.read_bytes()))


def test_a_monitor_is_told_who_holds_a_job(box: Box) -> None:
    box.job("job", JOB)
    box.process_control("hold", "job", "--note", "no disk")

    result = box.process_control("check")

    assert result.exit_code == 1
    assert f" by {me()}: no disk) | " in result.stdout

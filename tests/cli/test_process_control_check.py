"""`check` and `check-jobs-icinga`: the exit codes, the one line and the figures that a monitoring system reads."""

import hashlib
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.builders import iso
from kit.desk import Desk
from kit.harness import SERVICE_USER, STRANGER, Box
from kit.old_versions import seen_days_ago
from process_control.core.causes import Cause
from process_control.core.incident import Event, Happening
from process_control.core.incident import begin as begin_incident
from process_control.state.incident_store import Store

NOW = datetime.now(UTC)
HOURLY = 'command: /bin/true\nschedule: "0 * * * *"'


def first_line(desk: Desk, *words: str) -> tuple[int, str]:
    result = desk.process_control("check", *words)
    assert result.stderr == ""
    return result.exit_code, result.stdout.splitlines()[0].partition(" | ")[0]


def figures(text: str) -> dict[str, str]:
    return dict(word.split("=") for word in text.splitlines()[0].partition(" | ")[2].split())


def test_without_jobs_all_is_well(desk: Desk) -> None:
    assert first_line(desk) == (0, "PROCESS-CONTROL OK - there are no jobs")


def test_jobs_that_go_well_or_have_only_warned_are_fine(desk: Desk) -> None:
    for slug in ("good", "noisy", "new"):
        desk.job(slug)
    desk.state.run("good", NOW)
    desk.state.run("noisy", NOW, outcome="warned", reason="stderr", detail="7 bytes on stderr")

    result = desk.process_control("check")

    assert first_line(desk) == (0, "PROCESS-CONTROL OK - 3 jobs fine")
    assert figures(result.stdout)["warned"] == "1;;;0"


def test_a_failing_an_invalid_and_a_lost_job_are_critical_with_their_reasons(desk: Desk) -> None:
    for slug in ("backup", "crashed", "good"):
        desk.job(slug)
    desk.job("typo", "comand: x")
    desk.state.failure("backup", NOW)
    desk.state.start("crashed", NOW)

    result = desk.process_control("check")

    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[0].startswith("PROCESS-CONTROL CRITICAL - 3 of 4 jobs: backup (exited with 3), crashed (lost: ")
    assert lines[1:2] == ["CRITICAL: backup (exited with 3)"]
    assert lines[3].startswith("CRITICAL: typo (invalid: typo.yaml:")
    assert figures(result.stdout) == {
        "jobs": "4;;;0", "failing": "2;;0;0", "invalid": "1;;0;0", "held": "0;0;;0", "late": "0;0;;0",
        "stale": "0;0;;0", "warned": "0;;;0", "running": "0;;;0",
    }  # fmt: skip


def test_a_held_job_is_a_warning(desk: Desk) -> None:
    desk.job("backup")
    desk.state.health("backup", "held", by="ann", why="the disk is full")

    assert first_line(desk) == (1, "PROCESS-CONTROL WARNING - 1 of 1 job: backup (held by ann: the disk is full)")


def test_a_job_whose_slot_nothing_became_of_is_late(desk: Desk) -> None:
    desk.job("hourly", HOURLY)
    seen_days_ago(desk.configuration, "hourly")

    code, line = first_line(desk)

    assert code == 1
    assert re.fullmatch(
        r"PROCESS-CONTROL WARNING - 1 of 1 job: hourly "
        r"\(late: no run for the planned time \w{3} [\d-]{10} \d\d:00: is cron running\?\)",
        line,
    )


def test_a_slot_with_a_run_one_before_the_last_change_and_one_of_a_disabled_job_are_not_late(desk: Desk) -> None:
    desk.job("ran", HOURLY)
    seen_days_ago(desk.configuration, "ran")
    now = datetime.now(UTC)  # not when the session began: since then another planned time may have passed
    start = desk.state.start("ran", now)
    desk.state.write(desk.state.end_of(start))
    desk.state.block(start, slot=int(now.timestamp()), end=desk.state.end_of(start), journaled=True)
    desk.job("disabled", f"{HOURLY}\ndisabled: true")
    seen_days_ago(desk.configuration, "disabled")
    desk.job("changed", HOURLY)

    assert first_line(desk) == (0, "PROCESS-CONTROL OK - 3 jobs fine")


def test_a_file_that_is_only_touched_does_not_hide_that_its_job_is_late(desk: Desk) -> None:
    path = desk.job("hourly", HOURLY)
    seen_days_ago(desk.configuration)
    path.write_text(path.read_text())
    path.touch()

    assert first_line(desk)[0] == 1


def test_a_slot_that_somebody_has_settled_is_not_late(desk: Desk) -> None:
    for slug in ("marked", "by-hand"):
        desk.job(slug, HOURLY)
    seen_days_ago(desk.configuration)
    slots = {job["job"]: job["late"] for job in desk.json("status", "--json")["jobs"]}
    moment = iso(datetime.now(UTC))
    desk.state.write({"event": "mark", "at": moment, "job": "marked", "scheduled_at": slots["marked"], "note": "done"})
    desk.state.run("by-hand", datetime.now(UTC), scheduled_at=slots["by-hand"])

    assert first_line(desk) == (0, "PROCESS-CONTROL OK - 2 jobs fine")


def test_a_start_that_came_too_late_is_a_warning_at_once(desk: Desk) -> None:
    desk.job("nightly", HOURLY)
    desk.state.skip("nightly", NOW - timedelta(minutes=5), reason="too_late", detail="2 h after its planned time")

    code, line = first_line(desk)

    assert code == 1
    assert "the last scheduled start came too late for its planned time (2 h after its planned time)" in line


def test_a_skip_that_somebody_chose_is_no_warning(desk: Desk) -> None:
    for reason in ("disabled", "held", "backoff", "excluded", "condition"):
        desk.job(f"by-{reason}")
        for minutes in (15, 10, 5):
            desk.state.skip(f"by-{reason}", NOW - timedelta(minutes=minutes), reason=reason)

    assert first_line(desk) == (0, "PROCESS-CONTROL OK - 5 jobs fine")


def test_a_file_that_a_deployment_writes_anew_does_not_hide_that_its_job_is_late(desk: Desk) -> None:
    path = desk.job("hourly", HOURLY)
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    desk.state.run("hourly", NOW - timedelta(days=1), version=version)
    assert first_line(desk)[0] == 1, "touched just now, and run as it is a day ago"

    desk.job("hourly", f"{HOURLY}\ntimeout: 5")

    assert first_line(desk)[0] == 0, "changed just now: it may have been planned otherwise"


def test_jobs_are_chosen_by_slug_glob_and_tag(desk: Desk) -> None:
    desk.job("backup-db", "command: /bin/true\ntags: db")
    desk.job("backup-web")
    desk.state.failure("backup-db", NOW)

    codes = [desk.process_control("check", word).exit_code for word in ("backup-web", "backup-*", "tag:db")]

    assert codes == [0, 2, 2]


def test_of_one_job_the_duration_is_told_too(desk: Desk) -> None:
    desk.job("backup")
    desk.state.run("backup", NOW, seconds=4.5)

    assert figures(desk.process_control("check", "backup").stdout)["duration"] == "4.500s;;;0"


def test_a_bar_or_a_newline_in_a_reason_ends_nothing(desk: Desk) -> None:
    desk.job("backup")
    desk.state.failure("backup", NOW, detail="a | b\nc \x1b[31m")

    (line, *_) = desk.process_control("check").stdout.splitlines()

    assert "backup (a / b / c ?[31m) | jobs=1" in line


def test_what_cannot_be_said_is_unknown_never_critical(desk: Desk) -> None:
    wrong_usage = desk.process_control("check", "--nonsense")
    no_job = desk.process_control("check", "nowhere")
    desk.configuration.write_text("nonsense: 1\n")
    bad = desk.process_control("check")

    assert [result.exit_code for result in (wrong_usage, no_job, bad)] == [3, 3, 3]
    assert [result.stderr for result in (wrong_usage, no_job, bad)] == ["", "", ""]
    assert wrong_usage.stdout.startswith("PROCESS-CONTROL UNKNOWN - No such option")
    assert no_job.stdout.startswith("PROCESS-CONTROL UNKNOWN - no job 'nowhere' in ")


def test_json_has_the_same_code_and_each_job_that_needs_a_look(desk: Desk) -> None:
    desk.job("backup")
    desk.state.failure("backup", NOW)

    result = desk.process_control("check", "--json")

    assert result.exit_code == 2
    assert result.json()["exit_code"] == 2
    assert result.json()["troubles"] == [{"job": "backup", "severity": 2, "state": "failing", "why": "exited with 3"}]


# --- the old command -------------------------------------------------------------------------------------------------


def test_the_old_command_says_0_or_2_with_the_names_of_the_failing_jobs(box: Box) -> None:
    command = [str(box.product.prefix / "bin/check-jobs-icinga")]
    box.job("fine", "command: /bin/true")
    box.job("broken", "command: /bin/false")
    box.run("fine")
    before = box.command(command)
    box.run("broken")
    after = box.command(command)
    unknown = box.command([*command, "--nonsense"])

    assert (before.exit_code, before.stdout) == (0, "OK: no job fails\n")
    assert (after.exit_code, after.stdout) == (2, "CRITICAL: broken\nbroken (exited with 1)\n")
    assert (unknown.exit_code, unknown.stderr) == (3, "")


# --- who may ask -----------------------------------------------------------------------------------------------------

READERS = "nogroup"
"""The group of the stranger, in the role of the people who may look."""


def asked_by_a_stranger(box: Box, *words: str) -> tuple[int, str]:
    result = box.process_control(*words, user=STRANGER)
    return result.exit_code, result.stdout + result.stderr


@pytest.mark.needs_root
@pytest.mark.parametrize("user", ["root", SERVICE_USER])
def test_a_member_of_read_group_may_look_at_everything_and_change_nothing(
    make_box: Callable[..., Box], user: str
) -> None:
    box = make_box(service_user=user, read_group=READERS)
    box.job("broken", "command: sh -c 'echo seen by members; exit 3'")
    box.job("fine", 'command: /bin/true\nschedule: "0 0 1 1 *"')
    box.run("broken")
    box.run("fine")

    answers = {
        words[0]: asked_by_a_stranger(box, *words)
        for words in (("check",), ("status",), ("history",), ("logs", "broken"), ("audit",), ("list",))
    }

    assert answers["check"][0] == 2
    assert "broken (exited with 3)" in answers["check"][1]
    assert [code for code, _ in answers.values()] == [2, 0, 0, 0, 0, 0], answers
    assert answers["logs"][1] == "seen by members\n"
    assert box.run_job("--list-jobs", user=STRANGER).exit_code == 0
    assert box.run_job("--status", user=STRANGER).exit_code == 0
    assert [box.run_job(*words, user=STRANGER).exit_code for words in (("fine",), ("-k", "fine"))] == [77, 77]
    assert asked_by_a_stranger(box, "prune")[0] == 77
    assert len(box.history()) == 2


@pytest.mark.needs_root
def test_a_member_of_read_group_who_cannot_see_the_spool_learns_of_messages_that_wait(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user="root", read_group=READERS)
    box.job("bad", "command: /bin/false")
    box.configure(failmail={"to_address": "ops@example.org", "smtp": "127.0.0.1:1"})
    box.run("bad")
    box.wait_until_all_ended()
    begin = datetime.now(UTC) - timedelta(minutes=20)
    happening = Happening(
        event=Event.TROUBLE,
        key="dead",
        at=f"{begin:%Y-%m-%dT%H:%M:%S.000Z}",
        cause=Cause.MAIL_DEAD,
        sentence="1 message waits to be sent, the oldest for 20 min",
    )
    Store(str(box.state_directory)).write(begin_incident(happening, host="db1"))

    code, text = asked_by_a_stranger(box, "check")

    assert code == 2
    assert (
        "\nCRITICAL: mail (1 message waits to be sent, the oldest for 20 min, and no channel has accepted any since;"
        in text
    )


@pytest.mark.needs_root
def test_what_was_there_before_read_group_was_set_opens_with_the_next_run(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("fine", "command: /bin/true")
    box.run("fine")
    box.process_control("history")
    box.configure(read_group=READERS)
    closed = asked_by_a_stranger(box, "history")

    box.run("fine")
    code, told = asked_by_a_stranger(box, "history")

    assert closed[0] == 77
    assert (code, told.count("succeeded")) == (0, 2)


@pytest.mark.needs_root
def test_a_member_cannot_open_what_would_hold_a_start_up(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER, read_group=READERS)
    box.job("fine", "command: /bin/true")
    box.run("fine")
    locks = [*box.state_directory.rglob("*.lock"), box.state_directory / "run"]

    opened = [path for path in locks if box.command(["test", "-r", str(path)], user=STRANGER).exit_code == 0]

    assert len(locks) >= 3
    assert opened == []


@pytest.mark.needs_root
def test_opening_to_the_group_follows_no_link_and_touches_nothing_of_others(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("fine", "command: /bin/true")
    box.run("fine")
    secret = box.root / "secret"
    secret.write_text("root's own")
    secret.chmod(0o600)
    jobs = box.state_directory / "jobs"
    (jobs / "link").symlink_to(secret)
    (jobs / "directory").symlink_to(box.root)
    os.link(secret, jobs / "hard")
    box.configure(read_group=READERS)

    box.run("fine")

    assert (secret.stat().st_mode & 0o7777, secret.stat().st_gid) == (0o600, 0)
    assert box.root.stat().st_gid == 0


@pytest.mark.needs_root
def test_without_read_group_a_stranger_is_refused(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("fine", "command: /bin/true")
    box.run("fine")

    assert asked_by_a_stranger(box, "check")[0] == 3
    assert asked_by_a_stranger(box, "status")[0] == 77

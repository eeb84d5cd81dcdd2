"""Under a real cron: at its minute a job runs once, and history, log, syslog, slot and exit code tell the same."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.harness import PROJECT, SERVICE_USER, STRANGER, Box
from kit.old_versions import seen_days_ago
from kit.one_minute import EVERY_MINUTE, Done, Stage, scene
from kit.runs import ends, records, script, skips, starts, the_end

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_utc]

HOSTILE = 'o\'dd 100% \\%a \\\\ "é☕" $(id); #x'
"""A directory's name: everything that cron, its shell or a crontab's reader could trip over."""


# --- the scenes ------------------------------------------------------------------------------------------------------


@scene
def jobs_of_the_service_user(stage: Stage) -> Done:
    box = stage.box("service", service_user=SERVICE_USER)
    box.job(
        "plain",
        "name: 'Plain: 100% \"sure\" — * * * * * root id'\n"
        "command: sh -c 'echo $PROCESS_CONTROL_TRIGGER $PROCESS_CONTROL_SCHEDULED_AT; id -un'\n" + EVERY_MINUTE,
    )
    box.job("failing", f"command: sh -c 'echo Bad >&2; exit 3'\n{EVERY_MINUTE}")
    box.job("twice", 'command: "true"\nschedule: ["* * * * *", "0-59 * * * *"]')
    box.job("never", f"command: 'true'\ndisabled: true\n{EVERY_MINUTE}")
    box.job("invalid", f"comand: 'true'\n{EVERY_MINUTE}")
    stage.generate(box, exit_code=1)
    return lambda: ends(box, "plain") and ends(box, "failing") and ends(box, "twice") and repeats(stage, "twice")


@scene
def slots_that_are_skipped(stage: Stage) -> Done:
    box = stage.box("skips", service_user=SERVICE_USER)
    for slug in ("stale", "since-disabled"):
        box.job(slug, f"command: 'true'\n{EVERY_MINUTE}")
    box.job("late", f"command: 'true'\nstart_within: 0.01s\n{EVERY_MINUTE}")
    stage.generate(box)
    box.job("stale", "command: 'true'\nschedule: '0 0 1 1 *'")
    seen_days_ago(box.configuration, "stale", days=1000)
    box.give(box.state_directory, SERVICE_USER)
    box.job("since-disabled", f"command: 'true'\ndisabled: true\n{EVERY_MINUTE}")
    return lambda: len(skips(box)) == 3


@scene
def starts_that_meet_a_run(stage: Stage) -> Done:
    """Each job runs already when its minute comes; a file in the box tells its second run to end at once."""
    box = stage.box("overlap", service_user=SERVICE_USER)
    started = box.fifo("started")
    for how in ("skip", "fail", "queue", "replace"):
        (box.root / how).mkdir(mode=0o777)
        (box.root / how).chmod(0o777)
        hang = script(box, f"{how}.sh", f"[ -e {box.root}/{how}/again ] && exit; echo > {started}; exec sleep 1000")
        box.job(how, f"command: {hang}\non_overlap: {how}\nkill_grace: 1s\n{EVERY_MINUTE}")
        stage.run_by_hand(box, how)
        started.read_line()
        (box.root / how / "again").touch()
    stage.generate(box)

    def done() -> object:
        if not ends(box, "queue") and is_waited_for(box.state_directory / "run" / "queue.lock"):
            box.run_job("--kill-job", "queue")
        twice = [slug for slug in ("queue", "replace") if len(ends(box, slug)) == 2]
        return skips(box, "skip") and ends(box, "fail") and len(twice) == 2

    return done


def is_waited_for(lock: Path) -> bool:
    """Whether a process waits for this lock, by the kernel's list."""
    inode = lock.stat().st_ino
    return any("->" in line and f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())


@scene
def the_published_example(stage: Stage) -> Done:
    """The oldest job file there is, hard tab and all, with a command that exists here, enabled, in each minute."""
    box = stage.box("published", service_user=SERVICE_USER)
    timecard = script(box, "timecard", 'echo "$@"; echo "$PYTHONPATH"')
    text = (PROJECT / "tests/data/published-example.yaml").read_text()
    for old, new in (
        ("/usr/local/bin/timecard", str(timecard)),
        ("disabled: true", "disabled: false"),
        ('"*/5 * * * *"', '"*/1 * * * *"'),
    ):
        if old not in text:
            raise AssertionError(f"the published example has no {old}")
        text = text.replace(old, new)
    box.job("timecard", text)
    stage.generate(box)
    return lambda: ends(box, "timecard")


@scene
def jobs_of_root(stage: Stage) -> Done:
    box = stage.box("root")
    box.job("whose", f"command: id -un\n{EVERY_MINUTE}")
    stage.generate(box)
    return lambda: ends(box, "whose")


@scene
def jobs_of_an_ordinary_user(stage: Stage) -> Done:
    """Nothing of root's: directories of its own, and the crontab through the command `crontab`."""
    box = stage.box("ordinary")
    for directory in (box.state_directory, box.output_directory):
        directory.mkdir()
        box.give(directory, STRANGER)
    box.job("whose", f"command: id -un\n{EVERY_MINUTE}")
    printed = box.cron_generate("--output", "console", user=STRANGER)
    if printed.exit_code:
        raise AssertionError(f"cron-generate: {printed}")
    stage.cron.set_crontab(STRANGER, printed.stdout)
    return lambda: ends(box, "whose")


@scene
def directories_with_hostile_names(stage: Stage) -> Done:
    box = stage.box("hostile", service_user=SERVICE_USER)
    home = box.root / HOSTILE
    for name in ("jobs", "state", "log"):
        (home / name).mkdir(parents=True)
        box.give(home / name, SERVICE_USER)
    box.job_directory, box.state_directory, box.output_directory = home / "jobs", home / "state", home / "log"
    box.configuration = home / "process-control.yaml"
    places = ("job_directory", "state_directory", "output_directory")
    box.configure(**{place: str(getattr(box, place)) for place in places})
    box.job("hostile", f"command: echo Hello\n{EVERY_MINUTE}")
    box.give(home / "jobs", SERVICE_USER)
    stage.generate(box)
    return lambda: ends(box, "hostile")


# --- what is looked at afterwards ------------------------------------------------------------------------------------


def repeats(stage: Stage, slug: str) -> list[str]:
    """Return the lines of the syslog that tell of a start whose slot had its run already."""
    return [
        text for text in stage.cron.syslog.texts() if text.startswith(f"{slug}: its planned time (slot) has been run")
    ]


def told(stage: Stage, slug: str) -> list[Any]:
    return [line for line in stage.cron.syslog.lines() if line.slug == slug]


def a_minute_ago(slot: str) -> bool:
    """Whether the slot is a whole minute, and one of this test's."""
    moment = datetime.fromisoformat(slot)
    return moment.second == 0 and 0 <= (datetime.now(UTC) - moment).total_seconds() < 600


def mails_about(stage: Stage, slug: str, box: Box) -> list[str]:
    """Return the bodies of cron's mails about a job of this box."""
    return [
        mail.body
        for mail in stage.cron.mails()
        if f"--scheduled {slug}" in mail.subject and str(box.root) in mail.subject
    ]


# --- the promises ----------------------------------------------------------------------------------------------------


def test_cron_reads_every_crontab_that_was_generated(stage: Stage) -> None:
    assert stage.cron.faults() == []


def test_at_its_minute_a_job_runs_once_and_everything_tells_the_same(stage: Stage) -> None:
    box = stage.boxes["service"]
    (start,), end = starts(box, "plain"), the_end(box, "plain")
    (run,) = box.history("plain")
    first, last = told(stage, "plain")

    assert a_minute_ago(start["scheduled_at"])
    assert {start["trigger"], end["trigger"], run["trigger"], first.facts["trigger"], last.facts["trigger"]} == {"cron"}
    slots = {each["scheduled_at"] for each in (start, end, run)}
    assert slots | {first.facts["scheduled_at"], last.facts["scheduled_at"]} == {start["scheduled_at"]}
    assert {start["run_id"], end["run_id"], run["run_id"], first.facts["run"], last.facts["run"]} == {run["run_id"]}
    assert (run["outcome"], last.facts["outcome"], last.facts["exit_code"]) == ("succeeded", "succeeded", "0")
    assert box.log_bytes("plain").decode() == f"cron {start['scheduled_at']}\n{SERVICE_USER}\n"
    assert run["log"] == str(box.logs("plain")[-1]) == last.facts["log"]
    assert stage.cron.exit_code_of(f"--scheduled plain --config {box.configuration}") == 0


def test_what_cron_starts_is_the_stub_under_the_service_user(stage: Stage) -> None:
    box = stage.boxes["service"]

    assert (
        SERVICE_USER,
        f"{' '.join(box.product.stub_words)} --scheduled plain --config {box.configuration}",
    ) in stage.cron.commands()


def test_a_failed_run_exits_as_its_command_and_is_told_everywhere(stage: Stage) -> None:
    box = stage.boxes["service"]
    (run,) = box.history("failing")
    last = told(stage, "failing")[-1]

    assert (run["outcome"], run["reason"], run["exit_code"]) == ("failed", "exit_code", 3)
    assert (last.facts["outcome"], last.facts["reason"], last.facts["exit_code"]) == ("failed", "exit_code", "3")
    assert stage.cron.exit_code_of("--scheduled failing") == 3
    assert mails_about(stage, "failing", box) == [
        f"failing: failed: exited with 3 (run {run['run_id']}, log {run['log']})\nBad\n"
    ]


def test_two_lines_of_one_minute_run_the_job_once(stage: Stage) -> None:
    box = stage.boxes["service"]

    assert len([command for _, command in stage.cron.commands() if "--scheduled twice" in command]) == 2
    assert [end["outcome"] for end in ends(box, "twice")] == ["succeeded"]
    assert len(repeats(stage, "twice")) == 1
    assert mails_about(stage, "twice", box) == []


def test_a_disabled_and_an_invalid_job_have_no_line(stage: Stage) -> None:
    box = stage.boxes["service"]

    assert not [command for _, command in stage.cron.commands() if re.search("--scheduled (never|invalid)", command)]
    assert records(box, "start", "never") == []


@pytest.mark.parametrize(
    ("slug", "reason", "detail"),
    [
        ("stale", "too_late", r".+ after its planned time, start_within: 10 min"),
        ("late", "too_late", r".+ after its planned time, start_within: 0.01 s"),
        ("since-disabled", "disabled", "the job file says so"),
    ],
)
def test_a_slot_that_cannot_be_kept_is_skipped_recorded_and_quiet(
    stage: Stage, slug: str, reason: str, detail: str
) -> None:
    box = stage.boxes["skips"]
    (skip,) = skips(box, slug)

    assert skip["reason"] == reason
    assert re.fullmatch(detail, skip["detail"])
    assert (starts(box, slug), box.logs(slug)) == ([], [])
    assert [(line.facts["reason"], line.facts["scheduled_at"]) for line in told(stage, slug)] == [
        (reason, skip["scheduled_at"])
    ]
    assert [run["outcome"] for run in box.history(slug)] == ["skipped"]
    assert mails_about(stage, slug, box) == []


def test_a_start_that_meets_a_run_is_skipped_and_quiet(stage: Stage) -> None:
    box = stage.boxes["overlap"]
    (skip,) = skips(box, "skip")

    assert skip["reason"] == "overlap"
    assert a_minute_ago(skip["scheduled_at"])
    assert mails_about(stage, "skip", box) == []


def test_with_on_overlap_fail_it_is_a_failed_run_that_cron_mails(stage: Stage) -> None:
    box = stage.boxes["overlap"]
    (end,) = ends(box, "fail")
    (body,) = mails_about(stage, "fail", box)

    assert (end["outcome"], end["reason"], end["trigger"]) == ("failed", "overlap", "cron")
    assert stage.cron.exit_code_of("--scheduled fail ") == 75
    assert body.startswith("fail: failed: ")


def test_with_on_overlap_queue_it_runs_when_the_other_has_ended(stage: Stage) -> None:
    box = stage.boxes["overlap"]
    first, second = ends(box, "queue")

    assert (first["reason"], first["trigger"]) == ("stopped", "manual")
    assert (second["outcome"], second["trigger"]) == ("succeeded", "cron")
    assert second["started_at"] >= first["at"]
    assert mails_about(stage, "queue", box) == []


def test_with_on_overlap_replace_the_other_is_stopped(stage: Stage) -> None:
    box = stage.boxes["overlap"]
    first, second = ends(box, "replace")

    assert (first["reason"], first["trigger"]) == ("stopped", "manual")
    assert (second["outcome"], second["trigger"]) == ("succeeded", "cron")
    assert mails_about(stage, "replace", box) == []


def test_the_published_example_runs_without_a_word(stage: Stage) -> None:
    box = stage.boxes["published"]
    end = the_end(box, "timecard")

    assert (end["outcome"], end["stderr_bytes"]) == ("succeeded", 0)
    assert box.log_bytes("timecard") == b"--start 9:00 --end 5:30\n/usr/share/invisible/pie\n"
    assert mails_about(stage, "timecard", box) == []


def test_root_a_service_user_and_an_ordinary_user_run_side_by_side(stage: Stage) -> None:
    assert {name: stage.boxes[name].log_bytes("whose") for name in ("root", "ordinary")} == {
        "root": b"root\n",
        "ordinary": b"nobody\n",
    }
    assert [stage.boxes[name].state_directory.owner() for name in ("root", "service", "ordinary")] == [
        "root",
        SERVICE_USER,
        STRANGER,
    ]
    assert {the_end(stage.boxes[name], "whose")["trigger"] for name in ("root", "ordinary")} == {"cron"}


def test_directories_with_hostile_names_are_found(stage: Stage) -> None:
    box = stage.boxes["hostile"]

    assert the_end(box, "hostile")["outcome"] == "succeeded"
    assert box.log_bytes("hostile") == b"Hello\n"


def test_nothing_else_was_mailed(stage: Stage) -> None:
    """What failed, and nothing that went well or was skipped."""
    subjects = [mail.subject for mail in stage.cron.mails()]

    about = sorted(re.search(r"--scheduled (\S+)", subject)[1] for subject in subjects)  # type: ignore[index]
    assert about == ["fail", "failing"]

"""What a message says: for each cause and event a golden text, and that nothing of what is missing keeps it back.

`PROCESS_CONTROL_DOCS=write` writes the texts again: read them before you keep them.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kit.builders import State, iso
from process_control.cli.main import process_control
from process_control.config.settings import Settings, load_settings
from process_control.core.causes import Cause
from process_control.core.incident import Incident, Part
from process_control.core.incident import State as Of
from process_control.core.job import Job
from process_control.core.notice import Notice, NoticeEvent
from process_control.core.terminal_markup import plain_text
from process_control.notify.channel import Contents
from process_control.notify.contents import contents_of
from process_control.notify.wording.letter import MAX_SUBJECT
from process_control.notify.wording.short import MAX_SHORT
from process_control.notify.wording.text import COLUMNS

WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
GOLDEN = Path(__file__).parent / "messages"
# Later than anything on the host that runs the tests: what changed on it is not in the texts.
SLOT = datetime(2035, 3, 6, 2, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SECRET = "s3cret-t0ken-of-the-shop"


class Story:
    """A job `backup` with twenty good nights and a new commit behind it, on the host db1."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = State(root / "state", logs=root / "out")
        (root / "jobs").mkdir()
        configuration = root / "pc.yaml"
        configuration.write_text(
            f"job_directory: {root}/jobs\nstate_directory: {root}/state\noutput_directory: {root}/out\n"
            f"output_crontab: {root}/crontab\n"
        )
        self.settings: Settings = load_settings(str(configuration), {})
        self.job = Job(
            slug="backup",
            path=f"{root}/jobs/backup.yaml",
            name="Back up the shop",
            command=[["/opt/shop/backup.sh"]],
            schedule=["30 2 * * *"],
            time_zone="UTC",
            description="Restore tests are on Mondays.",
            owner="shop",
            owner_runbook="https://wiki.example.org/backup",
        )

    def with_history(self) -> "Story":
        for night in range(20, 0, -1):
            self.state.run("backup", SLOT - night * DAY, seconds=180 + night, version="0123456789ab")
        self.state.write(
            {
                "event": "version", "at": iso(SLOT - 5 * HOUR), "since": iso(SLOT - 5 * HOUR), "job": "backup",
                "hash": "fedcba987654", "state": "valid", "version": "ba9876543210", "commit": "3fa9c1d2e4b5",
                "author": "Ann Lee <ann@example.org>", "dirty": False, "by": "ann", "host": "db1",
            }
        )  # fmt: skip
        return self

    def end(self, **changed: Any) -> dict[str, object]:
        end: dict[str, object] = {
            "event": "end", "job": "backup", "run_id": "1m88dbq742gv4g0s", "at": iso(SLOT + timedelta(seconds=14)),
            "started_at": iso(SLOT + timedelta(seconds=1)), "outcome": "failed", "reason": "exit_code",
            "detail": "exited with 3", "exit_code": 3, "duration_seconds": 12.4, "trigger": "cron",
            "scheduled_at": iso(SLOT), "log": None, "stdout_bytes": 0, "stderr_bytes": 17,
        }  # fmt: skip
        return end | changed

    def notice(self, cause: Cause, event: NoticeEvent, **changed: Any) -> Notice:
        fields: dict[str, Any] = {
            "id": f"x.{event}.1",
            "event": event,
            "at": iso(SLOT + timedelta(minutes=5)),
            "incident": self.incident(cause, event),
            "jobs": () if cause in (Cause.WATCH_DEAD, Cause.MAIL_DEAD, Cause.DISK_FULL) else ("backup",),
            "posted": self.posted(cause, event),
            "host": "db1",
        }
        return Notice(**fields | changed)

    def incident(self, cause: Cause, event: NoticeEvent) -> Incident:
        count = 1 if event is NoticeEvent.OPENED else 4
        slots = tuple(iso(SLOT - night * DAY) for night in range(count)) if cause in SLOTS else ()
        is_over = event is NoticeEvent.CLOSED
        since = SLOT if event is NoticeEvent.OPENED else SLOT - 3 * DAY
        part = Part(count=count, since=iso(since), slots=() if is_over else slots, is_over=is_over)
        name = f"{cause}~20350306T0230Z.db1" if cause.is_host_wide else "backup~1m88dbq742gv4g0s"
        return Incident(
            id=name,
            cause=cause,
            state=Of.CLOSED if is_over else Of.FLAPPING if event is NoticeEvent.FLAPPING else Of.OPEN,
            since=iso(since),
            opened_at=iso(since),
            closed_at=iso(SLOT + timedelta(minutes=5)) if is_over else None,
            closed_by=("its cause is gone" if cause.is_host_wide else "the job succeeded") if is_over else None,
            count=count,
            parts={} if cause in (Cause.WATCH_DEAD, Cause.MAIL_DEAD, Cause.DISK_FULL) else {"backup": part},
            reason="exit_code",
            sentence=SENTENCES.get(cause, "exited with 3").partition("\n")[0],
            acknowledged={"at": iso(SLOT - DAY), "by": "ann", "note": "the disk is ordered"}
            if event is NoticeEvent.CHANGED
            else None,
        )

    def posted(self, cause: Cause, event: NoticeEvent) -> dict[str, object]:
        posted: dict[str, object] = {
            "job": "" if cause.is_host_wide else "backup", "at": iso(SLOT), "sentence": SENTENCES.get(cause, ""),
            "user": "jobs",
        }  # fmt: skip
        if event is NoticeEvent.CLOSED:
            good = self.end(outcome="succeeded", reason=None, detail=None, exit_code=0, duration_seconds=183.0)
            return posted | {"sentence": ""} | ({} if cause.is_host_wide else {"end": good})
        if cause is Cause.FAILED:
            output = "\x1b[31mcannot reach db7\x1b[0m\n 10 %\r 20 %\rgave up\n"
            return posted | {"end": self.end(), "stderr": output}
        if cause is Cause.LOST:
            detail = "its runner was killed before it could record the end"
            lost = {"outcome": "lost", "reason": "runner_killed", "detail": detail, "duration_seconds": None}
            return posted | {"end": self.end(**lost, stderr_bytes=0)}
        if cause is Cause.REFUSED:
            return posted | {"trigger": "cron", "exit_code": 77, "what_is_wrong": "somebody else may write to it"}
        return posted

    def contents(self, notice: Notice, job: Job | None = None) -> Contents:
        return contents_of(notice, job or self.job, self.settings, zone=UTC)


SLOTS = (Cause.MISSED, Cause.SKIPPED, Cause.HOST_DOWN)
SENTENCES = {
    Cause.MISSED: "no run for the planned time 2035-03-06T02:30:00.000Z: the crontab has no line for it",
    Cause.STALE: "no success for 26 h",
    Cause.SKIPPED: "its last 3 planned times were skipped: its run has not ended",
    Cause.REFUSED: "backup.yaml: somebody else may write to it (mode 0666)\n  hint: chmod 644 backup.yaml",
    Cause.HOST_DOWN: "db1 was off from Mon 18:10 to Tue 02:34",
    Cause.TRIGGER_DEAD: "no job was started for 15 min, though some were due",
    Cause.WATCH_DEAD: "the last look was at Tue 01:10",
    Cause.DISK_FULL: "/var has 12 MB left of 40 GB",
    Cause.MAIL_DEAD: "localhost:25: Connection refused, for 15 min; 3 messages wait",
    Cause.FILE_INVALID: "backup.yaml:7:1: unknown key 'timout'\n  hint: did you mean 'timeout'?",
}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path).with_history()


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_and_event_says_what_is_kept_here(story: Story, cause: Cause) -> None:
    parts = []
    for event in NoticeEvent:
        contents = story.contents(story.notice(cause, event))
        parts.append(f"===== {event}\nSubject: {contents.subject}\n\n{contents.text}\n----- short\n{contents.short}\n")
    shown = "\n".join(parts).replace(str(story.root), "/srv")

    golden = GOLDEN / f"{cause}.txt"
    if WRITING:
        golden.write_text(shown)
    assert shown == golden.read_text()


# --- several jobs, several recipients --------------------------------------------------------------------------------


def several(story: Story, count: int, cause: Cause = Cause.HOST_DOWN, **changed: Any) -> Notice:
    parts = {f"job-{n:03}": Part(count=1 + n % 3, slots=(iso(SLOT),), is_over=n % 4 == 0) for n in range(count)}
    notice = story.notice(cause, changed.pop("event", NoticeEvent.OPENED))
    incident = replace(notice.incident, parts=parts, count=sum(part.count for part in parts.values()))
    return replace(notice, incident=incident, jobs=tuple(parts), **changed)


def test_of_three_hundred_jobs_twenty_are_listed_and_the_rest_counted(story: Story) -> None:
    contents = story.contents(several(story, 300))

    assert contents.subject == "db1: the host was down: 300 jobs missed 600 planned times"
    assert "  job-002  3 planned times (Tue 2035-03-06 02:30 UTC and 2 more)\n" in contents.text
    assert contents.text.count("  job-") == 20
    assert "\n  and 280 more\n" in contents.text
    assert "and 280 more" in contents.html


def test_the_end_of_an_outage_says_how_long_it_was_and_what_still_waits(story: Story) -> None:
    contents = story.contents(several(story, 8, event=NoticeEvent.CLOSED))

    assert contents.subject == "db1: the host is up again after 3 days"
    assert "  job-002  3 planned times (Tue 2035-03-06 02:30 UTC and 2 more), 1 not made up for\n" in contents.text
    assert "  job-000  1 planned time (Tue 2035-03-06 02:30 UTC), well again\n" in contents.text
    assert "recover --since 2035-03-03T02:30\n" in contents.text


def test_a_recipient_reads_of_its_own_jobs_only(story: Story) -> None:
    """The run that was posted is another team's: neither its output nor its sentence is shown."""
    notice = story.notice(Cause.FAILED, NoticeEvent.REMINDER)
    parts = {"theirs": Part(count=7), "backup": Part(count=2)}
    theirs = {**notice.posted, "job": "theirs", "sentence": "theirs in words", "end": story.end(job="theirs")}
    incident = replace(notice.incident, parts=parts, sentence="theirs in words", run_id="1m88dbq742gv4g0s")
    contents = story.contents(replace(notice, incident=incident, posted=theirs, jobs=("backup",)))

    assert contents.subject == "db1: backup still fails: exit_code (2 failures in 3 days)"
    for text in (contents.text, contents.html, contents.short):
        assert "theirs" not in text
        assert "cannot reach db7" not in text


def test_jobs_that_fail_for_one_reason_are_one_message_with_a_line_for_all(story: Story) -> None:
    notice = story.notice(Cause.FAILED, NoticeEvent.OPENED)
    parts = {"backup": Part(count=1), "report": Part(count=2)}
    incident = replace(notice.incident, parts=parts, count=3)
    contents = story.contents(replace(notice, incident=incident, jobs=("backup", "report")))

    assert contents.subject == "db1: 2 jobs failed: exited with 3"
    assert "  report  2 failures\n  backup  1 failure\n" in contents.text
    assert "Output to stderr of backup\n" in contents.text
    assert "Changed since the last good run of backup, " in contents.text
    assert "See the output of backup:\n" in contents.text
    assert "\nusual " not in contents.text
    assert "run backup report\n" in contents.text
    assert "silence backup report --for 2h" in contents.text


# --- what must never be in it ----------------------------------------------------------------------------------------


def test_no_secret_is_in_any_form_wherever_it_came_from(story: Story) -> None:
    """Also one that a job has cut in pieces by colours or by writing over its line."""
    secrets = story.root / "secrets"
    secrets.write_text(f"TOKEN={SECRET}\n")
    secrets.chmod(0o600)
    story.job.environment_file = [str(secrets)]
    story.job.description = f"never do this: {SECRET}"
    pieces = f"{SECRET[:7]}\x1b[1m{SECRET[7:]}\n{SECRET[:5]}xx\b\b{SECRET[5:]}\r\n10 %\r{SECRET}\n"
    decided = {"rule": 2, "condition": "{output: x}", "line": f"used {SECRET}", "line_number": 3, "stream": "stderr"}
    end = story.end(reason="stderr", detail=f"stderr: used {SECRET}", decided_by=decided)
    notice = story.notice(Cause.FAILED, NoticeEvent.OPENED)

    for event in NoticeEvent:
        posted = {**notice.posted, "end": end, "stderr": pieces, "sentence": SECRET}
        contents = story.contents(replace(notice, event=event, posted=posted))
        for text in (contents.subject, contents.text, contents.html, contents.short):
            assert SECRET not in text
        assert SECRET not in plain_text(contents.html)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.sampled_from([*NoticeEvent]), st.sampled_from([*Cause]))
def test_nothing_that_a_job_wrote_steers_a_terminal_or_a_page(
    story: Story, text: str, event: NoticeEvent, cause: Cause
) -> None:
    hostile = f'{text}\r\nBcc: x@example.org\n<script>alert("1")</script>\x1b]0;t\x07\x1b[31m\u202e\udcff'
    notice = story.notice(cause, event)
    end = story.end(detail=hostile, by=hostile, log=hostile, run_id=hostile, started_at=hostile)
    posted = {**notice.posted, "sentence": hostile, "what_is_wrong": hostile, "end": end, "stderr": hostile}
    contents = story.contents(replace(notice, posted=posted, host=hostile))

    for shown in (contents.subject, contents.short, contents.text, contents.html):
        assert [char for char in shown if not char.isprintable() and char != "\n"] == []
    assert "\n" not in contents.subject
    assert "<script" not in contents.html
    assert len(contents.subject) <= MAX_SUBJECT
    assert len(contents.short) <= MAX_SHORT


def test_prose_has_at_most_78_columns_and_lines_of_the_job_are_left_whole(story: Story) -> None:
    line = "word " * 90 + "end"
    notice = story.notice(Cause.FAILED, NoticeEvent.OPENED)
    posted = {**notice.posted, "end": story.end(detail=f"stderr: {line}"), "stderr": f"{line}\n{'x' * 5000}\n"}
    contents = story.contents(replace(notice, posted=posted))

    lines = contents.text.splitlines()
    assert f"  | {line}" in lines
    assert "x" * 500 + "… (4500 more)" in contents.text
    prose = [each for each in lines if not each.startswith("  ")]
    assert max(map(len, prose)) <= COLUMNS


# --- half of the information -----------------------------------------------------------------------------------------


def spoil_index(story: Story) -> None:
    for path in (story.root / "state").rglob("*index*"):
        path.write_bytes(b"no database")
    for path in (story.root / "state" / "journal").iterdir():
        path.write_bytes(b"\xff\0garbage\n" * 100)


def spoil_state(story: Story) -> None:
    (story.root / "state").rename(story.root / "gone")
    (story.root / "state").write_text("no directory")


def spoil_job(story: Story) -> None:
    story.job.schedule = ["not a schedule"]
    story.job.environment_file = ["/nowhere/at/all"]
    story.job.time_zone = "Nowhere/Land"


def spoil_nothing(_story: Story) -> None:
    pass


SPOILS = [spoil_index, spoil_state, spoil_job, spoil_nothing]


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("cause", Cause)
def test_a_message_is_made_with_half_of_the_information(
    story: Story, cause: Cause, spoil: Callable[[Story], None]
) -> None:
    spoil(story)
    emptied: list[dict[str, object]] = [
        {},
        {"job": "backup", "end": {"run_id": None, "outcome": None, "duration_seconds": "x", "log": "/nowhere"}},
        {"job": 7, "end": [], "stderr": None, "slots": "x", "jobs": 3},
    ]
    shift = SPOILS.index(spoil) + list(Cause).index(cause)
    for number, event in enumerate(NoticeEvent):
        # Each pair of what is missing meets; all combinations take three times as long.
        notice = story.notice(cause, event, posted=emptied[(number + shift) % len(emptied)])
        bare = replace(notice, incident=replace(notice.incident, parts={}, since="", sentence=""), jobs=())
        for each, job in ((notice, story.job), (bare, None)):
            contents = contents_of(each, job, story.settings)
            assert contents.subject.startswith("db1: ")
            assert contents.text
            assert contents.short


def test_a_message_says_that_somebody_has_to_look_when_it_cannot_say_more(story: Story) -> None:
    notice = story.notice(Cause.FAILED, NoticeEvent.OPENED)
    broken = replace(notice, posted=None, at=None)  # type: ignore[arg-type]  # what no caller passes

    contents = story.contents(broken)

    assert contents.subject == "db1: backup failed (opened); no more could be found out"
    assert "backup~1m88dbq742gv4g0s" in contents.text


def test_a_run_of_the_history_is_quoted_from_its_log_when_nothing_was_posted(story: Story) -> None:
    """A reminder after a restart has no more than the id of the run."""
    log = story.state.log("backup", (0.1, "o", b"began\n"), (0.2, "e", b"\x1b[31mno space left\x1b[0m\n"), at=SLOT)
    run_id = story.state.failure("backup", SLOT, log=log, stderr_bytes=15)
    notice = story.notice(Cause.FAILED, NoticeEvent.REMINDER, posted={})
    contents = story.contents(replace(notice, incident=replace(notice.incident, run_id=run_id)))

    assert contents.subject == "db1: backup still fails: exited with 3 (4 failures in 3 days)"
    assert "Output to stderr\n  | no space left\n" in contents.text
    assert 'class="t-red"' in contents.html


def test_a_program_that_is_newer_than_the_last_good_run_is_named(tmp_path: Path) -> None:
    story = Story(tmp_path)
    program = tmp_path / "backup.sh"
    program.write_text("true\n")
    story.job.command = [["sh", str(program), "--all"]]
    story.state.run("backup", datetime(2026, 3, 10, 2, 30, tzinfo=UTC))
    contents = story.contents(story.notice(Cause.FAILED, NoticeEvent.OPENED))

    assert "Changed since the last good run, Tue 2026-03-10 02:30 UTC\n" in contents.text
    assert f"  - {program}, " in contents.text.replace("\n    ", " ")
    assert "(5 bytes)" in contents.text.replace("\n    ", " ")


# --- lines to paste --------------------------------------------------------------------------------------------------


def commands_in(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        words = shlex.split(line) if line.startswith("  process-control ") else []
        if words:
            yield words[1:]


@pytest.mark.parametrize("cause", Cause)
def test_each_line_to_paste_is_a_command_that_there_is(story: Story, cause: Cause) -> None:
    for event in NoticeEvent:
        for words in commands_in(story.contents(story.notice(cause, event)).text):
            config, verb, *rest = words[1:]
            assert Path(config) == story.root / "pc.yaml"
            found = process_control.get_command(click.Context(process_control), verb)
            assert found is not None, verb
            if isinstance(found, click.Group):
                name, *rest = rest
                found = found.get_command(click.Context(found), name)
                assert found is not None, name
            found.make_context(verb, rest, resilient_parsing=False)


def test_the_contents_are_plain_json(story: Story) -> None:
    contents = story.contents(story.notice(Cause.FAILED, NoticeEvent.OPENED))

    assert json.loads(json.dumps(contents.text)) == contents.text

"""A state directory that was copied to another host goes on there: docs/how-to/backup-and-move.md."""

import json
import os
import shutil
from collections.abc import Callable

from kit.harness import Box, until
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.ports import refused
from kit.runs import ONE_SLOT, ends, kill_both, script, starts

NOT_COPIED = shutil.ignore_patterns("run", "history.sqlite*")


def move(old: Box, new: Box) -> None:
    """Copy what the page says, to where other paths are configured, as `cp -a` would."""
    for name in ("job_directory", "state_directory", "output_directory"):
        source, target = getattr(old, name), getattr(new, name)
        shutil.copytree(source, target, ignore=NOT_COPIED, dirs_exist_ok=True)
        target.chmod(source.stat().st_mode & 0o7777)


def lived(make_box: Callable[..., Box]) -> Box:
    """Return a host where jobs have succeeded, failed, are held, and one was going on when the copy was taken."""
    box = make_box()
    box.job("good", f"command: echo fine\n{ONE_SLOT}")
    box.job("bad", f"command: sh -c 'echo broken >&2; exit 3'\nbackoff: 1h\n{ONE_SLOT}")
    box.job("held", "command: 'true'")
    box.run("--scheduled", "good")
    box.run("--scheduled", "bad")
    box.process_control("hold", "held", "--note", "new disk")
    return box


def told(box: Box, *words: str) -> object:
    return box.process_control(*words, "--json").json()


def test_history_health_holds_and_logs_are_as_they_were(make_box: Callable[..., Box]) -> None:
    old, new = lived(make_box), make_box()
    before = told(old, "history")

    move(old, new)

    assert told(new, "history") == before
    assert new.process_control("logs", "good").stdout.endswith("fine\n")
    assert "broken" in new.process_control("logs", "bad").stdout
    assert new.health("bad") == old.health("bad")
    refused = new.run("held")
    assert refused.exit_code == 75
    assert "new disk" in refused.stderr


def test_a_slot_that_had_its_run_on_the_old_host_is_not_run_again(make_box: Callable[..., Box]) -> None:
    old, new = lived(make_box), make_box()

    move(old, new)

    assert new.run("--scheduled", "good").exit_code == 0
    assert len(starts(new, "good")) == 1
    assert new.run("good").exit_code == 0
    assert len(starts(new, "good")) == 2


def test_a_run_that_was_going_on_is_lost_once_and_the_job_runs_again(make_box: Callable[..., Box]) -> None:
    old, new = make_box(), make_box()
    started = old.fifo("started")
    job = script(old, "job.sh", f"echo up > {started}; exec sleep 1000")
    old.job("long", f"command: {job}")
    with old.start("long") as live:
        started.read_line()
        move(old, new)
        kill_both(old, "long")
        live.wait()
    until(lambda: not old.processes(), "the run on the old host to end")
    new.job("long", "command: 'true'")

    assert new.run("long").exit_code == 0
    assert new.run("long").exit_code == 0

    assert [end["outcome"] for end in ends(new, "long")] == ["lost", "succeeded", "succeeded"]


def test_a_copy_taken_in_the_middle_of_a_write_loses_no_whole_record(make_box: Callable[..., Box]) -> None:
    old, new = lived(make_box), make_box()
    move(old, new)
    (journal,) = (new.state_directory / "journal").glob("*.jsonl")
    whole = journal.read_bytes().rstrip(b"\0")
    journal.write_bytes(whole + b'\n{"event":"end","run_id":"01')

    assert told(new, "history") == told(old, "history")
    assert new.run("good").exit_code == 0
    assert [run["outcome"] for run in new.history("good")] == ["succeeded", "succeeded"]


def test_mail_that_waited_is_sent_from_the_new_host(make_box: Callable[..., Box]) -> None:
    old, new = make_box(), make_box()
    with refused() as port:
        old.configure(failmail={"to_address": "ops@example.org", "smtp": f"127.0.0.1:{port}"})
        old.job("bad", "command: /bin/false")
        old.run("bad")  # nobody takes the mail
        wait_until_told(old)
    move(old, new)
    new.job("good", "command: 'true'")
    an_hour_later(new)

    with mail_server() as server:
        mail_to(new, server)
        new.run("good")
        wait_until_told(new)
        subjects = [mail.subject for mail in server.mails]

    assert [subject.split(": ", 1)[1] for subject in subjects] == ["bad failed: exited with 1"]


def an_hour_later(box: Box) -> None:
    for path in (box.state_directory / "spool" / "mail").glob("*.json"):
        entry = json.loads(path.read_text())
        path.write_text(json.dumps(entry | {"next_at": entry["next_at"] - 3600}))
    os.utime(box.state_directory / "spool" / "due", (0, 0))

"""Under a real cron, with failmail: one mail for the failure, one for the recovery, and cron itself mails nothing."""

import os

import pytest

from kit.harness import SERVICE_USER
from kit.mail_server import MailServer, Received, mail_server, mail_to, wait_until_told
from kit.one_minute import EVERY_MINUTE, Done, Stage, scene
from kit.runs import ends, records, the_end

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_utc]

SERVERS: dict[str, MailServer] = {}


@scene
def jobs_with_failmail(stage: Stage) -> Done:
    box = stage.box("failmail", service_user=SERVICE_USER)
    server = SERVERS["failmail"] = stage.contexts.enter_context(mail_server())
    mail_to(box, server)
    box.job("breaks", f"command: sh -c 'echo cannot reach db2 >&2; exit 3'\n{EVERY_MINUTE}")
    box.job("refused", f"command: /bin/true\n{EVERY_MINUTE}")
    box.job("mended", f"command: /bin/false\n{EVERY_MINUTE}")
    box.run("mended")
    wait_until_told(box)
    box.job("mended", f"command: /bin/true\n{EVERY_MINUTE}")
    stage.generate(box)
    box.job("refused", f"comand: /bin/true\n{EVERY_MINUTE}")
    # A mail is recorded a moment after the server has taken it.
    return lambda: len(server.mails) == 4 and len(records(box, "mail")) >= 4 and len(ends(box)) == 3


def mails_about(slug: str) -> list[Received]:
    return [mail for mail in SERVERS["failmail"].mails if mail.message["X-Process-Control-Job"] == slug]


@pytest.mark.long
def test_a_failed_run_sends_one_mail_that_tells_its_slot(stage: Stage) -> None:
    box = stage.boxes["failmail"]
    (mail,) = mails_about("breaks")
    end = the_end(box, "breaks")

    assert mail.subject == f"{os.uname().nodename}: breaks failed: exited with 3"
    assert "  | cannot reach db2\n" in mail.text
    assert end["run_id"] in mail.text
    assert "breaks · run by cron, planned for " in mail.text
    assert [(record["letter"], record["result"]) for record in records(box, "mail", "breaks")] == [("failure", "sent")]


def test_the_recovery_sends_one(stage: Stage) -> None:
    subjects = [mail.subject.partition(": ")[2] for mail in mails_about("mended")]

    assert subjects == ["mended failed: exited with 1", "mended has recovered: succeeded after 1 failure"]
    assert the_end_trigger(stage) == ["manual", "cron"]


def the_end_trigger(stage: Stage) -> list[str]:
    return [end["trigger"] for end in ends(stage.boxes["failmail"], "mended")]


def test_a_job_file_that_broke_since_is_mailed(stage: Stage) -> None:
    (mail,) = mails_about("refused")

    assert "unknown key 'comand'" in mail.text
    assert mail.subject.endswith("refused did not start: 'command' is missing")
    assert stage.cron.exit_code_of("--scheduled refused") == 78


def test_cron_itself_mails_nothing(stage: Stage) -> None:
    box = stage.boxes["failmail"]

    assert (stage.cron.cron_d / "failmail").read_text().count('MAILTO=""\n') == 1
    assert [mail for mail in stage.cron.mails() if str(box.root) in mail.subject] == []

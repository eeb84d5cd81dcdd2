"""Mail servers that are down, slow, refuse or lie: the run is unaffected, the mail waits, and is told later once."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box, until
from kit.mail_server import (
    Script,
    answers,
    bad_server,
    certificate,
    closes_after_data,
    closes_at_once,
    mail_server,
    mail_to,
    says_nothing,
    wait_until_told,
)
from kit.ports import refused
from kit.runs import the_end
from kit.syslog_listener import Listener

pytestmark = pytest.mark.fault(
    "mail server down, slow, 4xx, 5xx, faults of TLS and login",
    small=1,
    full=1,
    wanted="the run unaffected, told later once",
)


def waiting(box: Box) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((box.state_directory / "spool/mail").glob("*.json"))]


def let_time_pass(box: Box, *, days: int = 0) -> None:
    """Make what waits as old as if time had gone by: an hour and some days."""
    seconds = 3600 + 86400 * days
    for path in (box.state_directory / "spool/mail").glob("*.json"):
        entry = json.loads(path.read_text())
        entry |= {"next_at": entry["next_at"] - seconds, "first_at": entry["first_at"] - seconds}
        path.write_text(json.dumps(entry))
    os.utime(box.state_directory / "spool/due", (0, 0))


def mails_told(box: Box) -> list[tuple[str, str, str | None]]:
    return [(end["job"], end["result"], end["detail"]) for end in box.journal() if end["event"] == "mail"]


def failing_job(box: Box, slug: str = "broken", *, line: str = "oops") -> None:
    box.job(slug, f"command: sh -c 'echo {line} >&2; exit 3'")


def sent_later_once(box: Box) -> None:
    """With a server that works again: the next run of any job sends what waits, once."""
    box.job("other", "command: /bin/true")
    with mail_server() as server:
        mail_to(box, server)
        let_time_pass(box)
        for _ in range(3):
            assert box.run("other").exit_code == 0
            wait_until_told(box)

        assert [mail.subject.partition(": ")[2] for mail in server.mails] == ["broken failed: exited with 3"]
    assert waiting(box) == []
    assert (box.state_directory / "spool/due").stat().st_mtime > time.time() + 1800, "only for the next reminder"


def test_a_mail_that_waits_since_the_clock_was_a_year_ahead_is_sent_by_the_next_run(box: Box) -> None:
    with refused() as port:
        box.configure(failmail={"to_address": "ops@example.org", "smtp": f"127.0.0.1:{port}"})
        failing_job(box)
        box.run("broken")
        wait_until_told(box)
    box.job("other", "command: /bin/true")
    with mail_server() as server:
        mail_to(box, server)
        let_time_pass(box, days=-365)
        ahead = time.time() + 365 * 86400
        os.utime(box.state_directory / "spool/due", (ahead, ahead))

        assert box.run("other").exit_code == 0
        wait_until_told(box)

        assert len(server.mails) == 1
    assert waiting(box) == []


def test_while_no_server_listens_the_mail_waits_and_is_sent_later_once(box: Box) -> None:
    with refused() as port:
        box.configure(failmail={"to_address": "ops@example.org", "smtp": f"127.0.0.1:{port}"})
        failing_job(box)

        result = box.run("broken")
        wait_until_told(box)

    assert result.exit_code == 3
    assert [entry["tries"] for entry in waiting(box)] == [1]
    assert mails_told(box) == [("broken", "waits", mails_told(box)[0][2])]
    assert "Connection refused" in str(mails_told(box)[0][2])
    sent_later_once(box)


def test_a_run_does_not_wait_for_a_server_that_says_nothing(box: Box) -> None:
    with bad_server(says_nothing) as server:
        mail_to(box, server, each=True)
        failing_job(box)

        result = box.run("broken")

        until(lambda: server.connections == 1, "the mail to be tried")
        assert result.exit_code == 3
        assert the_end(box)["outcome"] == "failed"
        assert box.run("broken").exit_code == 3, "nor does the next one"
    wait_until_told(box)
    assert len(waiting(box)) == 2


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (closes_at_once, "Connection unexpectedly closed"),
        (answers(b"421 too busy"), "421 too busy"),
        (answers(b"554 go away"), "554 go away"),
        (answers(b"220 ready", b"250 OK", b"451 later", b"250 OK"), "451 later"),
        (answers(b"220 ready", b"250 OK", b"550 never", b"250 OK"), "550 never"),
        (answers(b"220 ready", b"250 OK", b"250 OK", b"450 greylisted", b"250 OK"), "450 greylisted"),
        (answers(b"220 ready", b"250 OK", b"250 OK", b"250 OK", b"554 no data", b"250 OK"), "554 no data"),
        (answers(b"\xff\xfe nonsense \x1b[31m"), "did not answer in SMTP: "),
        (closes_after_data, "closed"),
    ],
    ids=[
        "closes at once",
        "421",
        "554",
        "451 to the sender",
        "550 to the sender",
        "450 to the recipient",
        "554 to the data",
        "nonsense",
        "closes after the data",
    ],
)
def test_a_mail_that_a_server_did_not_take_waits_and_is_sent_later_once(box: Box, script: Script, why: str) -> None:
    with bad_server(script) as server, Listener(box.root / "syslog") as syslog:
        mail_to(box, server)
        box.configure(syslog={"address": str(box.root / "syslog")})
        failing_job(box)

        result = box.run("broken")
        wait_until_told(box)

        assert result.exit_code == 3
        assert server.connections == 1
        (told,) = [line.text for line in syslog.lines() if "mail about" in line.text]
    assert told.startswith("broken: mail about the failure is not sent yet and will be tried again: ")
    assert why in told
    assert len(waiting(box)) == 1
    sent_later_once(box)


def test_a_server_that_is_down_is_tried_once_a_round_not_once_a_mail(box: Box) -> None:
    with bad_server(closes_at_once) as server:
        mail_to(box, server)
        for name in "abcde":  # each fails by another line: an incident of its own
            failing_job(box, f"broken-{name}", line=f"{name}{name}{name}")
            box.run(f"broken-{name}")
            wait_until_told(box)
        tried = server.connections

        let_time_pass(box)
        box.job("other", "command: /bin/true")
        box.run("other")
        wait_until_told(box)

        assert server.connections == tried + 1
    assert len(waiting(box)) == 5


def test_each_try_waits_longer_than_the_one_before(box: Box) -> None:
    pauses, wanted = [], [min(1 << number, 3600) for number in range(14)]
    with bad_server(closes_at_once) as server:
        mail_to(box, server)
        failing_job(box)
        box.job("other", "command: /bin/true")
        for slug in ["broken", *["other"] * 13]:
            began = time.time()
            box.run(slug)
            wait_until_told(box)
            next_at = waiting(box)[0]["next_at"]
            pauses.append((next_at - time.time(), next_at - began))  # at least, at most: it was tried in between
            let_time_pass(box)
        box.run("other")
        wait_until_told(box)

    assert [least <= pause <= most for pause, (least, most) in zip(wanted, pauses, strict=True)] == [True] * 14, pauses
    assert mails_told(box) == mails_told(box)[:1], "the first try is told, not each"


def test_after_five_days_a_mail_is_given_up_and_that_is_told(box: Box) -> None:
    with bad_server(closes_at_once) as server:
        mail_to(box, server)
        failing_job(box)
        box.run("broken")
        wait_until_told(box)
        let_time_pass(box, days=5)
        box.job("other", "command: /bin/true")
        box.run("other")
        wait_until_told(box)

    assert waiting(box) == []
    assert mails_told(box)[1:] == [("broken", "given_up", "after 5 days")]


def test_a_recipient_that_was_refused_is_tried_again_alone(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server, to_address=["ann@example.org", "bob@example.org"])
        server.answers[:] = ["250 OK", "450 greylisted"]
        failing_job(box)
        box.run("broken")
        wait_until_told(box)
        let_time_pass(box)
        box.job("other", "command: /bin/true")
        box.run("other")
        wait_until_told(box)

        assert [mail.recipients for mail in server.mails] == [["ann@example.org"], ["bob@example.org"]]


def test_while_the_password_cannot_be_read_a_mail_waits_only_for_whom_it_has_not_reached(box: Box) -> None:
    to = {"to_address": ["ann@example.org", "bob@example.org"]}
    with mail_server() as server:
        mail_to(box, server, **to)
        server.answers[:] = ["250 OK", "450 greylisted"]
        failing_job(box)
        box.run("broken")
        wait_until_told(box)

        mail_to(box, server, login="jobs", password_file=str(password_file(box, 0o644)), **to)
        let_time_pass(box)
        box.job("other", "command: /bin/true")
        box.run("other")
        wait_until_told(box)

    assert [(entry["tries"], entry["recipients"]) for entry in waiting(box)] == [(2, ["bob@example.org"])]


# --- TLS and login ---------------------------------------------------------------------------------------------------


def password_file(box: Box, mode: int = 0o600) -> Path:
    path = box.root / "password"
    path.write_text("corr3ct-horse\n")
    path.chmod(mode)
    return path


def test_with_starttls_and_login_the_mail_is_taken(box: Box) -> None:
    context, trusted = certificate(box.root, "127.0.0.1")
    with mail_server(tls=context, login=("jobs", "corr3ct-horse")) as server:
        mail_to(box, server, tls="starttls", ca_file=str(trusted), login="jobs", password_file=str(password_file(box)))
        failing_job(box)

        box.run("broken")
        wait_until_told(box)

        assert server.logins == [("jobs", "corr3ct-horse")]
        assert len(server.mails) == 1
    assert "corr3ct-horse" not in (box.state_directory / "journal").as_posix() + str(box.journal())


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["as it is", "behind a byte-order mark"])
def test_a_login_and_a_password_of_any_script_are_taken(box: Box, mark: bytes) -> None:
    context, trusted = certificate(box.root, "127.0.0.1")
    password_file(box).write_bytes(mark + "pässwort-geheim\r\n".encode())
    with mail_server(tls=context, login=("jörg", "pässwort-geheim")) as server:
        mail_to(box, server, tls="starttls", ca_file=str(trusted), login="jörg", password_file=f"{box.root}/password")
        failing_job(box)

        box.run("broken")
        wait_until_told(box)

        assert server.logins == [("jörg", "pässwort-geheim")]
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("names", "trusts", "why"),
    [
        (("mail.example.org",), True, "the server's certificate is not trusted: IP address mismatch"),
        (("127.0.0.1",), False, "the server's certificate is not trusted: self-signed certificate"),
    ],
    ids=["a wrong name", "an unknown signer"],
)
def test_a_certificate_that_does_not_fit_gets_no_mail_and_no_password(
    box: Box, names: tuple[str, ...], trusts: bool, why: str
) -> None:
    context, trusted = certificate(box.root, *names)
    with mail_server(tls=context, login=("jobs", "corr3ct-horse")) as server:
        ca_file = {"ca_file": str(trusted)} if trusts else {}
        mail_to(box, server, tls="starttls", login="jobs", password_file=str(password_file(box)), **ca_file)
        failing_job(box)

        result = box.run("broken")
        wait_until_told(box)

        assert result.exit_code == 3
        assert (server.logins, server.mails) == ([], [])
    assert why in str(mails_told(box)[0][2])
    sent_later_once(reset_failmail(box))


def reset_failmail(box: Box) -> Box:
    box.configure(failmail=None)
    return box


def test_a_server_without_tls_gets_nothing_when_tls_is_wanted(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server, tls="starttls")
        failing_job(box)

        box.run("broken")
        wait_until_told(box)

        assert server.mails == []
    assert "STARTTLS" in str(mails_told(box)[0][2])


def test_a_wrong_password_is_told_and_not_shown(box: Box) -> None:
    context, trusted = certificate(box.root, "127.0.0.1")
    with mail_server(tls=context, login=("jobs", "another")) as server:
        mail_to(box, server, tls="starttls", ca_file=str(trusted), login="jobs", password_file=str(password_file(box)))
        failing_job(box)

        box.run("broken")
        wait_until_told(box)

    assert "535" in str(mails_told(box)[0][2])
    assert "corr3ct" not in str(box.journal()) + json.dumps(waiting(box))


def test_a_password_file_that_others_can_read_is_not_used(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server, login="jobs", password_file=str(password_file(box, 0o644)))
        failing_job(box)

        box.run("broken")
        wait_until_told(box)

        assert server.mails == []
    assert "the password file has mode 0644" in str(mails_told(box)[0][2])


# --- whatever is killed ----------------------------------------------------------------------------------------------

KILLED_AT = """\
import os, posix, sys

wanted, guard = int(os.environ.pop("KILL_AT")), os.getpid()
seen = 0

def counted(real):
    def call(*arguments, **others):
        global seen
        seen += posix.getpid() != guard
        if seen == wanted:
            posix.kill(posix.getpid(), 9)
        return real(*arguments, **others)
    return call

for name in ("write", "pwrite", "fdatasync", "fsync", "rename", "unlink", "utime"):
    setattr(posix, name, counted(getattr(posix, name)))
sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
from process_control.cli.run_job.main import main
main()
"""


@pytest.mark.long
def test_wherever_the_runner_is_killed_the_failure_is_mailed_once(make_box: Callable[..., Box]) -> None:
    """The runner is killed at its N-th write, for every N; the next start tells what was not told."""
    number, killed = 0, True
    box = make_box()
    (box.root / "driver.py").write_text(KILLED_AT)
    box.job("first", "command: 'true'")
    box.run("first")  # makes what is made once; that has a test of its own
    with mail_server() as server:
        mail_to(box, server)
        while killed:
            number += 1
            killed = mailed_once(box, server, number)
    assert number > 8


def mailed_once(box: Box, server: Any, number: int) -> bool:
    job, repaired = f"broken-{number}", box.root / f"repaired-{number}"
    box.job(job, f"command: sh -c 'test -e {repaired} || exit 3'")
    before = len(server.mails)

    first = box.drive(box.root / "driver.py", job, env={"KILL_AT": str(number)})
    wait_until_told(box)
    repaired.touch()
    second = box.run(job)
    wait_until_told(box)

    assert second.exit_code == 0, second
    ends = [record for record in box.journal() if record["event"] == "end" and record["job"] == job]
    failed = [end["run_id"] for end in ends if end["outcome"] in ("failed", "lost")]
    mails = server.mails[before:]
    told = [mail.text for mail in mails if "recovered" not in mail.subject]
    assert [sum(run_id in text for text in told) for run_id in failed] == [1] * len(failed), (number, ends, told)
    assert len(mails) == 2 * len(failed), f"killed at {number}: each failure and its recovery"
    return first.exit_code == 137


def test_whoever_tells_may_be_killed_and_the_next_one_goes_on(box: Box) -> None:
    with bad_server(says_nothing) as hanging:
        mail_to(box, hanging)
        failing_job(box)
        box.run("broken")
        until(lambda: hanging.connections == 1, "the mail to be tried")
        for pid in box.processes():
            os.kill(pid, 9)
        wait_until_told(box)

    with mail_server() as server:
        mail_to(box, server)
        os.utime(box.state_directory / "spool/due", (0, 0))
        box.job("other", "command: /bin/true")
        box.run("other")
        wait_until_told(box)

        assert len(server.mails) == 1


def test_news_that_make_no_sense_are_told_and_keep_no_others_back(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server)
        failing_job(box)
        news = box.state_directory / "spool/news"
        news.mkdir(parents=True)
        (news / "0~broken~1.json").write_text("garbage {")
        (news / "1~broken~2.json").write_text('{"what": "nonsense", "job": "broken"}')

        box.run("broken")
        wait_until_told(box)

        assert len(server.mails) == 1
    assert list(news.glob("*.json")) == []
    assert [(job, result) for job, result, _ in mails_told(box)] == [
        ("broken", "given_up"), ("broken", "given_up"), ("broken", "sent"),
    ]  # fmt: skip


def test_of_very_many_mails_about_one_job_the_newest_wait(box: Box) -> None:
    with bad_server(closes_at_once) as server:
        mail_to(box, server, each=True)
        failing_job(box)
        box.run("broken")
        wait_until_told(box)
        (first,) = (box.state_directory / "spool/mail").glob("*.json")
        for number in range(60):
            (first.parent / f"0000-{number:02d}~broken~{number}.failure.json").write_text(first.read_text())
        (first.parent / "0000-00~another~1.failure.json").write_text(first.read_text())

        box.run("broken")
        wait_until_told(box)

    left = sorted(path.name for path in first.parent.glob("*.json"))
    assert len(left) == 51
    assert left[0].split("~")[1] == "another"
    assert left[1].startswith("0000-12~broken~")

"""Failmail: who is told of which run, what the mail says, and that a run is never changed by telling of it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, Box, children, lives, until
from kit.mail_server import MailServer, Received, mail_server, mail_to, wait_until_told
from kit.processes import system_call_of
from kit.runs import ONE_SLOT, kill_both, script, the_end


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def mailed(box: Box, server: MailServer) -> Callable[[], list[Received]]:
    """Let the box mail to the server; the function returns all mails, when nobody is sending any more."""
    mail_to(box, server)

    def mails() -> list[Received]:
        wait_until_told(box)
        return list(server.mails)

    return mails


Mails = Callable[[], list[Received]]


def test_a_failed_run_is_mailed_with_its_reason_first(box: Box, mailed: Mails) -> None:
    box.job(
        "backup",
        """
        name: Back up the shop
        description: Ask Ann.
        command: sh -c 'echo out; echo cannot reach db2 >&2; exit 3'
        schedule: "0 6 * * 1-5"
        """,
    )

    result = box.run("backup")

    (mail,) = mailed()
    end, host = the_end(box), os.uname().nodename
    assert (result.exit_code, result.stdout) == (3, "")
    assert (mail.sender, mail.recipients) == ("pc@example.org", ["ops@example.org"])
    assert mail.subject == f"{host}: backup failed: exited with 3"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.text.startswith(
        "backup failed: exited with 3\nBack up the shop · started by root\n\nOutput to stderr\n  | cannot reach db2\n\n"
        if os.geteuid() == 0
        else "backup failed: exited with 3\n"
    )
    for told in (
        f"run           {end['run_id']}\n",
        f"log           {end['log']}\n",
        "failures      1 failed run\n",
        "last success  none in the history\n",
        "(at 06:00 on Monday to Friday)\n",
        "From its job file\n  Ask Ann.\n",
        f"run-job --config {box.configuration} backup\n",
        f"logs --run {end['run_id']}\n",
        "failure_threshold_for_mail: 3",
    ):
        assert told in mail.text
    assert "cannot reach db2" in mail.html


def test_stderr_alone_is_mailed_with_the_line_to_paste(box: Box, mailed: Mails) -> None:
    box.job("job", "command: sh -c 'echo only a notice >&2'")

    box.run("job")

    (mail,) = mailed()
    assert mail.subject.endswith(": job failed: stderr: only a notice")
    assert "If this output is no failure, write in job.yaml:\n  stderr: warn\n" in mail.text


def test_without_stderr_the_last_of_stdout_is_shown(box: Box, mailed: Mails) -> None:
    box.job("job", "command: sh -c 'seq 100; exit 1'")

    box.run("job")

    (mail,) = mailed()
    assert "Last output\n  | 86\n" in mail.text
    assert "  | 100\n" in mail.text


def test_a_run_that_went_well_is_not_mailed(box: Box, mailed: Mails) -> None:
    box.job("fine", "command: echo fine")
    box.job("warned", "command: sh -c 'echo err >&2'\nstderr: warn")

    box.run("fine")
    box.run("warned")

    assert mailed() == []
    assert not (box.state_directory / "spool").exists()


def changing(box: Box, slug: str = "job", keys: str = "") -> Path:
    """A job that exits with what a file says."""
    code = box.root / "code"
    code.write_text("1")
    job = script(box, "job.sh", f"exit $(cat {code})")
    box.job(slug, f"command: {job}\n{keys}")
    return code


def subjects(mails: list[Received]) -> list[str]:
    """Return the subjects without the host, in the order of the times that the runs ended."""
    return [mail.subject.partition(": ")[2] for mail in mails]


def test_an_incident_is_mailed_when_it_opens_and_when_it_is_over(box: Box, mailed: Mails) -> None:
    code = changing(box)
    for value in "1110":
        code.write_text(value)
        box.run("job")
        wait_until_told(box)

    opened, closed = mailed()
    assert subjects([opened, closed]) == ["job failed: exited with 1", "job has recovered: succeeded after 3 failures"]
    assert closed.message["In-Reply-To"] == opened.message["Message-ID"]


def test_with_each_every_failed_run_is_mailed_once_and_the_recovery_once(box: Box, mailed: Mails) -> None:
    code = changing(box, keys="failmail: {each: true}")
    for value in "110001":
        code.write_text(value)
        box.run("job")
        wait_until_told(box)

    mails = mailed()
    assert subjects(mails) == [
        "job failed: exited with 1",
        "job failed: exited with 1",
        "job has recovered: succeeded after 2 failures",
        "job failed: exited with 1",
    ]
    first = mails[0].message["Message-ID"]
    assert [mail.message["In-Reply-To"] for mail in mails] == [None, first, first, None]
    assert len({mail.message["Message-ID"] for mail in mails}) == 4


def test_mail_comes_from_the_threshold_on_and_a_recovery_only_when_a_failure_was_told(box: Box, mailed: Mails) -> None:
    code = changing(box, keys="failure_threshold_for_mail: 3\nfailmail: {each: true}")
    for value in "11011110":
        code.write_text(value)
        box.run("job")
        wait_until_told(box)

    assert subjects(mailed()) == [
        "job failed: exited with 1",
        "job failed: exited with 1",
        "job has recovered: succeeded after 4 failures",
    ]


def test_a_timeout_is_mailed(box: Box, mailed: Mails) -> None:
    box.job("job", "command: sleep 1000\ntimeout: 2\nkill_grace: 0")

    box.run("job")

    assert subjects(mailed()) == ["job failed: timed out after 2 s (all its processes were ended)"]
    assert "timeout: 2h" in mailed()[0].text


def test_a_lost_run_is_mailed_by_the_next_start_at_once(box: Box, mailed: Mails) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'")
    with box.start("job"):
        started.read_line()
        kill_both(box, "job")
    until(lambda: not box.processes(), "the job to end")

    with box.start("job") as again:
        started.read_line()
        until(lambda: len(mailed_now(box)) == 1, "the mail about the lost run, while the next one goes on")
        go_on.write_line()
        again.wait()

    assert [subject.split(":")[0] for subject in subjects(mailed())] == ["job lost", "job has recovered"]


def test_when_only_the_runner_is_killed_the_guard_has_it_told_at_once(box: Box, mailed: Mails) -> None:
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo up > {started}; exec sleep 1000'\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        started.read_line()
        os.kill(box.block("job")["pid"], signal.SIGKILL)
        result = live.wait()

    assert result.exit_code == 137
    assert (the_end(box)["outcome"], the_end(box)["reason"]) == ("lost", "runner_killed")
    assert subjects(mailed()) == ["job lost: its runner was killed before it could record the end"]


def mailed_now(box: Box) -> list[dict[str, object]]:
    return [record for record in box.journal() if record["event"] == "mail"]


def test_a_start_beside_a_running_one_is_mailed_when_on_overlap_is_fail(box: Box, mailed: Mails) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\non_overlap: fail\n{ONE_SLOT}")
    with box.start("job") as first:
        started.read_line()
        second = box.run("--scheduled", "job")
        go_on.write_line()
        first.wait()

    assert second.exit_code == 75
    failed, recovered = subjects(mailed())
    assert failed.startswith("job failed: run ")
    assert recovered == "job has recovered: succeeded after 1 failure"


@pytest.mark.parametrize(
    ("text", "code", "verdict"),
    [
        ("nme: x\ncommand: /bin/true", 78, "did not start: unknown key 'nme'"),
        (
            "command: /bin/true",
            78,
            "did not start: job 'job' has no schedule, so --scheduled has no planned time (slot) to run",
        ),
        (f"command: /bin/true\nenvironment_file: /nowhere\n{ONE_SLOT}", 78, "did not start: environment_file: No such"),
    ],
    ids=["bad file", "no schedule", "no environment file"],
)
def test_a_scheduled_start_that_is_refused_is_mailed(
    box: Box, mailed: Mails, text: str, code: int, verdict: str
) -> None:
    box.job("job", text)

    results = [box.run("--scheduled", "job", via="stub") for _ in range(3)]

    assert [result.exit_code for result in results] == [code] * 3
    (subject,) = subjects(mailed())
    assert subject.startswith(f"job {verdict}")
    assert [record["exit_code"] for record in box.journal() if record["event"] == "refusal"] == [code] * 3


def test_an_unsafe_job_file_and_a_missing_one_are_mailed(box: Box, mailed: Mails) -> None:
    box.job("unsafe", f"command: /bin/true\n{ONE_SLOT}", mode=0o666)

    codes = [box.run("--scheduled", slug, via="stub").exit_code for slug in ("unsafe", "missing")]

    assert codes == [77, 66]
    assert sorted(subject.split(":")[0] for subject in subjects(mailed())) == [
        "missing did not start",
        "unsafe did not start",
    ]


def test_a_name_that_is_none_names_no_file_and_is_mailed_all_the_same(box: Box, mailed: Mails) -> None:
    box.job("fine", "command: /bin/true")
    box.run("fine")

    codes = [box.run("--scheduled", name, via="stub").exit_code for name in ("../../../evil", "..", "a\nb")]

    assert codes == [66, 66, 66]
    assert [path for path in box.root.rglob("*") if "evil" in path.name or path.name == "incident"] == []
    assert all(subject.startswith("a job did not start: ") for subject in subjects(mailed()))
    assert mailed() != []


def test_a_refusal_by_hand_is_told_to_the_hand_only(box: Box, mailed: Mails) -> None:
    box.job("job", "nme: x\ncommand: /bin/true")

    assert box.run("job").exit_code == 78
    assert mailed() == []


def test_a_refusal_is_over_when_the_job_runs_again(box: Box, mailed: Mails) -> None:
    box.job("job", f"command: /bin/true\n{ONE_SLOT}")
    box.run("job")
    box.job("job", f"comand: /bin/true\n{ONE_SLOT}")
    box.run("--scheduled", "job", via="stub")
    wait_until_told(box)
    box.job("job", f"command: /bin/true\n{ONE_SLOT}")
    box.run("--scheduled", "job", via="stub")

    assert subjects(mailed())[1] == "job has recovered: succeeded after 1 refused start"


def test_a_run_that_a_person_stopped_is_not_mailed_but_one_that_a_signal_stopped_is(box: Box, mailed: Mails) -> None:
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo up > {started}; exec sleep 1000'")
    with box.start("job") as live:
        started.read_line()
        box.run_job("--kill-job", "job")
        live.wait()
    by_request = mailed()
    with box.start("job") as live:
        started.read_line()
        live.signal(signal.SIGTERM)
        live.wait()

    assert by_request == []
    assert subjects(mailed()) == ["job failed: stopped: run-job received signal TERM"]


def test_a_job_says_who_gets_its_mail_or_that_nobody_does(box: Box, mailed: Mails) -> None:
    to_list = (
        "failmail:\n  to_address: [shop@example.org, 'Ann <ann@example.org>']\n  from_address: shop-jobs@example.org"
    )
    box.job("shop", f"command: /bin/false\n{to_list}")
    box.job("quiet", "command: /bin/false\nfailmail: false")

    box.run("quiet")
    box.run("shop")

    (mail,) = mailed()
    assert (mail.sender, mail.recipients) == ("shop-jobs@example.org", ["shop@example.org", "ann@example.org"])
    assert mail.message["To"] == "shop@example.org, Ann <ann@example.org>"


def test_a_job_may_have_mail_of_its_own_where_none_is_configured(box: Box, server: MailServer) -> None:
    box.job("job", f"command: /bin/false\nfailmail: {{to_address: ann@example.org, smtp: '{server.address}'}}")

    box.run("job")
    wait_until_told(box)

    assert [mail.recipients for mail in server.mails] == [["ann@example.org"]]


def test_secrets_are_masked_and_control_characters_shown(box: Box, mailed: Mails) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=s3cret-t0ken-of-the-shop\n")
    secrets.chmod(0o600)
    job = script(box, "job.sh", 'printf "with $TOKEN \\033[31mred\\007\\r\\nSubject: no\\n" >&2; echo "$TOKEN"; exit 1')
    box.job("job", f"command: {job}\nenvironment_file: {secrets}")

    box.run("job")

    (mail,) = mailed()
    assert "  | with *** red\\x07\n  | Subject: no\n" in mail.text
    assert b"s3cret" not in mail.raw
    assert list((box.state_directory / "spool").rglob("*.json")) == []
    assert "s3cret" not in "".join(map(str, box.journal()))


def test_much_output_is_mailed_without_its_middle(box: Box, mailed: Mails) -> None:
    box.job("job", "command: sh -c 'seq 1000 >&2; exit 1'")

    box.run("job")

    (mail,) = mailed()
    assert "  | 10\n  | [… 950 lines left out, see the log …]\n  | 961\n" in mail.text


def test_a_sendmail_program_gets_the_whole_message_and_its_recipients(box: Box) -> None:
    got = box.root / "got"
    program = script(box, "sendmail", f'umask 0; echo "$@" > {got}; cat >> {got}')
    box.configure(failmail={"to_address": ["ops@example.org", "root"], "sendmail": str(program)})
    box.job("job", "command: /bin/false")

    box.run("job")
    wait_until_told(box)

    arguments, _, message = got.read_text().partition("\n")
    assert arguments.startswith("-i -f ")
    assert arguments.endswith(" -- ops@example.org root")
    assert "\nSubject: " in message
    assert "\r" not in message


def test_a_mail_whose_sender_is_killed_as_it_was_taken_is_sent_again_with_the_same_message_id(box: Box) -> None:
    """At least once: nobody can know that it was taken. Whoever reads it twice can tell by its id."""
    got, killed = box.root / "got", box.root / "killed"
    text = f"cat >> {got}; [ -e {killed} ] || {{ touch {killed}; kill -KILL $PPID; }}"
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": str(script(box, "sendmail", text))})
    box.job("job", "command: /bin/false")
    box.job("other", "command: 'true'")

    box.run("job")
    until(killed.exists, "the process that sends to be killed")
    wait_until_told(box)
    os.utime(box.state_directory / "spool" / "due", (0, 0))
    box.run("other")
    wait_until_told(box)

    ids = [line for line in got.read_text().splitlines() if line.lower().startswith("message-id:")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_many_jobs_that_fail_at_once_are_mailed_once_each(box: Box, mailed: Mails) -> None:
    for number in range(10):
        box.job(f"job-{number}", "command: /bin/false")

    lives = [box.start(f"job-{number}", via="stub") for number in range(10)]
    for live in lives:
        live.wait()

    assert sorted(subject.split()[0] for subject in subjects(mailed())) == sorted(f"job-{n}" for n in range(10))


@pytest.mark.needs_root
def test_jobs_of_a_service_user_are_mailed_as_that_user(make_box: Callable[..., Box], server: MailServer) -> None:
    box = make_box(service_user=SERVICE_USER, failmail={"to_address": "ops@example.org", "smtp": server.address})
    box.job("job", "command: /bin/false")

    box.run("job", via="stub")
    wait_until_told(box)

    (mail,) = server.mails
    assert mail.sender == f"{SERVICE_USER}@{os.uname().nodename}"
    assert f"sudo -u {SERVICE_USER} run-job --config {box.configuration} job\n" in mail.text


@pytest.mark.needs_root
def test_a_full_disk_keeps_no_mail_back(make_box: Callable[..., Box], server: MailServer) -> None:
    box = make_box()
    mail_to(box, server)
    state = box.root / "state"
    box.mount_small(state, kilobytes=1600)
    job = script(box, "job.sh", f"dd if=/dev/zero of={state}/filler bs=4k 2> /dev/null; exit 3")
    box.job("job", f"command: {job}")

    result = box.run("job")
    wait_until_told(box)

    assert result.exit_code == 3
    assert subjects(server.mails) == ["job failed: exited with 3"]


def test_a_report_that_nobody_reads_keeps_neither_the_mail_nor_the_lock(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("job", "command: sh -c 'head -c 200000 /dev/zero >&2; exit 3'")

    with box.start("job") as unread:
        server.wait_for(1)
        lives_on = unread.process.poll() is None
        again = box.run("job", "--timeout", "60")
        first = unread.wait()

    wait_until_told(box)
    assert lives_on
    assert (first.exit_code, again.exit_code) == (3, 3)


@pytest.mark.needs_root  # it looks into a process of ours, as only root may
def test_a_refusal_that_nobody_reads_does_not_keep_the_lock(box: Box) -> None:
    """A start that has the lock and cannot make its log complains to a pipe that is full, and stays there."""
    box.job("job", "command: 'true'")
    box.run("job")
    logs = box.output_directory / "job"
    logs.rename(box.root / "logs")
    logs.write_text("in the way of the directory")
    command = ["sh", "-c", 'head -c 65536 /dev/zero >&2; exec "$@"', "sh", str(box.product.run_job), "job"]

    with box.start_command(command) as unread:
        (runner,) = until(lambda: writers_to_stderr(unread.pid), "the runner to complain")
        logs.unlink()
        (box.root / "logs").rename(logs)
        again = box.run("job")
        lives_on = lives(runner)
        refused = unread.wait()

    assert lives_on
    assert again.exit_code == 0, again
    assert refused.exit_code == 74


def writers_to_stderr(guard: int) -> list[int]:
    """Return the children of the guard that are blocked in a system call on their stderr."""
    return [pid for pid in children(guard) if system_call_of(pid)[1:2] == ["0x2"]]

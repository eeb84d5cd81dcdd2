"""`notify test`: whether people can be reached, tried before it matters."""

import socket

from kit.harness import Box
from kit.mail_server import mail_server, mail_to


def test_a_test_mail_goes_the_way_that_failures_take(box: Box) -> None:
    box.job("job", "command: /bin/true\nfailmail: {to_address: ann@example.org}")
    with mail_server() as server:
        mail_to(box, server)

        all_jobs = box.process_control("notify", "test")
        one_job = box.process_control("notify", "test", "job", "--json")

    assert (all_jobs.exit_code, all_jobs.stdout) == (0, f"mail\ttaken\tops@example.org\t{server.address}\t\n")
    assert all_jobs.stderr == f"test mail to ops@example.org handed to {server.address}\n"
    assert one_job.json() == {
        "version": 1, "to": ["ann@example.org"], "by": server.address, "taken": True, "why": None,
    }  # fmt: skip
    assert [mail.recipients for mail in server.mails] == [["ops@example.org"], ["ann@example.org"]]
    assert "process-control can reach you" in server.mails[0].subject


def test_a_server_that_does_not_listen_is_told(box: Box) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        box.configure(failmail={"to_address": "ops@example.org", "smtp": address})

        result = box.process_control("notify", "test")

    assert result.exit_code == 1
    assert result.stderr == (
        f"the test mail to ops@example.org was not accepted: {address}: Connection refused\n"
        "  hint: process-control explain failmail\n"
    )


def test_when_nobody_is_named_that_is_told_with_the_mend(box: Box) -> None:
    box.job("quiet", "command: /bin/true\nfailmail: false")

    nobody = box.process_control("notify", "test")
    with mail_server() as server:
        mail_to(box, server)
        quiet = box.process_control("notify", "test", "quiet")

    assert (nobody.exit_code, quiet.exit_code) == (78, 78)
    assert nobody.stderr == (
        f"{box.configuration}: no mail recipient is configured\n"
        f"  hint: add: failmail: {{to_address: ops@example.org}}\n"
    )

"""`notify test`: whether people can be reached, tried before it matters."""

import json

from kit.harness import Box
from kit.mail_server import bad_server, closes_at_once, mail_server, mail_to
from kit.ports import refused
from kit.runs import script
from kit.web_receiver import receiver


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
        "channels": [
            {
                "channel": "mail", "to": ["ann@example.org"], "by": server.address, "taken": True, "why": None,
                "answer": f"accepted by {server.address}",
            }
        ],
        "dry_run": False,
    }  # fmt: skip
    assert [mail.recipients for mail in server.mails] == [["ops@example.org"], ["ann@example.org"]]
    assert "process-control can reach you" in server.mails[0].subject


def test_a_server_that_does_not_listen_is_told(box: Box) -> None:
    with refused() as port:
        address = f"127.0.0.1:{port}"
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
        f"{box.configuration}: nobody is configured to get messages\n"
        "  hint: add: failmail: {to_address: ops@example.org}; for other channels: process-control explain notify\n"
    )


def test_every_channel_is_tried_and_one_that_is_dead_stops_no_other(box: Box) -> None:
    got = box.root / "got.json"
    page = script(box, "page", f"cat > {got}; echo paged 3 people")
    with mail_server() as mails, receiver() as web, bad_server(closes_at_once) as dead:
        hook, other = box.root / "hook.url", f"http://127.0.0.1:{dead.port}/"
        hook.write_text(web.url("/hook?token=hunter22") + "\n")
        hook.chmod(0o600)
        box.configure(
            notify=[
                {"url": f"{other}secret-path"},
                {"url_file": str(hook)},
                {"url": f"exec:{page}", "tags": ["db"]},
                {"url": f"alertmanager+{web.url()}"},
            ]
        )
        mail_to(box, mails)
        result = box.process_control("notify", "test")
        as_json = box.process_control("notify", "test", "--json")

    assert (result.exit_code, as_json.exit_code) == (1, 1), f"{result}"
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:3] for line in lines] == [
        ["mail", "taken", "ops@example.org"],
        ["webhook", "not taken", f"{other}…"],
        ["webhook", "taken", f"the URL in {hook}"],
        ["exec", "taken", f"exec:{page}"],
        ["alertmanager", "taken", f"alertmanager+http://127.0.0.1:{web.port}/…"],
    ]
    assert lines[1][4] != ""
    assert f"the test message (webhook) to {other}… was not accepted: " in result.stderr
    assert "hunter22" not in f"{result}{as_json}"
    assert "secret-path" not in f"{result}{as_json}"
    answer = as_json.json()
    assert (answer["taken"], len(answer["to"]), answer["why"]) == (False, 5, answer["channels"][1]["why"])
    assert [each["taken"] for each in answer["channels"]] == [True, False, True, True, True]
    assert answer["channels"][2]["answer"].startswith("200")
    assert "paged 3 people" in answer["channels"][3]["answer"]
    assert len(mails.mails) == 2


def test_a_test_leaves_no_incident_open_at_its_receivers_or_here(box: Box) -> None:
    box.job("job", "command: /bin/true")
    with receiver() as web:
        box.configure(notify=[{"url": web.url("/hook")}, {"url": f"alertmanager+{web.url()}"}])
        result = box.process_control("notify", "test", "job")
        hook, alerts = web.wait_for(2)

    assert result.exit_code == 0, result.stderr
    body, [alert] = json.loads(hook.body), json.loads(alerts.body)
    assert (body["event"], body["incident"]["state"], body["incident"]["jobs"]) == ("closed", "closed", ["job"])
    assert body["incident"]["id"].startswith("test~")
    assert alert["labels"]["incident"] == body["incident"]["id"]
    assert alert["startsAt"] == alert["endsAt"] == body["incident"]["closed_at"]
    assert box.process_control("incidents", "--all", "--json").json()["incidents"] == []


def test_a_dry_run_shows_who_would_get_a_message_and_sends_none(box: Box) -> None:
    with mail_server() as mails, receiver() as web:
        box.configure(notify=[{"url": web.url("/hook")}])
        mail_to(box, mails)
        result = box.process_control("notify", "test", "--dry-run")

    assert (result.exit_code, mails.mails, web.requests) == (0, [], [])
    assert result.stdout == (
        f"mail\twould be sent\tops@example.org\t{mails.address}\t\n"
        f"webhook\twould be sent\thttp://127.0.0.1:{web.port}/…\t\t\n"
    )

"""Open incidents where people look first: `status`, `status JOB` and `why`; and a watch that nothing starts."""

import json
import os
import re
import time

from kit.harness import Box
from kit.mail_server import mail_server, mail_to, wait_until_told


def test_the_incident_of_a_job_is_named_with_the_command_that_answers_it(box: Box) -> None:
    box.job("bad", "command: /bin/false\ntags: [db]")
    box.job("good", "command: /bin/true")
    with mail_server() as server:
        mail_to(box, server)
        for slug in ("bad", "good"):
            box.run(slug)
        server.wait_for(1)
        wait_until_told(box)
    [incident] = box.process_control("incidents", "--json").json()["incidents"]
    id_ = incident["id"]

    on_top, one = seen(box)
    asked = sentences(box, "bad")
    box.process_control("silence", "tag:db", "--for", "2h")
    silenced = sentences(box, "bad")
    box.process_control("ack", id_, "--note", "disk is on order")
    _, known = seen(box)

    assert on_top.startswith("1 open incident: process-control incidents\n")
    assert f"process-control ack {id_} --note 'why'" in one, one
    assert asked[-1].startswith(f"Incident {id_} is open since {incident['opened_at']}. To acknowledge it: ")
    assert silenced[-1].startswith("It is silenced until ")
    assert silenced[-1].endswith(": process-control unsilence tag:db")
    assert "acknowledged by" in known
    assert "disk is on order" in known
    assert f"process-control incidents show {id_}" in known
    assert not [each for each in sentences(box, "good") if "ncident" in each]
    assert "open incident" not in box.process_control("status").stderr


def test_json_has_the_id_of_the_open_incident_and_the_end_of_the_silence(box: Box) -> None:
    box.job("bad", "command: /bin/false\ntags: [db]")
    box.job("worse", "command: /bin/false\nfailure_threshold_for_mail: 3")
    box.job("good", "command: /bin/true\ntags: [db]")
    box.configure(failmail={"to_address": "ops@example.org", "smtp": "127.0.0.1:9"})
    for slug in ("bad", "good", "worse"):
        box.run(slug)
    wait_until_told(box)
    [incident] = box.process_control("incidents", "--json").json()["incidents"]
    box.process_control("silence", "tag:db", "--for", "2h")
    box.process_control("silence", "bad", "--for", "3h")
    lines = json.loads((box.state_directory / "silences.json").read_text())
    until = {each.get("job") or each["tag"]: each["until"] for each in lines}

    for verb in (["list"], ["status"]):
        jobs = {each["job"]: each for each in box.process_control(*verb, "--json").json()["jobs"]}
        assert {slug: job["incident"] for slug, job in jobs.items()} == {
            "bad": incident["id"],
            "worse": None,  # it is below the threshold
            "good": None,
        }
        assert {slug: job["silenced_until"] for slug, job in jobs.items()} == {
            "bad": until["bad"],
            "good": until["db"],
            "worse": None,
        }
        shown = re.sub(r"\x1b\[[0-9;]*m", "", box.process_control(*verb, tty=True, columns=120).stdout)
        assert sorted(re.findall(r"(\w+), silenced +(\w+)", shown)) == [("failing", "bad"), ("ok", "good")]
        piped = box.process_control(*verb).stdout.splitlines()
        assert [line.split("\t")[0] for line in piped if until["bad"] in line] == ["bad"]
    [one] = box.process_control("status", "bad", "--json").json()["jobs"]
    assert one["incident"] == incident["id"]


def seen(box: Box) -> tuple[str, str]:
    """Return what `status` and `status bad` show on a terminal."""
    shown = [box.process_control("status", *words, tty=True, columns=400).stdout for words in ([], ["bad"])]
    return shown[0], shown[1]


def sentences(box: Box, slug: str) -> list[str]:
    found: list[str] = box.process_control("why", slug, "--json").json()["sentences"]
    return found


def test_when_nothing_starts_watch_any_more_status_and_check_say_so(box: Box) -> None:
    box.job("job", "command: /bin/true")
    box.run("job")
    crontab = box.root / "crontab"
    box.configure(output_crontab=str(crontab))
    note = box.state_directory / "watch.json"
    note.write_text("{}")
    then = time.time() - 600
    os.utime(note, (then, then))
    unwanted = box.process_control("check")
    (box.root / "cron.d").mkdir()
    crontab = box.root / "cron.d" / "process-control"
    box.configure(output_crontab=str(crontab))
    crontab.write_text("* * * * * root /usr/bin/process-control watch --config /etc/pc.yaml\n")

    checked, status = box.process_control("check"), box.process_control("status")
    os.utime(note)
    again = box.process_control("check")

    words = "watch has not looked for 10 min"
    assert words not in unwanted.stdout
    assert checked.exit_code == 1
    assert words in checked.stdout
    assert words in status.stderr
    assert words not in again.stdout

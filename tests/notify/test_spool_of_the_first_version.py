"""What the first version left in the spool is sent after an upgrade: names of folders, files and fields are kept."""

import json
import os
import time
from pathlib import Path

from kit.harness import Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from process_control.system.clock import iso

RUN, NEXT_RUN = "1m8h1qw0r2rcgsa5", "1m8h1r20ca5yskmn"
#: A moment ago: of an incident that is a day old, people would be reminded.
_NOW = time.time()
AT, NEXT_STARTED_AT, NEXT_AT = iso(_NOW - 66), iso(_NOW - 60.1), iso(_NOW - 60)
MESSAGE = (
    "From: pc@example.org\r\nTo: ops@example.org, ann@example.org\r\nSubject: vm: broken failed: exited with 3\r\n"
    f"Message-ID: <{RUN}.failure.process-control@vm>\r\n\r\nbroken failed: exited with 3\r\n"
)
MAIL = {
    "job": "broken",
    "key": RUN,
    "letter": "failure",
    "sender": "pc@example.org",
    "recipients": ["ann@example.org"],  # the other one has it
    "message": MESSAGE,
    "tries": 2,
    "next_at": 0.0,
}
EVENT = {
    "what": "failed",
    "job": "broken",
    "key": NEXT_RUN,
    "at": NEXT_AT,
    "end": {
        "event": "end", "at": NEXT_AT, "run_id": NEXT_RUN, "job": "broken", "trigger": "manual", "scheduled_at": None,
        "by": "root", "host": "vm", "started_at": NEXT_STARTED_AT, "outcome": "failed",
        "reason": "exit_code", "exit_code": 3, "duration_seconds": 0.018, "detail": "exited with 3",
    },
    "stderr": "oops\n",
    "user": "root",
    "config": None,
}  # fmt: skip
INCIDENT = {
    "failures_in_row": 1,
    "since": AT,
    "thread": f"{RUN}.failure",
    "refusal": None,
    "refusal_told_at": None,
    "seen": [RUN],
}


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def left_by_the_first_version(box: Box) -> None:
    """Leave one mail that waits, one event that no mail has been made of, and the incident that both belong to."""
    spool = box.state_directory / "spool"
    put(spool / f"mail/{AT}~broken~{RUN}.failure.json", {**MAIL, "first_at": time.time()})
    put(spool / f"news/{NEXT_AT}~broken~{NEXT_RUN}.json", EVENT)
    put(box.state_directory / "jobs/broken/told.json", INCIDENT)
    (spool / "due").touch()
    os.utime(spool / "due", (0, 0))


def test_what_waits_since_the_first_version_is_sent_in_order_and_in_its_thread(box: Box) -> None:
    box.job("other", "command: 'true'")
    left_by_the_first_version(box)
    with mail_server() as server:
        mail_to(box, server, each=True)

        box.run("other")
        wait_until_told(box)

        first, second = server.mails
    domain = second.message["Message-ID"].partition(".process-control@")[2]
    assert first.raw.decode() == MESSAGE
    assert (first.sender, first.recipients) == ("pc@example.org", ["ann@example.org"])
    assert second.message["Message-ID"] == f"<broken~{RUN}.reminder.2.process-control@{domain}"
    assert second.message["In-Reply-To"] == f"<{RUN}.failure.process-control@{domain}"
    assert "failures      2 failed runs in a row" in second.text
    assert [path.name for path in (box.state_directory / "spool").rglob("*.json")] == []


def test_its_mails_are_recorded_as_ever(box: Box) -> None:
    box.job("other", "command: 'true'")
    left_by_the_first_version(box)
    with mail_server() as server:
        mail_to(box, server, each=True)

        box.run("other")
        wait_until_told(box)

    records = [record for record in box.journal() if record["event"] == "mail"]
    kept = ("job", "run_id", "letter", "result", "to", "detail")
    assert [tuple(record[name] for name in kept) for record in records] == [
        ("broken", RUN, "failure", "sent", "ann@example.org", None),
        ("broken", NEXT_RUN, "failure", "sent", "ops@example.org", None),
    ]

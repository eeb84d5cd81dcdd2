"""Who is notified of a failed run, by real messages: owner, `notify` of job and configuration, `failmail: false`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box
from kit.mail_server import MailServer, mail_server, wait_until_told


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def pager(box: Box, name: str) -> Path:
    """Return a program that keeps each message that it gets, a line each."""
    path = box.root / name
    path.write_text(f"#!/bin/sh\ncat >> {path}.got\necho >> {path}.got\n")
    path.chmod(0o755)
    return path


def got(program: Path) -> list[tuple[str, list[str]]]:
    """Return event and jobs of each message that the program has got."""
    kept = Path(f"{program}.got")
    found = [json.loads(line) for line in kept.read_text().splitlines() if line] if kept.exists() else []
    return [(each["event"], each["incident"]["jobs"]) for each in found]


def test_an_owner_gets_the_mail_and_the_pages_go_where_notify_says(box: Box, server: MailServer) -> None:
    every, database, own = (pager(box, name) for name in ("every", "database", "own"))
    box.configure(
        failmail={"to_address": "ops@example.org", "smtp": server.address},
        notify=[f"exec:{every}", {"url": f"exec:{database}", "tags": "db"}, "mailto:boss@example.org"],
    )
    box.job("owned", "command: /bin/false\nowner: {team: Shop, mail: shop@example.org}\ntags: db")
    box.job("unmailed", f"command: /bin/false\nfailmail: false\nnotify: exec:{own}")
    box.job("silent", "command: /bin/false\nfailmail: false\nnotify: false")

    for slug in ("owned", "unmailed", "silent"):
        box.run(slug)
        wait_until_told(box)

    assert got(every) == [("opened", ["owned"]), ("opened", ["unmailed"])]
    assert got(database) == [("opened", ["owned"])]
    assert got(own) == [("opened", ["unmailed"])]
    assert sorted((mail.recipients[0], mail.subject.split(": ")[1].split()[0]) for mail in server.mails) == [
        ("boss@example.org", "owned"),
        ("boss@example.org", "unmailed"),
        ("shop@example.org", "owned"),
    ]


def test_notify_alone_makes_the_runner_start_the_sender(box: Box) -> None:
    program = pager(box, "page")
    box.job("job", f"command: /bin/false\nnotify: [{{url: 'exec:{program}', after: 2, on: [failed]}}]")

    box.run("job")
    wait_until_told(box)
    assert got(program) == []
    box.run("job")
    wait_until_told(box)

    assert got(program) == [("opened", ["job"])]


def test_the_way_to_the_runbook_is_in_the_message(box: Box, server: MailServer) -> None:
    box.configure(failmail={"smtp": server.address})
    box.job("job", "command: /bin/false\nowner: {mail: dba@example.org, runbook: https://wiki.example.org/job}")

    box.run("job")
    wait_until_told(box)

    [mail] = server.mails
    assert mail.recipients == ["dba@example.org"]
    assert "Runbook: https://wiki.example.org/job" in mail.text

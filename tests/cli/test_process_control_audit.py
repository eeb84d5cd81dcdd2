"""`audit`: every event of the journal in the order of time, the same that the syslog was told."""

from datetime import timedelta

import pytest

from kit.builders import NOON, iso
from kit.desk import Desk
from kit.harness import Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import ONE_SLOT
from kit.syslog_listener import Listener

HOUR = timedelta(hours=1)


def test_start_end_skip_and_stop_are_told_in_order_with_who(desk: Desk) -> None:
    first = desk.state.failure("backup", NOON, by="ann")
    skipped = desk.state.skip("purge", NOON + HOUR, reason="held", detail="held by ann")
    desk.state.write({
        "event": "stop", "at": iso(NOON + 2 * HOUR), "job": "backup", "run_id": "x", "by": "bob", "host": "db1",
    })  # fmt: skip

    assert desk.lines("audit") == [
        ["2026-03-10T12:00:00.000Z", "start", "backup", "started", "ann", "db1", first],
        ["2026-03-10T12:00:01.500Z", "end", "backup", "failed: exited with 3", "ann", "db1", first],
        ["2026-03-10T13:00:00.000Z", "skip", "purge", "skipped: held by ann", "svc", "db1", skipped],
        ["2026-03-10T14:00:00.000Z", "stop", "backup", "stop requested", "bob", "db1", "x"],
    ]


@pytest.fixture
def many(desk: Desk) -> Desk:
    desk.job("db", "command: /bin/true\ntags: nightly")
    for hour in range(40):
        desk.state.run("db", NOON + hour * HOUR)
    desk.state.skip("purge", NOON)
    desk.state.compress("2026-03-10")
    return desk


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([], 50),
        (["--limit", "0"], 81),
        (["--limit", "3"], 3),
        (["--since", "2026-01-01"], 81),
        (["--since", "2026-03-12T03:00:00Z"], 2),
        (["--since", "2026-01-01", "--until", "2026-03-10T12:00:00Z"], 2),
        (["--event", "skip"], 1),
        (["--event", "skip", "--event", "start", "--limit", "0"], 41),
        (["purge"], 1),
        (["p*"], 1),
        (["tag:nightly", "--limit", "0"], 80),
    ],
)
def test_events_are_chosen_by_job_kind_time_and_number(many: Desk, words: list[str], count: int) -> None:
    assert len(many.lines("audit", *words)) == count


def test_json_has_each_record_as_the_journal_has_it(desk: Desk) -> None:
    start = desk.state.start("backup", NOON)

    answer = desk.json("audit", "--json")

    assert answer == {"version": 1, "events": [{**start, "sentence": "started"}], "has_more": False}


def test_garbage_in_the_journal_hides_nothing_else(desk: Desk) -> None:
    desk.state.run("backup", NOON)
    desk.state.write(b"\x00\xff garbage {")
    desk.state.write(b'{"event": "end", "at": 3}')
    desk.state.run("backup", NOON + HOUR)

    assert [row[1] for row in desk.lines("audit")] == ["start", "end", "start", "end"]


def test_no_control_character_of_a_record_reaches_a_terminal(desk: Desk) -> None:
    desk.state.failure("backup", NOON, detail="\x1b[31mred\nline")

    assert desk.lines("audit")[1][3] == r"failed: \x1b[31mred\nline"


def test_before_anything_ran_there_is_nothing(desk: Desk) -> None:
    assert desk.lines("audit") == []


def test_a_wrong_time_is_refused(desk: Desk) -> None:
    result = desk.process_control("audit", "--until", "never")

    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "--until never: not a time")


def test_what_the_audit_tells_is_what_the_syslog_was_told(box: Box) -> None:
    with Listener(box.root / "syslog") as syslog, mail_server() as server:
        mail_to(box, server)
        box.configure(syslog={"address": str(box.root / "syslog")})
        box.job("broken", f"command: /bin/false\n{ONE_SLOT}")
        box.job("disabled", f"command: /bin/true\n{ONE_SLOT}\ndisabled: true")
        box.run("--scheduled", "broken")
        box.run("--scheduled", "disabled")
        box.run("--scheduled", "missing")
        wait_until_told(box)
        told = sorted(text.partition(": ")[2] for text in syslog.texts())

    events = box.process_control("audit", "--json").json()["events"]
    events = [event for event in events if event["event"] != "version"]  # of the files, not of what was done

    assert [event["event"] for event in events][:2] == ["start", "end"]
    assert sorted(event["event"] for event in events) == [
        "end",
        "incident",
        "incident",
        "mail",
        "mail",
        "refusal",
        "skip",
        "start",
    ]
    assert all(line.startswith(event) for line, event in zip(told, sorted(e["sentence"] for e in events), strict=True))

"""`incidents`, `ack`, `silence`, `unsilence`: what people are notified of, and what they say to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.test_json_shapes import has_its_shape
from kit.harness import Box
from kit.mail_server import MailServer, wait_until_told
from kit.runs import records, script


@pytest.fixture
def server() -> Iterator[MailServer]:
    mail_server = MailServer()
    mail_server.start()
    yield mail_server
    mail_server.stop()


class Desk:
    """A box with a job `backup` that fails while its file says so, and whoever gets its mails."""

    def __init__(self, box: Box, server: MailServer) -> None:
        self.box = box
        self.server = server
        self._code = box.root / "code"
        box.configure(failmail={"to_address": "ops@example.org", "smtp": server.address})
        self.job("backup")

    def job(self, slug: str, keys: str = "tags: [db]") -> None:
        job = script(self.box, "job.sh", f"echo cannot reach db7 >&2; exit $(cat {self._code})")
        self.box.job(slug, f"command: {job}\nstderr: ignore\n{keys}")

    def run(self, code: int, slug: str = "backup") -> None:
        self._code.write_text(str(code))
        self.box.run(slug)
        wait_until_told(self.box)

    def subjects(self) -> list[str]:
        return [mail.subject.partition(": ")[2] for mail in self.server.mails]

    def incident(self, *words: str) -> dict[str, object]:
        (one,) = self.box.process_control("incidents", *words, "--json").json()["incidents"]
        return dict(one)


@pytest.fixture
def desk(box: Box, server: MailServer) -> Desk:
    return Desk(box, server)


def test_an_open_incident_is_shown_with_what_was_sent(desk: Desk) -> None:
    desk.run(3)
    desk.run(3)

    has_its_shape(desk.box.process_control("incidents", "--json"), "process-control incidents")
    incident = desk.incident()
    run_id = records(desk.box, "end")[0]["run_id"]
    assert (incident["id"], incident["cause"], incident["state"]) == (f"backup~{run_id}", "failed", "open")
    assert (incident["jobs"], incident["counts"], incident["count"]) == (["backup"], {"backup": 2}, 2)
    assert incident["sentence"] == "exited with 3 (stderr: cannot reach db7)"
    (told,) = incident["told"]  # type: ignore[misc]
    assert (told["channel"], told["to"], told["event"]) == ("mail", "ops@example.org", "opened")
    assert told["answer"] == f"accepted by {desk.server.address}"
    row = desk.box.process_control("incidents", "--no-header").stdout.split("\t")
    assert row[:5] == [f"backup~{run_id}", "open", "failed", "backup", "2"]


def test_a_closed_incident_is_shown_with_all_and_its_story_has_each_step(desk: Desk) -> None:
    desk.run(3)
    desk.run(0)

    assert desk.box.process_control("incidents", "--json").json()["incidents"] == []
    closed = desk.incident("--all")
    assert (closed["state"], closed["closed_by"]) == ("closed", "the job succeeded")
    shown = has_its_shape(
        desk.box.process_control("incidents", "show", str(closed["id"])[:12], "--json"), "process-control incidents"
    )
    assert [step["what"] for step in shown["story"]] == [
        "incident opened: exited with 3 (stderr: cannot reach db7)",
        "mail about the failure was sent to ops@example.org",
        "incident closed: the job succeeded",
        "mail about the recovery was sent to ops@example.org",
    ]
    text = desk.box.process_control("incidents", "show", str(closed["id"])).stdout
    assert "closed" in text
    assert "mail about the recovery was sent" in text


def test_an_incident_of_another_job_is_left_out_when_jobs_are_named(desk: Desk) -> None:
    desk.job("sync", "")
    desk.run(3)

    assert desk.incident("backup")["jobs"] == ["backup"]
    assert desk.box.process_control("incidents", "sync", "--json").json()["incidents"] == []
    assert desk.box.process_control("incidents", "nowhere").exit_code == 66


def test_what_is_acknowledged_sends_nothing_until_its_reason_changes(desk: Desk) -> None:
    desk.run(3)
    id_ = str(desk.incident()["id"])
    would = has_its_shape(desk.box.process_control("ack", id_, "--dry-run", "--json"), "process-control ack")
    done = has_its_shape(
        desk.box.process_control("ack", id_[:14], "--note", "restoring db7", "--json"), "process-control ack"
    )

    assert (would["changed"], would["incident"]["state"]) == (False, "open")
    assert (done["changed"], done["incident"]["state"]) == (True, "acknowledged")
    assert done["incident"]["acknowledged"]["note"] == "restoring db7"
    desk.run(3)
    desk.run(4)
    assert desk.incident()["state"] == "acknowledged", "it fails as before: by the same line"
    desk.run(0)

    assert desk.subjects() == ["backup failed: exited with 3", "backup has recovered: succeeded after 3 failures"]
    (record,) = [each for each in records(desk.box, "incident") if each["change"] == "acknowledged"]
    assert (record["note"], bool(record["by"])) == ("restoring db7", True)


def test_what_is_over_or_unknown_cannot_be_acknowledged(desk: Desk) -> None:
    desk.run(3)
    id_ = str(desk.incident()["id"])
    desk.run(0)

    over, unknown = desk.box.process_control("ack", id_), desk.box.process_control("ack", "../../etc/passwd")

    desk.run(3)
    again = desk.box.process_control("ack", "backup")

    assert (over.exit_code, unknown.exit_code) == (1, 1)
    assert again.exit_code == 0, "of those that begin so only one is open"
    assert "it is over since" in over.stderr
    assert unknown.stderr == (
        "../../etc/passwd: no such incident\n  hint: all of them: process-control incidents --all\n"
    )


@pytest.mark.parametrize("word", ["backup", "tag:db"])
def test_in_a_silence_nothing_is_sent_and_its_end_sends_one_message(desk: Desk, word: str) -> None:
    result = desk.box.process_control("silence", word, "--for", "2h", "--note", "moving db7")
    assert (result.exit_code, result.stdout.split("\t")[:2]) == (0, [word, "silenced"])
    desk.run(3)
    desk.run(3)
    assert desk.server.mails == []
    assert desk.incident()["silenced"] is not None

    ended = has_its_shape(desk.box.process_control("unsilence", word, "--json"), "process-control unsilence")
    wait_until_told(desk.box)

    assert [(each["done"], each["note"]) for each in ended["silences"]] == [("unsilenced", "moving db7")]
    assert desk.subjects() == ["backup failed: exited with 3"]
    assert desk.incident()["silenced"] is None
    assert [record["change"] for record in records(desk.box, "silence")] == ["added", "removed"]


def test_a_silence_runs_the_job_on_and_stops_no_other_message(desk: Desk) -> None:
    desk.job("sync", "")
    desk.box.process_control("silence", "backup", "--for", "1d")
    desk.run(3, "backup")
    desk.run(3, "sync")

    assert [end["outcome"] for end in records(desk.box, "end")] == ["failed", "failed"]
    assert desk.subjects() == ["sync failed: exited with 3"]


def test_a_silence_never_shortens_a_longer_one(desk: Desk) -> None:
    for words in ("2d", "1h"):
        desk.box.process_control("silence", "backup", "--for", words)

    (silence,) = json.loads(Path(desk.box.state_directory / "silences.json").read_text())
    added = records(desk.box, "silence")
    assert silence["until"] == added[0]["until"] == added[1]["until"]


def test_silence_shows_first_what_it_touches(desk: Desk) -> None:
    desk.job("sync")

    shown = desk.box.process_control("silence", "tag:db", "--for", "2h", "--dry-run")
    asked = desk.box.process_control("silence", "tag:db", "--for", "2h")

    assert shown.stderr == "dry run: would silence 2 jobs: backup, sync\n"
    assert asked.stderr == "silence 2 jobs: backup, sync\n"
    assert len(records(desk.box, "silence")) == 1
    has_its_shape(desk.box.process_control("silence", "backup", "--for", "5m", "--json"), "process-control silence")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["silence", "backup"], 2, "missing option '--for'"),
        (["silence", "backup", "--for", "soon"], 2, "--for soon: not a time above 0"),
        (["silence", "nowhere", "--for", "2h"], 66, "nowhere"),
        (["unsilence", "backup"], 1, "nothing of that was silenced"),
        (["incidents", "show"], 2, "incidents show needs one ID"),
        (["incidents", "show", "nowhere"], 1, "nowhere: no such incident"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, words: list[str], code: int, text: str) -> None:
    result = desk.box.process_control(*words)

    assert result.exit_code == code
    assert text in result.stderr
    assert records(desk.box, "silence") == []


def test_a_job_that_flaps_is_reported_once_and_then_only_reminded_of(desk: Desk) -> None:
    for code in (0, 3, 0, 3, 0, 3, 0, 3, 0):
        desk.run(code)

    assert desk.subjects()[:3] == [
        "backup failed: exited with 3",
        "backup has recovered: succeeded after 1 failure",
        "backup failed: exited with 3",
    ]
    assert len(desk.subjects()) == 4
    assert "flaps" in desk.subjects()[3]
    assert desk.incident()["state"] == "flapping"
    for _ in range(10):
        desk.run(0)

    assert desk.box.process_control("incidents", "--json").json()["incidents"] == [], "ten good runs: it is calm"
    assert len(desk.subjects()) == 5

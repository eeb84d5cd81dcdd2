"""The contract of channels: whatever one answers, its messages wait in order, and it keeps no other waiting."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box
from kit.mail_server import nobody_sends, wait_until_told
from process_control.config.settings import load_settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Channel, Contents, Later, Never, Taken
from process_control.notify.deliver import Round
from process_control.notify.queue import Queue, queues
from process_control.notify.spool import Entry

NAMES = ("files", "sound", "dead", "speechless")


def queue_of(name: str) -> str:
    return Recipient(url=f"https://{name}.example.org/").key


class Files:
    """A channel that writes each message into a directory, answers as the test says, and reaches `ann` and `bob`.

    `name` is that of a host which the configuration of the box notifies.
    """

    def __init__(self, directory: Path, name: str = "files", *, fault: Exception | Later | Never | None = None) -> None:
        self.kind = name
        self.fault = fault
        self._directory = directory

    def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:
        if notice.jobs == ("unknown-here",):
            return None
        text = f"{notice.event} of {', '.join(notice.jobs)}, answers {notice.answers is not None}"
        return {"recipients": ["ann", "bob"], "text": text}

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:
        if isinstance(self.fault, Exception):
            raise self.fault
        if self.fault is not None:
            return self.fault
        with (self._directory / "received").open("a") as file:
            file.write(f"{self.kind}: {entry['text']}, for {entry['recipients']}\n")
        return Taken()

    def received(self) -> list[str]:
        path = self._directory / "received"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def box(box: Box) -> Iterator[Box]:
    """A box whose events stay in the spool: the test has the lock of the process that sends them."""
    box.configure(notify=[f"https://{name}.example.org/" for name in NAMES])
    outcome_of(box, "first", "true")  # makes the directories
    wait_until_told(box)
    wait_until_told(box)
    with nobody_sends(box):
        yield box


def outcome_of(box: Box, slug: str, command: str) -> None:
    box.job(slug, f"command: '{command}'")
    box.run(slug)


def send(box: Box, *channels: Files) -> None:
    settings = load_settings(str(box.configuration), dict(os.environb))
    by_queue: dict[str, Channel] = {queue_of(name): Nobody() for name in NAMES}
    by_queue |= {queue_of(channel.kind): channel for channel in channels}
    round_ = Round(settings, channels=by_queue)
    round_.take_events()
    for name in queues(settings.state_directory):
        Queue(settings, name, channel=by_queue.get(name), is_locked=True).deliver_all()
    round_.note_when_to_look_again()


class Nobody:
    """A channel that reaches nobody."""

    kind = "nobody"

    def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:
        return None

    def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:
        raise AssertionError("nothing was composed")


def recorded(box: Box, name: str = "files") -> list[tuple[str, str | None]]:
    messages = [record for record in box.journal() if record["event"] == "message"]
    return [(record["result"], record["detail"]) for record in messages if record["channel"] == name]


def waiting(box: Box, name: str = "files") -> list[Path]:
    return sorted((box.state_directory / "spool" / queue_of(name)).glob("*.json"))


def test_a_channel_that_writes_files_gets_every_message_in_order(box: Box) -> None:
    outcome_of(box, "backup", "false")
    outcome_of(box, "backup", "true")
    outcome_of(box, "unknown-here", "false")
    files = Files(box.root)

    send(box, files)

    assert files.received() == [
        "files: opened of backup, answers False, for ['ann', 'bob']",
        "files: closed of backup, answers True, for ['ann', 'bob']",
    ]
    assert recorded(box) == [("sent", None), ("sent", None)]
    assert waiting(box) == []
    due_in = (box.state_directory / "spool/due").stat().st_mtime - time.time()
    assert due_in > 1800, "nothing waits but the next reminder"


def test_what_is_accepted_later_waits_for_whom_it_has_not_reached_and_is_sent_before_what_is_new(box: Box) -> None:
    files = Files(box.root, fault=Later(("bob",), "he is out"))
    outcome_of(box, "backup", "false")
    send(box, files)
    assert recorded(box) == [("waits", "he is out")]

    files.fault = None
    outcome_of(box, "backup", "true")
    send(box, files)

    assert files.received() == [
        "files: opened of backup, answers False, for ['bob']",
        "files: closed of backup, answers True, for ['ann', 'bob']",
    ]


def test_what_is_never_accepted_is_given_up_at_once(box: Box) -> None:
    outcome_of(box, "backup", "false")

    send(box, Files(box.root, fault=Never("the address is gone")))

    assert recorded(box) == [("given_up", "because the address is gone")]
    assert waiting(box) == []


def test_what_the_disk_does_not_keep_is_sent_at_once(box: Box) -> None:
    outcome_of(box, "backup", "false")
    (box.state_directory / "spool" / queue_of("files")).touch()  # no directory can be made there
    files = Files(box.root)

    send(box, files)

    assert len(files.received()) == 1
    assert recorded(box) == [("sent", None)]


def test_what_the_disk_does_not_keep_is_recorded_as_given_up_when_nobody_accepts_it(box: Box) -> None:
    outcome_of(box, "backup", "false")
    (box.state_directory / "spool" / queue_of("files")).touch()

    send(box, Files(box.root, fault=Later(("ann",), "down")))

    assert recorded(box) == [("given_up", "because it cannot be kept for another try: down")]


@pytest.mark.parametrize("fault", [Later(("ann",), "down"), RuntimeError("broken")], ids=["later", "raises"])
def test_a_channel_that_is_dead_keeps_its_messages_and_no_other_waiting(box: Box, fault: Any) -> None:
    outcome_of(box, "backup", "false")
    outcome_of(box, "backup", "true")
    dead, sound = Files(box.root, "dead", fault=fault), Files(box.root, "sound")

    send(box, dead, sound)

    assert [line.partition(" of ")[0] for line in sound.received()] == ["sound: opened", "sound: closed"]
    assert [result for result, _ in recorded(box, "dead")] == ["waits", "waits"]
    assert len(waiting(box, "dead")) == 2
    assert (box.state_directory / "spool/due").stat().st_mtime < time.time() + 5, "it is tried again soon"


def test_a_channel_that_cannot_put_a_message_into_words_keeps_it_from_no_other(box: Box) -> None:
    class Speechless(Files):
        def compose(self, notice: Notice, contents: Contents, recipient: Recipient, job: Job | None) -> Entry | None:
            raise RuntimeError("no words")

    outcome_of(box, "backup", "false")
    sound = Files(box.root, "sound")

    send(box, Speechless(box.root, "speechless"), sound)

    assert len(sound.received()) == 1
    assert recorded(box, "speechless") == [("given_up", "because of an internal error: RuntimeError: no words")]


def of_backup(box: Box) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in waiting(box)]


def test_the_end_of_an_incident_is_not_handed_over_before_its_beginning(box: Box) -> None:
    """A receiver that got the end first would show it as open for ever."""
    files = Files(box.root, fault=Later(("ann",), "500"))
    outcome_of(box, "backup", "false")
    send(box, files)
    (path,) = waiting(box)
    path.write_text(json.dumps(of_backup(box)[0] | {"tries": 11, "next_at": time.time() + 1000}))
    outcome_of(box, "backup", "true")
    send(box, files)
    assert [entry["about"] for entry in of_backup(box)] == ["opened", "closed"]
    due_in = (box.state_directory / "spool/due").stat().st_mtime - time.time()
    assert due_in > 500, "what waits behind another message makes nobody look every second"

    files.fault = None
    send(box, files)
    assert files.received() == [], "it is not time yet"

    for path in waiting(box):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"next_at": 0}))
    send(box, files)
    received = [line.partition(",")[0] for line in files.received()]
    assert received == ["files: opened of backup", "files: closed of backup"]


def test_a_beginning_that_alone_is_not_accepted_keeps_the_end_back_and_nothing_else(box: Box) -> None:
    class NotTheBeginning(Files):
        def deliver(self, entry: Entry, *, recipient: Recipient, job: Job | None) -> Answer:
            if entry["about"] == "opened" and entry["job"] == "backup":
                return Later(("ann",), "422")
            return super().deliver(entry, recipient=recipient, job=job)

    outcome_of(box, "backup", "false")
    outcome_of(box, "backup", "true")
    outcome_of(box, "other", "false")
    files = NotTheBeginning(box.root)
    send(box, files)

    assert [line.partition(",")[0] for line in files.received()] == ["files: opened of other"]
    assert [entry["about"] for entry in of_backup(box)] == ["opened", "closed"]


def test_messages_about_an_incident_wait_in_their_order_though_the_clock_is_set_back(box: Box) -> None:
    files = Files(box.root, fault=Later(("ann",), "500"))
    outcome_of(box, "backup", "false")
    send(box, files)
    (path,) = waiting(box)
    path.rename(path.with_name("2999-01-01T00:00:00.000Z~" + path.name.partition("~")[2]))
    outcome_of(box, "backup", "true")
    send(box, files)

    assert [entry["about"] for entry in of_backup(box)] == ["opened", "closed"]


def test_people_are_shown_the_host_of_a_receiver_that_took_a_message(box: Box) -> None:
    outcome_of(box, "backup", "false")
    send(box, Files(box.root))

    (incident,) = json.loads(box.process_control("incidents", "--json").stdout)["incidents"]
    assert [(told["to"], told["answer"]) for told in incident["told"]] == [("https://files.example.org/…", "accepted")]


def test_a_message_whose_file_is_damaged_is_recorded_as_given_up(box: Box) -> None:
    files = Files(box.root, fault=Later(("ann",), "500"))
    outcome_of(box, "backup", "false")
    send(box, files)
    (path,) = waiting(box)
    path.write_text('{"id": "torn')
    send(box, files)

    last = box.journal()[-1]
    assert (last["result"], last["job"], last["detail"]) == ("given_up", "backup", "because its file is damaged")
    assert waiting(box) == []

"""What runs leave to the scheduler: one process sends what all of them have posted, and keeps the index up to date."""

import os
import pwd
import re
import select
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kit.events import PATIENCE_SECONDS, until, wait_gone
from kit.harness import IS_ROOT, SERVICE_USER, Box
from kit.mail_server import MailServer, Received, bad_server, mail_server, mail_to, says_nothing
from kit.processes import command_line, name_of, pids
from kit.runs import ONE_SLOT, ends
from kit.schedulers import Scheduler, scheduler
from kit.storms import Storm
from kit.web_receiver import receiver
from process_control.config.settings import load_settings
from process_control.scheduler.handover import SEND, FinisherProcess

FAILS = "command: sh -c 'echo no >&2; exit 3'"
ITS_OWN, THE_SCHEDULERS = "process_control.notify.deliver", "process_control.scheduler.finisher"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found


class Senders:
    """Counts the programs that send, as often as it is asked for: by their sessions, which their children share."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.seen: dict[str, set[int]] = {ITS_OWN: set(), THE_SCHEDULERS: set()}

    def look(self) -> bool:
        """Note the programs that there are. Return True."""
        for pid in pids():
            words = command_line(pid)
            for name, sessions in self.seen.items():
                if name in words and str(self._box.root) in words:
                    with suppress(ProcessLookupError):
                        sessions.add(os.getsid(pid))
        return True


def finisher_of(box: Box) -> int:
    """Return the pid of the finisher, when there is one."""
    return until(lambda: _finisher_and_its_children(box)[0], "a finisher")[0]


def _finisher_and_its_children(box: Box) -> tuple[list[int], list[int]]:
    """Return those who are no children of another one, and the others."""
    those = [pid for pid in box.processes() if name_of(pid) == "finisher" and THE_SCHEDULERS in command_line(pid)]
    children = [pid for pid in those if _parent(pid) in those]
    return [pid for pid in those if pid not in children], children


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except (OSError, IndexError):
        return 0


def handover_socket(box: Box) -> Path:
    (found,) = (box.state_directory / "run").glob("ends.*")
    return found


def test_a_burst_of_failures_is_one_message_by_one_process(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    slugs = [f"bad-{number:02}" for number in range(25)]
    for slug in slugs:
        box.job(slug, f"{FAILS}\n{ONE_SLOT}")
    senders = Senders(box)

    with scheduler(box) as live:
        until(lambda: senders.look() and len(ends(box)) == len(slugs), "all ends")
        server.wait_for(1)
        until(lambda: senders.look() and not spooled(box), "an empty spool")
        assert live.ask("status")["scheduler"]["running"] == []

    assert len(server.mails) == 1
    assert len(senders.seen[THE_SCHEDULERS]) == 1
    assert not senders.seen[ITS_OWN]


def spooled(box: Box) -> list[Path]:
    return list((box.state_directory / "spool").glob("*/*.json"))


def test_a_run_by_hand_beside_a_scheduler_leaves_its_message_to_it(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)
    box.job("worse", "command: sh -c 'echo other >&2; exit 4'")
    senders = Senders(box)

    with scheduler(box):
        for count, slug in enumerate(("bad", "worse"), start=1):
            box.run(slug)
            until(lambda count=count: senders.look() and len(server.mails) == count, "a mail")  # type: ignore[misc]
        until(lambda: senders.look() and not spooled(box), "an empty spool")

    assert len(senders.seen[THE_SCHEDULERS]) == 1
    assert not senders.seen[ITS_OWN]


def test_without_a_scheduler_a_run_has_it_sent_by_a_process_of_its_own(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)
    with scheduler(box):
        name = handover_socket(box)
    assert not name.exists()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:  # as one that was killed has left it
        left.bind(str(name))

    box.run("bad")

    server.wait_for(1)
    box.wait_until_all_ended()
    name.unlink()


def test_a_scheduler_that_hangs_is_not_relied_on(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)

    with scheduler(box) as live:
        pid = live.pid
        os.kill(pid, signal.SIGSTOP)
        os.utime(handover_socket(box), (0, 0))
        box.run("bad")
        server.wait_for(1)
        os.kill(pid, signal.SIGCONT)


def test_another_configuration_of_the_same_state_notifies_its_own_people(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)
    assert box.configuration is not None
    other = box.root / "other.yaml"

    with scheduler(box):
        other.write_text(box.configuration.read_text().replace("ops@example.org", "me@example.org"))
        box.run_job("--config", str(other), "bad")
        (mail,) = server.wait_for(1)

    assert mail.recipients == ["me@example.org"]


def test_a_mail_server_that_hangs_delays_neither_starts_nor_another_channel(box: Box) -> None:
    with bad_server(says_nothing) as dead, receiver() as web:
        mail_to(box, dead)
        box.configure(notify=[web.url("/")])
        box.job("bad", f"{FAILS}\n{ONE_SLOT}")
        box.job("worse", "command: sh -c 'echo other >&2; exit 4'")
        good = [f"good-{number}" for number in range(3)]  # one job's next run could meet the lock of the one before
        for slug in good:
            box.job(slug, "command: /bin/true")
        with scheduler(box) as live:
            until(lambda: dead.connections == 1, "a connection to the mail server")
            for slug in good:
                live.ask("run", jobs=[slug])
                until(lambda slug=slug: ends(box, slug), "an end", seconds=20)  # type: ignore[misc]
            live.ask("run", jobs=["worse"])
            until(lambda: len(web.requests) == 2, "the message about the other job", seconds=20)
            assert dead.connections == 1
            os.kill(finisher_of(box), signal.SIGKILL)
            for pid in box.processes():  # what still waits for the mail server
                if THE_SCHEDULERS in command_line(pid):
                    os.kill(pid, signal.SIGKILL)
                    wait_gone(pid)
    forget_half_written(box)


#: What was posted is sent by a look after a minute: that is not what these tests are about.
SOONER_THAN_A_LOOK = 50.0
NEXT = ("watch", "scheduler", "the same")


@pytest.mark.parametrize(
    "by", NEXT, ids=["by watch", "by the next scheduler", "by the scheduler that is started again"]
)
def test_what_was_left_to_a_scheduler_that_is_killed_arrives_once(box: Box, server: MailServer, by: str) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)

    with scheduler(box) as live:
        pid = live.pid
        os.kill(pid, signal.SIGSTOP)
        box.run("bad")
        assert spooled(box)
        assert not server.mails
        if by != "the same":
            os.kill(live.parent.pid, signal.SIGKILL)
            live.parent.wait()
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        if by == "the same":
            server.wait_for(1, seconds=SOONER_THAN_A_LOOK)
    if by == "scheduler":
        with scheduler(box):
            server.wait_for(1, seconds=SOONER_THAN_A_LOOK)
    elif by == "watch":
        os.utime(box.state_directory / "spool/due", (0, 0))  # its minute is over
        box.process_control("watch")
        server.wait_for(1)
    box.wait_until_all_ended()

    os.utime(box.state_directory / "spool", (0, 0))
    box.process_control("watch")
    box.wait_until_all_ended()
    assert len(_about(server, "bad")) == 1  # another one may say that the scheduler died
    assert not spooled(box)


def test_what_was_left_to_a_scheduler_that_is_stopped_is_sent(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)

    with scheduler(box) as live:
        pid = live.pid
        os.kill(pid, signal.SIGSTOP)
        box.run("bad")
        assert not server.mails
        live.parent.signal(signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        live.parent.wait()
    server.wait_for(1)
    box.wait_until_all_ended()

    assert len(server.mails) == 1
    assert not spooled(box)


def test_a_finisher_that_was_killed_is_started_again(box: Box, server: MailServer) -> None:
    mail_to(box, server)
    box.job("bad", FAILS)
    box.job("worse", "command: sh -c 'echo other >&2; exit 4'")

    with scheduler(box):
        for count, slug in enumerate(("bad", "worse"), start=1):
            first = finisher_of(box)
            os.kill(first, signal.SIGKILL)
            wait_gone(first)
            box.run(slug)
            server.wait_for(count)

    assert len(server.mails) == 2


def test_a_child_of_the_finisher_that_was_killed_is_replaced(box: Box) -> None:
    """Its incidents and messages are on the disk: only the receiver has not answered yet."""
    with bad_server(says_nothing) as dead:
        mail_to(box, dead)
        box.job("bad", FAILS)
        with scheduler(box):
            box.run("bad")
            until(lambda: dead.connections == 1, "a connection")
            first = finisher_of(box)
            for pid in box.processes():
                if THE_SCHEDULERS in command_line(pid) and pid != first:
                    os.kill(pid, signal.SIGKILL)
            until(lambda: dead.connections == 2, "another connection")
            assert finisher_of(box) != first
            for pid in box.processes():
                if THE_SCHEDULERS in command_line(pid):
                    os.kill(pid, signal.SIGKILL)
    forget_half_written(box)


def forget_half_written(box: Box) -> None:
    """Remove what those were just writing that were killed; whoever follows them may still do it, and is waited for."""
    box.wait_until_all_ended()
    for pattern in ("incidents/open/*.new", "spool/*/*.new", "history.sqlite-journal"):
        for path in box.state_directory.glob(pattern):
            path.unlink()


def test_on_finishers_that_die_one_after_the_other_nobody_relies(box: Box) -> None:
    settings = load_settings(str(box.configuration), dict(os.environb))
    finisher = FinisherProcess(settings)
    (box.root / "process-control.yaml").rename(box.root / "gone.yaml")  # each child of it fails
    later = time.monotonic()

    for number in range(4):
        assert not finisher.fails(later), number
        finisher.say(SEND)
        later += 3600
        finisher.hand_on(later)
        (descriptor,) = finisher.descriptors()
        poll = select.poll()
        poll.register(descriptor, 0)
        assert poll.poll(PATIENCE_SECONDS * 1000)
        assert finisher.has_died(descriptor)

    assert finisher.fails(later)


@pytest.mark.skipif(not IS_ROOT, reason="only root can choose accounts")
def test_with_a_service_user_it_is_sent_by_that_user(make_box: Callable[..., Box], server: MailServer) -> None:
    box = make_box(service_user=SERVICE_USER)
    mail_to(box, server)
    box.job("bad", FAILS)
    box.job("worse", "command: sh -c 'echo other >&2; exit 4'")
    senders = Senders(box)

    with scheduler(box) as live:
        live.ask("run", jobs=["bad"])
        until(lambda: senders.look() and len(server.mails) == 1, "a mail")
        box.run("worse")
        until(lambda: senders.look() and len(server.mails) == 2, "another one")
        owner = Path(f"/proc/{finisher_of(box)}").stat().st_uid

    assert owner == pwd.getpwnam(SERVICE_USER).pw_uid
    assert len(senders.seen[THE_SCHEDULERS]) == 1
    assert not senders.seen[ITS_OWN]


@pytest.mark.fault(
    "scheduler, finisher or its children are killed while a run leaves its message to them",
    small=6,
    full=60,
    wanted="each message arrives without another run, and again only under its id",
)
def test_whoever_is_killed_at_whatever_moment_each_message_arrives(box: Box, server: MailServer, storm: Storm) -> None:
    mail_to(box, server)
    again = 0
    with scheduler(box) as live:
        for number in storm.rounds():
            line = "".join(chr(ord("a") + int(digit)) for digit in str(number))  # another line is another incident
            box.job(f"bad-{number}", f"command: sh -c 'echo no {line} >&2; exit 3'")
            with box.start(f"bad-{number}") as run:
                select.select([], [], [], 0.15 + 0.03 * (number % 20))
                for pid in _victims(box, live, number % 3):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                assert run.wait().exit_code == 3
            job = f"bad-{number}"
            until(lambda job=job: _about(server, job), f"the mail about {job}")  # type: ignore[misc]
        until(lambda: not spooled(box), "an empty spool")
        for number in range(storm.size):
            ids = [str(mail.message["Message-ID"]) for mail in _about(server, f"bad-{number}")]
            assert len(set(ids)) == 1, ids
            again += len(ids) - 1
    storm.found(f"{storm.size} messages, {again} came again under their id")


def _victims(box: Box, live: Scheduler, which: int) -> list[int]:
    """Return the scheduler, the finisher with its children, or the children alone."""
    if which == 0:
        return [live.pid]
    first, children = _finisher_and_its_children(box)
    return [*first, *children] if which == 1 else children


def _about(server: MailServer, job: str) -> list[Received]:
    return [mail for mail in server.mails if re.search(rf"\b{job}\b", mail.subject)]


def test_the_index_is_up_to_date_without_anybody_who_reads(box: Box) -> None:
    box.job("good", f"command: /bin/true\n{ONE_SLOT}")

    with scheduler(box) as live:
        until(lambda: indexed(box) == ["succeeded"], "a run in the index")
        live.wait_until_idle()
        live.ask("run", jobs=["good"])
        until(lambda: indexed(box) == ["succeeded"] * 2, "another one")
        live.wait_until_idle()
        box.run("good")
        until(lambda: indexed(box) == ["succeeded"] * 3, "one by hand")


def indexed(box: Box) -> list[str]:
    """Return the outcomes of ended runs in the index, read without the product."""
    path = box.state_directory / "history.sqlite"
    if not path.exists():
        return []
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as found,
    ):
        return [row[0] for row in found.execute("SELECT outcome FROM run WHERE outcome IS NOT NULL")]
    return []

"""From a planned time that nothing starts to the message about it, and to its end: `watch`, incidents and a channel."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box
from kit.looks import Looks
from kit.mail_server import wait_until_told
from kit.night import LIBRARY
from kit.runs import script

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="libfaketime is not here")
TRUE = "command: /bin/true\nstart_within: 3m"


@pytest.fixture
def received(box: Box) -> Path:
    """Return the file in which a program keeps what it is sent, a line each."""
    path: Path = box.root / "received"
    program = script(box, "page.sh", f"cat >> {path}; echo >> {path}")
    path.touch()
    path.chmod(0o666)
    box.configure(notify=[f"exec:{program}"])
    return path


def sent(box: Box, received: Path) -> list[dict[str, Any]]:
    wait_until_told(box)
    return [json.loads(line) for line in received.read_text().splitlines()]


def test_a_missed_time_is_sent_once_at_the_look_after_start_within_and_closed_by_the_next_good_run(
    box: Box, received: Path
) -> None:
    looks = Looks(box)
    box.job("job", f"{TRUE}\n{looks.planned(1, 6)}")
    looks.look(0, 2, 3.5)
    assert sent(box, received) == [], "it may still start"

    looks.look(4, 5)
    (opened,) = sent(box, received)
    looks.start("job", 6)
    looks.look(7)

    assert (opened["event"], opened["incident"]["cause"], opened["incident"]["jobs"]) == ("opened", "missed", ["job"])
    _, closed = sent(box, received)
    assert (closed["event"], closed["incident"]["id"]) == ("closed", opened["incident"]["id"])
    assert closed["incident"]["closed_by"] == "the job succeeded"
    assert "missed" in opened["text"]


def test_a_missed_time_that_is_marked_closes_it(box: Box, received: Path) -> None:
    looks = Looks(box)
    box.job("job", f"{TRUE}\n{looks.planned(1)}")
    looks.look(0, 2, 4)
    assert [each["event"] for each in sent(box, received)] == ["opened"]

    result = box.process_control("mark", "job", looks.iso(1), "--note", "done by hand", env=looks.clock(5))

    assert result.exit_code == 0, result
    looks.look(6)
    assert [each["event"] for each in sent(box, received)] == ["opened", "closed"]


def test_a_recovered_time_closes_it_at_once(box: Box, received: Path) -> None:
    looks = Looks(box)
    box.job("job", f"{TRUE}\n{looks.planned(1)}")
    looks.look(0, 2, 4)
    assert [each["event"] for each in sent(box, received)] == ["opened"]

    result = box.process_control("recover", "job", "--yes", env=looks.clock(5))

    assert result.exit_code == 0, result
    assert [each["event"] for each in sent(box, received)] == ["opened", "closed"]


def test_a_time_that_is_caught_up_closes_it_without_another_look(box: Box, received: Path) -> None:
    looks = Looks(box, begin=(datetime.now(UTC) - timedelta(minutes=5)).replace(second=0, microsecond=0))
    box.job("job", f"{TRUE}\n{looks.planned(1)}\ncatch_up: latest")
    looks.look(0, 2, 3.5)

    box.process_control("watch")

    assert [each["event"] for each in sent(box, received)] == ["opened", "closed"]
    outcomes = [(each["outcome"], each["scheduled_at"]) for each in box.journal() if each["event"] == "end"]
    assert outcomes == [("succeeded", looks.iso(1))]


@pytest.mark.needs_utc
def test_what_a_dead_trigger_explains_is_named_in_its_messages_and_its_story(box: Box, received: Path) -> None:
    looks = Looks(box)
    box.job("one", f"{TRUE}\n{looks.planned(10, 12, 14, 16, 18)}")
    box.job("two", f"{TRUE}\n{looks.planned(11, 62)}")
    looks.look(0)
    looks.pass_by(60)

    looks.look(60)
    (opened,) = sent(box, received)
    shown = box.process_control("incidents", "show", opened["incident"]["id"], tty=True, columns=300).stdout
    looks.start("two", 62)
    looks.look(62.5)

    _, closed = sent(box, received)
    first, second, third = (looks.at(minutes) for minutes in (10, 12, 14))
    one = f"  one  5 planned times ({first:%a %Y-%m-%d %H:%M} UTC, {second:%H:%M}, {third:%H:%M} and 2 more)"
    assert one in opened["text"].splitlines(), opened["text"]
    assert f"{one}, 5 not made up for" in closed["text"].splitlines(), closed["text"]
    two = f"  two  1 planned time ({looks.at(11):%a %Y-%m-%d %H:%M} UTC)"
    assert f"{two}, 1 not made up for" in closed["text"].splitlines()
    assert " recover --since " in closed["text"]
    assert "6 planned times: one " in shown
    assert " and 1 more" in shown

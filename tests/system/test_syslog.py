"""Every start, skip, end and stop is told to the syslog, and no syslog, however broken, changes a run."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, Box
from kit.old_versions import seen_days_ago
from kit.runs import ONE_SLOT, kill_both, outcomes
from kit.syslog_listener import Listener, parsed
from process_control.notify.syslog_line import invocation, severity
from process_control.system import syslog

RUN_ID = r"[0-9a-hjkmnp-tv-z]{16}"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(tmp_path / "log") as listener:
        yield listener


@pytest.fixture
def told(box: Box) -> Iterator[Listener]:
    """The syslog of the box."""
    with listening(box) as listener:
        yield listener


def listening(box: Box) -> Listener:
    path = box.root / "syslog"
    box.configure(syslog={"address": str(path)})
    return Listener(path)


def plain(text: str) -> str:
    """Return a line without what differs from run to run."""
    text = re.sub(r"duration_seconds=\S+", "duration_seconds=N", re.sub(r"(pid)=\d+", r"\1=N", text))
    text = re.sub(r"late_seconds=\S+ late_parts=\S+", "late", text)
    text = re.sub(r"log=\S+", "log=LOG", re.sub(rf"\b{RUN_ID}\b", "RUN", text))
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "T", text)


# --- one line --------------------------------------------------------------------------------------------------------


def test_a_line_for_a_local_syslog_is_as_rfc_3164_has_it_without_the_host(listener: Listener) -> None:
    sent = syslog.send(str(listener.path), "cron", syslog.INFO, "backup: started, run=1")

    (line,) = listener.lines()
    assert sent
    assert (line.facility, line.severity, line.pid) == (9, 6, os.getpid())
    assert line.text == "backup: started, run=1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_a_line_for_another_host_goes_by_udp_and_names_ours(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        before = time.strftime("%b %e")
        sent = syslog.send(f"{host}:{server.getsockname()[1]}", "local3", syslog.ERROR, "backup: failed")
        message = server.recv(4096).decode()

    at = f"({before}|{time.strftime('%b %e')})"  # midnight may have come in between
    assert sent
    assert re.fullmatch(
        rf"<{19 * 8 + 3}>{at} \d\d:\d\d:\d\d {os.uname().nodename} process-control\[{os.getpid()}\]: backup: failed",
        message,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo", r"one\ntwo"),
        ("a\rb\tc\0d", r"a\rb\tc\x00d"),
        ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
        ("right \u202e left", r"right \u202e left"),
        ("line \u2028 end", r"line \u2028 end"),
        ("broken \udcff byte", r"broken \udcff byte"),
        ("café ☕", "café ☕"),
    ],
    ids=["newline", "carriage return", "escape", "bidi", "separator", "surrogate", "plain unicode"],
)
def test_no_control_character_reaches_the_syslog(text: str, shown: str, listener: Listener) -> None:
    syslog.send(str(listener.path), "cron", syslog.INFO, text)

    assert listener.texts() == [shown]


def test_a_line_that_is_too_long_is_cut_between_two_characters(listener: Listener) -> None:
    syslog.send(str(listener.path), "cron", syslog.INFO, "é" * 10_000)

    (text,) = listener.texts()
    assert text.endswith("é...")
    assert set(text.removesuffix("...")) == {"é"}
    assert len(text) > 4000


def test_a_datagram_for_another_host_has_at_most_1024_bytes() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        syslog.send(f"127.0.0.1:{server.getsockname()[1]}", "cron", syslog.INFO, "é" * 5000)

        assert 1020 <= len(server.recv(4096)) <= 1024


def a_directory(path: Path) -> None:
    path.mkdir()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_stream_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))


def a_socket_that_nobody_has_open(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


BROKEN = [a_directory, a_fifo, a_stream_socket, a_socket_that_nobody_has_open, a_link_to_itself, Path.touch, None]


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__ if make else "nothing")
def test_what_is_no_syslog_takes_nothing_and_raises_nothing(
    make: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    if make is not None:
        make(path)

    assert not syslog.send(str(path), "cron", syslog.INFO, "text")


def test_a_syslog_that_hangs_is_not_waited_for(listener: Listener) -> None:
    listener.fill()

    assert not syslog.send(str(listener.path), "cron", syslog.INFO, "text")


def test_a_name_that_is_not_in_etc_hosts_is_not_looked_up_anywhere() -> None:
    assert not syslog.is_known("logs.example.org:514")
    assert not syslog.send("logs.example.org:514", "cron", syslog.INFO, "text")
    assert syslog.is_known("localhost:514")
    assert syslog.is_known("192.0.2.7:514")
    assert syslog.is_known("[2001:db8::7]:514")


# --- the words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "line", "grave"),
    [
        (
            {"event": "start", "job": "backup", "run_id": "1", "trigger": "cron", "slow_start": False, "pid": 7},
            "backup: started, run=1 trigger=cron pid=7",
            syslog.INFO,
        ),
        (
            {"event": "start", "job": "backup", "run_id": "1", "slow_start": True},
            "backup: started, run=1 slow_start=yes",
            syslog.INFO,
        ),
        (
            {"event": "end", "job": "backup", "run_id": "1", "outcome": "succeeded", "reason": None, "exit_code": 0},
            "backup: succeeded, run=1 outcome=succeeded exit_code=0",
            syslog.INFO,
        ),
        (
            {"event": "end", "job": "b", "outcome": "warned", "reason": "stderr", "detail": "2 bytes on stderr"},
            "b: warned: 2 bytes on stderr, outcome=warned reason=stderr",
            syslog.WARNING,
        ),
        (
            {"event": "end", "job": "b", "outcome": "failed", "reason": "signal", "signal": "SEGV"},
            "b: failed: signal, outcome=failed reason=signal signal=SEGV",
            syslog.ERROR,
        ),
        (
            {"event": "end", "job": "b", "outcome": "lost", "reason": "host_down", "log": "/a b"},
            'b: lost: host_down, outcome=lost reason=host_down log="/a b"',
            syslog.ERROR,
        ),
        (
            {
                "event": "attempt",
                "job": "b",
                "run_id": "1",
                "attempt": 2,
                "outcome": "failed",
                "reason": "exit_code",
                "exit_code": 75,
                "detail": "exited with 75",
                "delay_seconds": 9.8,
                "verdict": "retry",
            },
            (
                "b: attempt 2 failed: exited with 75; the next one follows in 9.8 s, run=1 attempt=2 reason=exit_code "
                "exit_code=75"
            ),
            syslog.WARNING,
        ),
        (
            {"event": "skip", "job": "b", "reason": "too_late", "detail": "700 s after its planned time"},
            "b: skipped: 700 s after its planned time, reason=too_late",
            syslog.INFO,
        ),
        (
            {"event": "stop", "job": "b", "run_id": "1", "by": "ann"},
            "b: stop requested, run=1 by=ann",
            syslog.NOTICE,
        ),
        (
            {"event": "crontab", "job": None, "change": "added", "line": 'MAILTO=""', "was": None},
            'crontab: added to the crontab, line="MAILTO=\\"\\""',
            syslog.NOTICE,
        ),
        (
            {"event": "hold", "job": "b", "at": "T", "by": "ann", "host": "h", "detail": "no disk", "kind": "by_hand"},
            "b: held: no disk, kind=by_hand by=ann",
            syslog.NOTICE,
        ),
        (
            {"event": "of-tomorrow", "job": "b", "at": "T", "by": "ann", "host": "h", "why": "a = b"},
            'b: of-tomorrow, by=ann why="a = b"',
            syslog.NOTICE,
        ),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else "",
)
def test_a_line_has_slug_sentence_and_facts(record: dict[str, object], line: str, grave: int) -> None:
    assert invocation(record) == line
    assert severity(record) == grave


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_is_told_when_it_starts_and_when_it_ends(box: Box, told: Listener) -> None:
    box.job("backup", f"command: /bin/true\n{ONE_SLOT}")

    box.run("backup", "--scheduled", via="stub")

    start, end = told.lines()
    assert plain(start.text) == (
        "backup: started, run=RUN trigger=cron scheduled_at=T late by=root pid=N log=LOG".replace("root", by())
    )
    assert plain(end.text) == (
        "backup: succeeded, run=RUN outcome=succeeded exit_code=0 duration_seconds=N "
        f"trigger=cron scheduled_at=T by={by()} log=LOG"
    )
    assert (start.facility, start.severity, end.severity) == (9, syslog.INFO, syslog.INFO)
    assert start.facts["run"] == end.facts["run"] == box.history()[0]["run_id"]
    assert start.pid == end.pid == int(start.facts["pid"])


def by() -> str:
    import getpass

    return getpass.getuser()


def test_a_failed_run_is_told_as_an_error_with_its_reason_in_words(box: Box, told: Listener) -> None:
    box.job("backup", "command: sh -c 'exit 3'")

    box.run("backup")

    end = told.lines()[-1]
    assert plain(end.text).startswith(
        "backup: failed: exited with 3, run=RUN outcome=failed reason=exit_code exit_code=3"
    )
    assert end.severity == syslog.ERROR


def test_a_slot_that_is_skipped_and_one_that_had_its_run_are_told(box: Box, told: Listener) -> None:
    box.job("late", 'command: /bin/true\nschedule: "0 0 1 1 *"\nstart_within: 1s')
    seen_days_ago(box.configuration, days=1000)

    results = [box.run("late", "--scheduled") for _ in range(2)]

    assert [(result.exit_code, result.stdout, result.stderr) for result in results] == [(0, "", "")] * 2
    skipped, repeated = [plain(text) for text in told.texts()]
    assert re.fullmatch(
        rf"late: skipped: .+ after its planned time, start_within: 1 s, run=RUN reason=too_late trigger=cron "
        rf"scheduled_at=T by={by()}",
        skipped,
    )
    assert repeated == (
        f"late: its planned time (slot) has been run already: nothing to do, trigger=cron scheduled_at=T by={by()}"
    )


def test_a_start_that_the_file_never_planned_is_told(box: Box, told: Listener) -> None:
    box.job("new", 'command: /bin/true\nschedule: "0 0 1 1 *"\nstart_within: 1s')

    box.run("new", "--scheduled")

    (stray,) = told.lines()
    assert plain(stray.text) == (
        "new: a start by cron, but the job file plans no such time: the crontab does not match the files; nothing "
        f"was done, trigger=cron by={by()}"
    )
    assert stray.severity == syslog.WARNING


def test_a_stop_is_told_with_who_asked(box: Box, told: Listener) -> None:
    started = box.fifo("started")
    box.job("backup", f"command: sh -c 'echo > {started}; exec sleep 1000'")

    with box.start("backup") as run:
        started.read_line()
        box.run_job("--kill-job", "backup")
        run.wait()

    texts = [plain(text) for text in told.texts()]
    assert texts[1] == f"backup: stop requested, run=RUN by={by()}"
    assert texts[2].startswith("backup: failed: ")
    assert "reason=stopped" in texts[2]


def test_a_lost_run_is_told_by_the_next_start_once(box: Box, told: Listener) -> None:
    started = box.fifo("started")
    box.job("backup", f"command: sh -c 'echo > {started}; [ -e {box.root}/gone ] || exec sleep 1000'")
    with box.start("backup") as run:
        started.read_line()
        survivors = box.run_processes("backup")
        kill_both(box, "backup")
        run.wait()
    for pid in survivors:
        if os.path.exists(f"/proc/{pid}"):
            os.kill(pid, signal.SIGKILL)
    box.wait_until_all_ended()
    (box.root / "gone").touch()

    box.run("backup")

    lost = [line for line in told.lines() if line.text.startswith("backup: lost")]
    assert outcomes(box) == [("lost", "runner_killed"), ("succeeded", None)]
    assert [line.severity for line in lost] == [syslog.ERROR]


def test_a_failed_start_for_an_overlap_is_told(box: Box, told: Listener) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("backup", f"command: sh -c 'echo > {started}; read x < {go_on}'\non_overlap: fail\n{ONE_SLOT}")

    with box.start("backup") as run:
        started.read_line()
        second = box.run("backup", "--scheduled")
        go_on.write_line()
        run.wait()

    assert second.exit_code == 75
    assert [line.facts["reason"] for line in told.lines() if line.severity == syslog.ERROR] == ["overlap"]


def test_facility_and_address_are_configured(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        box.configure(syslog={"address": f"127.0.0.1:{server.getsockname()[1]}", "facility": "local7"})
        box.job("backup", "command: /bin/true")

        box.run("backup")

        start = server.recv(4096).decode()
    assert start.startswith(f"<{23 * 8 + 6}>")
    assert f" {os.uname().nodename} process-control[" in start
    assert "]: backup: started, run=" in start


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__ if make else "nothing")
def test_a_run_is_the_same_whatever_stands_where_the_syslog_should(
    make: Callable[[Path], None] | None, box: Box
) -> None:
    if make is not None:
        make(box.root / "syslog")
    box.configure(syslog={"address": str(box.root / "syslog")})
    box.job("backup", f"command: echo Hello\n{ONE_SLOT}")

    result = box.run("backup", "--scheduled")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert outcomes(box) == [("succeeded", None)]


def test_a_syslog_that_hangs_holds_no_run_up(box: Box, told: Listener) -> None:
    told.fill()
    box.job("backup", "command: echo Hello")

    result = box.run("backup")

    assert result.exit_code == 0, result
    assert outcomes(box) == [("succeeded", None)]


def test_an_event_is_in_the_journal_before_the_syslog_has_it(box: Box, told: Listener) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("backup", f"command: sh -c 'echo > {started}; read x < {go_on}'")

    with box.start("backup") as run:
        told.wait_for(told.lines, "the start to be told")
        events = [record["event"] for record in box.journal()]
        started.read_line()
        go_on.write_line()
        run.wait()

    assert events == ["start"]


@pytest.mark.needs_root
def test_the_service_user_tells_it_itself(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", "command: /bin/true")

    with listening(box) as told:
        box.run("backup")
        lines = told.lines()

    assert [line.slug for line in lines] == ["backup", "backup"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"address": "log"}, "'syslog.address' must be a whole path or host:port, not 'log'"),
        ({"address": "host:0"}, "'syslog.address' must be a whole path or host:port, not 'host:0'"),
        ({"address": "host:70000"}, "'syslog.address' must be a whole path or host:port, not 'host:70000'"),
        ({"address": "a b:514"}, "'syslog.address' must be a whole path or host:port, not 'a b:514'"),
        ({"facility": "crom"}, "'syslog.facility' must be "),
        ({"adress": "/dev/log"}, "unknown key 'syslog.adress'"),
    ],
    ids=["no path", "port 0", "port too high", "space", "facility", "key"],
)
def test_a_syslog_that_cannot_be_is_a_fault_of_the_configuration(value: dict[str, str], fault: str, box: Box) -> None:
    box.configure(syslog=value)
    box.job("backup", "command: /bin/true")

    result = box.run("backup")

    assert result.exit_code == 78
    assert fault in result.stderr


def test_what_the_listener_takes_apart_is_a_line_of_rfc_3164() -> None:
    line = parsed(b'<78>Nov  3 01:02:03 process-control[12]: a: b, log="x \\"y\\" z" n=1')

    assert (line.facility, line.severity, line.pid, line.slug) == (9, 6, 12, "a")
    assert line.facts == {"log": 'x "y" z', "n": "1"}

"""Whatever comes in on the socket of the scheduler, it answers the others, and starts what is due."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from kit.commands import PATIENCE_SECONDS
from kit.harness import Box, until
from kit.schedulers import scheduler
from process_control.scheduler.answers import MAX_CONNECTIONS, MAX_LINE

HOSTILE = (
    b"\n",
    b"[]\n",
    b'"status"\n',
    b"null\n",
    b"\xff\xfe\n",
    b"[" * 50_000 + b"\n",
    b'{"verb": []}\n',
    b'{"verb": {}}\n',
    b'{"verb": "run", "jobs": [[]]}\n',
    b'{"verb": "run", "jobs": ["\\ud800"]}\n',
    b'{"verb": ' + b"9" * 5000 + b"}\n",
    b'{"verb": "' + b"x" * 60_000 + b'"}\n',
)


@contextmanager
def connected(box: Box) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(box.state_directory / "run" / "scheduler.sock"))
        yield connection


def test_hostile_lines_are_answered_with_an_error(box: Box) -> None:
    with scheduler(box) as live:
        pid = live.pid
        for line in HOSTILE:
            with connected(box) as connection:
                connection.sendall(line)
                answer = json.loads(connection.makefile().readline())
                assert answer["error"]["exit_code"] == 2, line[:40]
        assert live.ask("status")["scheduler"]["pid"] == pid


def test_a_line_without_end_is_not_kept(box: Box) -> None:
    with scheduler(box) as live, connected(box) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"x" * 2 * MAX_LINE)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""  # it hangs up
        assert live.ask("status")


def test_two_lines_at_once_have_two_answers(box: Box) -> None:
    with scheduler(box), connected(box) as connection:
        connection.sendall(b'{"verb": "status"}\n{"verb": "dance"}\n')
        lines = connection.makefile()
        assert "scheduler" in json.loads(lines.readline())
        assert "error" in json.loads(lines.readline())


def test_many_that_connect_and_say_nothing_keep_nobody_out(box: Box) -> None:
    with scheduler(box) as live, ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 2):
            stack.enter_context(connected(box))
        assert live.ask("status")


def test_whoever_does_not_read_delays_nobody_and_gets_whole_lines(box: Box) -> None:
    lines = 2000
    with scheduler(box) as live, connected(box) as slow:
        slow.sendall(b'{"verb": "status"}\n' * lines)
        for _ in range(10):
            assert live.ask("status")
        answers = slow.makefile()
        assert all("scheduler" in json.loads(answers.readline()) for _ in range(lines))


def test_a_drain_that_was_given_up_harms_nothing(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: sh -c 'echo x > {started}; read line < {release}'")
    with scheduler(box) as live:
        pid = live.pid
        live.ask("run", jobs=["long"])
        started.read_line()
        with connected(box) as connection:
            connection.sendall(b'{"verb": "drain"}\n{"verb": "drain"}\n')
            assert json.loads(connection.makefile().readline())["running"] == 1
        release.write_line("")
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")
        assert live.pid == pid

"""`host_ping`: each look of `watch` says outside that the host lives, or how many jobs are overdue."""

import socket
import time

import pytest

from kit.harness import Box, command_line
from kit.looks import EVERY_MINUTE, Looks, looks
from kit.outside import outside

__all__ = ["looks"]


def test_each_look_pings_that_all_is_well(looks: Looks) -> None:
    with outside() as there:
        looks.box.configure(host_ping=there.url)

        looks.look(0, 1)

        assert [there.next_ping(), there.next_ping()] == [("GET", "/ping/1234", "")] * 2
        looks.box.wait_until_all_ended()


@pytest.mark.parametrize("failmail", [True, False], ids=["somebody is notified", "nobody is"])
def test_the_number_of_overdue_jobs_goes_to_fail_until_they_run(looks: Looks, failmail: bool) -> None:
    box = looks.box
    if not failmail:
        box.configure(failmail=None)
    box.job("job", f"command: /bin/true\nstart_within: 1m\n{looks.planned(1, 6)}")
    box.job("other", f"command: /bin/true\nstart_within: 1m\n{looks.planned(1)}")
    with outside() as there:
        box.configure(host_ping=there.url)

        looks.look(0)
        assert there.next_ping() == ("GET", "/ping/1234", "")
        looks.look(3)
        assert there.next_ping() == ("POST", "/ping/1234/fail", "2")
        looks.start("job", 6)
        looks.look(6.2)
        assert there.next_ping() == ("POST", "/ping/1234/fail", "1")
        box.wait_until_all_ended()


@pytest.mark.parametrize("how", ["run", "mark"])
def test_a_missed_time_that_was_run_or_marked_after_all_is_not_overdue(looks: Looks, how: str) -> None:
    box = looks.box
    box.job("job", f"command: /bin/true\nstart_within: 1m\n{looks.planned(1)}")
    moment = looks.at(1).strftime("%Y-%m-%dT%H:%MZ")
    words = ["run", "job", "--slot", moment] if how == "run" else ["mark", "job", moment, "--note", "done"]
    with outside() as there:
        box.configure(host_ping=there.url)
        looks.look(0, 2.4)
        assert [there.next_ping(), there.next_ping()][1] == ("POST", "/ping/1234/fail", "1")

        result = box.process_control(*words, env=looks.clock(3))

        assert result.exit_code == 0, result
        box.wait_until_all_ended()
        looks.look(4)
        assert there.next_ping() == ("GET", "/ping/1234", "")
        box.wait_until_all_ended()


def test_a_look_waits_for_no_server_that_does_not_answer(make_box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        box: Box = make_box(host_ping=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        box.job("job", f"command: /bin/true\nschedule: '{EVERY_MINUTE}'")

        began = time.monotonic()
        results = [box.process_control("watch").exit_code for _ in range(2)]
        took = time.monotonic() - began

        connection, _ = silent.accept()
        with connection:
            assert connection.recv(4) == b"GET "
        assert (results, took < 8) == ([0, 0], True)
        second, _ = silent.accept()
        second.close()
        box.wait_until_all_ended()


def test_the_url_is_on_no_command_line(make_box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/secret-7c1f"
        box: Box = make_box(host_ping=url)
        box.process_control("watch")

        connection, _ = silent.accept()
        with connection:
            lines = [command_line(pid) for pid in box.processes()]
        assert [line for line in lines if "secret-7c1f" in line] == []
        assert lines
        box.wait_until_all_ended()

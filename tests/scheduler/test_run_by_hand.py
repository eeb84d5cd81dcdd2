"""`process-control run` while a scheduler runs: its launcher starts the runs; all that people see is as without one."""

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from kit.harness import SERVICE_USER, Box, until, wait_gone
from kit.outages import hours_ago, planned_at, there_since
from kit.runs import ends, outcomes, starts
from kit.schedulers import scheduler
from process_control.system.proc import parent_of

WHO_AND_WHY = ("trigger", "by", "note", "slow_start", "scheduled_at")
PAST = hours_ago(2)
SLOT = f"{PAST:%Y-%m-%dT%H:%M}Z"


def facts(box: Box) -> list[list[Any]]:
    return [[start.get(name) for name in WHO_AND_WHY] for start in starts(box)]


def job_that_waits(box: Box, slug: str, keys: str = "") -> tuple[Any, Any]:
    started, release = box.fifo(f"{slug}-started"), box.fifo(f"{slug}-release")
    box.job(slug, f"command: sh -c 'echo up > {started}; read line < {release}'\n{keys}")
    return started, release


def connection_to(box: Box) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(box.state_directory / "run" / "scheduler.sock"))
    return connection


def test_the_launcher_starts_the_runs_and_their_ids_are_printed(box: Box) -> None:
    fifos = [job_that_waits(box, slug) for slug in ("a", "b")]

    with scheduler(box) as live:
        result = box.process_control("run", "a", "b")
        for started, _ in fifos:
            started.read_line()
        running = live.ask("status")["scheduler"]["running"]
        parents = {parent_of(start["pid"]) for start in running}
        for _, release in fifos:
            release.write_line("")
        until(lambda: len(ends(box)) == 2, "two ends")
        launcher = live.launcher_pid

    assert result.exit_code == 0
    assert dict(line.split("\t")[:2] for line in result.stdout.splitlines()) == {
        start["job"]: start["run_id"] for start in starts(box)
    }
    assert parents == {launcher}


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--note", "because\tof that"],
        ["--slow-start"],
        ["--force"],
        ["--slot", f"{PAST:%Y-%m-%dT%H:%M}Z", "--force"],
    ],
)
def test_records_and_output_are_as_without_a_scheduler(box: Box, flags: list[str]) -> None:
    box.job("job", f"command: /bin/true\nslow_start_command: /bin/echo\n{planned_at(PAST)}")
    there_since(box, hours_ago(30))

    without = box.process_control("run", "job", *flags)
    until(lambda: not box.processes(), "nothing to be left")
    with scheduler(box) as live:
        by_socket = box.process_control("run", "job", *flags)
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")

    assert (by_socket.exit_code, without.exit_code) == (0, 0)
    assert re.sub(r"\t\w{16}\t", "\tID\t", by_socket.stdout) == re.sub(r"\t\w{16}\t", "\tID\t", without.stdout)
    assert by_socket.stderr == without.stderr
    without_it, through_it = facts(box)
    assert without_it == through_it


def test_a_refusal_has_the_same_words_and_exit_code(box: Box) -> None:
    box.job("held", "command: /bin/true")
    box.job("wrong", "comand: /bin/true")
    box.process_control("hold", "held", "--note", "no")
    asked = [("held",), ("wrong",), ("held", "wrong")]

    without = [box.process_control("run", *jobs) for jobs in asked]
    with scheduler(box):
        by_socket = [box.process_control("run", *jobs) for jobs in asked]

    assert [(each.exit_code, each.stdout, each.stderr) for each in by_socket] == [
        (each.exit_code, each.stdout, each.stderr) for each in without
    ]
    assert [each.exit_code for each in without] == [75, 78, 1]
    assert starts(box) == []


def test_one_that_queues_is_named_with_the_way_back(box: Box) -> None:
    started, release = job_that_waits(box, "job", "on_overlap: queue")

    with scheduler(box):
        box.process_control("run", "job")
        started.read_line()
        queued = box.process_control("run", "job")
        waiting = int(re.search(r"kill (\d+)", queued.stdout)[1])  # type: ignore[index]  # else it fails, rightly
        os.kill(waiting, signal.SIGTERM)
        wait_gone(waiting)
        release.write_line("")
        until(lambda: ends(box), "an end")

    assert queued.exit_code == 0
    assert re.fullmatch(r"job\t\tqueued: it starts when its lock is free; to cancel: kill \d+\n", queued.stdout)
    assert outcomes(box) == [("succeeded", None)]


@pytest.mark.needs_root
def test_only_root_may_name_somebody_else(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("job", "command: /bin/true")
    forge = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        'print(s.send(b\'{"verb": "run", "jobs": ["job"], "by": "alice"}\\n\')); s.makefile().readline()'
    )
    path = str(box.state_directory / "run" / "scheduler.sock")

    with scheduler(box) as live:
        box.process_control("run", "job", env={"SUDO_USER": "ann"})
        until(lambda: len(ends(box)) == 1, "an end")
        live.wait_until_idle()
        box.command([box.product.interpreter, "-c", forge, path], user=SERVICE_USER)
        until(lambda: len(ends(box)) == 2, "two ends")

    assert [start["by"] for start in starts(box)] == ["ann", SERVICE_USER]


def test_a_job_that_takes_variables_of_the_caller_gets_them(box: Box) -> None:
    box.job("job", "command: printenv COLOUR\ninherit_environment: [COLOUR]")

    with scheduler(box):
        assert box.process_control("run", "job", env={"COLOUR": "green"}).exit_code == 0
        until(lambda: ends(box), "an end")

    assert box.log_bytes("job") == b"green\n"


def test_a_sub_job_stays_one(box: Box) -> None:
    box.job("inner", "command: /bin/true")
    box.job("outer", f"command: {box.product.process_control} --config {box.configuration} run inner")

    with scheduler(box):
        assert box.process_control("run", "outer").exit_code == 0
        until(lambda: len(ends(box)) == 2, "two ends")

    assert {start["job"]: start["trigger"] for start in starts(box)} == {"outer": "manual", "inner": "job"}


def test_a_scheduler_of_another_configuration_is_not_asked(box: Box) -> None:
    started, release = job_that_waits(box, "job")
    other = box.root / "other.yaml"
    assert box.configuration is not None
    other.write_text(box.configuration.read_text())

    with scheduler(box) as live:
        assert box.process_control("--config", str(other), "run", "job").exit_code == 0
        started.read_line()
        assert live.ask("status")["scheduler"]["running"] == []
        release.write_line("")
        until(lambda: ends(box), "an end")


def test_while_it_drains_nothing_is_started_by_hand_either(box: Box) -> None:
    box.job("job", "command: /bin/true")

    with scheduler(box) as live:
        live.ask("drain")
        refused = box.process_control("run", "job")

    assert refused.exit_code == 75
    assert "draining" in refused.stdout
    assert starts(box) == []


def test_one_that_is_killed_before_it_answers_is_said_and_nothing_is_doubled(box: Box) -> None:
    box.job("job", "command: /bin/true")

    with scheduler(box) as live:
        pid = live.pid
        os.kill(pid, signal.SIGSTOP)
        with box.start_command([str(box.product.process_control), "run", "job"]) as asking:
            until(lambda: has_unread_question(box), "a question that waits")
            os.kill(pid, signal.SIGKILL)
            result = asking.wait()
        live.wait_for_notice("READY=1")
        again = box.process_control("run", "job")
        until(lambda: ends(box), "an end")

    assert result.exit_code == 75
    assert "the scheduler ended before it answered" in result.stdout
    assert again.exit_code == 0
    assert len(starts(box)) == 1


def has_unread_question(box: Box) -> bool:
    """Return whether somebody has connected to the scheduler and waits to be accepted."""
    path = str(box.state_directory / "run" / "scheduler.sock")
    with open("/proc/net/unix") as file:
        ours = [line.split() for line in file if line.rstrip().endswith(path)]
    return any(fields[5] == "02" for fields in ours)


def test_one_that_is_killed_after_it_ordered_the_run_is_said_and_there_is_one_run(box: Box) -> None:
    box.job("job", "command: /bin/true")

    with scheduler(box) as live:
        launcher, pid = live.launcher_pid, live.pid
        os.kill(launcher, signal.SIGSTOP)
        with box.start_command([str(box.product.process_control), "run", "job"]) as asking:
            until(lambda: live.ask("status")["scheduler"]["running"], "an order")
            os.kill(pid, signal.SIGKILL)
            result = asking.wait()
        os.kill(launcher, signal.SIGCONT)
        until(lambda: ends(box), "an end")
        live.wait_for_notice("READY=1")

    assert result.exit_code == 75
    assert "the scheduler ended before the run began; whether it runs all the same: " in result.stdout
    assert len(starts(box)) == 1


def test_whoever_hung_up_before_the_order_gets_no_run(box: Box) -> None:
    box.job("job", "command: /bin/true")
    question = json.dumps({"verb": "run", "jobs": ["job"]}).encode() + b"\n"

    with scheduler(box) as live:
        os.kill(live.pid, signal.SIGSTOP)
        with connection_to(box) as gone:
            gone.sendall(question)
        half = connection_to(box)
        half.sendall(question)
        half.shutdown(socket.SHUT_WR)
        os.kill(live.pid, signal.SIGCONT)
        assert json.loads(half.makefile().readline())["ordered"][0]["job"] == "job"
        half.close()
        until(lambda: ends(box), "an end")
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")

    assert len(starts(box)) == 1


def test_what_the_scheduler_does_not_know_is_not_left_out(box: Box) -> None:
    box.job("job", "command: /bin/true")

    with scheduler(box) as live:
        for wrong in ({"dry_run": True}, {"slot": "2026"}, {"force": 1}, {"note": "a\nb"}, {"by": ["x"]}):
            assert live.ask("run", jobs=["job"], **wrong)["error"]["exit_code"] == 2
        assert live.ask("status")["scheduler"]["running"] == []

    assert starts(box) == []

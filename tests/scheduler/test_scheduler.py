"""The scheduler starts what is due, once; it may be stopped, killed and started again, and no run is harmed."""

import json
import os
import pwd
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, SERVICE_USER, STRANGER, Box, Deadline, children, until, wait_gone
from kit.runs import ONE_SLOT, ends, records, script, skips, starts
from kit.schedulers import scheduler

EACH_MINUTE = 'schedule: "* * * * *"'


def test_what_fell_due_lately_starts_at_once_and_the_record_says_who_started_it(box: Box) -> None:
    box.job("backup", f"command: echo hello\n{EACH_MINUTE}")

    with scheduler(box):
        until(lambda: ends(box, "backup"), "a recorded end")

    start = starts(box, "backup")[0]
    end = ends(box, "backup")[0]
    # It may begin when its minute is just over: then there is a run of the next one too.
    assert (start["trigger"], start["late_seconds"] < 2 * 60) == ("scheduler", True)
    assert end["outcome"] == "succeeded"
    assert Path(end["log"]).read_bytes() == b"hello\n"
    assert [record["change"] for record in records(box, "scheduler")] == ["started", "ended"]


@pytest.mark.long
def test_the_next_planned_time_is_met(box: Box) -> None:
    """The one test that waits for a minute of the real clock."""
    box.job("minutely", f"command: /bin/true\n{EACH_MINUTE}")

    with scheduler(box):
        limit = Deadline(seconds=150)
        while len(starts(box, "minutely")) < 2 and not limit.passed():
            select.select([], [], [], 0.2)

    first, second = starts(box, "minutely")[:2]
    assert first["scheduled_at"] != second["scheduled_at"]
    assert second["late_seconds"] < 10, second


def test_a_planned_time_that_had_its_run_is_not_started_again(box: Box) -> None:
    box.job("yearly", f"command: /bin/true\n{ONE_SLOT}")
    assert box.run("yearly", "--scheduled").exit_code == 0

    with scheduler(box) as live:
        assert live.ask("status")["scheduler"]["jobs"] == 1

    assert len(starts(box, "yearly")) == 1


def test_cron_and_the_scheduler_beside_each_other_start_a_planned_time_once(box: Box) -> None:
    box.job("yearly", f"command: sleep 1\n{ONE_SLOT}")

    with scheduler(box):
        for _ in range(3):
            assert box.run("yearly", "--scheduled").exit_code == 0
        until(lambda: ends(box, "yearly"), "a recorded end")

    assert len(starts(box, "yearly")) == 1


def test_a_second_scheduler_says_who_holds_the_lock(box: Box) -> None:
    with scheduler(box) as live:
        second = box.process_control("scheduler")

        assert second.exit_code == 75
        assert f"another scheduler runs: pid {live.pid}, since 2" in second.stderr


def test_a_scheduler_that_was_killed_is_started_again_and_runs_go_on(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    text = f"echo x > {started}; read line < {release}; echo done"
    box.job("long", f"command: {script(box, 'long.sh', text)}\n{ONE_SLOT}")

    with scheduler(box) as live:
        started.read_line()
        for victim in ("scheduler", "launcher", "scheduler"):
            pid = live.pid if victim == "scheduler" else live.launcher_pid
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)
            if victim == "scheduler":
                live.wait_for_notice("READY=1")
            assert live.pid
            assert live.launcher_pid
        assert not ends(box, "long")
        release.write_line("")
        until(lambda: ends(box, "long"), "a recorded end")

    assert [end["outcome"] for end in ends(box, "long")] == ["succeeded"]
    assert len(starts(box, "long")) == 1
    assert box.log_bytes("long") == b"done\n"


def test_a_launcher_that_was_killed_loses_no_start(box: Box) -> None:
    with scheduler(box) as live:
        os.kill(live.launcher_pid, signal.SIGKILL)
        box.job("new", f"command: /bin/true\n{ONE_SLOT}")
        live.ask("run", jobs=["new"])
        until(lambda: ends(box, "new"), "a recorded end")

    assert [end["outcome"] for end in ends(box, "new")] == ["succeeded"]


def test_the_end_of_a_run_whose_launcher_died_is_seen(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: {script(box, 'long.sh', f'echo x > {started}; read line < {release}')}\n{ONE_SLOT}")

    with scheduler(box) as live:
        started.read_line()
        os.kill(live.launcher_pid, signal.SIGKILL)
        until(lambda: live.ask("status")["scheduler"]["running"], "a run in progress")
        release.write_line("")
        until(lambda: not live.ask("status")["scheduler"]["running"], "no run in progress")

    assert [end["outcome"] for end in ends(box, "long")] == ["succeeded"]


def test_the_death_of_the_parent_ends_both_and_no_run(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: {script(box, 'long.sh', f'echo x > {started}; read line < {release}')}\n{ONE_SLOT}")

    with scheduler(box) as live:
        started.read_line()
        both = live.pid, live.launcher_pid
        os.kill(live.parent.pid, signal.SIGKILL)
        for pid in both:
            wait_gone(pid)
        live.parent.wait()
    with scheduler(box):
        release.write_line("")
        until(lambda: ends(box, "long"), "a recorded end")

    assert [record["change"] for record in records(box, "scheduler")] == ["started", "started", "ended"]
    assert len(starts(box, "long")) == 1


def test_term_ends_the_scheduler_and_no_run(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: {script(box, 'long.sh', f'echo x > {started}; read line < {release}')}\n{ONE_SLOT}")

    with scheduler(box) as live:
        started.read_line()
        live.parent.signal(signal.SIGTERM)
        result = live.parent.wait()

    assert result.exit_code == 0
    assert "ended: 1 run continues" in result.stderr
    assert not ends(box, "long")
    release.write_line("")
    until(lambda: ends(box, "long"), "a recorded end")


def test_drain_starts_nothing_more_and_returns_when_the_runs_have_ended(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: {script(box, 'long.sh', f'echo x > {started}; read line < {release}')}\n{ONE_SLOT}")

    with scheduler(box) as live:
        started.read_line()
        with box.start_command([str(box.product.process_control), "scheduler", "--drain"]) as drain:
            drain.wait_for_line("waiting for 1 run to end", stream="stderr")
            refused = live.ask("run", jobs=["long"])
            release.write_line("")
            assert drain.wait().exit_code == 0
        assert ends(box, "long")

    assert refused["error"]["exit_code"] == 75


def test_drain_waits_for_runs_of_a_scheduler_before_this_one(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("long", f"command: {script(box, 'long.sh', f'echo x > {started}; read line < {release}')}\n{ONE_SLOT}")

    with scheduler(box):
        started.read_line()
    with scheduler(box) as live:
        assert [run["job"] for run in live.ask("status")["scheduler"]["running"]] == ["long"]
        with box.start_command([str(box.product.process_control), "scheduler", "--drain"]) as drain:
            drain.wait_for_line("waiting for 1 run to end", stream="stderr")
            release.write_line("")
            assert drain.wait().exit_code == 0
        assert ends(box, "long")


def test_drain_without_a_scheduler_says_so(box: Box) -> None:
    result = box.process_control("scheduler", "--drain")

    assert result.exit_code == 75
    assert "no scheduler runs here" in result.stderr


def test_a_new_job_file_is_planned_after_a_reload(box: Box) -> None:
    with scheduler(box) as live:
        box.job("new", f"command: /bin/true\n{EACH_MINUTE}")

        assert live.ask("reload")["jobs"] == 1
        live.parent.signal(signal.SIGHUP)
        live.wait_for_notice("STATUS=1 job is planned")


def test_a_file_that_became_invalid_is_refused_at_its_time_as_under_cron(box: Box) -> None:
    """Whether the scheduler was started before or after the file became invalid."""
    box.job("broken", f"command: /bin/true\n{ONE_SLOT}")
    assert box.run("broken", "--scheduled").exit_code == 0
    box.job("broken", f"command: /bin/true\n{ONE_SLOT.replace('0 0 1 1', '0 0 2 1')}")
    assert box.process_control("watch").exit_code == 0  # it records the version
    box.job("broken", "command: [")

    with scheduler(box):
        until(lambda: records(box, "refusal", "broken"), "a refusal")

    assert records(box, "refusal", "broken")[0]["trigger"] == "scheduler"


def test_a_disabled_job_is_not_started(box: Box) -> None:
    box.job("off", f"command: /bin/true\ndisabled: true\n{ONE_SLOT}")

    with scheduler(box) as live:
        assert live.ask("status")["scheduler"]["jobs"] == 0

    assert not starts(box)
    assert not skips(box)


def test_a_wrong_configuration_ends_it_with_the_code_of_run_job(box: Box) -> None:
    assert box.configuration is not None
    box.configuration.write_text("job_directory: /nowhere\n")

    assert box.process_control("scheduler").exit_code == 78


def test_a_path_that_is_too_long_for_a_socket_is_named_with_its_key(box: Box) -> None:
    long = box.root / ("x" * 100)
    box.configure(run_directory=str(long))

    result = box.process_control("scheduler")

    assert result.exit_code == 78
    assert "run_directory" in result.stderr


def test_what_is_no_question_gets_an_error_and_harms_nothing(box: Box) -> None:
    with scheduler(box) as live:
        assert live.ask("dance")["error"]["exit_code"] == 2
        assert live.ask("run", jobs=["../etc/passwd"])["error"]["exit_code"] == 2
        assert live.ask("run", jobs="x")["error"]["exit_code"] == 2
        assert live.ask("status")["scheduler"]["draining"] is False


def test_its_looks_take_the_place_of_watch(box: Box) -> None:
    with scheduler(box):
        until((box.state_directory / "watch.json").exists, "a look")


@pytest.mark.skipif(not IS_ROOT, reason="only root can choose accounts")
def test_the_scheduler_and_the_runs_are_the_service_user_and_the_launcher_is_root(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("who", f"command: id -un\n{ONE_SLOT}")

    with scheduler(box) as live:
        until(lambda: ends(box, "who"), "a recorded end")
        owners = [Path(f"/proc/{pid}").stat().st_uid for pid in (live.parent.pid, live.launcher_pid)]
        status = Path(f"/proc/{live.pid}/status").read_text()
        stranger = box.start_command([str(box.product.process_control), "scheduler", "--reload"], user=STRANGER)
        with stranger:
            assert stranger.wait().exit_code == 77
        os.kill(live.launcher_pid, signal.SIGKILL)  # the parent is still root: the next one can be too
        live.wait_until_idle()
        live.ask("run", jobs=["who"])
        until(lambda: len(ends(box, "who")) == 2, "a recorded end")

    uid = pwd.getpwnam(SERVICE_USER).pw_uid
    assert owners == [0, 0]
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert [end["outcome"] for end in ends(box, "who")] == ["succeeded"] * 2
    assert box.log_bytes("who") == f"{SERVICE_USER}\n".encode()


def test_status_and_timers_show_how_late_its_starts_were(box: Box) -> None:
    box.job("yearly", f"command: /bin/true\n{ONE_SLOT}")

    with scheduler(box) as live:
        until(lambda: ends(box, "yearly"), "a recorded end")
        lag = live.ask("status")["scheduler"]["lag"]
        note = {"pid": live.pid, **lag}
        (box.state_directory / "scheduler-lag.json").write_text(json.dumps(note))  # it is written once a minute
        shown = [
            box.command([str(box.product.process_control), verb], tty=True).stdout for verb in ("status", "timers")
        ]

    assert lag["starts"] == 1
    assert all("of its last 1 start half came within" in text for text in shown), shown


@pytest.mark.skipif(not IS_ROOT, reason="only root can choose accounts")
def test_the_death_of_a_parent_of_root_ends_the_scheduler_of_the_service_user(make_box: Callable[..., Box]) -> None:
    """Else it holds the lock, without a launcher, and no other scheduler can begin."""
    box = make_box(service_user=SERVICE_USER)

    with scheduler(box) as live:
        both = live.pid, live.launcher_pid
        os.kill(both[0], signal.SIGSTOP)  # one that hangs too: the watchdog of systemd kills the parent
        os.kill(live.parent.pid, signal.SIGKILL)
        for pid in both:
            wait_gone(pid)
        live.parent.wait()
    with scheduler(box) as live:
        assert live.ask("status")


def test_a_start_that_was_killed_before_its_run_is_made_by_a_scheduler_that_begins_in_time(box: Box) -> None:
    asked, go_on = box.fifo("asked"), box.fifo("go_on")
    condition = script(box, "if.sh", f"rm {box.root}/first || exit 0; echo up > {asked}; read line < {go_on}")
    (box.root / "first").touch()
    box.job("job", f"command: 'true'\nonly_if: {condition}\n{ONE_SLOT}")
    with box.start("--scheduled", "job", via="stub") as waits:
        asked.read_line()
        os.kill(children(waits.pid)[0], signal.SIGKILL)
        assert waits.wait().exit_code == 137
    [refusal] = records(box, "refusal")

    with scheduler(box):
        until(lambda: ends(box), "its run to end")

    assert [start["scheduled_at"] for start in starts(box)] == [refusal["scheduled_at"]]

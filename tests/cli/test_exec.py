"""`exec`: a command without a job file runs as a job does, and leaves nothing behind that a job would."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from kit.harness import IS_ROOT, SERVICE_USER, Box, Fifo, Live, until


def execute(box: Box, *words: str) -> Live:
    return box.start_command([str(box.product.process_control), "exec", *words])


def test_the_command_runs_with_log_and_history_and_its_exit_code(box: Box) -> None:
    result = box.process_control(
        "exec", "--name", "fix", "--note", "a try", "--", "sh", "-c", "echo $1$2; exit 7", "x", "-a", ""
    )

    assert (result.stdout, result.exit_code) == ("-a\n", 7)
    assert result.stderr.startswith("fix: failed: exited with 7 (run ")
    [run] = box.history("fix")
    assert (run["outcome"], run["reason"], run["exit_code"], run["scheduled_at"]) == ("failed", "exit_code", 7, None)
    assert box.process_control("logs", "fix").stdout == "-a\n"
    assert "a try" in box.process_control("audit", "fix").stdout
    assert box.process_control("status", "fix").stdout.splitlines()[-1].startswith("fix\tfailing\t")


def test_it_is_no_job(box: Box) -> None:
    box.job("job", "command: /bin/true")
    for _ in range(2):
        box.process_control("exec", "--name", "fix", "--", "false")

    assert box.health_if_any("fix") == {}
    assert box.process_control("list").stdout.split("\t")[0] == "job"
    assert "fix" not in box.process_control("check").stdout
    assert box.process_control("slots", "--json").json()["slots"] == []
    assert {record["event"] for record in box.journal()} <= {"start", "end", "mark", "gap", "version"}
    assert [record for record in box.journal() if record["event"] == "version" and record["job"] == "fix"] == []
    assert box.process_control("hold", "fix", "--note", "x").exit_code == 66
    assert box.process_control("run", "fix").exit_code == 66


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--name", "job", "--", "true"], "--name job: this is a job"),
        (["--name", "a b", "--", "true"], "--name a b: not a name as a job's"),
        (["--name", "fix", "true"], "write the command behind --"),
        (["--name", "fix", "--"], "write the command behind --"),
        (["--name", "fix"], "write the command behind --"),
        (["--", "true"], "process-control exec: missing option '--name'"),
        (["--name", "fix", "--timeout", "soon", "--", "true"], "--timeout must be a time, not 'soon'"),
        (["--name", "fix", "--stderr", "loud", "--", "true"], "--stderr must be fail, warn or ignore, not 'loud'"),
        (["--name", "fix", "--memory", "much", "--", "true"], "--memory must be a size, not 'much'"),
        (["--name", "fix", "--environment", "A", "--", "true"], "--environment A: no value"),
    ],
)
def test_what_is_wrong_is_a_fault_of_the_command_line(box: Box, words: list[str], what: str) -> None:
    box.job("job", "command: /bin/true")

    result = box.process_control("exec", *words)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.startswith(what)
    assert not (box.state_directory / "jobs").exists() or not list((box.state_directory / "jobs").iterdir())


def test_flags_are_the_keys_of_a_job(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=correct-horse\n")
    secrets.chmod(0o600)
    script = 'echo "$A $TOKEN $(pwd)"; echo oops >&2'
    flags = ["--environment", "A=b=c", "--environment-file", str(secrets), "--working-directory", "/usr"]

    result = box.process_control("exec", "--name", "fix", *flags, "--stderr", "warn", "--", "sh", "-c", script)

    assert (result.stdout, result.exit_code) == ("b=c *** /usr\n", 0)
    assert box.history("fix")[0]["outcome"] == "warned"
    assert "b=c *** /usr\n" in box.process_control("logs", "fix").stdout


def test_limits_and_the_lock_hold(box: Box) -> None:
    started = Fifo(box.root / "started")
    box._fifos.append(started)
    box.job("job", "command: /bin/true\nlock: shared")
    script = f"echo go > {started}; sleep 1000"
    with execute(box, "--name", "fix", "--lock", "shared", "--timeout", "0", "--", "sh", "-c", script) as live:
        started.read_line()
        assert box.run("job").exit_code == 75
        assert box.process_control("exec", "--name", "fix", "--lock", "shared", "--", "true").exit_code == 75
        assert box.process_control("stop", "fix").exit_code == 0
        live.wait()

    assert box.process_control("exec", "--name", "fix", "--timeout", "0.2", "--", "sleep", "1000").exit_code != 0
    assert [run["reason"] for run in box.history("fix")] == ["timeout", "stopped"]


def test_why_knows_what_runs_and_what_ran(box: Box) -> None:
    started = Fifo(box.root / "started")
    box._fifos.append(started)
    with execute(box, "--name", "fix", "--timeout", "0", "--", "sh", "-c", f"echo go > {started}; sleep 1000") as live:
        started.read_line()
        running = box.process_control("why", "fix")
        box.process_control("stop", "fix")
        live.wait()

    answer = box.process_control("why", "fix", "--json").json()
    then = box.process_control("why", "fix", "2026-01-01 12:00")
    [run_id] = [run["run_id"] for run in box.history("fix")]

    assert "It is running, since" in running.stdout
    assert f"(run {run_id})" in " ".join(running.stdout.split())
    assert answer["now"]["runs"] is False
    assert [each["reason"] for each in answer["now"]["blocked_by"]] == ["no_schedule"]
    assert "a command that `exec` ran" in answer["sentences"][0]
    [last] = [each for each in answer["sentences"] if each.startswith("Its last run")]
    assert "by hand, failed: stopped" in last
    assert last.endswith(f"(run {run_id}).")
    assert (then.exit_code, then.stderr) == (0, "")
    assert "nothing is planned for it" in " ".join(then.stdout.split())
    assert "job file" not in running.stdout + then.stdout


def test_a_run_whose_runner_was_killed_is_lost_at_once_and_has_no_health(box: Box) -> None:
    started = Fifo(box.root / "started")
    box._fifos.append(started)
    with execute(box, "--name", "fix", "--", "sh", "-c", f"echo go > {started}; sleep 1000") as live:
        started.read_line()
        os.kill(box.block("fix")["pid"], signal.SIGKILL)
        live.wait()

    assert [record["outcome"] for record in box.journal() if record["event"] == "end"] == ["lost"]
    assert box.health_if_any("fix") == {}
    assert box.process_control("exec", "--name", "fix", "--", "true").exit_code == 0


def test_after_the_retention_nothing_of_it_is_left(box: Box) -> None:
    box.configure(retention={"days": 30})
    box.job("job", "command: /bin/true\nlock: shared")
    box.run("job")
    box.process_control("exec", "--name", "old", "--lock", "shared", "--", "true")
    box.process_control("exec", "--name", "older", "--", "true")
    box.process_control("exec", "--name", "new", "--", "true")
    until(lambda: not box.processes(), "the ends")
    long_ago = time.time() - 31 * 86_400
    for slug in ("old", "older", "job"):
        for path in (box.state_directory / "jobs" / slug).iterdir():
            os.utime(path, (long_ago, long_ago))
        for path in (box.output_directory / slug).iterdir():
            path.rename(path.with_name(path.name.replace(f"{slug}-20", f"{slug}-19")))

    assert box.process_control("prune").exit_code == 0

    left = [str(path.relative_to(box.root)) for path in box.root.rglob("*") if "old" in path.name]
    assert left == []
    assert (box.state_directory / "jobs" / "job" / "block").exists()
    assert (box.state_directory / "jobs" / "new" / "block").exists()


def test_a_name_that_became_a_job_keeps_the_record_of_the_job(box: Box) -> None:
    box.process_control("exec", "--name", "fix", "--", "true")
    box.job("fix", "command: /bin/false")
    box.run("fix")

    box.process_control("prune")

    assert not (box.state_directory / "jobs" / "fix" / "ad_hoc.json").exists()
    assert box.health("fix")["state"] == "healthy"


@pytest.mark.skipif(not IS_ROOT, reason="only root can become the service user")
def test_it_runs_as_the_service_user(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)

    assert box.process_control("exec", "--name", "fix", "--", "id", "-un").stdout == f"{SERVICE_USER}\n"

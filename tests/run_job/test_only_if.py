"""`only_if`: a command that decides whether the job runs now, with all that a command of the job gets."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit import control_groups
from kit.harness import SERVICE_USER, Box, Live, children, until, wait_gone
from kit.mail_server import mail_server, mail_to
from kit.runs import ONE_SLOT, date_version_back, ends, frozen, outcomes, records, script, skips, slots_of, starts

JOB = "command: echo ran"


def conditional(box: Box, condition: str, *, more: str = ONE_SLOT) -> None:
    box.job("job", f"{JOB}\nonly_if: {condition}\n{more}")


def by_shell(box: Box, text: str) -> Path:
    return script(box, "condition.sh", text)


# --- what its exit code means ----------------------------------------------------------------------------------------


def test_a_condition_that_is_met_lets_the_job_run(box: Box) -> None:
    conditional(box, by_shell(box, "echo fine; echo loud >&2").as_posix())

    scheduled, by_hand = box.run("--scheduled", "job"), box.run("job")

    assert (scheduled.exit_code, by_hand.exit_code) == (0, 0)
    assert outcomes(box) == [("succeeded", None)] * 2
    assert box.log_bytes("job") == b"ran\n"  # what a condition prints is no output of the run
    assert skips(box) == []


@pytest.mark.parametrize("code", [1, 75, 125, 128, 254])
def test_one_that_is_not_met_skips_the_planned_time_with_the_last_line_of_its_stdout(box: Box, code: int) -> None:
    conditional(box, by_shell(box, f"echo first; echo not yet; echo; echo loud >&2; exit {code}").as_posix())

    result = box.run("--scheduled", "job")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    [skip] = skips(box)
    assert (skip["outcome"], skip["reason"], skip["detail"]) == ("skipped", "condition", "not yet")
    assert skip["scheduled_at"] is not None
    assert "unplanned" not in skip
    assert (starts(box), ends(box), box.logs("job")) == ([], [], [])


def test_without_a_line_the_skip_names_the_exit_code(box: Box) -> None:
    conditional(box, "'false'")

    box.run("--scheduled", "job")

    assert [skip["detail"] for skip in skips(box)] == ["its condition exited with 1"]


def test_by_hand_it_is_refused_and_force_runs_it_without_asking(box: Box) -> None:
    asked = box.root / "asked"
    conditional(box, by_shell(box, f"echo >> {asked}; echo not yet; exit 1").as_posix())

    refused = box.run("job")
    times = asked.read_text()
    forced = box.run("--force", "job")

    assert (refused.exit_code, forced.exit_code) == (75, 0)
    assert refused.stderr == (
        "job: not started, its condition (only_if) is not met: not yet\n"
        "  hint: run it all the same: run-job --force job\n"
    )
    assert asked.read_text() == times
    assert outcomes(box) == [("succeeded", None)]
    assert skips(box) == []


@pytest.mark.parametrize("code", [126, 127, 255])
def test_an_exit_code_that_is_no_answer_is_a_failed_run(box: Box, code: int) -> None:
    condition = by_shell(box, f"echo cannot ask >&2; exit {code}")
    conditional(box, str(condition))

    scheduled, by_hand = box.run("--scheduled", "job"), box.run("job")

    detail = f"its condition exited with {code} ({condition}): cannot ask"
    assert (scheduled.exit_code, by_hand.exit_code) == (75, 75)
    assert scheduled.stderr.startswith("job: failed: its condition exited with")
    assert [(end["reason"], end["detail"]) for end in ends(box)] == [("condition", detail)] * 2
    assert (starts(box), skips(box)) == ([], [])


def test_a_signal_is_a_failed_run(box: Box) -> None:
    condition = by_shell(box, "kill -USR1 $$")
    conditional(box, str(condition))

    result = box.run("--scheduled", "job")

    assert result.exit_code == 75
    assert [end["detail"] for end in ends(box)] == [f"its condition was ended by signal USR1 ({condition})"]


def test_a_program_that_is_not_there_is_a_failed_run(box: Box) -> None:
    conditional(box, "no-such-program --at-all")

    result = box.run("--scheduled", "job")

    [end] = ends(box)
    assert (result.exit_code, end["outcome"], end["reason"]) == (75, "failed", "condition")
    assert end["detail"].startswith("its condition could not be started: no-such-program: ")


def test_a_failed_condition_is_not_tried_again_and_counts_for_no_backoff_and_no_hold(box: Box) -> None:
    asked = box.root / "asked"
    more = f"retry: {{attempts: 3, delay: 0}}\nbackoff: 30d\nhold: {{after_failures: 1}}\n{ONE_SLOT}"
    conditional(box, by_shell(box, f"echo asked >> {asked}; exit 127").as_posix(), more=more)

    box.run("--scheduled", "job")

    assert asked.read_text() == "asked\n"
    assert box.health_if_any("job").get("state", "healthy") == "healthy"
    assert (records(box, "backoff"), records(box, "hold")) == ([], [])
    status = box.process_control("status", "job", "--json").json()["jobs"][0]
    assert (status["state"], status["failures_in_row"]) == ("failing", 0)


def test_a_tree_that_ignores_term_is_killed_at_the_timeout(box: Box) -> None:
    condition = by_shell(box, "trap '' TERM; (trap '' TERM; exec setsid sleep 1000) & while :; do wait; done")
    conditional(box, f"{{command: {condition}, timeout: 1}}", more=f"kill_grace: 0.2\n{ONE_SLOT}")

    result = box.run("--scheduled", "job")

    assert result.exit_code == 75
    assert [end["detail"] for end in ends(box)] == [f"its condition did not end within 1 s ({condition})"]
    box.wait_until_all_ended()


def test_what_it_leaves_behind_is_ended(box: Box) -> None:
    left = box.root / "left"
    conditional(box, by_shell(box, f"setsid sleep 1000 & echo $! > {left}").as_posix(), more="kill_grace: 0.2")

    assert box.run("job").exit_code == 0

    wait_gone(int(left.read_text()))


# --- what it prints --------------------------------------------------------------------------------------------------


def test_a_huge_output_is_read_and_bounded(box: Box) -> None:
    conditional(box, by_shell(box, "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1").as_posix())

    box.run("--scheduled", "job")

    assert [skip["detail"] for skip in skips(box)] == ["the end"]


def test_one_endless_line_is_cut(box: Box) -> None:
    conditional(box, by_shell(box, "head -c 3000000 /dev/zero | tr '\\0' x; exit 1").as_posix())

    box.run("--scheduled", "job")

    assert [skip["detail"] for skip in skips(box)] == ["…" + "x" * 199]


def test_secrets_are_masked_and_control_characters_escaped(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=a-long-secret\n")
    secrets.chmod(0o600)
    condition = by_shell(box, 'printf "token %s \\033[31m\\n" "$TOKEN"; exit ${CODE:-1}')
    conditional(box, str(condition), more=f"environment_file: {secrets}\n{ONE_SLOT}")

    box.run("--scheduled", "job")
    by_hand = box.run("job")

    assert [skip["detail"] for skip in skips(box)] == [r"token *** \x1b[31m"]
    assert "a-long-secret" not in by_hand.stderr


# --- with what it runs -----------------------------------------------------------------------------------------------


def test_it_gets_the_environment_directory_and_limits_of_the_job(box: Box) -> None:
    seen = box.root / "seen"
    condition = by_shell(box, f"echo $PROCESS_CONTROL_JOB $PROCESS_CONTROL_TRIGGER $COLOR $PWD $(ulimit -n) > {seen}")
    more = f"environment: {{COLOR: red}}\nworking_directory: {box.root}\nlimits: {{open_files: 77}}"
    conditional(box, str(condition), more=more)

    assert box.run("job").exit_code == 0

    assert seen.read_text() == f"job manual red {box.root} 77\n"


def test_it_does_not_have_the_lock(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    asks = by_shell(box, f"[ -e {box.root}/free ] || {{ echo > {started}; read x < {release}; }}")
    conditional(box, f"{{command: {asks}, timeout: 10m}}")
    with box.start("job") as live:
        started.read_line()
        (box.root / "free").touch()
        beside = box.run("job")
        release.write_line()
        first = live.wait()

    assert (first.exit_code, beside.exit_code) == (0, 0)


@pytest.mark.needs_root
def test_as_root_it_runs_as_the_service_user(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    conditional(box, by_shell(box, "id -un; exit 1").as_posix())

    box.run("--scheduled", "job")

    assert [skip["detail"] for skip in skips(box)] == [SERVICE_USER]


def test_no_control_group_is_left(box: Box) -> None:
    above = control_groups.own_group()
    if above is None:
        pytest.skip("no control group can be made here")
    seen = box.root / "seen"
    conditional(box, by_shell(box, f"cat /proc/self/cgroup > {seen}; exit 1").as_posix())

    box.run("--scheduled", "job")

    name = seen.read_text().strip().rpartition("/")[2]
    assert name.startswith("process-control.")
    assert list(Path("/sys/fs/cgroup").rglob(name)) == []


# --- when it is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["disabled: true", "disabled: false"])
def test_a_disabled_job_is_not_asked(box: Box, key: str) -> None:
    asked = box.root / "asked"
    conditional(box, f"touch {asked}", more=f"{key}\n{ONE_SLOT}")

    box.run("--scheduled", "job")

    assert asked.exists() is (key == "disabled: false")


def test_a_held_job_is_not_asked(box: Box) -> None:
    asked = box.root / "asked"
    conditional(box, f"touch {asked}")
    box.process_control("hold", "job", "--note", "the disk is full")

    scheduled, by_hand = box.run("--scheduled", "job"), box.run("job")

    assert (scheduled.exit_code, by_hand.exit_code) == (0, 75)
    assert [skip["reason"] for skip in skips(box)] == ["held"]
    assert not asked.exists()


def test_after_a_wait_for_the_lock_it_is_asked_once_more(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    (box.root / "yes").touch()
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}\nonly_if: test -e {box.root}/yes\non_overlap: queue\n{ONE_SLOT}")
    with box.start("job") as first:
        started.read_line()
        with box.start("--scheduled", "job") as second:
            until(lambda: records(box, "waiting"), "it to wait")
            (box.root / "yes").unlink()
            release.write_line()
            codes = [first.wait().exit_code, second.wait().exit_code]

    assert codes == [0, 0]
    assert [skip["reason"] for skip in skips(box)] == ["condition"]
    assert box.run("--force", "job", "--dry-run").exit_code == 0


def test_its_time_counts_as_gate(box: Box) -> None:
    conditional(box, "sleep 0.3")

    box.run("--scheduled", "job")

    [start] = starts(box)
    parts: dict[str, float] = start["late_parts"]
    assert parts["gate"] >= 0.3
    assert start["late_seconds"] == pytest.approx(sum(parts.values()), abs=0.002)


def test_a_dry_run_shows_it_and_does_not_run_it(box: Box) -> None:
    asked = box.root / "asked"
    conditional(box, f"touch {asked}")

    shown = box.run("--dry-run", "job")
    facts = box.run("--dry-run", "--json", "job").json()["dry_run"]["only_if"]

    assert not asked.exists()
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("only_if")]
    assert line.split()[1:3] == ["touch", str(asked)]
    assert (facts["command"], facts["timeout_seconds"]) == (["touch", str(asked)], 10.0)


def test_a_dry_run_and_lint_name_a_program_that_is_not_there(box: Box) -> None:
    conditional(box, "{command: no-such-program}")

    dry, lint = box.run("--dry-run", "job"), box.process_control("lint", str(box.job_directory / "job.yaml"))

    assert dry.exit_code == 1
    assert "no-such-program: " in dry.stderr
    assert "job.yaml:3:" in lint.stdout + lint.stderr
    assert "no-such-program: " in lint.stdout + lint.stderr


# --- how it ends otherwise -------------------------------------------------------------------------------------------


@contextmanager
def hanging(box: Box, *flags: str) -> Iterator[tuple[Live, list[int]]]:
    """A start whose condition, a tree that ignores TERM, does not end; and the pids of that tree."""
    pids = box.fifo("pids")
    condition = by_shell(box, f"trap '' TERM; sleep 1000 & echo $$ $! > {pids}; while :; do wait; done")
    conditional(box, f"{{command: {condition}, timeout: 10m}}", more=f"kill_grace: 0.2\n{ONE_SLOT}")
    with box.start(*flags, "job") as live:
        yield live, [int(pid) for pid in pids.read_line().split()]


def assert_gone(pids: list[int]) -> None:
    for pid in pids:
        wait_gone(pid)


def test_term_ends_the_condition_and_the_start(box: Box) -> None:
    with hanging(box, "--scheduled") as (live, tree):
        os.kill(live.pid, signal.SIGTERM)
        result = live.wait()

    assert result.exit_code == 143
    detail = "stopped: run-job received signal TERM while its condition (only_if) ran"
    assert [(end["reason"], end["detail"]) for end in ends(box)] == [("stopped", detail)]
    assert_gone(tree)


def test_kill_job_ends_the_condition_and_the_start(box: Box) -> None:
    with hanging(box, "--scheduled") as (live, tree):
        stop = box.run("--kill-job", "job")
        result = live.wait()

    assert (stop.exit_code, result.exit_code) == (0, 143)
    assert "stopped a start that had not begun its run yet" in stop.stdout + stop.stderr
    detail = "stopped on request while its condition (only_if) ran"
    assert [(end["reason"], end["detail"]) for end in ends(box)] == [("stopped", detail)]
    assert len(records(box, "stop")) == 1
    assert_gone(tree)
    assert box.run("--kill-job", "job").exit_code != 0


def test_a_runner_that_is_killed_leaves_no_process_and_its_planned_time_may_be_run_again(box: Box) -> None:
    with hanging(box, "--scheduled") as (live, tree):
        [runner] = children(live.pid)
        os.kill(runner, signal.SIGKILL)
        result = live.wait()
    refusals = [record["reason"] for record in records(box, "refusal")]
    conditional(box, "'true'")
    again = box.run("--scheduled", "job")

    assert (result.exit_code, again.exit_code) == (137, 0)
    assert refusals == ["runner_killed_before_start"]
    assert_gone(tree)
    assert outcomes(box) == [("succeeded", None)]


def test_a_guard_that_is_killed_leaves_no_process_either(box: Box) -> None:
    with hanging(box, "--scheduled") as (live, tree):
        os.kill(live.pid, signal.SIGKILL)
        live.wait()
        assert_gone(tree)
        box.wait_until_all_ended()
    conditional(box, "'true'")
    again = box.run("--scheduled", "job")

    assert again.exit_code == 0
    assert [record["reason"] for record in records(box, "refusal")] == ["runner_killed_before_start"]


def test_a_guard_keeps_the_time_of_a_condition_whose_runner_is_stopped(box: Box) -> None:
    pids = box.fifo("pids")
    condition = by_shell(box, f"echo $$ > {pids}; exec sleep 1000")
    conditional(box, f"{{command: {condition}, timeout: 4}}", more=f"kill_grace: 0.1\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        tree = [int(pids.read_line())]
        [runner] = children(live.pid)
        with frozen(runner):
            assert_gone(tree)
        result = live.wait()

    assert result.exit_code == 75
    assert [end["reason"] for end in ends(box)] == ["condition"]


# --- who hears of it -------------------------------------------------------------------------------------------------


def test_a_failed_condition_is_mailed_and_a_skip_is_not(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server)
        conditional(box, "'false'")
        box.run("--scheduled", "job")
        conditional(box, "no-such-program")
        box.run("job")
        [mail] = server.wait_for(1)

    assert "its condition could not be started" in mail.text


def test_a_skip_is_by_choice_for_status_and_check(box: Box) -> None:
    conditional(box, "'false'", more='schedule: ["0 0 1 1 *", "0 0 2 1 *"]\nstart_within: 400d')
    box.run("--scheduled", "job")

    assert box.process_control("check", "job").exit_code == 0
    assert skips(box)[0]["detail"] in box.process_control("status", "job").stdout


@pytest.mark.parametrize(("code", "fate"), [(1, ("skipped", "condition", None)), (127, ("ran", "condition", "failed"))])
def test_the_ledger_has_the_skip_or_the_failed_run(box: Box, code: int, fate: tuple[str, str, str | None]) -> None:
    condition = by_shell(box, f"[ -e {box.root}/yes ] || exit {code}")
    conditional(box, str(condition), more='schedule: "* * * * *"')
    (box.root / "yes").touch()
    box.run("job")
    date_version_back(box, "job")
    (box.root / "yes").unlink()
    box.run("--scheduled", "job")

    [planned] = [record["scheduled_at"] for record in box.journal() if record.get("scheduled_at")]
    slot = slots_of(box, "job")[planned]

    assert (slot["fate"], slot["reason"], slot["outcome"]) == fate

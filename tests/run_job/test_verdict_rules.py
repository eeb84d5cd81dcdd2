"""Rules of the job file decide what a real run came to, and the record says which rule and which line did."""

import json
from typing import Any

import pytest

from kit.harness import Box
from kit.runs import outcomes, script, the_end


def judged(box: Box, slug: str = "job") -> tuple[Any, ...]:
    end = the_end(box, slug)
    return end["outcome"], end["reason"], end["verdict"]


VERDICTS = {
    "ignore": (0, ("succeeded", None, "ignore")),
    "warn": (0, ("warned", "exit_code", "warn")),
    "retry": (75, ("failed", "exit_code", "retry")),
    "fail": (75, ("failed", "exit_code", "fail")),
    "hold": (75, ("failed", "exit_code", "hold")),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_rule_says_what_an_exit_code_means(box: Box, verdict: str) -> None:
    box.job("job", f"command: sh -c 'exit 75'\nverdicts:\n- {{exit_code: 64-78, verdict: {verdict}}}")

    result = box.run("job")

    exit_code, expected = VERDICTS[verdict]
    assert (result.exit_code, judged(box)) == (exit_code, expected)


@pytest.mark.parametrize("verdict", ["ignore", "warn"])
def test_a_list_goes_on_after_an_exit_code_that_counts_as_fine(box: Box, verdict: str) -> None:
    rules = f"verdicts: [{{exit_code: 3, verdict: {verdict}}}]"
    box.job("job", f"command: [sh -c 'exit 3', touch {box.root}/second]\n{rules}")

    result = box.run("job")

    assert (result.exit_code, result.stderr) == (0, "")
    assert (box.root / "second").exists()
    assert judged(box)[0] == ("succeeded" if verdict == "ignore" else "warned")


def test_a_list_stops_at_a_command_that_printed_what_fails(box: Box) -> None:
    rules = "verdicts: [{stdout: '^ERROR', verdict: fail}]"
    box.job("job", f"command: [sh -c 'echo ok; echo ERROR 7', touch {box.root}/second]\n{rules}")

    result = box.run("job")

    assert result.exit_code == 1
    assert not (box.root / "second").exists()
    assert judged(box) == ("failed", "output", "fail")


def test_the_lines_of_a_command_are_judged_with_its_own_exit_code(box: Box) -> None:
    rules = "verdicts: [{exit_code: 1, stderr: 'nothing to do', verdict: ignore}]"
    box.job("job", f"command: [sh -c 'echo nothing to do >&2; exit 1', sh -c 'exit 1']\n{rules}")

    result = box.run("job")

    assert result.exit_code == 1
    assert the_end(box)["detail"] == "command 2 exited with 1"


def test_the_record_tells_the_rule_and_the_line_that_decided(box: Box) -> None:
    box.job(
        "job",
        """
        command: sh -c 'echo starting; echo NOTICE one >&2; echo deadlock detected in worker 7; exit 3'
        verdicts:
          - {stderr: '^NOTICE', verdict: ignore}
          - {stdout: 'deadlock detected', verdict: hold}
        """,
    )

    result = box.run("job")

    assert result.exit_code == 3
    assert the_end(box)["decided_by"] == {
        "rule": 2,
        "condition": "{stdout: 'deadlock detected', verdict: hold}",
        "stream": "stdout",
        "line_number": 2,
        "line": "deadlock detected in worker 7",
    }
    assert box.history("job")[0]["decided_by"] == the_end(box)["decided_by"]
    assert box.history("job")[0]["verdict"] == "hold"


def test_the_report_tells_the_reason_then_the_rule_and_the_line(box: Box) -> None:
    rules = "verdicts: [{stderr: '^NOTICE', verdict: ignore}, {stderr: '^FATAL', verdict: hold}]"
    box.job("job", f"command: sh -c 'echo NOTICE x >&2; echo FATAL y >&2'\n{rules}")

    result = box.run("job")

    end = the_end(box)
    first, decided, held, *printed = result.stderr.splitlines()
    assert first == f"job: failed: stderr: FATAL y (rule 2) (run {end['run_id']}, log {end['log']})"
    assert decided == "  decided by rule 2, {stderr: '^FATAL', verdict: hold}, on line 2 of stderr: FATAL y"
    assert held.startswith("  on hold since ")
    assert held.endswith(". To release: process-control release job")
    assert printed == ["NOTICE x", "FATAL y"]


def test_a_line_that_no_rule_matched_is_named_and_judged_as_stderr_says(box: Box) -> None:
    rules = "stderr: warn\nverdicts: [{stderr: '^NOTICE', verdict: ignore}]"
    box.job("quiet", f"command: sh -c 'echo NOTICE x >&2'\n{rules}")
    box.job("loud", f"command: sh -c 'echo NOTICE x >&2; echo what is this >&2'\n{rules}")

    assert box.run("quiet").exit_code == 0
    assert box.run("loud").exit_code == 0
    assert judged(box, "quiet") == ("succeeded", None, "ignore")
    assert judged(box, "loud") == ("warned", "stderr", "warn")
    assert the_end(box, "loud")["decided_by"] == {
        "rule": None,
        "condition": "stderr: warn",
        "stream": "stderr",
        "line_number": 2,
        "line": "what is this",
    }


def test_a_terminal_and_the_status_tell_the_rule_and_the_line(box: Box) -> None:
    box.job("job", "command: echo FATAL\nverdicts: [{stdout: FATAL, verdict: fail}]")

    shown = box.run("job", tty=True, columns=200).stdout
    status = box.process_control("status", "job", tty=True, columns=200).stdout

    by = "rule 1, {stdout: FATAL, verdict: fail}, on line 1 of stdout: FATAL"
    assert f"decided by {by}" in shown
    assert f"decided by: {by}" in status


@pytest.mark.parametrize(
    ("command", "rule", "reason"),
    [
        ("sh -c 'kill -KILL $$'", "signal: SIGKILL", "signal"),
        ("echo done", "stdout_missing: '^finished$'", "output"),
        ("'true'", "shorter_than: 30s", "too_short"),
        ("sleep 0.2", "longer_than: 0.1", "too_long"),
        ("sleep 1000", "timeout: true", "timeout"),
        ("sh -c 'sleep 1000 & exit 0'", "leftovers: true", "leftovers"),
        ("nosuch-command", "exit_code: 127", "not_started"),
    ],
)
def test_every_fact_of_a_run_can_be_told_to_hold_the_job(box: Box, command: str, rule: str, reason: str) -> None:
    limits = "timeout: 0.3\nkill_grace: 0.3" if "timeout" in rule else "kill_grace: 0.3"
    box.job("job", f"command: {command}\n{limits}\nverdicts: [{{{rule}, verdict: hold}}]")

    box.run("job")

    assert judged(box) == ("failed", reason, "hold")
    assert the_end(box)["decided_by"]["rule"] == 1


def test_a_line_that_was_there_is_not_missing(box: Box) -> None:
    box.job("job", "command: printf 'a\\nfinished'\nverdicts: [{stdout_missing: '^finished$', verdict: fail}]")

    assert box.run("job").exit_code == 0


def test_a_verdict_to_hold_holds_the_job_whoever_started_the_run(box: Box) -> None:
    box.job("job", "command: sh -c 'exit 78'\nverdicts: [{exit_code: 78, verdict: hold}]")

    first = box.run("job")
    second = box.run("job")

    assert first.exit_code == 78
    assert (box.health("job")["state"], box.health("job")["why"]) == ("held", "exited with 78")
    assert second.exit_code == 75
    assert "job: on hold since " in second.stderr


def test_a_timeout_that_only_warns_exits_with_0(box: Box) -> None:
    box.job("job", "command: sleep 1000\ntimeout: 0.2\nverdicts: [{timeout: true, verdict: warn}]")

    assert box.run("job").exit_code == 0
    assert judged(box) == ("warned", "timeout", "warn")


def test_no_secret_comes_into_the_record_or_the_report_by_a_deciding_line(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=correct-horse-battery\n")
    secrets.chmod(0o600)
    noisy = script(box, "noisy.sh", 'echo "FATAL: token=$TOKEN rejected"; exit 1')
    rules = "verdicts: [{stdout: '^FATAL.*correct-horse', verdict: fail}]"
    box.job("job", f"command: {noisy}\nenvironment_file: {secrets}\n{rules}")

    result = box.run("job")

    told = json.dumps(box.journal()) + result.stderr + json.dumps(box.history("job"))
    assert "correct-horse-battery" not in told
    assert the_end(box)["decided_by"]["line"] == "FATAL: token=*** rejected"


def test_a_secret_at_the_cut_of_a_long_line_is_masked_too(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=correct-horse-battery\n")
    secrets.chmod(0o600)
    # 8 KiB of a line are kept: its end is in the middle of the last secret, all before are masked and shorten it.
    noisy = script(box, "noisy.py", "import os; print(os.environ['TOKEN'] * 1000)", shell="/usr/bin/python3")
    rules = "verdicts: [{stdout: 'horse', verdict: fail}]"
    box.job("job", f"command: {noisy}\nenvironment_file: {secrets}\n{rules}")

    box.run("job")

    line = the_end(box)["decided_by"]["line"]
    assert set(line) <= {"*", "…"}
    assert len(line) <= 500


def test_a_control_character_in_a_deciding_line_reaches_no_terminal(box: Box) -> None:
    box.job(
        "job",
        r"""
        command: printf 'FATAL \033[2J\007 x\n'
        verdicts: [{stdout: FATAL, verdict: fail}]
    """,
    )

    shown = box.run("job", tty=True, columns=200).stdout

    assert r"on line 1 of stdout: FATAL \x1b[2J\x07 x" in shown
    assert "\x1b[2J" not in shown


def test_all_256_bytes_and_lines_without_an_end_are_matched(box: Box) -> None:
    (box.root / "data").write_bytes(bytes(range(256)) + b"\nlast line")
    box.job("job", f"command: cat {box.root}/data\nverdicts: [{{stdout: '^last line$', verdict: warn}}]")

    assert box.run("job").exit_code == 0
    assert the_end(box)["decided_by"]["line_number"] == 4  # of the 256 one is a newline, one a carriage return
    assert box.log_bytes("job") == (box.root / "data").read_bytes()


def test_what_lies_beyond_64_kib_of_a_line_is_not_matched_and_the_next_line_is(box: Box) -> None:
    printer = script(
        box, "print.py", "print('x' * 70000 + 'FATAL')\nprint('fine')\nprint('WARN')", shell="/usr/bin/python3"
    )
    rules = "verdicts: [{stdout: FATAL, verdict: fail}, {stdout: '^WARN$', verdict: warn}]"
    box.job("job", f"command: {printer}\n{rules}")

    assert box.run("job").exit_code == 0
    assert the_end(box)["decided_by"]["line_number"] == 3


def test_rules_can_be_defaults_for_all_jobs(box: Box) -> None:
    box.configure(default_job_config={"verdicts": [{"exit_code": 3, "verdict": "warn"}], "retry": 1})
    box.job("job", "command: sh -c 'exit 3'")

    assert box.run("job").exit_code == 0
    assert outcomes(box) == [("warned", "exit_code")]


def test_a_job_with_rules_about_failures_only_is_a_plain_success_as_ever(box: Box) -> None:
    box.job("job", "command: echo fine\nverdicts: [{exit_code: 1-255, verdict: hold}, {timeout: true, verdict: hold}]")

    assert box.run("job").exit_code == 0
    assert judged(box) == ("succeeded", None, "ignore")
    assert the_end(box)["decided_by"] is None


def test_a_rule_is_tried_on_what_a_progress_bar_leaves_before_an_error(box: Box) -> None:
    job = script(box, "job.sh", r"printf '\r %% 10\r %% 20\rcurl: (28) timed out\n' >&2")
    box.job("curl", f"command: {job}\nstderr: ignore\nverdicts: [{{stderr: '^curl: \\(\\d+\\)', verdict: fail}}]")

    assert box.run("curl").exit_code == 1
    assert the_end(box)["decided_by"]["line"] == "curl: (28) timed out"

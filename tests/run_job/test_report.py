"""What a failed run says on stderr, word for word; a run that has not failed says nothing."""

import pytest

from kit.harness import Box
from kit.runs import ONE_SLOT, script, the_end


def told(box: Box) -> str:
    end = the_end(box)
    return f"(run {end['run_id']}, log {end['log']})"


def test_a_failed_command_in_a_pipe(box: Box) -> None:
    box.job("job", "command: sh -c 'echo out; echo line one >&2; echo line two >&2; exit 3'")

    result = box.run("job")

    assert result.stdout == ""
    assert result.stderr == f"job: failed: exited with 3 {told(box)}\nline one\nline two\n"


def test_stderr_alone_comes_with_a_line_to_paste(box: Box) -> None:
    box.job("job", "command: sh -c 'printf warning >&2'")

    result = box.run("job")

    assert result.stderr == (
        f"job: failed: stderr: warning {told(box)}\n"
        "  hint: if this output is no failure, write in job.yaml:  stderr: warn\n"
        "warning"
    )


def test_a_scheduled_run_reports_the_same_for_crons_mail(box: Box) -> None:
    box.job("job", f"command: sh -c 'echo oops >&2; exit 3'\n{ONE_SLOT}")

    result = box.run("--scheduled", "job", via="stub")

    assert (result.stdout, result.stderr) == ("", f"job: failed: exited with 3 {told(box)}\noops\n")


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("'true'", ""),
        ("echo out", ""),
        ("sh -c 'echo err >&2'", "stderr: warn"),
        ("sh -c 'echo err >&2'", "stderr: ignore"),
        ("sh -c 'sleep 1000 & exit 0'", "kill_grace: 1"),
    ],
    ids=["succeeded", "printed", "warned", "ignored", "leftover"],
)
def test_a_run_that_has_not_failed_writes_nothing_of_ours(box: Box, command: str, extra: str) -> None:
    box.job("job", f"command: {command}\n{extra}")

    result = box.run("job")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)


def test_the_jobs_stderr_is_capped_at_64_kibibytes_with_its_beginning_and_its_end(box: Box) -> None:
    job = script(box, "job.sh", "echo first >&2; head -c 200000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 3")
    box.job("job", f"command: {job}")

    result = box.run("job")

    report = result.stderr
    assert report.startswith(f"job: failed: exited with 3 {told(box)}\nfirst\nxxx")
    assert report.endswith("xxxlast\n")
    assert "\n[... 134475 bytes left out ...]\n" in report
    assert len(report) < 65536 + 600


def test_of_a_progress_bar_the_report_has_the_last_state(box: Box) -> None:
    job = script(box, "job.sh", r"printf '\r 10 %%\r 20 %%\nbroken\r\n' >&2; exit 3")
    box.job("job", f"command: {job}")

    result = box.run("job")

    assert result.stderr.split("\n", 1)[1] == " 20 %\nbroken\n"
    assert box.log_bytes("job") == b"\r 10 %\r 20 %\nbroken\r\n"


def test_control_characters_are_escaped_on_a_terminal_and_left_alone_in_a_pipe(box: Box) -> None:
    text = r"\033]0;evil\007\033[2J \302\233 \303\244 \377 tab\there\r\n"
    job = script(box, "job.sh", f"printf '{text}' >&2; exit 3")
    box.job("job", f"command: {job}")

    in_pipe = box.run("job")
    on_terminal = box.run("job", "--quiet", tty=True)

    raw = in_pipe.stderr.encode(errors="surrogateescape")
    assert raw.endswith(b"\x1b]0;evil\x07\x1b[2J \xc2\x9b \xc3\xa4 \xff tab\there\n")
    shown = on_terminal.stdout
    assert "\\x1b]0;evil\\x07\\x1b[2J \\x9b ä \\xff tab" in shown
    assert "\x1b" not in shown.split("\n", 1)[1]


def test_a_name_with_control_characters_in_a_fault_is_escaped(box: Box) -> None:
    result = box.run_job("-j", "evil\x1b[2J\nname")

    assert result.exit_code == 66
    assert "\x1b" not in result.stderr
    assert "\\x1b[2J" in result.stderr


def test_a_reader_of_the_report_who_has_gone_changes_no_verdict(box: Box) -> None:
    box.job("job", "command: sh -c 'head -c 100000 /dev/zero >&2; exit 3'")

    result = box.command(
        ["sh", "-c", 'exec 3>&1; { "$@"; echo $? >&3; } 2>&1 >/dev/null | true', "sh", str(box.product.run_job), "job"]
    )

    assert result.stdout == "3\n"
    assert the_end(box)["exit_code"] == 3

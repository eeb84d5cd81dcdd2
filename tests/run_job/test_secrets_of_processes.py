"""Processes are named in records, mail and messages by their command lines: never with a secret, or a half of one."""

from pathlib import Path

import pytest

from kit.harness import Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import ONE_SLOT, kill_both, script, the_end
from process_control.core.masking import mask_and_cut

SECRET = "correct-horse-battery-staple-0123456789"
PARTS = [SECRET[at : at + 8] for at in range(len(SECRET) - 8)]


def write_secret(box: Box, value: str = SECRET) -> Path:
    path = box.root / "secrets"
    path.write_text(f"TOKEN={value}\n")
    path.chmod(0o600)
    return path


def kept(box: Box) -> str:
    files = [path for path in box.state_directory.rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def hits(text: str) -> list[str]:
    return [part for part in PARTS if part in text]


def test_a_leftover_whose_command_line_is_cut_within_a_secret_shows_no_half_of_it(box: Box) -> None:
    secrets = write_secret(box)
    text = "sh -c 'sleep 1000; : $0 $1' /usr/bin/loader-with-a-name --password=$TOKEN &"
    is_executed = "until grep -q loader-with /proc/$!/cmdline; do :; done; exit 0"  # before that it is named as this
    job = script(box, "job.sh", f"{text} {is_executed}")
    rule = "verdicts: [{leftovers: true, verdict: fail}]"
    box.job("job", f"command: {job}\nenvironment_file: {secrets}\nkill_grace: 1\n{rule}")
    with mail_server() as server:
        mail_to(box, server)
        result = box.run("job")
        wait_until_told(box)
        (mail,) = server.mails
    history = box.process_control("history", "job", "--json").stdout

    assert result.exit_code == 1
    assert "(sh -c sleep 1000; : $0 $1 /usr/bin/loader-with-a-name --password=***)" in the_end(box)["detail"]
    for text in (result.stderr, history, mail.text, kept(box)):
        assert hits(text) == []


def survivor_with_a_secret(box: Box) -> tuple[int, Path]:
    """Leave a process alive that has its secret on its command line, guard and runner killed."""
    secrets, started = write_secret(box), box.fifo("started")
    loader = script(box, "l", f"echo $$ > {started}; sleep 1000; :")
    job = script(box, "job.sh", f"{loader} -p$TOKEN & wait")
    box.job("job", f"command: {job}\nenvironment_file: {secrets}\n{ONE_SLOT}")
    with box.start("job") as live:
        survivor = int(started.read_line())
        kill_both(box, "job")
        live.wait()
    return survivor, secrets


@pytest.mark.parametrize("rotated", [False, True], ids=["known", "rotated"])
def test_a_refused_start_names_survivors_without_their_secrets(box: Box, rotated: bool) -> None:
    survivor, secrets = survivor_with_a_secret(box)
    if rotated:
        secrets.write_text("TOKEN=another-one-by-now\n")
    with mail_server() as server:
        mail_to(box, server)
        refused = box.run("--scheduled", "job")
        server.wait_for(1)
        killed = box.run_job("--kill-job", "job")
        wait_until_told(box)
        mails = "".join(mail.text for mail in server.mails)

    assert refused.exit_code == 75
    named = f"pid {survivor} (l)" if rotated else "/l -p***)"
    assert named in refused.stderr
    for text in (refused.stderr, mails, kept(box), str(killed)):
        assert hits(text) == []


def test_a_bounded_text_shows_no_beginning_of_a_secret_at_its_cut() -> None:
    text = "loader -p" + SECRET[:20]

    assert mask_and_cut(text, [SECRET], max_length=80, is_cut=True) == "loader -p***"
    assert mask_and_cut(text, [SECRET], max_length=80) == text
    assert mask_and_cut("x" * 90 + SECRET, [SECRET], max_length=80) == "x" * 79 + "…"
    assert mask_and_cut(SECRET * 3, [SECRET], max_length=8) == "*******…"


def test_a_secret_that_is_no_utf8_is_masked_where_its_bytes_were_replaced(box: Box) -> None:
    box.job("job", "command: 'true'")
    secrets = box.root / "secrets"
    secrets.write_bytes(b"TOKEN=caf\xe9-cr\xe8me-token\n")
    secrets.chmod(0o600)
    job = script(box, "job.sh", 'echo "with $TOKEN" >&2; exit 1')
    rule = "verdicts: [{stderr: with, verdict: fail}]"
    box.job("job", f"command: {job}\nenvironment_file: {secrets}\n{rule}")
    with mail_server() as server:
        mail_to(box, server)
        result, on_terminal = box.run("job"), box.run("job", tty=True)
        wait_until_told(box)
        mails = "".join(mail.text for mail in server.mails)

    assert "with ***" in result.stderr
    for text in (result.stderr, on_terminal.stdout, kept(box), mails):
        assert "me-token" not in text

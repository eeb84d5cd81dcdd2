"""`notify preview`: the message about a job before one is sent, the same that channels get."""

from collections.abc import Callable

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from process_control.core.causes import Cause
from process_control.views.preview import KINDS

MADE_UP = "this message is made up: the history has no such run\n"
JOB = """
name: Back up the shop
command: sh -c 'printf "\\033[31mcannot reach db2\\033[0m\\n" >&2; exit 3'
schedule: "30 2 * * *"
"""


def test_the_last_real_run_is_shown_as_the_mail_that_was_sent_about_it(box: Box) -> None:
    box.job("backup", JOB)
    with mail_server() as server:
        mail_to(box, server)
        box.run("backup")
        wait_until_told(box)
        (mail,) = server.mails

    shown = box.process_control("notify", "preview", "backup")
    answer = box.process_control("notify", "preview", "backup", "--json").json()

    assert shown.stderr == ""
    assert shown.stdout == f"Subject: {answer['subject']}\n\n{answer['text']}"
    assert answer["subject"] == mail.subject
    assert answer["text"] == mail.text
    assert answer["made_up"] is False
    assert 'class="t-red"' in answer["html"]
    assert answer["short"].splitlines()[1] == "> cannot reach db2"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_of_a_job_that_never_ran_and_says_that_it_is_made_up(box: Box, kind: str) -> None:
    box.job("backup", JOB)

    result = box.process_control("notify", "preview", "backup", "--as", kind)

    assert (result.exit_code, result.stderr) == (0, MADE_UP)
    assert result.stdout.startswith("Subject: ")
    about = "backup.yaml " if kind == Cause.FILE_INVALID else "the host " if kind in list(Cause)[6:] else "backup "
    assert f"\n\n{about}" in result.stdout


def test_the_page_and_the_short_form_are_printed_alone(box: Box) -> None:
    box.job("backup", JOB)

    page = box.process_control("notify", "preview", "backup", "--html")
    short = box.process_control("notify", "preview", "backup", "--short")

    assert page.stdout.startswith("<!DOCTYPE html>\n")
    assert page.stdout.endswith("</html>\n")
    assert len(short.stdout.splitlines()) == 3


def test_what_cannot_be_shown_is_said_with_the_fix(box: Box) -> None:
    box.job("backup", JOB)

    both = box.process_control("notify", "preview", "backup", "--html", "--json")
    nothing = box.process_control("notify", "preview", "bakup")
    kind = box.process_control("notify", "preview", "backup", "--as", "misst")

    assert (both.exit_code, nothing.exit_code, kind.exit_code) == (2, 66, 2)
    assert "did you mean" in nothing.stderr
    assert "missed" in kind.stderr


def test_nothing_is_sent_and_no_incident_is_made(box: Box) -> None:
    box.job("backup", JOB)
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/false"})

    box.process_control("notify", "preview", "backup")

    assert box.journal() == []
    assert not (box.state_directory / "spool").exists()


@pytest.mark.needs_root
def test_a_stranger_sees_no_message(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", JOB)

    result = box.process_control("notify", "preview", "backup", user=STRANGER)

    assert result.exit_code == 77

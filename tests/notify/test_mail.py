"""The failmail as it is read: the reason first, nothing in it that steers a terminal, a header or a page."""

from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.notify.channels.mail.render import MAX_SUBJECT, Mail, as_html, as_text
from process_control.notify.channels.mail.send import message_of

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOSTILE = 'x\r\nBcc: everybody@example.org\r\n\r\n<script>alert("1")</script>\x1b[31m\x07\u202e \udcff &'


def mail(**changed: object) -> Mail:
    fields: dict[str, object] = {
        "host": "db1",
        "slug": "backup",
        "job_name": "Back up the shop",
        "headline": "Back up the shop · run by cron for its planned time (slot) Wed 2026-11-25 03:00 UTC",
        "verdict": "failed: exited with 3",
        "facts": (("started", "Wed 2026-11-25 03:00:01 UTC, took 4.2 s"), ("run", "1m88dbq742gv4g0s")),
        "output_title": "Output to stderr",
        "output": ("cannot reach db2", "\tgave up"),
        "hints": (("Run it again", "run-job backup"),),
        "runbook": "Ask Ann.",
        "footer": "process-control on db1",
    }
    return Mail(**fields | changed)  # type: ignore[arg-type]


def test_the_text_begins_with_the_reason_and_ends_with_the_hint() -> None:
    assert as_text(mail()) == (
        "backup failed: exited with 3\n"
        "Back up the shop · run by cron for its planned time (slot) Wed 2026-11-25 03:00 UTC\n"
        "\n"
        "Output to stderr\n"
        "  | cannot reach db2\n"
        "  |     gave up\n"
        "\n"
        "started  Wed 2026-11-25 03:00:01 UTC, took 4.2 s\n"
        "run      1m88dbq742gv4g0s\n"
        "\n"
        "From its job file\n"
        "  Ask Ann.\n"
        "\n"
        "Run it again:\n"
        "  run-job backup\n"
        "\n"
        "-- \n"
        "process-control on db1\n"
    )


def test_the_subject_has_host_job_and_reason_and_is_never_too_long() -> None:
    assert mail().subject == "db1: backup failed: exited with 3"
    assert len(mail(verdict="failed: " + "x" * 5000).subject) == MAX_SUBJECT


def sent(what: Mail) -> bytes:
    return message_of(what, sender="pc@db1", recipients=("ops@example.org",), message_id="<a@db1>", answers=None, at=AT)


@pytest.mark.parametrize("place", ["host", "slug", "job_name", "headline", "verdict", "runbook", "footer"])
def test_no_text_begins_a_header_of_its_own(place: str) -> None:
    message = BytesParser(policy=default).parsebytes(sent(mail(**{place: HOSTILE})))

    assert message["Bcc"] is None
    assert sorted(set(message.keys())) == [
        "Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To",
        "X-Process-Control-Job",
    ]  # fmt: skip
    assert message["To"] == "ops@example.org"


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.links += [name for name, _ in attributes if name in ("href", "src")]


@given(st.text(max_size=60))
def test_html_has_no_element_that_a_job_wrote_and_nothing_to_fetch(text: str) -> None:
    plain = _Tags(as_html(mail()))
    hostile = _Tags(
        as_html(mail(slug=text, headline=text, verdict=text, output=(text, HOSTILE), runbook="x", notes=()))
    )

    assert hostile.found == plain.found
    assert hostile.links == []


@given(st.text(max_size=60))
def test_no_control_character_is_in_the_text(text: str) -> None:
    shown = as_text(mail(slug=text, verdict=text, output=(text, HOSTILE), facts=(("log", text),), runbook=text))

    assert [char for char in shown if not char.isprintable() and char != "\n"] == []


def test_a_line_without_end_is_cut_with_a_word() -> None:
    shown = as_text(mail(output=("x" * 10_000,)))

    assert "x" * 500 + "… (9500 more)" in shown
    assert "x" * 501 not in shown


def test_a_message_is_ascii_lines_that_every_server_takes() -> None:
    raw = sent(mail(job_name="Überfällig ☕", output=("é" * 2000, HOSTILE)))

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")

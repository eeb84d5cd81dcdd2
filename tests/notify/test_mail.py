"""A message as it is read: the reason first, nothing in it that steers a terminal, a header or a page."""

import re
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.notify.channel import Contents
from process_control.notify.channels.mail.send import message_of
from process_control.notify.wording.letter import MAX_SUBJECT, Letter, Tone
from process_control.notify.wording.page import as_page
from process_control.notify.wording.page_style import DARK, LIGHT, OUTPUT_DARK, OUTPUT_LIGHT
from process_control.notify.wording.short import MAX_SHORT, as_short
from process_control.notify.wording.text import as_text

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOSTILE = 'x\r\nBcc: everybody@example.org\r\n\r\n<script>alert("1")</script>\x1b[31m\x07\u202e \udcff &'


def letter(**changed: object) -> Letter:
    fields: dict[str, object] = {
        "host": "db1",
        "about": "backup",
        "headline": "Back up the shop · run by cron, planned for Wed 2026-11-25 03:00 UTC",
        "verdict": "failed: exited with 3",
        "facts": (("started", "Wed 2026-11-25 03:00:01 UTC, took 4.2 s"), ("run", "1m88dbq742gv4g0s")),
        "output_title": "Output to stderr",
        "output": "cannot reach db2\n\tgave up",
        "jobs": (("backup", "1 failure"),),
        "changes_title": "Changed since the last good run",
        "changes": ("its job file",),
        "sentences": ("note: 2 attempts",),
        "commands": (("Run it again", "run-job backup"),),
        "runbook": "Ask Ann.",
        "footer": "process-control on db1",
    }
    return Letter(**fields | changed)  # type: ignore[arg-type]


def contents(what: Letter) -> Contents:
    return Contents(subject=what.subject, text=as_text(what), html=as_page(what), short=as_short(what))


def test_the_text_begins_with_the_reason_and_ends_with_the_line_to_paste() -> None:
    assert as_text(letter(jobs=(), changes=(), sentences=())) == (
        "backup failed: exited with 3\n"
        "Back up the shop · run by cron, planned for Wed 2026-11-25 03:00 UTC\n"
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


def test_the_short_form_has_the_reason_the_last_line_and_one_line_to_paste() -> None:
    assert as_short(letter(jobs=())) == "db1: backup failed: exited with 3\n> gave up\nrun-job backup"
    assert len(as_short(letter(verdict="x" * 5000, output="y" * 5000, commands=(("z", "z" * 5000),)))) <= MAX_SHORT


def test_the_subject_has_host_job_and_reason_and_is_never_too_long() -> None:
    assert letter().subject == "db1: backup failed: exited with 3"
    assert len(letter(verdict="failed: " + "x" * 5000).subject) == MAX_SUBJECT


def sent(what: Letter) -> bytes:
    return message_of(
        contents(what),
        about=what.about,
        sender="pc@db1",
        recipients=("ops@example.org",),
        message_id="<a@db1>",
        answers=None,
        at=AT,
    )


@pytest.mark.parametrize("place", ["host", "about", "headline", "verdict", "runbook", "footer", "output"])
def test_no_text_begins_a_header_of_its_own(place: str) -> None:
    message = BytesParser(policy=default).parsebytes(sent(letter(**{place: HOSTILE})))

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
        self.links += [name for name, _ in attributes if name in ("href", "src", "background")]


@given(st.text(max_size=60))
def test_html_has_no_element_that_a_job_wrote_and_nothing_to_fetch(text: str) -> None:
    """But for the spans of its output's colours, which are ours."""
    plain = _Tags(as_page(letter()))
    hostile = _Tags(
        as_page(
            letter(
                host=text,
                about=text,
                headline=text or "x",
                verdict=text,
                output=f"{text}{HOSTILE}",
                runbook="x",
                sentences=(text,),
                changes=(text,),
                jobs=((text, text),),
                facts=((text, text), (text, HOSTILE)),
                commands=((text, HOSTILE),),
            )
        )
    )

    without_colours = list(hostile.found)
    while len(without_colours) > len(plain.found):
        without_colours.remove("span")
    assert sorted(without_colours) == sorted(plain.found)
    assert hostile.links == plain.links == []
    assert not re.search(r"url\(|@import|https?:", as_page(letter()))


@given(st.text(max_size=60))
def test_no_control_character_is_in_the_text(text: str) -> None:
    what = letter(
        about=text, verdict=text, output=f"{text}{HOSTILE}", facts=(("log", text),), runbook=text, changes=(text,)
    )

    for shown in (as_text(what), as_page(what), as_short(what)):
        assert [char for char in shown if not char.isprintable() and char != "\n"] == []


def test_a_line_without_end_is_cut_with_a_word() -> None:
    for shown in (as_text(letter(output="x" * 10_000)), as_page(letter(output="x" * 10_000))):
        assert "x" * 500 + "… (9500 more)" in shown
        assert "x" * 501 not in shown


def test_a_message_is_ascii_lines_that_every_server_takes() -> None:
    raw = sent(letter(headline="Überfällig ☕", output="é" * 2000 + HOSTILE))

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


# --- can it be read --------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("colours", "output"), [(LIGHT, OUTPUT_LIGHT), (DARK, OUTPUT_DARK)], ids=["light", "dark"])
def test_every_colour_can_be_read_on_what_is_behind_it(colours: dict[str, str], output: dict[str, str]) -> None:
    texts = {name: colours[name] for name in ("ink", "soft", *Tone)}

    assert {name for name, colour in texts.items() if contrast(colour, colours["card"]) < 4.5} == set()
    assert {name for name, colour in output.items() if contrast(colour, colours["well"]) < 4.5} == set()


def test_the_page_has_a_dark_look_and_fits_a_phone() -> None:
    page = as_page(letter())

    assert '<meta name="color-scheme" content="light dark">' in page
    assert "@media (prefers-color-scheme:dark)" in page
    assert "@media (max-width:520px)" in page
    assert 'name="viewport"' in page

"""Readers of command lines and crontabs, and what makes a job's own texts harmless before a person sees them."""

import os
import re
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import default
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from kit.cron_reader import IgnoresTheFile, read
from process_control.cli.run_job.options import Options, parse
from process_control.core.line_watch import MAX_LINE, Splitter
from process_control.core.masking import mask, mask_beginning, mask_excerpt
from process_control.core.terminal_markup import html_of, plain_text
from process_control.crontab.changes import changes, difference, is_of_somebody_else
from process_control.crontab.rules import read_crontab
from process_control.errors import UsageError
from process_control.notify.channel import Contents
from process_control.notify.channels.mail.send import message_of
from process_control.notify.message import escape_controls
from process_control.notify.wording.letter import Letter
from process_control.notify.wording.page import as_page
from process_control.notify.wording.short import as_short
from process_control.notify.wording.text import as_text
from process_control.run.outlet import Outlet
from process_control.run.show_output import Terminal

SECRET = "correct-horse"
AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def arguments(data: bytes, folder: Path) -> None:
    """Words are options, or a usage error (2) in words; nothing else comes out. Between two words is a NUL."""
    words = data.decode("utf-8", "surrogateescape").split("\0")
    try:
        options = parse(words)
    except UsageError as error:
        _is_in_words(error)
        return
    assert isinstance(options, Options)
    assert options.verb in ("run", "kill", "list", "status", "help", "version", "complete")
    assert options.job is not None or options.verb not in ("run", "kill")
    assert options.scheduled in (None, "cron", "timer")


def _is_in_words(error: UsageError) -> None:
    assert error.exit_code == 2
    assert error.faults[0].what


def crontab(data: bytes, folder: Path) -> None:
    """What we take for readable cron reads too, as the same commands; what changed between halves adds up."""
    text = data.decode("utf-8", "surrogateescape")
    for has_users in (False, True):
        entries, faults = read_crontab(text, has_users=has_users, is_account=bool)
        assert all(1 <= number <= text.count("\n") + 1 for number, _ in faults)
        if not faults and "@" not in text and "\0" not in text:  # the reader of the tests knows neither
            _cron_reads_the_same(data, [entry.command for entry in entries], has_users=has_users)
    half = len(text) // 2
    old, new = text[:half], text[half:]
    assert changes(text, text) == []
    assert difference(text, text) == []
    found = changes(old, new)
    came, gone = sorted(each.line for each in found if each.line), sorted(each.was for each in found if each.was)
    assert set(came) <= set(new.split("\n"))
    assert set(gone) <= set(old.split("\n"))
    assert is_of_somebody_else(text) in (True, False)


def _cron_reads_the_same(data: bytes, commands: list[str], *, has_users: bool) -> None:
    try:
        accounts = _Anybody() if has_users else set()
        lines = read(data, has_users=has_users, accounts=accounts)
    except IgnoresTheFile as error:
        raise AssertionError(f"cron ignores the file: {error}") from error
    assert [line.text.decode("utf-8", "surrogateescape").strip(" \t") for line in lines] == commands


class _Anybody(set[str]):
    def __contains__(self, _name: object) -> bool:
        return True


# --- to people -------------------------------------------------------------------------------------------------------


def controls(data: bytes, folder: Path) -> None:
    """Nothing that could steer a terminal, and no secret, is left of a text; all else of it is."""
    text = data.decode("utf-8", "surrogateescape")
    shown = escape_controls(text)
    assert shown.replace("\n", "").replace("\t", "").isprintable()
    shown.encode("utf-8")
    if text.isprintable():
        assert shown == text
    for masked in (mask(text, [SECRET]), mask_beginning(text, [SECRET]), mask_excerpt(text, [SECRET])):
        assert SECRET not in masked


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not [name for name, _ in attributes if name in ("href", "src") or name.startswith("on")]


def _letter(text: str) -> Letter:
    return Letter(
        host=text,
        about=text,
        headline=text,
        verdict=text,
        sentences=(text,),
        output_title="output",
        output=f"{text}\n{text}",
        jobs=((text, text),),
        facts=(("log", text),),
        changes_title=text,
        changes=(text,),
        commands=(("again", text),),
        runbook=text or "-",
        footer=text,
    )


def mail(data: bytes, folder: Path) -> None:
    """A mail has the headers, the elements and the lines of ours, whatever the job wrote."""
    text = data.decode("utf-8", "surrogateescape")
    hostile = _letter(text)
    html = as_page(hostile)
    assert set(_Tags(html).found) <= set(_Tags(as_page(_letter("x\nx"))).found)
    contents = Contents(subject=hostile.subject, text=as_text(hostile), html=html, short=as_short(hostile))
    for shown in (contents.text, html, contents.short, contents.subject):
        assert [char for char in shown if not char.isprintable() and char != "\n"] == []
    raw = message_of(
        contents,
        about=text,
        sender="pc@db1",
        recipients=("ops@example.org",),
        message_id="<a@db1>",
        answers=None,
        at=AT,
    )
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = BytesParser(policy=default).parsebytes(raw)
    assert message["To"] == "ops@example.org"
    assert not {"Bcc", "Cc", "Reply-To"} & set(message.keys())


def markup(data: bytes, folder: Path) -> None:
    """The HTML of output has no element but span, and its text is the plain text, without the secret."""
    html, plain = html_of(data, secrets=[SECRET]), plain_text(data, secrets=[SECRET])
    assert unescape(re.sub('<span class="[a-z -]+">|</span>', "", html)) == plain
    assert plain.replace("\n", "").isprintable()
    assert SECRET not in plain


OURS = re.compile("\x1b\\[(?:0|1|2|31|32|33)m")


def terminal(data: bytes, folder: Path) -> None:
    """On a terminal a job's output can steer nothing and shows no secret, however it is cut into pieces.

    A carriage return begins a line of the job's own again, as for a progress bar.
    """
    data = data[:20_000]  # what is not read here must not fill the pipe
    for size in (1, 7, 1000):
        shown = _on_a_terminal(data, size, secrets=[])
        text = OURS.sub("", shown)
        assert [char for char in text if not char.isprintable() and char not in "\n\t\r"] == []
        assert _on_a_terminal(data, size, secrets=[SECRET]).count(SECRET) == 0
    plain = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if plain.replace("\n", "").isprintable():
        assert _on_a_terminal(data, 3, secrets=[]).startswith(plain)


def _on_a_terminal(data: bytes, size: int, *, secrets: list[str]) -> str:
    """Return what a terminal gets of `data` on stdout, in pieces of `size`, up to the last line of ours."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        outlet = Outlet(os.dup(writing), is_terminal=True, colour=False)
        shown = Terminal({b"o": outlet}, own=outlet, report=None)
        shown.secrets = secrets
        for first in range(0, len(data), size):
            shown.show(b"o", data[first : first + size])
        end: dict[str, object] = {"outcome": "succeeded", "run_id": "0", "job": "fuzz", "reason": None}
        shown.report(end, None, name="fuzz")  # type: ignore[arg-type]  # all was shown: it looks at no fact
        os.set_blocking(reading, False)
        return os.read(reading, 1 << 20).decode("utf-8")
    finally:
        os.close(reading)
        os.close(writing)


# --- lines for rules -------------------------------------------------------------------------------------------------


def lines(data: bytes, folder: Path) -> None:
    """A stream has the same lines however it is cut into pieces (the first byte says how), each at most 64 KiB."""
    size, data = (data[0] + 1 if data else 1), data[1:]
    whole, pieces = Splitter(), Splitter()
    expected = whole.split(data) + whole.rest()

    found = []
    for first in range(0, len(data), size):
        found += pieces.split(data[first : first + size])
    found += pieces.rest()

    by_hand = [line for line in re.split(b"[\r\n]", data) if line]
    assert found == expected
    assert len(found) <= data.count(b"\n") + data.count(b"\r") + 1
    for line, raw in zip(filter(None, found), by_hand, strict=True):
        assert len(line) <= MAX_LINE
        if len(raw) < MAX_LINE:
            assert line == raw.decode("utf-8", "replace")


CHECKS = {
    "arguments": arguments,
    "crontab": crontab,
    "controls": controls,
    "mail": mail,
    "markup": markup,
    "terminal": terminal,
    "lines": lines,
}

"""Data to stdout, messages to stderr: how all commands print."""

import json
import re
import shutil
import sys
import textwrap
from contextlib import suppress

from process_control.notify.message import escape_controls

_NOT_ASCII = re.compile("[^\n -~]")


def print_json(value: dict[str, object]) -> None:
    print_line(json_text(value))


def json_text(value: dict[str, object]) -> str:
    text = json.dumps({"version": 1, **value}, ensure_ascii=False, indent=2)
    with suppress(UnicodeEncodeError):  # half a surrogate pair: shown by its number too
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _NOT_ASCII.sub(_printable, text)


def _printable(match: re.Match[str]) -> str:
    """Return the character, by its number when a terminal could be steered by it: JSON itself escapes only C0."""
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


def print_line(text: str) -> None:
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    sys.stdout.write(text + "\n")


def talk(text: str) -> None:
    sys.stdout.flush()
    text = escape_controls(text)
    if sys.stderr.isatty():
        text = "\n".join([_broken_between_words(line) for line in text.split("\n")])
    sys.stderr.write(text + "\n")


def _broken_between_words(line: str) -> str:
    """Return a sentence, broken at the terminal's width; a quoted line, indented by four or more, stays as it is."""
    columns = shutil.get_terminal_size().columns
    if len(line) <= columns or line.startswith("    "):
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

"""Data to stdout, messages to stderr: how all commands print."""

import io
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from process_control.notify.message import escape_controls

_NOT_ASCII = re.compile("[^\n -~]")
#: So many objects of a long list are made into text at once: the whole text of a ledger can be 100 MB.
ROWS_AT_ONCE = 2000


def print_json(value: dict[str, object]) -> None:
    print_line(json_text(value))


def print_json_list(name: str, rows: Iterable[object]) -> None:
    """Print `{"version": 1, name: [...]}` of thousands of rows, as `print_json` does, without all of it in memory."""
    head, tail = json_text({name: [0]}).split("    0")
    some = iter(rows)
    before = head
    while part := list(islice(some, ROWS_AT_ONCE)):
        text = _indented({"version": 1, name: part})
        sys.stdout.write(before)
        if text.isascii() and b"\x7f" not in text:
            _write_ascii(text[len(head) : -len(tail)])
        else:
            sys.stdout.write(_without_controls(text.decode("utf-8", "surrogatepass"))[len(head) : -len(tail)])
        before = ",\n"
    print_line(tail if before != head else json_text({name: []}))


def print_large_json(value: dict[str, object]) -> None:
    """Print the same as `print_json`, twenty times as fast: for an answer of many hosts."""
    text = _indented({"version": 1, **value}).decode("utf-8", "surrogatepass")
    print_line(text if text.isascii() and "\x7f" not in text else _without_controls(text))


def json_text(value: dict[str, object]) -> str:
    text = _dumped({"version": 1, **value})
    return text if text.isascii() and "\x7f" not in text else _without_controls(text)


def _without_controls(text: str) -> str:
    """Return JSON in which nothing can steer a terminal; JSON itself escapes what is below a space."""
    with suppress(UnicodeEncodeError):  # half a surrogate pair: shown by its number too
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _NOT_ASCII.sub(_printable, text)


def _write_ascii(text: bytes) -> None:
    """Write to stdout without decoding and encoding again: the text of a ledger can be 100 MB."""
    if not isinstance(sys.stdout, io.TextIOWrapper):  # a pager
        sys.stdout.write(text.decode("ascii"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text)


def _dumped(value: dict[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _indented(value: dict[str, object]) -> bytes:
    """Return what `_dumped` returns, twenty times as fast: json indents in Python."""
    import msgspec

    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):  # half a surrogate pair, a huge number
        return _dumped(value).encode("utf-8", "surrogatepass")


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

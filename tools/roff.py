"""Text to roff, as man(7) has it: our few signs of Markdown, definitions, examples. What pages say is not here.

ASCII only: every man and mandoc then shows the same, in whatever locale.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator

AS_IT_IS = "\b"  # click's mark on a block that must not be wrapped
FENCE = re.compile(r"^```[\w ]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\[(?P<link>[^\]]+)\]\([^)]+\)")
_ESCAPES = {"\xa0": r"\~", "\\": r"\e", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def escaped(text: str) -> str:
    """Return plain text that roff shows as it is; a hyphen stays one that can be broken at."""
    return "".join(_ESCAPES.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)


def literal(text: str) -> str:
    """Return text to be typed: its hyphens are minus signs, so that they can be copied."""
    return escaped(text).replace("-", r"\-")


def bold(text: str) -> str:
    return rf"\fB{literal(text)}\fR"


def italic(text: str) -> str:
    return rf"\fI{literal(text)}\fR"


def inline(text: str) -> str:
    """Return one paragraph: `code` and **bold** are bold, of a link its words are left."""
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escaped(text[end : match.start()]))
        code, strong, link = match["code"], match["bold"], match["link"]
        parts.append(bold(code) if code else rf"\fB{escaped(strong)}\fR" if strong else escaped(link))
        end = match.end()
    parts.append(escaped(text[end:]))
    return _lines("".join(parts))


def _lines(text: str) -> str:
    """Return text as short lines, none of which can be taken for a request."""
    lines = textwrap.wrap(" ".join(text.split()), 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join(_no_request(line) for line in lines)


def _no_request(line: str) -> str:
    return rf"\&{line}" if line.startswith((".", "'")) else line


def paragraphs(text: str) -> str:
    """Return a text of paragraphs, lists, tables and fenced examples."""
    return "\n".join(_blocks(text))


def _blocks(text: str) -> Iterator[str]:
    end = 0
    for match in FENCE.finditer(text):
        yield from _prose(text[end : match.start()])
        yield f".PP\n{indented_example(match[1])}"
        end = match.end()
    yield from _prose(text[end:])


def _prose(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text.strip(" \n")):
        if block.startswith(AS_IT_IS):
            yield _as_it_is(block)
        elif block.startswith("- "):
            yield from (f".IP \\(bu 2\n{inline(item)}" for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:])
        elif block.startswith("|"):
            yield _columns(block)
        elif block:
            yield f".PP\n{inline(block)}"


def _as_it_is(block: str) -> str:
    """Return a block that click must not wrap: a first line that ends with a colon is about the others."""
    first, _, rest = block.removeprefix(AS_IT_IS).strip("\n").partition("\n")
    if not first.endswith(":"):
        return f".PP\n{indented_example(block.removeprefix(AS_IT_IS))}"
    return f".PP\n{inline(first)}\n{indented_example(textwrap.dedent(rest))}"


def _columns(block: str) -> str:
    """Return a table as what it is on paper: each column under its head, the empty cells left out."""
    rows = [[cell.strip() for cell in row.strip()[1:-1].split("|")] for row in block.splitlines()]
    heads, cells = rows[0], rows[2:]
    columns = [
        (head, [row[number] for row in cells if number < len(row) and row[number]]) for number, head in enumerate(heads)
    ]
    return "\n".join(
        f".TP\n{inline(head)}\n" + "\n.br\n".join(inline(cell) for cell in found) for head, found in columns
    )


def example(text: str) -> str:
    lines = [_no_request(literal(line)) for line in text.rstrip("\n").splitlines()]
    return "\n".join([".EX", *lines, ".EE"])


def indented_example(text: str) -> str:
    return f".RS 4\n{example(text)}\n.RE"


def definitions(entries: Iterable[tuple[str, str]]) -> str:
    """Return what is on the left, ready-made roff, with the paragraphs that explain it."""
    return "\n".join(f".TP\n{left}\n{right}" for left, right in entries)


def usage(line: str) -> str:
    """Return a command line: what is typed bold, what is put in its place italic."""
    words = []
    for number, word in enumerate(line.split(" ")):
        if number == 0 or word.startswith("-"):
            words.append(bold(word))
        elif word.strip("[].|").isupper():
            words.append(re.sub(r"[A-Z]+", lambda match: rf"\fI{match[0]}\fR", word))
        else:
            words.append(re.sub(r"-+[a-z-]+", lambda match: bold(match[0]), word))
    return " ".join(words)


def page(name: str, section: int, *, date: str, source: str, words: str, parts: Iterable[tuple[str, str]]) -> str:
    """Return a whole page. `parts` are the sections after NAME: title and roff."""
    manual = {1: "User Commands", 5: "File Formats"}[section]
    head = [
        rf".\" {source}",
        f'.TH {literal(name.upper())} {section} {date} "process\\-control" "{manual}"',
        ".nr HY 0\n.nh\n.ad l",  # names are not to be cut in two; HY: the macros begin each paragraph with it
        f".SH NAME\n{literal(name)} \\- {escaped(words)}",
    ]
    body = [f".SH {title}\n{text.removeprefix('.PP' + chr(10))}" for title, text in parts if text]
    return "\n".join([*head, *body]) + "\n"

r"""The output of a job as a terminal shows it at last: as plain text, and as HTML with its colours. Pure.

Of what overwrites itself (carriage returns, backspaces) the last state is kept, colours and bold become spans, all
other escape sequences are dropped, and what else is not printable is shown by number, `\x07`. The time is linear,
whatever the input; the HTML has no element but `span`, and its text is the plain text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

from process_control.core.masking import mask

#: Columns that a tab takes, wherever it stands.
TAB = "    "
#: Parameters of a sequence that are read, and digits of each: more make no sense.
MAX_PARAMETERS, MAX_DIGITS = 64, 4

_SEQUENCE = (
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~]?)"  # CSI: colours, moves of the cursor
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_TOKEN = re.compile(rf"{_SEQUENCE}|(?P<control>[\n\r\b\t])", re.DOTALL)

COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
GREY = "grey"
#: Colours that can be read on white and on black, for mails, whose programs may know no style sheet.
INLINE = {
    "black": "inherit",
    "red": "#d1242f",
    "green": "#2a8540",
    "yellow": "#996600",
    "blue": "#3475d0",
    "magenta": "#a45bb5",
    "cyan": "#1a828c",
    "white": "inherit",
    "grey": "#757b83",
}
#: The same behind text: a veil, through which the text stays readable.
INLINE_BEHIND = {
    "black": "rgba(127,127,127,.25)",
    "red": "rgba(209,36,47,.25)",
    "green": "rgba(42,133,64,.25)",
    "yellow": "rgba(190,140,0,.28)",
    "blue": "rgba(52,117,208,.25)",
    "magenta": "rgba(164,91,181,.25)",
    "cyan": "rgba(26,130,140,.25)",
    "white": "rgba(127,127,127,.18)",
    "grey": "rgba(127,127,127,.3)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a piece of text looks. Colours are those of COLOURS, and GREY: of finer ones the nearest."""

    colour: str | None = None
    behind: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    struck: bool = False
    inverse: bool = False

    def classes(self) -> str:
        """Return the names of the style sheet, `t-red t-bold`; "" for text without any."""
        colour, behind = (self.behind, self.colour) if self.inverse else (self.colour, self.behind)
        names = [name for name in ("bold", "dim", "italic", "underline", "struck") if getattr(self, name)]
        if self.inverse and behind is None:
            names.append("inverse")
        return " ".join(
            f"t-{name}" for name in (colour, f"on-{behind}" if behind else None, *names) if name is not None
        )

    def inline(self) -> str:
        """Return the same as a style attribute."""
        colour, behind = (self.behind, self.colour) if self.inverse else (self.colour, self.behind)
        if self.inverse and behind is None:
            behind = "white"
        lines = [word for word, is_on in (("underline", self.underline), ("line-through", self.struck)) if is_on]
        found = {
            "color": INLINE[colour] if colour else "",
            "background": INLINE_BEHIND[behind] if behind else "",
            "font-weight": "600" if self.bold else "",
            "font-style": "italic" if self.italic else "",
            "opacity": ".75" if self.dim else "",
            "text-decoration": " ".join(lines),
        }
        return ";".join(f"{name}:{value}" for name, value in found.items() if value)


PLAIN = Style()
Piece = tuple[str, Style]


def plain_text(output: bytes | str, *, secrets: Sequence[str] = (), max_line: int | None = None) -> str:
    """Return the output as plain text. A line longer than `max_line` is cut, with a word."""
    return "".join(text for text, _ in _pieces(output, secrets, max_line))


def html_of(
    output: bytes | str, *, secrets: Sequence[str] = (), max_line: int | None = None, is_mail: bool = False
) -> str:
    """Return the output as HTML for a `pre`: escaped text, and spans with classes (for a mail with styles too)."""
    return "".join(_span(text, style, is_mail=is_mail) for text, style in _pieces(output, secrets, max_line))


def _span(text: str, style: Style, *, is_mail: bool) -> str:
    if style == PLAIN:
        return escape(text)
    inline = f' style="{style.inline()}"' if is_mail else ""
    return f'<span class="{style.classes()}"{inline}>{escape(text)}</span>'


def _pieces(output: bytes | str, secrets: Sequence[str], max_line: int | None) -> list[Piece]:
    """Return the text in pieces of one style. Where a secret has come together, without styles and masked."""
    text = output.decode("utf-8", "backslashreplace") if isinstance(output, bytes) else output
    pieces = list(_lines(text, max_line))
    if secrets:
        plain = "".join(piece for piece, _ in pieces)
        masked = mask(plain, list(secrets))
        if masked != plain:
            return [(masked, PLAIN)]
    return pieces


# --- the screen ------------------------------------------------------------------------------------------------------


def _lines(text: str, max_line: int | None) -> Iterator[Piece]:
    """Yield the text of all lines in pieces."""
    line, style, at = _Line(), PLAIN, 0
    styles: dict[tuple[Style, str], Style] = {}
    for token in _TOKEN.finditer(text):
        if token.start() > at:
            line.write(text[at : token.start()], style)
        at = token.end()
        control = token["control"]
        if control == "\n":
            yield from line.pieces(max_line)
            yield "\n", PLAIN
            line = _Line()
        elif control is not None:
            line.obey(control, style)
        elif token["final"] == "m":
            change = style, token["parameters"]
            if change not in styles:
                styles[change] = _next_style(*change)
            style = styles[change]
        elif token["final"] == "K":
            line.erase(token["parameters"])
        elif token["final"] == "G" and token["parameters"] in ("", "0", "1"):
            line.obey("\r", style)
    line.write(text[at:], style)
    yield from line.pieces(max_line)


class _Line:
    """One line of the screen: characters, their styles, and where the cursor is."""

    __slots__ = ("_begins_again", "_chars", "_cursor", "_styles")

    def __init__(self) -> None:
        self._chars: list[str] = []
        self._styles: list[Style] = []
        self._cursor = 0
        #: after a carriage return: what is written next replaces the line
        self._begins_again = False

    def write(self, text: str, style: Style) -> None:
        if not text:
            return
        if self._begins_again:
            self.erase("2")
            self._begins_again = False
        shown = text if text.isprintable() else "".join(map(_shown, text))
        end = self._cursor + len(shown)
        self._chars[self._cursor : end] = shown
        self._styles[self._cursor : end] = [style] * len(shown)
        self._cursor = end

    def obey(self, control: str, style: Style) -> None:
        if control == "\t":
            self.write(TAB, style)
        elif control == "\r":
            self._cursor, self._begins_again = 0, True
        else:
            self._cursor = max(self._cursor - 1, 0)

    def erase(self, how: str) -> None:
        """Erase all of the line (`2`), or from the cursor on; what is before the cursor stays at its place."""
        if how in ("", "0", "2"):
            first = 0 if how == "2" else self._cursor
            del self._chars[first:], self._styles[first:]
            self._cursor = min(self._cursor, first)

    def pieces(self, max_line: int | None) -> Iterator[Piece]:
        length = len(self._chars)
        shown = length if max_line is None else min(length, max_line)
        at = 0
        for style, same in groupby(self._styles[:shown]):
            count = sum(1 for _ in same)
            yield "".join(self._chars[at : at + count]), style
            at += count
        if shown < length:
            yield f"… ({length - shown} more)", PLAIN


def _shown(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


# --- colours ---------------------------------------------------------------------------------------------------------

_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",)}


def _next_style(style: Style, parameters: str) -> Style:
    """Return the style after an SGR sequence; what makes no sense in it is left out."""
    words = iter(parameters.split(";", MAX_PARAMETERS)[:MAX_PARAMETERS])
    for word in words:
        first, *below = word.split(":", MAX_PARAMETERS)
        number = _number(first)
        if number in (38, 48):
            colour = _colour([*filter(None, below)] if below else words)
            style = replace(style, colour=colour) if number == 38 else replace(style, behind=colour)
        elif number is not None:
            style = _changed(style, number, is_off=below[:1] == ["0"])
    return style


def _changed(style: Style, number: int, *, is_off: bool) -> Style:
    if number == 0:
        return PLAIN
    if number in _ON:
        return replace(style, **{_ON[number]: not is_off})  # type: ignore[arg-type]  # names of flags
    if number in _OFF:
        return replace(style, **dict.fromkeys(_OFF[number], False))  # type: ignore[arg-type]  # names of flags
    if number == 39:
        return replace(style, colour=None)
    if number == 49:
        return replace(style, behind=None)
    for first in (30, 90):
        if first <= number < first + 8:
            return replace(style, colour=_of_sixteen(number - first + (8 if first == 90 else 0)))
        if first + 10 <= number < first + 18:
            return replace(style, behind=_of_sixteen(number - first - 10 + (8 if first == 90 else 0)))
    return style


def _colour(words: Iterable[str]) -> str | None:
    """Return the colour that `5;N` or `2;R;G;B` names; None when it names none."""
    numbers = iter(words)
    kind = _number(next(numbers, "no"))
    if kind == 5:
        number = _number(next(numbers, "no"))
        return None if number is None or number > 255 else _of_many(number)
    if kind == 2:
        found = [_number(next(numbers, "no")) for _ in range(3)]
        parts = [part for part in found if part is not None and part <= 255]
        return _nearest(*parts) if len(parts) == 3 else None
    return None


def _number(word: str) -> int | None:
    if not word:
        return 0
    return int(word) if word.isascii() and word.isdigit() and len(word) <= MAX_DIGITS else None


def _of_sixteen(number: int) -> str:
    return GREY if number == 8 else COLOURS[number % 8]


def _of_many(number: int) -> str:
    """Return the nearest colour to one of 256: the sixteen, a cube of 6 x 6 x 6, and 24 greys."""
    if number < 16:
        return _of_sixteen(number)
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return _nearest(grey, grey, grey)
    steps = (0, 95, 135, 175, 215, 255)
    place = number - 16
    return _nearest(steps[place // 36], steps[place // 6 % 6], steps[place % 6])


def _nearest(red: int, green: int, blue: int) -> str:
    """Return the colour with the nearest hue; of one with little colour black, grey or white."""
    high, low = max(red, green, blue), min(red, green, blue)
    if high - low < 48:
        return "black" if high < 64 else GREY if high < 192 else "white"
    middle = (high + low) / 2
    bits = (red > middle) + 2 * (green > middle) + 4 * (blue > middle)
    return COLOURS[bits]

"""Splits a command into words as a shell does, without expansions. Pure.

Here are quotes, backslashes and line ends; what only a shell understands is in `shell_signs.py`.
"""

import re
from collections.abc import Collection

#: Stands for a character that a shell would not interpret. No command can contain a NUL.
HIDDEN = "\0"
_BLANKS = " \t"
_PLAIN = re.compile(r"[^ \t\n\\'\"]+")
_PLAIN_IN_QUOTES = re.compile(r'[^"\\]+')
_ESCAPED_IN_QUOTES = '$`"\\'


class NotSplit(ValueError):
    """A command that cannot be split: `what` is wrong, at which character, and a `hint` how to fix it."""

    def __init__(self, what: str, offset: int, hint: str) -> None:
        self.what = what
        self.offset = offset
        self.hint = hint
        super().__init__(what)


class Word:
    """One word of a command."""

    __slots__ = ("bare", "expandable", "start", "value")

    def __init__(self, start: int) -> None:
        #: where it begins in the command
        self.start = start
        #: as the program gets it
        self.value = ""
        #: with HIDDEN for each quoted character
        self.bare = ""
        #: with HIDDEN for each character in single quotes or after a backslash
        self.expandable = ""

    def add(self, text: str, *, is_bare: bool = False, is_expandable: bool = False) -> None:
        self.value += text
        self.bare += text if is_bare else HIDDEN * len(text)
        self.expandable += text if is_expandable else HIDDEN * len(text)


def split(text: str, joined: Collection[int] = ()) -> list[Word]:
    """Return the words of a command. `joined` are the offsets of backslashes at the end of a line of the file.

    Raises NotSplit for a quote that is not closed, and for a line end that begins another command.
    """
    return _Splitter(text, joined).words()


class _Splitter:
    def __init__(self, text: str, joined: Collection[int]) -> None:
        self._text = text
        self._joined = joined
        self._at = 0
        self._word: Word | None = None
        self._words: list[Word] = []

    def words(self) -> list[Word]:
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if char == "\n":
                self._end_line()
            elif char in _BLANKS:
                self._end_word()
            elif char == "\\":
                self._escape(quoted=False)
            elif char == "'":
                self._single_quotes()
            elif char == '"':
                self._double_quotes()
            else:
                self._plain(_PLAIN, is_bare=True)
            self._at += 1
        self._end_word()
        return self._words

    def _in_word(self) -> Word:
        if self._word is None:
            self._word = Word(self._at)
        return self._word

    def _plain(self, run: re.Pattern[str], *, is_bare: bool) -> None:
        """Take a run of plain characters at once: one by one a long word would take too long."""
        match = run.match(self._text, self._at)
        text = match[0] if match else self._text[self._at]
        self._in_word().add(text, is_bare=is_bare, is_expandable=True)
        self._at += len(text) - 1

    def _end_word(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
            self._word = None

    def _end_line(self) -> None:
        self._end_word()
        rest = self._text[self._at :]
        if not self._words or not rest.strip():
            return
        raise NotSplit(
            "has a second line",
            self._at + len(rest) - len(rest.lstrip()),
            "no shell runs: write a list, one command an item; or sh -c '…'; or > in place of | if it is one command",
        )

    def _escape(self, *, quoted: bool) -> None:
        """Read a backslash and the character after it; at the end of a line both are dropped."""
        if self._at in self._joined or self._text[self._at + 1 : self._at + 2] == "\n":
            self._at += 1
            return
        if self._at + 1 == len(self._text):
            raise NotSplit("ends with a backslash", self._at, "close it, or put a backslash before it")
        following = self._text[self._at + 1]
        word = self._in_word()
        if quoted and following not in _ESCAPED_IN_QUOTES:
            word.add("\\")
            return
        word.add(following)
        self._at += 1

    def _single_quotes(self) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise self._not_closed()
        self._in_word().add(self._text[self._at + 1 : end])
        self._at = end

    def _double_quotes(self) -> None:
        opened = self._at
        self._in_word()
        self._at += 1
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                return
            if char == "\\" and self._at + 1 < len(self._text):
                self._escape(quoted=True)
            else:
                self._plain(_PLAIN_IN_QUOTES, is_bare=False)
            self._at += 1
        self._at = opened
        raise self._not_closed()

    def _not_closed(self) -> NotSplit:
        return NotSplit("has a quote that is not closed", self._at, "close it, or put a backslash before it")

"""Debian's cron as a reader, written after crontab(5) and its source (load_env, load_entry, child_process).

Knows nothing of the product. What is not read raises `IgnoresTheFile`, as cron ignores a whole file for one bad line.
"""

import shlex
from dataclasses import dataclass, field

MAX_COMMAND = 1000
MAX_ENVSTR = 1000
MAX_TAB_LINES = 10_000
NHEADER_LINES = 3
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
COLUMNS = [
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day-of-month", 1, 31, []),
    ("month", 1, 12, MONTHS),
    ("day-of-week", 0, 7, DAYS),
]


class IgnoresTheFile(Exception):
    """What cron writes to the syslog when it ignores a crontab."""


@dataclass(slots=True)
class Line:
    """What cron runs: the numbers of each column, who, the text, and the environment that stood above."""

    times: list[set[int]]
    user: str | None
    text: bytes
    variables: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def command(self) -> bytes:
        """What the shell gets: up to the first % that is not escaped, escaped ones without their backslash."""
        command, escaped = bytearray(), False
        for char in self.text:
            command.append(char)
            if escaped:
                if char in b"%\\":
                    del command[-2]
                escaped = False
            elif char == ord("\\"):
                escaped = True
            elif char == ord("%"):
                return bytes(command[:-1])
        return bytes(command)

    @property
    def has_input(self) -> bool:
        """Whether a % ends the command, and what follows would go to its stdin."""
        return len(self.text.replace(b"\\%", b"%")) != len(self.command)

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command.decode("utf-8", "surrogateescape"))


def read(content: bytes, *, has_users: bool, accounts: set[str]) -> list[Line]:
    """Return what cron would run. Raises IgnoresTheFile."""
    if content and not content.endswith(b"\n"):
        raise IgnoresTheFile("Missing newline before EOF")
    if b"\0" in content:
        raise IgnoresTheFile("a NUL ends what cron takes for a line")
    raw = content.split(b"\n")[:-1]
    if len(raw) + 1 >= MAX_TAB_LINES + NHEADER_LINES + 2:
        raise IgnoresTheFile("crontab must not be longer than 10000 lines")
    variables: dict[bytes, bytes] = {}
    lines = []
    for text in raw:
        text = text.lstrip(b" \t")
        if not text or text.startswith(b"#"):
            continue
        setting = _variable(text[: MAX_ENVSTR - 2])
        if setting is not None:
            variables[setting[0]] = setting[1]
        else:
            lines.append(_entry(text, has_users, accounts, dict(variables)))
    return lines


def _variable(text: bytes) -> tuple[bytes, bytes] | None:
    """The states of load_env: name, equals, value; quotes around either."""
    name, rest = _word(text, until=b"= \t\r\v\f")
    if name is None:
        return None
    rest = rest.lstrip()
    if not rest.startswith(b"="):
        return None
    rest = rest[1:].lstrip()
    if not rest:
        return None
    if rest[:1] in (b"'", b'"'):
        end = rest.find(rest[:1], 1)
        return (name, rest[1:end]) if end > 0 and not rest[end + 1 :].strip() else None
    return name, rest.rstrip()


def _word(text: bytes, *, until: bytes) -> tuple[bytes | None, bytes]:
    if text[:1] in (b"'", b'"'):
        end = text.find(text[:1], 1)
        name = text[1:end]
        return (None, b"") if end < 0 or b"=" in name else (name, text[end + 1 :])
    end = next((place for place, char in enumerate(text) if char in until), len(text))
    return text[:end], text[end:]


def _entry(text: bytes, has_users: bool, accounts: set[str], variables: dict[bytes, bytes]) -> Line:
    times = []
    for column in COLUMNS:
        numbers, text = _list(text, *column)
        times.append(numbers)
    if {0, 7} & times[4]:
        times[4] |= {0, 7}
    user = None
    if has_users:
        end = next((place for place, char in enumerate(text) if char in b" \t"), None)
        if end is None:
            raise IgnoresTheFile("bad command")
        user = text[:end].decode("utf-8", "surrogateescape")
        text = text[end + 1 :]
        if user not in accounts:
            raise IgnoresTheFile("bad username")
    elif text.startswith(b"*"):
        raise IgnoresTheFile("bad command")
    if len(text) >= MAX_COMMAND - 1:
        raise IgnoresTheFile("command too long")
    return Line(times, user, text, variables)


def _list(text: bytes, name: str, low: int, high: int, words: list[str]) -> tuple[set[int], bytes]:
    end = next((place for place, char in enumerate(text) if char in b" \t"), len(text))
    numbers: set[int] = set()
    for part in text[:end].split(b","):
        numbers |= _range(part.decode("latin-1"), name, low, high, words)
    return numbers, text[end:].lstrip(b" \t")


def _range(part: str, name: str, low: int, high: int, words: list[str]) -> set[int]:
    span, slash, step = part.partition("/")
    if slash and (not step.isdigit() or _as_c_int(step) <= 0):
        raise IgnoresTheFile(f"bad {name}")
    if span == "*":
        first, last = low, high
    else:
        begin, dash, end = span.partition("-")
        if slash and not dash:
            raise IgnoresTheFile(f"bad {name}")
        first = _number(begin, name, low, words)
        last = _number(end, name, low, words) if dash else first
    if not (low <= first <= high and low <= last <= high):
        raise IgnoresTheFile(f"bad {name}")
    return set(range(first, last + 1, _as_c_int(step) if slash else 1))


def _number(word: str, name: str, low: int, words: list[str]) -> int:
    if word.lower() in words:
        return low + words.index(word.lower())
    if not (word.isascii() and word.isdigit()):
        raise IgnoresTheFile(f"bad {name}")
    return _as_c_int(word)


def _as_c_int(digits: str) -> int:
    """What atoi makes of digits on Linux: strtol, clipped at 2^63 - 1, of which an int keeps the low half."""
    number = min(int(digits), 2**63 - 1) & 0xFFFFFFFF
    return number - 2**32 if number >= 2**31 else number

"""Parses the five columns of a cron expression as Debian's cron 3.0pl1 does (crontab(5)), plus `H`.

`H` stands for a number that is stable for host and job, so that a hundred hosts do not start at the same minute: the
first 8 bytes, big endian, of SHA-256 over host, slug and the field's name with NUL between them, modulo the size of
the field (or of the range `H(a-b)`, or of the step in `H/n`). In the day of the month it stays within 1-28.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from process_control.core.digest import sha256
from process_control.core.odd_characters import named
from process_control.core.schedule.columns import FIELDS, SHORTHANDS, CronField, ScheduleError, quoted

MAX_EXPRESSION = 1000


class Term(NamedTuple):
    """One part of a comma list, as numbers."""

    first: int
    last: int
    step: int = 1
    #: whether it was written `*`
    star: bool = False

    def __str__(self) -> str:
        if self.star:
            return "*" if self.step == 1 else f"*/{self.step}"
        if self.first == self.last:
            return str(self.first)
        return f"{self.first}-{self.last}" if self.step == 1 else f"{self.first}-{self.last}/{self.step}"

    @property
    def values(self) -> range:
        return range(self.first, self.last + 1, self.step)


Terms = tuple[Term, ...]


@lru_cache(maxsize=1024)  # a job file is checked, then planned
def read_fields(written: str, host: str, slug: str) -> tuple[Terms, Terms, Terms, Terms, Terms]:
    """Return the columns of one expression. Raises ScheduleError for what cron rejects, or misreads."""
    _refuse_odd_characters(written)
    text = _expand_shorthand(written.strip())
    columns = text.split()
    if len(columns) != 5:
        from process_control.core.schedule.foreign import columns_error

        raise columns_error(written, columns)
    minute, hour, day, month, weekday = (
        tuple(_parse_term(term, column, written, host, slug) for term in text.split(","))
        for column, text in zip(FIELDS, columns, strict=True)
    )
    return minute, hour, day, month, weekday


def _refuse_odd_characters(written: str) -> None:
    if len(written) > MAX_EXPRESSION:
        raise ScheduleError(f"a schedule of {len(written)} characters", f"at most {MAX_EXPRESSION} are read")
    if "=" in written:
        from process_control.core.schedule.foreign import variable_error

        raise variable_error(written)
    odd = [character for character in written.strip(" \t") if character != "\t" and not " " <= character <= "~"]
    if odd:
        raise ScheduleError(
            f"schedule {quoted(written)} has {named(odd[0]) or f'the character {odd[0]!r}'}",
            "write it in ASCII on one line",
        )


def _expand_shorthand(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text in SHORTHANDS:
        return SHORTHANDS[text]
    if text.lower() == "@reboot":
        raise ScheduleError(
            "'@reboot' is not a time that cron can plan",
            "start it from a systemd unit with WantedBy=multi-user.target and ExecStart=run-job NAME",
        )
    from process_control.core.schedule.foreign import shorthand_error

    raise shorthand_error(text)


TERM = re.compile(
    r"""
    (?: (?P<star>\*)
      | (?P<hash>H) (?: \( (?P<from>\w+) - (?P<to>\w+) \) )?
      | (?P<first>\w+) (?: - (?P<last>\w+) )?
    )
    (?: / (?P<step>[0-9]+) )?
    """,
    re.VERBOSE | re.ASCII,
)


def _parse_term(text: str, column: CronField, written: str, host: str, slug: str) -> Term:
    match = TERM.fullmatch(text)
    if match is None:
        raise _not_understood(text, column, written)
    step = _step(match["step"], column, written)
    if match["star"]:
        return Term(column.low, column.high, _useful(step, column), star=True)
    if match["hash"]:
        low, high = column.spread
        if match["from"]:
            low, high = _range(match["from"], match["to"], column, written)
        return _spread(low, high, step if match["step"] else None, column, host, slug)
    if match["last"]:
        return Term(*_range(match["first"], match["last"], column, written, match["step"]), _useful(step, column))
    first = _number(match["first"], column, written)
    if match["step"]:
        raise ScheduleError(
            f"schedule {quoted(written)}: {column.name} {quoted(text)} has a step without a range, which cron rejects",
            f"write '{first}-{column.high}/{step}'",
        )
    return Term(first, first)


def _spread(low: int, high: int, step: int | None, column: CronField, host: str, slug: str) -> Term:
    digest = sha256(f"{host}\0{slug}\0{column.name}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    size = high - low + 1
    if step is None:
        return Term(low + number % size, low + number % size)
    first = low + number % min(step, size)
    last = first + (high - first) // step * step
    return Term(first, last, step if last > first else 1)


def _range(first: str, last: str, column: CronField, written: str, step: str | None = None) -> tuple[int, int]:
    low, high = _number(first, column, written), _number(last, column, written)
    if low > high:
        from process_control.core.schedule.foreign import backwards_error

        raise backwards_error(f"{first}-{last}", low, high, None if step is None else int(step), column, written)
    return low, high


def _step(text: str | None, column: CronField, written: str) -> int:
    step = int(text or "1")
    if step < 1:
        raise ScheduleError(f"schedule {quoted(written)}: {column.name} has a step of 0", "a step is 1 or more")
    return step


def _useful(step: int, column: CronField) -> int:
    """Return an equivalent step that any cron can read: Debian's reads 4294967296 as 0, and rejects the file."""
    return min(step, column.high - column.low + 1)


def _number(text: str, column: CronField, written: str) -> int:
    if text.lower() in column.words:
        return column.low + column.words.index(text.lower())
    if not text.isdigit():
        raise _not_understood(text, column, written)
    if not column.low <= int(text) <= column.high:
        raise ScheduleError(
            f"schedule {quoted(written)}: {column.name} {quoted(text)} is out of range", column.range_in_words
        )
    return int(text)


def _not_understood(text: str, column: CronField, written: str) -> ScheduleError:
    from process_control.core.schedule.foreign import not_understood

    return not_understood(text, column, written)

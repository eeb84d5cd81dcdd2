"""The five columns of cron expressions, the shorthands, and the error for an invalid expression."""

from typing import NamedTuple

#: How many characters of an expression a message quotes.
MAX_EXCERPT = 100

SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class ScheduleError(ValueError):
    """An invalid schedule: `what` is wrong, and a `hint` how to fix it."""

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}; {hint}")


class CronField(NamedTuple):
    """One of the five columns."""

    name: str
    #: its smallest number
    low: int
    #: its largest number
    high: int
    #: the range of `H`
    spread: tuple[int, int]
    #: the words for its numbers, from `low` on
    words: tuple[str, ...] = ()

    @property
    def range_in_words(self) -> str:
        names = f", or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return f"{self.name} is {self.low}-{self.high}{names}"


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

FIELDS = (
    CronField(name="minute", low=0, high=59, spread=(0, 59)),
    CronField(name="hour", low=0, high=23, spread=(0, 23)),
    CronField(name="day of month", low=1, high=31, spread=(1, 28)),
    CronField(name="month", low=1, high=12, words=MONTHS, spread=(1, 12)),
    CronField(name="day of week", low=0, high=7, words=WEEKDAYS, spread=(0, 6)),
)


def quoted(text: str) -> str:
    """Return `text` in quotes for a message, cut to MAX_EXCERPT."""
    return repr(text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…")

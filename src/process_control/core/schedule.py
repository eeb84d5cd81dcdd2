"""When a job is planned: Vixie cron as Debian 3.0pl1 reads it, plus `H`, evaluated by cronsim on the wall clock.

What lives here: parsing, the clock-change rule, the slots before and after a moment. What does not: a clock
(moments come in as arguments). The only thing read from outside is the time zone database.

The clock-change rule is Debian cron's. A *wildcard* expression (its minute or its hour begins with `*`) follows real
time: nothing in a skipped hour, twice in a repeated one. Any other one is *fixed*: planned in a skipped hour it runs
once right after it, planned in a repeated hour it runs in the first pass only.

`H` stands for a number that is stable for host and job, so that a hundred hosts do not start at the same minute: the
first 8 bytes, big endian, of SHA-256 over host, slug and the field's name with NUL between them, modulo the size of
the field (or of the range `H(a-b)`, or of the step in `H/n`). In the day of the month it stays within 1-28.
"""

import difflib
import hashlib
import heapq
import os
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

LONGEST_EXPRESSION = 1000
LONGEST_EXCERPT = 100
"""Characters of what somebody wrote, in a message about it."""
LONGEST_CLOCK_CHANGE = timedelta(hours=24)
SECOND = timedelta(seconds=1)

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
    """A schedule that cannot be: `what` is wrong with it, and the `mend`."""

    def __init__(self, what: str, mend: str) -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what}; {mend}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CronField:
    """One of the five columns: its name, its numbers, and the words that stand for numbers."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    spread: tuple[int, int]

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


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a comma list, as numbers: `first` to `last` by `step`. `star` remembers that it was written `*`."""

    first: int
    last: int
    step: int = 1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One cron expression in one zone: hashable, so that equal ones can share one evaluation."""

    written: str = field(compare=False)
    terms: tuple[Terms, Terms, Terms, Terms, Terms]
    zone: tzinfo

    @property
    def is_fixed(self) -> bool:
        """Neither minute nor hour begins with a star: clock changes are smoothed over."""
        minutes, hours = self.terms[0], self.terms[1]
        return not minutes[0].star and not hours[0].star

    @property
    def for_cron(self) -> str:
        """The five fields as any cron reads them: shorthands expanded, `H` replaced by its number."""
        return " ".join(",".join(str(term) for term in terms) for terms in self.terms)

    @property
    def for_cronsim(self) -> str:
        """The same moments in words that cronsim and Debian cron read alike (`5-5/10` they do not)."""
        return " ".join(_unambiguous(terms) for terms in self.terms)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the slots strictly after `moment`, in order, as aware UTC. Near a clock change some may repeat."""
        start = moment.astimezone(self.zone).replace(tzinfo=None)
        if _offset(moment + LONGEST_CLOCK_CHANGE, self.zone) < _offset(moment, self.zone):
            start -= LONGEST_CLOCK_CHANGE  # the wall clock will be set back: its times may come once more
        waiting: list[datetime] = []
        for wall_time in CronSim(self.for_cronsim, start):
            slots = self._moments_of(wall_time)
            while waiting and slots and waiting[0] <= slots[0]:
                yield heapq.heappop(waiting)
            for slot in slots:
                if slot > moment:
                    heapq.heappush(waiting, slot)
        while waiting:
            yield heapq.heappop(waiting)

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        start = moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0) + SECOND
        if _offset(moment, self.zone) < _offset(moment - LONGEST_CLOCK_CHANGE, self.zone):
            start += LONGEST_CLOCK_CHANGE  # the wall clock was set back: it may have shown later times before
        for wall_time in CronSim(self.for_cronsim, start, reverse=True):
            slots = self._moments_of(wall_time)
            if slots and slots[0] <= moment:
                return self._last_from(slots[0], moment)
        return None

    def _last_from(self, slot: datetime, moment: datetime) -> datetime:
        for later in self.after(slot):
            if later > moment:
                break
            slot = later
        return slot

    def _moments_of(self, wall_time: datetime) -> tuple[datetime, ...]:
        """Return the real moments, as UTC, at which the wall clock shows `wall_time` (by the clock-change rule)."""
        local = wall_time.replace(tzinfo=self.zone)
        first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
        if first is None or second is None or first == second:
            return (local.astimezone(UTC),)
        if first > second:  # set back: shown twice
            passes = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
            return passes[:1] if self.is_fixed else passes
        return (_end_of_gap(local, self.zone),) if self.is_fixed else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All expressions of a job. Moments go in aware and come out as aware UTC."""

    expressions: tuple[Expression, ...]
    named_zone: str | None = None

    @classmethod
    def parse(
        cls, expressions: Sequence[str], *, time_zone: str | tzinfo | None = None, host: str, slug: str
    ) -> "Schedule":
        """Read the expressions of a job. `time_zone` None is the host's zone; a tzinfo saves looking it up.

        Raises ScheduleError for what Debian cron would not read, for what it would misread (`L`, `#`, `22-4`), and
        for an expression that never fires.
        """
        zone = zone_named(time_zone) if isinstance(time_zone, str) else (time_zone or host_zone())
        parsed = tuple(
            Expression(written=written, terms=_parse_expression(written, host, slug), zone=zone)
            for written in expressions
        )
        for expression in parsed:
            _refuse_if_it_never_fires(expression)
        return cls(expressions=parsed, named_zone=time_zone if isinstance(time_zone, str) else None)

    @property
    def for_cron(self) -> tuple[str, ...]:
        return tuple(expression.for_cron for expression in self.expressions)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the slots strictly after `moment`, in order, each once, as aware UTC."""
        previous = moment
        for slot in heapq.merge(*(expression.after(moment) for expression in self.expressions)):
            if slot > previous:
                yield slot
                previous = slot

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        """Return the last slot not later than `moment`; None when there was none in the 50 years before it."""
        lasts = [expression.last_at_or_before(moment) for expression in self.expressions]
        return max((last for last in lasts if last is not None), default=None)

    def in_words(self) -> str:
        """Tell the schedule in plain English, like `at 02:30 on Monday to Friday`."""
        from process_control.core.schedule_words import expression_in_words

        words = "; ".join(dict.fromkeys(expression_in_words(expression.terms) for expression in self.expressions))
        return f"{words} ({self.named_zone})" if self.named_zone and words else words


def _quoted(text: str) -> str:
    """Return what somebody wrote in quotes for a message: no longer than a line."""
    return repr(text if len(text) <= LONGEST_EXCERPT else text[: LONGEST_EXCERPT - 1] + "…")


def zone_named(name: str) -> tzinfo:
    """Return the IANA zone of that name. Raises ScheduleError, with a suggestion."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        mend = f"did you mean '{near[0]}'?" if near else "use an IANA name such as Europe/Berlin or UTC"
        raise ScheduleError(f"unknown time zone {_quoted(name)}", mend) from error


def host_zone(link: str = "/etc/localtime") -> tzinfo:
    """Return the zone that cron uses: the host's, never the caller's `TZ`. UTC when the host names none."""
    try:
        target = os.path.realpath(link)
        _, found, name = target.partition("zoneinfo/")
        if found:
            return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass  # a copied file, or a zone from elsewhere: read it as it is
    try:
        with open(link, "rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    except (ValueError, OSError):
        return UTC


def is_zone_of_host(name: str, link: str = "/etc/localtime") -> bool:
    """Whether the zone called `name` is the one that cron uses, under this name or another (`UTC` is `Etc/UTC`)."""
    try:
        zoneinfo.ZoneInfo(name)  # a name that leaves the zone database is opened nowhere
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    try:
        with open(link, "rb") as file:
            rules: bytes | None = file.read()
    except OSError:
        rules = _rules_of("UTC")
    return rules is not None and _rules_of(name) == rules


def _rules_of(name: str) -> bytes | None:
    for directory in zoneinfo.TZPATH:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                return file.read()
        except OSError:
            continue
    return None


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _end_of_gap(local: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which the clock was set forward over `local`, a time that was never shown."""
    before = local.replace(fold=1).astimezone(UTC)
    after = local.astimezone(UTC)
    new_offset = _offset(after, zone)
    while after - before > SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(middle, zone) == new_offset:
            after = middle
        else:
            before = middle
    return after


def _unambiguous(terms: Terms) -> str:
    starred = [term for term in terms[:1] if term.star]
    if starred and starred[0].step == 1:
        return "*"
    numbers = sorted({value for term in terms[len(starred) :] for value in term.values})
    return ",".join([*map(str, starred), *map(str, numbers)])


def _refuse_if_it_never_fires(expression: Expression) -> None:
    if min(value for term in expression.terms[2] for value in term.values) < 29:
        return  # every month has that day
    try:
        next(CronSim(expression.for_cronsim, datetime(2000, 1, 1, tzinfo=UTC)))
    except (StopIteration, CronSimError) as error:
        raise ScheduleError(
            f"schedule {_quoted(expression.written)} never fires",
            "none of these months has such a day; choose another day or month",
        ) from error


# --- reading -------------------------------------------------------------------------------------------------------


def _parse_expression(written: str, host: str, slug: str) -> tuple[Terms, Terms, Terms, Terms, Terms]:
    _refuse_odd_characters(written)
    text = _expand_shorthand(written.strip())
    columns = text.split()
    if len(columns) != 5:
        seconds_or_years = " (seconds and years are not cron's)" if len(columns) in (6, 7) else ""
        raise ScheduleError(
            f"schedule {_quoted(written)} has {len(columns)} fields{seconds_or_years}",
            "five are needed: minute, hour, day of month, month, day of week",
        )
    minute, hour, day, month, weekday = (
        tuple(_parse_term(term, column, written, host, slug) for term in text.split(","))
        for column, text in zip(FIELDS, columns, strict=True)
    )
    return minute, hour, day, month, weekday


def _refuse_odd_characters(written: str) -> None:
    if len(written) > LONGEST_EXPRESSION:
        raise ScheduleError(f"a schedule of {len(written)} characters", f"at most {LONGEST_EXPRESSION} are read")
    if "=" in written:
        raise ScheduleError(
            f"schedule {_quoted(written)} has a '='", "a cron expression has none; cron would read a variable"
        )
    odd = [character for character in written.strip(" \t") if character != "\t" and not " " <= character <= "~"]
    if odd:
        raise ScheduleError(
            f"schedule {_quoted(written)} has the character {odd[0]!r}", "write it in ASCII, on one line"
        )


def _expand_shorthand(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text in SHORTHANDS:
        return SHORTHANDS[text]
    if text.lower() == "@reboot":
        raise ScheduleError(
            "'@reboot' is not a moment that can be planned",
            "start it from a systemd unit with WantedBy=multi-user.target and ExecStart=run-job NAME",
        )
    near = difflib.get_close_matches(text.lower(), SHORTHANDS, n=1)
    mend = f"did you mean '{near[0]}'?" if near else f"known are {' '.join(sorted(SHORTHANDS))}"
    raise ScheduleError(f"unknown schedule {_quoted(text)}", mend)


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
        return Term(*_range(match["first"], match["last"], column, written), _useful(step, column))
    first = _number(match["first"], column, written)
    if match["step"]:
        raise ScheduleError(
            f"schedule {_quoted(written)}: {column.name} {_quoted(text)} "
            "has a step without a range, which cron refuses",
            f"write '{first}-{column.high}/{step}'",
        )
    return Term(first, first)


def _spread(low: int, high: int, step: int | None, column: CronField, host: str, slug: str) -> Term:
    digest = hashlib.sha256(f"{host}\0{slug}\0{column.name}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    size = high - low + 1
    if step is None:
        return Term(low + number % size, low + number % size)
    first = low + number % min(step, size)
    last = first + (high - first) // step * step
    return Term(first, last, step if last > first else 1)


def _range(first: str, last: str, column: CronField, written: str) -> tuple[int, int]:
    low, high = _number(first, column, written), _number(last, column, written)
    if low > high:
        both = f"{low}-7" if column.words is WEEKDAYS and high == 0 else f"{low}-{column.high},{column.low}-{high}"
        raise ScheduleError(
            f"schedule {_quoted(written)}: {column.name} '{first}-{last}' runs backwards", f"write '{both}'"
        )
    return low, high


def _step(text: str | None, column: CronField, written: str) -> int:
    step = int(text or "1")
    if step < 1:
        raise ScheduleError(f"schedule {_quoted(written)}: {column.name} has a step of 0", "a step is 1 or more")
    return step


def _useful(step: int, column: CronField) -> int:
    """Return a step that does the same and that any cron can count: it reads 4294967296 as 0, and refuses the file."""
    return min(step, column.high - column.low + 1)


def _number(text: str, column: CronField, written: str) -> int:
    if text.lower() in column.words:
        return column.low + column.words.index(text.lower())
    if not text.isdigit():
        raise _not_understood(text, column, written)
    if not column.low <= int(text) <= column.high:
        raise ScheduleError(
            f"schedule {_quoted(written)}: {column.name} {_quoted(text)} is out of range", column.range_in_words
        )
    return int(text)


FOREIGN = {
    "L": "cron knows no 'last'; plan the days 28-31 and let the job look",
    "W": "cron knows no 'nearest weekday'; plan a list of days",
    "#": "cron knows no 'n-th weekday'; plan the week's days (1-7, 8-14, ...) and let the job look",
    "?": "write '*' for 'any'",
}


def _not_understood(text: str, column: CronField, written: str) -> ScheduleError:
    what = f"schedule {_quoted(written)}: {column.name} {_quoted(text)} is not understood"
    if text == "h" or text.startswith(("h/", "h(")):
        return ScheduleError(what, f"did you mean '{'H' + text[1:]}'?")
    for sign, mend in FOREIGN.items():
        if sign in text and not text.strip("0123456789LW#?-/"):
            return ScheduleError(what, mend)
    near = difflib.get_close_matches(text.lower(), column.words, n=1)
    return ScheduleError(what, f"did you mean '{near[0]}'?" if near else column.range_in_words)

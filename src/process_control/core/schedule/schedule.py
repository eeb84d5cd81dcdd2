"""The planned times (slots) of a job: the columns of `cron_fields`, evaluated by cronsim on the wall clock.

Here are the clock-change rule and the slots before and after a moment. The current time is an argument; only the time
zone database is read.

The clock-change rule is Debian cron's. A *wildcard* expression (its minute or its hour begins with `*`) follows real
time: nothing in a skipped hour, twice in a repeated one. Any other one is *fixed*: planned in a skipped hour it runs
once right after it, planned in a repeated hour it runs in the first pass only.
"""

import heapq
import os
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from cronsim import CronSim, CronSimError

from process_control.core.schedule.columns import ScheduleError, quoted
from process_control.core.schedule.cron_fields import Terms, read_fields

MAX_CLOCK_CHANGE = timedelta(hours=24)
#: A change forward by this much, or back by more, is a clock that was set: Debian cron makes up for nothing (cron.c).
STEPPED_CLOCK = timedelta(hours=3)
SECOND = timedelta(seconds=1)


class Expression:
    """One cron expression in one zone: hashable, so that equal ones can share one evaluation."""

    __slots__ = ("terms", "written", "zone")

    def __init__(self, *, written: str, terms: tuple[Terms, Terms, Terms, Terms, Terms], zone: tzinfo) -> None:
        self.written = written
        self.terms = terms
        self.zone = zone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and (self.terms, self.zone) == (other.terms, other.zone)

    def __hash__(self) -> int:
        return hash((self.terms, self.zone))

    @property
    def is_fixed(self) -> bool:
        """Whether neither minute nor hour begins with a star, so that clock changes are made up for."""
        minutes, hours = self.terms[0], self.terms[1]
        return not minutes[0].star and not hours[0].star

    @property
    def for_cron(self) -> str:
        """The five fields as any cron reads them: shorthands expanded, `H` replaced by its number."""
        return " ".join(",".join(str(term) for term in terms) for terms in self.terms)

    @property
    def for_cronsim(self) -> str:
        """The same times in a form that cronsim and Debian cron read alike (`5-5/10` they do not)."""
        return " ".join(_unambiguous(terms) for terms in self.terms)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the slots strictly after `moment`, in order, as aware UTC. Near a clock change some may repeat."""
        start = moment.astimezone(self.zone).replace(tzinfo=None)
        if _offset(moment + MAX_CLOCK_CHANGE, self.zone) < _offset(moment, self.zone):
            start -= MAX_CLOCK_CHANGE  # the wall clock will be set back: its times may come once more
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
        if _offset(moment, self.zone) < _offset(moment - MAX_CLOCK_CHANGE, self.zone):
            start += MAX_CLOCK_CHANGE  # the wall clock was set back: it may have shown later times before
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
            return passes[:1] if self.is_fixed and first - second <= STEPPED_CLOCK else passes
        if second - first >= STEPPED_CLOCK:
            return ()
        return (end_of_gap(local, self.zone),) if self.is_fixed else ()


class Schedule(NamedTuple):
    """All expressions of a job. Moments given must be aware; moments returned are aware UTC."""

    expressions: tuple[Expression, ...]
    named_zone: str | None = None

    @classmethod
    def parse(
        cls, expressions: Sequence[str], *, time_zone: str | tzinfo | None = None, host: str, slug: str
    ) -> "Schedule":
        """Return the schedule of these expressions. `time_zone` None is the host's zone; a tzinfo saves a look-up.

        Raises ScheduleError for what Debian cron rejects, for what it misreads (`L`, `#`, `22-4`), and for an
        expression that never fires.
        """
        zone = zone_named(time_zone) if isinstance(time_zone, str) else (time_zone or host_zone())
        parsed = tuple(
            Expression(written=written, terms=read_fields(written, host, slug), zone=zone) for written in expressions
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
        """Return the schedule in plain English, such as `at 02:30 on Monday to Friday`."""
        from process_control.core.schedule.in_words import expression_in_words

        words = "; ".join(dict.fromkeys(expression_in_words(expression.terms) for expression in self.expressions))
        return f"{words} ({self.named_zone})" if self.named_zone and words else words


def zone_named(name: str) -> tzinfo:
    """Return the IANA zone of that name. Raises ScheduleError, with a hint."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        from process_control.core.schedule.zone_names import hint_for

        hint = hint_for(name, zoneinfo.available_timezones())
        raise ScheduleError(f"unknown time zone {quoted(name)}", hint) from error


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
    """Return whether cron uses the zone called `name`, under this name or another (`UTC` is `Etc/UTC`)."""
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


def is_for_cron(time_zone: str | None, is_zone_of_host: Callable[[str], bool] = is_zone_of_host) -> bool:
    """Return whether cron can start a job that has this `time_zone`: cron knows no other than the host's."""
    return time_zone is None or is_zone_of_host(time_zone)


def not_for_cron(time_zone: str) -> str:
    """Return in words why cron cannot start a job of that zone."""
    return f"cron only knows the host's time zone; this job wants {time_zone}"


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


def end_of_gap(local: datetime, zone: tzinfo) -> datetime:
    """Return the moment of the clock change that skipped the time `local`."""
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
            f"schedule {quoted(expression.written)} never fires",
            "none of these months has such a day; choose another day or month",
        ) from error

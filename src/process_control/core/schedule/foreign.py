"""Errors for schedules as other tools write them, each with the equivalent here. Pure; loaded for an error only."""

import re

from process_control.core.schedule.columns import FIELDS, SHORTHANDS, WEEKDAYS, CronField, ScheduleError, quoted
from process_control.core.suggestions import nearest

FIVE = "five are required: minute, hour, day of month, month, day of week"
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(?P<zone>\S+)\s+(?P<rest>\S.*)")
_EVERY = re.compile(r"@every\s+(?P<number>[0-9]+)(?P<unit>[smhd])", re.IGNORECASE)
_USER = re.compile(r"[a-z_][a-z0-9_-]*")
_SECONDS_IN = {"m": 60, "h": 3600, "d": 86400}
_ENGLISH = {
    "monday": "mon", "tuesday": "tue", "wednesday": "wed", "thursday": "thu", "friday": "fri", "saturday": "sat",
    "sunday": "sun", "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun",
    "july": "jul", "august": "aug", "september": "sep", "october": "oct", "november": "nov", "december": "dec",
    "tues": "tue", "weds": "wed", "thur": "thu", "thurs": "thu", "sept": "sep",
}  # fmt: skip
_NAMES = re.compile(r"sun|mon|tue|wed|thu|fri|sat", re.IGNORECASE)


def variable_error(written: str) -> ScheduleError:
    """Return the error for a schedule with a `=`: a time zone in front of it, as in cronie and Kubernetes."""
    zone = _ZONE.fullmatch(written.strip())
    if zone is not None:
        hint = f"write 'time_zone: {zone['zone']}' and 'schedule: \"{zone['rest']}\"'"
    else:
        hint = "remove it: cron would take the line for a variable"
    return ScheduleError(f"schedule {quoted(written)} has a '='", hint)


def shorthand_error(text: str) -> ScheduleError:
    """Return the error for an unknown `@word`."""
    what = f"unknown schedule {quoted(text)}"
    every = _EVERY.fullmatch(text)
    if every is not None:
        return ScheduleError(what, _every(int(every["number"]), every["unit"].lower()))
    if text.lower().startswith("@every"):
        return ScheduleError(what, 'for every five minutes write "*/5 * * * *"')
    near = nearest(text, SHORTHANDS)
    return ScheduleError(what, f"did you mean '{near}'?" if near else f"known are {' '.join(sorted(SHORTHANDS))}")


def _every(number: int, unit: str) -> str:
    """Return the expression for an interval that divides an hour or a day."""
    seconds = number * _SECONDS_IN.get(unit, 0)
    minutes, hours = seconds // 60, seconds // 3600
    if minutes and minutes < 60 and 60 % minutes == 0:
        return f'write "*/{minutes} * * * *"' if minutes > 1 else 'write "* * * * *"'
    if seconds and seconds % 3600 == 0 and 24 % hours == 0:
        return f'write "0 */{hours} * * *"' if 1 < hours < 24 else f'write "{"@hourly" if hours == 1 else "@daily"}"'
    return 'write minutes that divide an hour, "*/5 * * * *", or hours that divide a day, "0 */2 * * *"'


def columns_error(written: str, columns: list[str]) -> ScheduleError:
    """Return the error for a schedule without exactly five columns: a comment, a user, seconds, a bare word."""
    count = f"{len(columns)} field" if len(columns) == 1 else f"{len(columns)} fields"
    what = f"schedule {quoted(written)} has {count}"
    comment = next((number for number, column in enumerate(columns) if column.startswith("#")), None)
    if comment is not None:
        rest = " ".join(columns[:comment])
        return ScheduleError(
            f"schedule {quoted(written)} has a comment inside the quotes", f'write "{rest}" and the comment behind it'
        )
    if len(columns) == 1 and f"@{columns[0].lower()}" in SHORTHANDS:
        return ScheduleError(what, f"did you mean '@{columns[0].lower()}'?")
    if len(columns) == 6 and _USER.fullmatch(columns[5]) and columns[5] not in (*_ENGLISH, *WEEKDAYS):
        rest = " ".join(columns[:5])
        return ScheduleError(
            f"schedule {quoted(written)} has a user column: {quoted(columns[5])}",
            f"write \"{rest}\"; all jobs run as the 'user' of the configuration",
        )
    if len(columns) in (6, 7):
        return ScheduleError(f"{what} (cron has no seconds and no years)", FIVE)
    return ScheduleError(what, FIVE)


def backwards_error(text: str, low: int, high: int, step: int | None, column: CronField, written: str) -> ScheduleError:
    """Return the error for a range that ends before it begins, with its equivalent."""
    what = f"schedule {quoted(written)}: {column.name} {quoted(text)} runs backwards"
    if column.words is WEEKDAYS and high == 0 and (step or 1) == 1:
        return ScheduleError(what, f"write '{low}-7'")
    if (step or 1) == 1:
        return ScheduleError(what, f"write '{low}-{column.high},{column.low}-{high}'")
    if column is FIELDS[2]:
        return ScheduleError(what, "list the days one by one: months differ in length")
    size = 7 if column.words is WEEKDAYS else column.high - column.low + 1
    numbers = [(number - column.low) % size + column.low for number in range(low, high + size + 1, step or 1)]
    return ScheduleError(what, f"write '{','.join(str(number) for number in numbers)}'")


def not_understood(text: str, column: CronField, written: str) -> ScheduleError:
    """Return the error for a part of a column that cannot be parsed, with its equivalent if there is one."""
    what = f"schedule {quoted(written)}: {column.name} {quoted(text)} is not understood"
    return ScheduleError(what, _hint(text, column))


def _hint(text: str, column: CronField) -> str:
    if text == "h" or text.startswith(("h/", "h(")):
        return f"did you mean '{'H' + text[1:]}'?"
    if text == "~" or text == "R" or re.fullmatch(r"[0-9]*~[0-9]*", text):
        low, _, high = text.partition("~")
        return f"write 'H({low}-{high})', which is stable" if low and high else "write 'H' for a time that is spread"
    bare = _NAMES.sub("", text)
    if not bare.strip("0123456789LW#?-/"):
        if "#" in text:
            return "cron has no 'n-th weekday': plan the days 1-7, 8-14, ..., and let the command check the weekday"
        if "L" in bare:
            days = "22-31" if column.words is WEEKDAYS else "28-31"
            return f"cron has no 'last': plan the days {days}, and let the command check the date"
        if "W" in bare:
            return "cron has no 'nearest weekday': plan a list of days"
        if "?" in text:
            return "write '*' for 'any'"
    near = _ENGLISH.get(text.lower()) or next((_ENGLISH[name] for name in _ENGLISH if _begins(name, text)), "")
    return f"did you mean '{near}'?" if near in column.words else column.range_in_words


def _begins(name: str, text: str) -> bool:
    """Return whether `text` is an English name cut off. Three letters may mean another day in another language."""
    return len(text) > 3 and name.startswith(text.lower())

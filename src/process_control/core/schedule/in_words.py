"""A cron expression in plain English. Works on parsed terms, never on text. Pure."""

from process_control.core.schedule.cron_fields import Term, Terms

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES_LISTED = 6


def expression_in_words(terms: tuple[Terms, Terms, Terms, Terms, Terms]) -> str:
    """Return a phrase like `every 15 minutes from 09:00 to 17:59 on Monday to Friday`."""
    minutes, hours, days, months, weekdays = terms
    time, is_of_a_day = _time(minutes, hours)
    date = _date(days, months, weekdays)
    if not date and is_of_a_day:
        date = "every day"
    return f"{time} {date}" if date else time


def _time(minutes: Terms, hours: Terms) -> tuple[str, bool]:
    """Return the time in words, and whether it is a time of day to which a day must be added."""
    minute, hour = _values(minutes), _values(hours)
    if len(minute) * len(hour) <= TIMES_LISTED and not hours[0].star and not minutes[0].star:
        return f"at {_join([f'{h:02}:{m:02}' for h in hour for m in minute])}", True
    every_hour = len(hour) == 24
    pace = _minute_pace(minutes, minute)
    if every_hour and pace:
        return pace, False
    if every_hour:
        return f"every hour at {_join([f':{m:02}' for m in minute])}", False
    if len(minute) == 1 and len(hours) == 1 and len(hour) > 2:
        return _hour_pace(hours[0], minute[0]), False
    if pace and len(hours) == 1 and hours[0].step == 1:
        return f"{pace} from {hour[0]:02}:{minute[0]:02} to {hour[-1]:02}:{minute[-1]:02}", False
    at = pace or f"at {_join([f':{m:02}' for m in minute])}"
    return f"{at} of the hours {_join([f'{h:02}' for h in hour])}", False


def _minute_pace(terms: Terms, values: list[int]) -> str:
    if len(values) == 60:
        return "every minute"
    if len(terms) != 1 or len(values) < 3:
        return ""
    step = terms[0].step
    if terms[0].star or (60 % step == 0 and len(values) == 60 // step):
        even = 60 % step == 0
        late = f", at :{values[0]:02} first" if values[0] else ""
        return f"every {step} minutes{late}" if even else f"every {step} minutes from the full hour"
    return f"every {'minute' if step == 1 else f'{step} minutes'} from :{values[0]:02} to :{values[-1]:02}"


def _hour_pace(term: Term, minute: int) -> str:
    values = list(term.values)
    pace = "every hour" if term.step == 1 else f"every {term.step} hours"
    if len(values) == 24 // term.step and 24 % term.step == 0 and values[0] == 0:
        return f"{pace} at :{minute:02}"
    return f"{pace} from {values[0]:02}:{minute:02} to {values[-1]:02}:{minute:02}"


def _date(days: Terms, months: Terms, weekdays: Terms) -> str:
    every_day = _is_any(days, 31)
    every_weekday = len({value % 7 for value in _values(weekdays)}) == 7
    in_months = "" if _is_any(months, 12) else f" in {_listed(months, MONTHS, 1)}"
    of_months = in_months.replace(" in ", " of ", 1) or " of each month"
    if every_day and every_weekday:
        return f"every day{in_months}" if in_months else ""
    on_days = f"on the {_listed(days, tuple(_ordinal(day) for day in range(1, 32)), 1)}{of_months}"
    on_weekdays = f"on {_listed(weekdays, WEEKDAYS, 0)}"
    either = not days[0].star and not weekdays[0].star
    if every_weekday:
        return f"every day{in_months}" if either else on_days
    if every_day:
        return f"every day{in_months}" if either else f"{on_weekdays}{in_months}"
    if either:
        return f"{on_days} and also {on_weekdays}{in_months}"
    return f"{on_days}, if it is a {_listed(weekdays, WEEKDAYS, 0, last_word='or')}"


def _listed(terms: Terms, names: tuple[str, ...], low: int, last_word: str = "and") -> str:
    parts: list[str] = []
    for term in terms:
        if term.step == 1 and term.last - term.first > 1:
            parts.append(f"{names[term.first - low]} to {names[term.last - low]}")
        elif len(term.values) > TIMES_LISTED:  # only days of the month are so many
            parts.append(f"{names[term.first - low]} and every {_ordinal(term.step)} day after it")
        else:
            parts.extend(names[value - low] for value in term.values)
    return _join(list(dict.fromkeys(parts)), last_word)


def _is_any(terms: Terms, size: int) -> bool:
    return len(_values(terms)) == size


def _values(terms: Terms) -> list[int]:
    return sorted({value for term in terms for value in term.values})


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")
    return f"{number}{ending}"


def _join(parts: list[str], last_word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last_word} {parts[-1]}"
